/** When a delivery is tried again, and when it is given up. All pure: times and chance are arguments. */

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** Waits before the first, second, … try. A command is worth something now: after 44 s it is given up and people are told. */
export const COMMAND_LADDER: readonly number[] = [0, SECOND, 3 * SECOND, 10 * SECOND, 30 * SECOND]
/** Notifications outlast a night and a day: eight tries over 31 hours. */
export const NOTIFICATION_LADDER: readonly number[] = [
  0,
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  HOUR,
  6 * HOUR,
  24 * HOUR,
]
/** So that many notifications of one outage do not come back in one wave. */
const JITTER = 0.2

/** A request to act that waited this long (the daemon was down) is about another situation. Taking back is never too late. */
export const MAX_REQUEST_AGE_MS = 5 * MINUTE
/** Behind an open breaker a notification is not tried, but neither does it wait for ever. */
export const MAX_NOTIFICATION_AGE_MS = 72 * HOUR

/** Most that a receiver may put us off by Retry-After. */
const MAX_RETRY_AFTER = { command: 30 * SECOND, notification: 24 * HOUR }

/** What came of one try. `status` null: there was no answer. */
export type Answer =
  | { readonly ok: true; readonly status: number }
  | { readonly ok: false; readonly status: number | null; readonly error: string; readonly retryAfterMs: number | null }

/** `gone`: the receiver wants no more events at all. `refused`: trying this event again cannot help. */
export type Verdict = 'delivered' | 'retry' | 'refused' | 'gone'

/** The request itself is wrong in the eyes of the receiver, and it will not change. */
const REFUSES_THE_EVENT = new Set([400, 405, 406, 411, 413, 414, 415, 417, 422, 431])
const WORTH_ANOTHER_TRY = new Set([408, 425, 429])

/**
 * A command that is answered with 3xx or 4xx other than 408, 425 and 429 is given up at once: a person is told 44 s earlier. A
 * notification goes on through what an operator can mend meanwhile (401, 403, 404, a redirect), but not when the event is refused.
 */
export function judge(answer: Answer, command: boolean): Verdict {
  if (answer.ok) return 'delivered'
  const { status } = answer
  if (status === null || status >= 500 || WORTH_ANOTHER_TRY.has(status)) return 'retry'
  if (status === 410) return 'gone'
  return command || REFUSES_THE_EVENT.has(status) ? 'refused' : 'retry'
}

/** Milliseconds until the next try after `attempts` of them failed; null when that was the last. `random` is 0..1. */
export function nextDelay(
  command: boolean,
  attempts: number,
  retryAfterMs: number | null,
  random: number,
): number | null {
  const wait = (command ? COMMAND_LADDER : NOTIFICATION_LADDER)[attempts]
  if (wait === undefined) return null
  const asked = boundedRetryAfter(command, retryAfterMs)
  return Math.max(command ? wait : Math.round(wait * (1 - JITTER + 2 * JITTER * random)), asked)
}

export function boundedRetryAfter(command: boolean, retryAfterMs: number | null): number {
  return Math.min(Math.max(retryAfterMs ?? 0, 0), command ? MAX_RETRY_AFTER.command : MAX_RETRY_AFTER.notification)
}

/** Retry-After (RFC 9110 §10.2.3): seconds or a date. Null when there is none to be read. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | null {
  if (value === undefined || value.length > 64) return null
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * SECOND
  const date = /[A-Za-z]/.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs)
}
