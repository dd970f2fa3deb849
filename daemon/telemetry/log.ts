import { type Logger, pino } from 'pino'

export type { Logger }

export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'silent'

/** Takes one JSON record per call, newline included. */
export interface LogDestination {
  write(record: string): void
}

const WARN = 40

/** Keys that could carry a secret, at the top of a record and one level down. Logs carry ids; this is the net below that rule. */
const SECRET_KEYS = [
  'authorization',
  'cookie',
  'set_cookie',
  'password',
  'secret',
  'token',
  'api_key',
  'key',
  'headers',
  'body',
  'request_body',
  'response_body',
  'request_headers',
  'response_headers',
]

/**
 * The process logger: JSON records, level as a word, time as RFC 3339.
 *
 * error: data lost or an operator needed. warn: degraded, recovered. info: life cycle. debug: never per packet.
 */
export function createLogger(level: LogLevel, destination: LogDestination, now: () => number = Date.now): Logger {
  const repeats = new RepeatLimit()
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      hooks: {
        logMethod(args, method, level) {
          const heldBack = level >= WARN ? repeats.admit(codeOf(args), now()) : 0
          if (heldBack === null) return
          method.apply(this, args)
          if (heldBack > 0) this.info({ heldBack }, 'repeats of the last warning were held back')
        },
      },
      redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`]), censor: 'redacted' },
    },
    destination,
  )
}

/** Most times a minute that one warning or error is logged; the rest are counted into the next one that is. */
const REPEATS_PER_MINUTE = 5
/** Most different messages counted at once. */
const MAX_MESSAGES = 256

/** Holds back repeats of one message, so that a broken input cannot fill a disk. */
class RepeatLimit {
  readonly #seen = new Map<string, { minute: number; count: number }>()

  /** How many of this message were held back since the last one let through, or null when this one is held back too. */
  admit(message: string, nowMs: number): number | null {
    const minute = Math.floor(nowMs / 60_000)
    const seen = this.#seen.get(message)
    if (seen !== undefined && seen.minute === minute) return ++seen.count <= REPEATS_PER_MINUTE ? 0 : null
    if (seen === undefined && this.#seen.size >= MAX_MESSAGES) this.#seen.clear()
    this.#seen.set(message, { minute, count: 1 })
    return Math.max(0, (seen?.count ?? 0) - REPEATS_PER_MINUTE)
  }
}

/** What a repeat is told by: the `code` of the record, else its message. */
function codeOf(args: readonly unknown[]): string {
  const [first, second] = args
  if (typeof first === 'object' && first !== null && 'code' in first) return String(first.code)
  return String(typeof first === 'string' ? first : second).slice(0, 200)
}
