import { Writable } from 'node:stream'
import type { CliContext } from '../../daemon/cli/context.ts'
import { runProgram } from '../../daemon/cli/program.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { createLogger } from '../../daemon/telemetry/log.ts'

export interface Ran {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** The program in this process, under the published test key. */
export async function offpath(...args: string[]): Promise<Ran> {
  const out: string[] = []
  const err: string[] = []
  const context: CliContext = {
    environment: { OFFPATH_PRIVACY_KEY: TEST_KEY.bytes.toString('hex') },
    stdin: process.stdin,
    stdout: sink(out),
    stderr: sink(err),
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

function sink(into: string[]): NodeJS.WriteStream {
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      into.push(chunk.toString())
      done()
    },
  })
  return Object.assign(stream, { isTTY: false }) as unknown as NodeJS.WriteStream
}
