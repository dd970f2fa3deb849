import { Writable } from 'node:stream'
import type { CliContext } from '../daemon/cli/context.ts'
import { runProgram } from '../daemon/cli/program.ts'
import { TEST_KEY } from '../daemon/identity/privacy-key.ts'
import { createLogger } from '../daemon/telemetry/log.ts'

export interface Ran {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** The program in this process, under the published test key. */
export function offpath(...args: string[]): Promise<Ran> {
  return run(args, false)
}

/** The same on a terminal, 130 columns wide and without colours. */
export function onTerminal(...args: string[]): Promise<Ran> {
  return run(args, true)
}

async function run(args: readonly string[], tty: boolean): Promise<Ran> {
  const out: string[] = []
  const err: string[] = []
  const context: CliContext = {
    environment: { OFFPATH_PRIVACY_KEY: TEST_KEY.bytes.toString('hex') },
    stdin: process.stdin,
    stdout: sink(out, tty),
    stderr: sink(err, tty),
    logger: createLogger('info', { write: (record) => void err.push(record) }),
    width: 130,
    colour: false,
    stop: new AbortController(),
    exitCode: 0,
  }
  const status = await runProgram(args, context)
  return { status: status === 0 ? context.exitCode : status, stdout: out.join(''), stderr: err.join('') }
}

export function jsonLines<Line>(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

/** A stream that a command writes to, into a list. */
export function sink(into: string[], tty: boolean): NodeJS.WriteStream {
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      into.push(chunk.toString())
      done()
    },
  })
  return Object.assign(stream, { isTTY: tty }) as unknown as NodeJS.WriteStream
}
