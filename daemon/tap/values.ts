import { canonicalAddress, readAddress } from '../identity/forwarded.ts'
import { parseTime } from '../model/time.ts'

/** The value is there, and is not what the field takes. */
export const BAD = Symbol('bad')

/** Turns what stood in a record into what a field takes, or BAD. Never throws. */
export type Transform = (value: unknown) => unknown

const MAX_TEXT = 65_536
/** Latest time taken: the last whole microsecond a number holds exactly. */
const MAX_TIME = Number.MAX_SAFE_INTEGER

export function toText(value: unknown): unknown {
  if (typeof value === 'string') return value.length <= MAX_TEXT ? value : BAD
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  // One header value in a list of one: OTLP, Envoy.
  if (Array.isArray(value) && value.length === 1 && typeof value[0] === 'string') return toText(value[0])
  return BAD
}

/** JSON inside a record is a body as well as its text is. */
export function toBody(value: unknown): unknown {
  if (typeof value === 'string') return value
  if (typeof value === 'object' && value !== null) return JSON.stringify(value)
  return toText(value)
}

const INTEGER = /^-?\d{1,15}$/
const DECIMAL = /^-?\d{1,15}(?:\.\d{1,12})?$/

function toNumber(value: unknown): number {
  if (typeof value === 'number') return value
  return typeof value === 'string' && DECIMAL.test(value) ? Number(value) : Number.NaN
}

export function toCount(value: unknown): unknown {
  const number = typeof value === 'string' && INTEGER.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : BAD
}

/** 0 is what proxies write when the caller left before there was an answer. */
export function toStatus(value: unknown): unknown {
  const number = toCount(value)
  if (number === 0) return undefined
  return typeof number === 'number' && number >= 100 && number <= 999 ? number : BAD
}

export function toAddress(value: unknown): unknown {
  return typeof value === 'string' && value.length <= 128 ? (canonicalAddress(value) ?? BAD) : BAD
}

export function toPort(value: unknown): unknown {
  const number = toCount(value)
  return typeof number === 'number' && number <= 65_535 ? number : BAD
}

/** `10.0.0.1:80`, `[2001:db8::1]:80`; of a list (retries) the last. */
export function hostOfPair(value: unknown): unknown {
  if (typeof value !== 'string' || value.length > 1024) return BAD
  return readAddress(lastOf(value)) ?? BAD
}

export function portOfPair(value: unknown): unknown {
  if (typeof value !== 'string' || value.length > 1024) return BAD
  const port = /:(\d{1,5})$/.exec(lastOf(value))?.[1]
  return port === undefined ? undefined : toPort(port)
}

function lastOf(list: string): string {
  return list.slice(list.lastIndexOf(',') + 1).trim()
}

const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/

export function toMethod(value: unknown): unknown {
  return typeof value === 'string' && METHOD.test(value) ? value : BAD
}

export function toHost(value: unknown): unknown {
  return typeof value === 'string' && value.length <= 512 ? value.slice(value.lastIndexOf('@') + 1) : BAD
}

/** `HTTP/1.1`, `HTTP/2.0`, `h2`, `2` to `1.1`, `2`. */
export function toVersion(value: unknown): unknown {
  const text = toText(value)
  if (typeof text !== 'string') return BAD
  const match = /^(?:HTTP\/|h)?([0-9](?:\.[0-9])?)$/i.exec(text)
  if (match === null) return BAD
  return match[1] === '2.0' ? '2' : match[1] === '3.0' ? '3' : match[1]
}

/** A part of a list: `a, b` to `a`. */
export function firstOf(value: unknown): unknown {
  const text = toText(value)
  return typeof text === 'string' ? text.split(',', 1)[0]!.trim() : BAD
}

export function base64Bytes(value: unknown): unknown {
  return typeof value === 'string' ? Buffer.from(value, 'base64') : BAD
}

// Times, in microseconds.

export function isoTime(value: unknown): unknown {
  return typeof value === 'string' ? (parseTime(value) ?? parseTime(withColon(value)) ?? BAD) : BAD
}

/** `+0000` is not RFC 3339, and is what strftime writes. */
function withColon(text: string): string {
  return /[+-]\d{4}$/.test(text) ? `${text.slice(0, -2)}:${text.slice(-2)}` : text
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const COMMON_LOG = /^\[?(\d\d)\/([A-Za-z]{3})\/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)\]?$/

/** `21/Nov/2026:20:30:02 +0000`, as the common log format has it. */
export function commonLogTime(value: unknown): unknown {
  const match = typeof value === 'string' ? COMMON_LOG.exec(value) : null
  if (match === null) return BAD
  const [, day, name, year, clock, hours, minutes] = match
  const month = MONTHS.indexOf(name!.toLowerCase()) + 1
  return parseTime(`${year}-${String(month).padStart(2, '0')}-${day}T${clock}${hours}:${minutes}`) ?? BAD
}

export function epoch(unitUs: number): Transform {
  return (value) => time(scaled(value, unitUs))
}

function time(us: number): unknown {
  return us > 0 && us <= MAX_TIME ? us : BAD
}

export function duration(unitUs: number): Transform {
  return (value) => {
    const us = scaled(value, unitUs)
    return us >= 0 && us <= MAX_TIME ? us : BAD
  }
}

const NANOSECOND = 0.001

function scaled(value: unknown, unitUs: number): number {
  // Nanoseconds since 1970 do not fit a number: the last digits are cut off as text.
  if (unitUs === NANOSECOND && typeof value === 'string' && /^\d{13,19}$/.test(value)) return Number(value.slice(0, -3))
  return unitUs < 1 ? Math.floor(toNumber(value) * unitUs) : Math.round(toNumber(value) * unitUs)
}

export const UNITS = { s: 1_000_000, ms: 1000, us: 1, ns: NANOSECOND } as const
