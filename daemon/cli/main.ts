import { processContext } from './context.ts'
import { runProgram } from './program.ts'

/** A handle somebody forgot may keep a finished process for this long, no longer. */
const LINGER_MS = 1000

const context = processContext()

// The reader of standard output may go away at any time (`| head`); that ends the work and is no failure.
context.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') context.exitCode = 1
  context.stop.abort()
})
context.stderr.on('error', () => {})

let asked = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The second one means now.
    if (asked) process.exit(signal === 'SIGINT' ? 130 : 143)
    asked = true
    context.stop.abort()
  })
}

process.exitCode = await runProgram(process.argv.slice(2), context)
setTimeout(() => process.exit(), LINGER_MS).unref()
