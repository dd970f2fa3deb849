#!/usr/bin/env node
import { processContext } from './context.ts'
import { explainFailure } from './failure.ts'
import { runProgram } from './program.ts'

/** A handle somebody forgot may keep a finished process for this long, no longer. */
const LINGER_MS = 1000

/** A stop that was asked for may take this long, unless the command says otherwise; a read of a silent pipe cannot be called back. */
const STOP_MS = 5000

const context = processContext()

// The reader of standard output may go away at any time (`| head`); that ends the work and is no failure. A full disk is.
context.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE' && !context.stop.signal.aborted) {
    context.stderr.write(`offpath: standard output cannot be written: ${error.message}\n`)
    context.exitCode = 1
  }
  context.stop.abort()
})
context.stderr.on('error', () => {})

const debug = context.environment.OFFPATH_DEBUG === '1'
for (const last of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(last, (error: unknown) => {
    context.stderr.write(explainFailure(error, debug).text)
    process.exit(1)
  })
}

let asked = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The second one means now.
    if (asked) process.exit(signal === 'SIGINT' ? 130 : 143)
    asked = true
    context.stop.abort()
    setTimeout(() => {
      context.stderr.write(`offpath: stopped without waiting any longer\n`)
      process.exit(signal === 'SIGINT' ? 130 : 143)
    }, context.stopWithinMs ?? STOP_MS).unref()
  })
}

const code = await runProgram(process.argv.slice(2), context)
// An error of standard output is reported after the write that met it.
setImmediate(() => {
  process.exitCode = code === 0 ? context.exitCode : code
})
setTimeout(() => process.exit(), LINGER_MS).unref()
