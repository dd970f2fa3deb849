/**
 * Event time: whole microseconds since 1970-01-01T00:00:00Z, as a plain number (exact up to the year 2255).
 * Stages never ask the host for the time; it is an argument (`now`), so replay and live run the same code.
 */
export type EventTime = number

/**
 * Before anything came. No small integer, so that the engine keeps the times of a field as floating-point numbers from the first on: when
 * that changes, all that was compiled for the class is compiled again.
 */
export const NO_TIME: EventTime = -0.5

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

let readPrefix = ''
let readSecondUs = 0

/** Reads an RFC 3339 timestamp; finer than a microsecond is cut off. Null when it is not one. */
export function parseTime(text: string): EventTime | null {
  return parseOwn(text) ?? parseAny(text)
}

/**
 * As `formatTime` writes them, which is nearly all there are: a fraction of a second already known is read by hand (three to
 * a record of a topic, and a tenth of what decoding costs).
 */
function parseOwn(text: string): EventTime | null {
  if (text.length !== OWN_LENGTH || text.charCodeAt(19) !== DOT || text.charCodeAt(26) !== UPPER_Z) return null
  let fraction = 0
  for (let i = 20; i < 26; i++) {
    const digit = text.charCodeAt(i) - ZERO
    if (digit < 0 || digit > 9) return null
    fraction = fraction * 10 + digit
  }
  if (!text.startsWith(readPrefix) || readPrefix === '') {
    const time = parseAny(text)
    if (time === null) return null
    readPrefix = text.slice(0, 20)
    readSecondUs = time - fraction
    return time
  }
  return readSecondUs + fraction
}

const OWN_LENGTH = 27
const DOT = 0x2e
const UPPER_Z = 0x5a
const ZERO = 0x30

function parseAny(text: string): EventTime | null {
  if (text.length > 50) return null
  const match = RFC3339.exec(text)
  if (match === null) return null
  const zone = match[4] === 'z' ? 'Z' : match[4]
  const milliseconds = Date.parse(`${match[1]}T${match[2]}${zone}`)
  if (Number.isNaN(milliseconds)) return null
  const fraction = (match[3] ?? '').slice(0, 6).padEnd(6, '0')
  return milliseconds * 1000 + Number(fraction)
}
