import { createLogger, type Logger, type LogLevel } from '../telemetry/log.ts'
import { prettyLogLine } from './log-line.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What a command may touch of the process it runs in. */
export interface CliContext {
  readonly environment: Environment
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly logger: Logger
  /** Columns of the terminal, or of a page when there is none. */
  readonly width: number
  readonly colour: boolean
  /** Fires on SIGINT, SIGTERM, and when the reader of standard output is gone. */
  readonly stop: AbortController
  /** How long a stop may take before the process ends anyway, in milliseconds; a command that has much to hand on sets it. */
  stopWithinMs?: number
  /** What the process ends with: contracts.md, exit codes. */
  exitCode: number
}

/** A page without a terminal is this wide. */
const PAGE_WIDTH = 120

export function processContext(): CliContext {
  const { env: environment, stdout, stderr } = process
  const level = logLevel(environment)
  const terminal = stderr.isTTY === true
  const colour = hasColour(stderr, environment)
  const logger = createLogger(level, {
    write: (record) => void stderr.write(terminal ? prettyLogLine(record, colour) : record),
  })
  return {
    environment,
    // Only asked for, it becomes non-blocking, which whoever inherits the descriptor would have to live with.
    get stdin() {
      return process.stdin
    },
    stdout,
    stderr,
    logger,
    width: stdout.isTTY && stdout.columns > 0 ? stdout.columns : PAGE_WIDTH,
    colour: hasColour(stdout, environment),
    stop: new AbortController(),
    exitCode: 0,
  }
}

/** Colours go to a terminal only, and NO_COLOR (no-color.org) or a dumb terminal switches them off. */
export function hasColour(stream: { readonly isTTY?: boolean }, environment: Environment): boolean {
  return stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb'
}

function logLevel(environment: Environment): LogLevel {
  return environment.OFFPATH_DEBUG === '1' ? 'debug' : 'info'
}
