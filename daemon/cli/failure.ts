import { CommanderError } from 'commander'
import { escapeTerminal } from '../../sinks/escape.ts'
import { OffpathError } from '../telemetry/errors.ts'

/** What is said and how the process ends when a command fails. */
export interface Failure {
  /** One block, newline included; empty when everything was said already. */
  readonly text: string
  readonly exitCode: number
}

/**
 * Anything a command can throw, for people: message, place, remedy, code. A stack trace is for developers and comes
 * with OFFPATH_DEBUG=1 only.
 */
export function explainFailure(error: unknown, debug: boolean, command = 'offpath'): Failure {
  if (error instanceof CommanderError) return explainUsage(error, command)
  if (error instanceof OffpathError) {
    const text = block(error.message, { at: error.at, remedy: error.remedy, code: error.code })
    return { text: text + stack(error, debug), exitCode: error.exitCode }
  }
  const message = error instanceof Error ? error.message : String(error)
  return {
    text:
      block(`internal error: ${message}`, {
        remedy: debug ? undefined : 'this is a bug in Offpath; OFFPATH_DEBUG=1 shows where',
      }) + stack(error, debug),
    exitCode: 1,
  }
}

/** A wrong command line, in the same form. */
export function usageError(message: string, remedy?: string): OffpathError {
  return new OffpathError('OFFPATH_E_USAGE', message, remedy === undefined ? {} : { remedy })
}

function explainUsage(error: CommanderError, command: string): Failure {
  // Help and version were asked for, and commander printed them.
  if (error.exitCode === 0) return { text: '', exitCode: 0 }
  if (error.code === 'commander.help') return { text: '', exitCode: 2 }
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n')
  const hint = suggestion === undefined ? '' : ` ${suggestion.replace(/^\(Did you mean/, '(did you mean')}`
  return {
    text: block(message + hint, { remedy: `${command} --help`, code: 'OFFPATH_E_USAGE' }),
    exitCode: 2,
  }
}

function block(message: string, lines: Readonly<Record<string, string | undefined>>): string {
  const [title = '', ...more] = message.split('\n')
  const rows = [`offpath: ${escapeTerminal(title)}`, ...more.map((line) => `  ${escapeTerminal(line)}`)]
  for (const [name, value] of Object.entries(lines)) {
    if (value !== undefined) rows.push(`  ${`${name}:`.padEnd(8)}${escapeTerminal(value)}`)
  }
  return `${rows.join('\n')}\n`
}

function stack(error: unknown, debug: boolean): string {
  if (!debug || !(error instanceof Error)) return ''
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack}` : ''
  return `${error.stack}${cause}\n`
}
