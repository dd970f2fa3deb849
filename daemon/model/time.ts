/**
 * Event time: whole microseconds since 1970-01-01T00:00:00Z, as a plain number (exact up to the year 2255).
 * Stages never ask the host for the time; it is an argument (`now`), so replay and live run the same code.
 */
export type EventTime = number

export const SECOND_US = 1_000_000
export const MINUTE_US = 60 * SECOND_US
export const HOUR_US = 60 * MINUTE_US
export const DAY_US = 24 * HOUR_US

let cachedSecond = Number.NaN
let cachedPrefix = ''

/** `2026-11-21T20:00:00.123456Z`: UTC with exactly six decimals. The text of the last second is kept, since records come in order. */
export function formatTime(time: EventTime): string {
  const second = Math.floor(time / SECOND_US)
  if (second !== cachedSecond) {
    cachedSecond = second
    cachedPrefix = new Date(second * 1000).toISOString().slice(0, -4)
  }
  return `${cachedPrefix}${String(time - second * SECOND_US).padStart(6, '0')}Z`
}

const RFC3339 = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d{0,20})?([Zz]|[+-]\d\d:\d\d)$/

/** Reads an RFC 3339 timestamp; finer than a microsecond is cut off. Null when it is not one. */
export function parseTime(text: string): EventTime | null {
  if (text.length > 50) return null
  const match = RFC3339.exec(text)
  if (match === null) return null
  const zone = match[4] === 'z' ? 'Z' : match[4]
  const milliseconds = Date.parse(`${match[1]}T${match[2]}${zone}`)
  if (Number.isNaN(milliseconds)) return null
  const fraction = (match[3] ?? '').slice(0, 6).padEnd(6, '0')
  return milliseconds * 1000 + Number(fraction)
}
