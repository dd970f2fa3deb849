import { Command } from 'commander'
import { addAction } from '../../daemon/cli/action.ts'
import type { Connect } from '../../daemon/cli/connection.ts'
import type { CliContext } from '../../daemon/cli/context.ts'
import { explainFailure } from '../../daemon/cli/failure.ts'
import { addIncident } from '../../daemon/cli/incident.ts'
import { addPolicy } from '../../daemon/cli/policy.ts'
import { addVerdict } from '../../daemon/cli/verdict.ts'
import { createLogger } from '../../daemon/telemetry/log.ts'
import { type Ran, sink } from '../in-process.ts'

export interface Terminal {
  readonly width?: number
  readonly tty?: boolean
  readonly environment?: Readonly<Record<string, string>>
}

/** Runs `offpath incident …`, `action …`, `verdict …` or `policy …` against given operations. */
export async function command(connect: Connect, args: readonly string[], terminal: Terminal = {}): Promise<Ran> {
  const out: string[] = []
  const err: string[] = []
  const context: CliContext = {
    environment: terminal.environment ?? {},
    stdin: process.stdin,
    stdout: sink(out, terminal.tty === true),
    stderr: sink(err, false),
    logger: createLogger('info', { write: (record) => void err.push(record) }),
    width: terminal.width ?? 120,
    colour: terminal.tty === true,
    stop: new AbortController(),
    exitCode: 0,
  }
  const program = new Command('offpath').exitOverride().configureOutput({ outputError: () => {}, writeErr: () => {} })
  addIncident(program, context, connect)
  addAction(program, context, connect)
  addVerdict(program, context, connect)
  addPolicy(program, context, connect)
  let status = 0
  try {
    await program.parseAsync([...args], { from: 'user' })
    status = context.exitCode
  } catch (error) {
    const failure = explainFailure(error, false)
    err.push(failure.text)
    status = failure.exitCode
  }
  return { status, stdout: out.join(''), stderr: err.join('') }
}
