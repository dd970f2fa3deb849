import { withOneMore } from '../model/small-list.ts'

/**
 * A path as a template: segments that name one object of many become `{id}`, the second `{id2}` and so on; dates become `{date}`,
 * `{date2}`. Only the looks of a segment decide, so a path has the same template everywhere and always:
 *
 *   ids    whole or decimal numbers and lists of them, uuids, ulids, 8 or more hex digits with a digit among them, mixed-case or
 *          long tokens, a short prefix with a number or token (`ord-10482`, `cus_Nf7Q2`, `SAVE10-P14A`), addresses, e-mail addresses,
 *          pseudonyms, free text that had to be percent-encoded, anything over 64 characters
 *   stay   words, versions (`v1`, `v2.1`; `2.0`, `3` and dates before everything else or behind `api`), words with a digit
 *          (`oauth2`, `ipv4`, `s3`)
 *
 * An extension stays (`{id}.json`), matrix parameters go, needless percent-encoding is undone, empty segments (`//`, a
 * slash at the end) count for nothing.
 */
export interface PathTemplate {
  readonly template: string
  /** What stood in the variable segments, in order, as sent. */
  readonly values: readonly string[]
}

const MAX_SEGMENTS = 32
const MAX_LITERAL = 64
const NO_VALUES: string[] = []
const ROOT: PathTemplate = { template: '/', values: NO_VALUES }

export function templateOf(path: string): PathTemplate {
  if (path === '') return ROOT
  let template = ''
  let values = NO_VALUES
  let ids = 0
  let dates = 0
  let count = 0
  // Start of what equals the path so far and was not copied yet; nothing is copied while nothing differs.
  let copied = 0
  let start = path.charCodeAt(0) === SLASH ? 1 : 0
  while (start < path.length) {
    let end = path.indexOf('/', start)
    if (end < 0) end = path.length
    if (end === start) {
      template += path.slice(copied, Math.max(copied, start - 1))
      copied = start
      start = end + 1
      continue
    }
    if (++count > MAX_SEGMENTS) return { template: `${template + path.slice(copied, start)}{rest}`, values }
    if (end < path.length - 1 && isBareVersion(path, start, end)) {
      // Stays as it is.
    } else if (isWholeNumber(path, start, end) || isUuid(path, start, end)) {
      values = withOneMore(values, path.slice(start, end))
      template += path.slice(copied, start) + placeholder('id', ++ids)
      copied = end
    } else if (!isPlainWord(path, start, end) && !isVersion(path, start, end)) {
      const raw = path.slice(start, end)
      const read = readSegment(raw)
      if (read.kind !== 'literal') {
        values = withOneMore(values, read.value)
        const name = read.kind === 'id' ? placeholder('id', ++ids) : placeholder('date', ++dates)
        template += path.slice(copied, start) + name + read.extension
        copied = end
      } else if (read.value !== raw) {
        template += path.slice(copied, start) + read.value
        copied = end
      }
    }
    start = end + 1
  }
  const tail = path.length > 1 && path.charCodeAt(path.length - 1) === SLASH ? path.length - 1 : path.length
  if (copied === 0 && template === '')
    return { template: tail === path.length ? path : path.slice(0, tail), values: NO_VALUES }
  const whole = template + path.slice(copied, Math.max(copied, tail))
  return { template: whole === '' ? '/' : whole, values }
}

const SLASH = 0x2f

function placeholder(name: string, number: number): string {
  return number === 1 ? `{${name}}` : `{${name}${number}}`
}

/** Lower-case letters, `-` and `_` only, and short: most segments, told without a copy. */
function isPlainWord(path: string, start: number, end: number): boolean {
  if (end - start > 24) return false
  for (let i = start; i < end; i++) {
    const code = path.charCodeAt(i)
    if (!((code >= 0x61 && code <= 0x7a) || code === 0x2d || code === 0x5f)) return false
  }
  return true
}

/** Most ids, told without a regular expression. */
function isWholeNumber(path: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const code = path.charCodeAt(i)
    if (code < 0x30 || code > 0x39) return false
  }
  return true
}

function isUuid(path: string, start: number, end: number): boolean {
  if (end - start !== 36) return false
  for (let i = start; i < end; i++) {
    const code = path.charCodeAt(i)
    const at = i - start
    const dash = at === 8 || at === 13 || at === 18 || at === 23
    if (dash ? code !== 0x2d : !isHexDigit(code)) return false
  }
  return true
}

function isHexDigit(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66)
}

/** `1`, `2.0`, `2010-04-01` where versions stand: first of all, or behind `api` or `rest`. Something must follow. */
function isBareVersion(path: string, start: number, end: number): boolean {
  const first = path.charCodeAt(start)
  if (first < 0x31 || first > 0x39) return false
  if (start > 1 && !path.endsWith('/api', start - 1) && !path.endsWith('/rest', start - 1)) return false
  const length = end - start
  return length === 1 || (length <= 10 && BARE_VERSION.test(path.slice(start, end)))
}

/** `v1`, as most versions are written. */
function isVersion(path: string, start: number, end: number): boolean {
  if (end - start !== 2 || path.charCodeAt(start) !== 0x76) return false
  const digit = path.charCodeAt(start + 1)
  return digit >= 0x30 && digit <= 0x39
}

interface Segment {
  readonly kind: 'literal' | 'id' | 'date'
  /** The literal as it stands in the template; the value as sent. */
  readonly value: string
  readonly extension: string
}

function readSegment(raw: string): Segment {
  const semicolon = raw.indexOf(';')
  const bare = semicolon < 0 ? raw : raw.slice(0, semicolon)
  const decoded = bare.includes('%') ? decode(bare) : bare
  if (decoded === null) return { kind: 'id', value: bare, extension: '' }
  const dot = decoded.includes('.') ? decoded.lastIndexOf('.') : -1
  if (dot > 0 && EXTENSION.test(decoded.slice(dot + 1))) {
    const kind = kindOf(decoded.slice(0, dot))
    if (kind !== 'literal') {
      return { kind, value: bare.slice(0, bare.length - (decoded.length - dot)), extension: decoded.slice(dot) }
    }
  }
  const kind = kindOf(decoded)
  return { kind, value: kind === 'literal' ? decoded : bare, extension: '' }
}

const EXTENSION = /^[a-z][a-z0-9]{1,4}$/i
const UNRESERVED = /^[A-Za-z0-9._~!$&'()*+,=:@-]+$/

/** The decoded segment if decoding was needless, else null: text that had to be encoded is somebody's input. */
function decode(segment: string): string | null {
  try {
    const decoded = decodeURIComponent(segment)
    return UNRESERVED.test(decoded) ? decoded : null
  } catch {
    return null
  }
}

const BARE_VERSION = /^(?:\d\.\d{1,2}|20[0-3]\d-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)$/
const VERSION = /^v\d{1,4}(?:\.\d{1,4}){0,3}(?:(?:alpha|beta|rc)\d{0,3})?$/i
const NUMBERS = /^-?\d+(?:\.\d+)?(?:,-?\d+(?:\.\d+)?)*$/
const DATE = /^\d{4}-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?(?:[T_]\d\d[:-]?\d\d.{0,16})?$/
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i
const HEX = /^(?:0x)?[0-9a-f]{8,}$/i
const EMAIL = /^[^@]{1,64}@[^@]{1,190}\.[a-z]{2,24}$/i
const PREFIXED = /^[A-Za-z]{1,12}[-_:.]([A-Za-z0-9]{3,}(?:[-_:.][A-Za-z0-9]+)*)$/
/** `SAVE10-P14A`, `TD-3072-S`: there is a digit in it. */
const CAPITALS = /^[A-Z0-9]+(?:-[A-Z0-9]+)+$/
const SHORT_PREFIX = /^[a-z]{2,5}[-_]/
const TOKEN = /^[A-Za-z0-9_~=+-]+$/

function kindOf(segment: string): Segment['kind'] {
  const length = segment.length
  if (length > MAX_LITERAL) return 'id'
  const { digits, upper, lower } = count(segment)
  if (digits === 0) {
    if (segment.includes('@') && EMAIL.test(segment)) return 'id'
    // Without a digit, only something long in mixed case is no word; behind a prefix it need not be as long.
    const prefix = SHORT_PREFIX.exec(segment)?.[0].length ?? 0
    const long = length - prefix >= (prefix > 0 ? 12 : 24) || (length >= 20 && changes(segment) >= length / 4)
    const made = long && upper >= 4 && lower >= 4 && TOKEN.test(segment)
    return made && !/[a-z]{5,}/.test(segment.slice(prefix)) ? 'id' : 'literal'
  }
  if (VERSION.test(segment)) return 'literal'
  if (isUuid(segment, 0, length)) return 'id'
  if (NUMBERS.test(segment)) return 'id'
  if (DATE.test(segment)) return 'date'
  if (HEX.test(segment) || ULID.test(segment)) return 'id'
  if (length >= 8 && CAPITALS.test(segment)) return 'id'
  if (segment.startsWith('hmac:') || EMAIL.test(segment) || isAddress(segment)) return 'id'
  const prefixed = PREFIXED.exec(segment)?.[1]
  if (prefixed !== undefined && looksMade(prefixed)) return 'id'
  if (length >= 16 && TOKEN.test(segment) && (digits >= 3 || (upper >= 2 && lower >= 2))) return 'id'
  return length >= 8 && digits >= 2 && upper >= 2 && lower >= 2 && TOKEN.test(segment) ? 'id' : 'literal'
}

/** How often a capital follows a small letter: words run together have longer words. */
function changes(segment: string): number {
  let found = 0
  for (let i = 1; i < segment.length; i++) {
    const code = segment.charCodeAt(i)
    const before = segment.charCodeAt(i - 1)
    if (code >= 0x41 && code <= 0x5a && before >= 0x61 && before <= 0x7a) found++
  }
  return found
}

const DOTTED = /^\d{1,3}(?:\.\d{1,3}){3}$/
const HEX_AND_COLONS = /^[0-9a-f:]+$/i

/** An IPv4 or IPv6 address, or what has the look of one. */
function isAddress(segment: string): boolean {
  const colon = segment.indexOf(':')
  if (colon < 0) return DOTTED.test(segment)
  return colon < segment.length - 1 && HEX_AND_COLONS.test(segment)
}

/** The rest behind a prefix: a number, or digits and letters mixed, as opposed to a word with a digit at its end. */
function looksMade(rest: string): boolean {
  return (
    /\d{3}/.test(rest) ||
    /\d[A-Za-z]+\d/.test(rest) ||
    /^\d+$/.test(rest) ||
    (/\d/.test(rest) && /[a-z][A-Z]|[A-Z][a-z]+[A-Z]/.test(rest))
  )
}

const counts = { digits: 0, upper: 0, lower: 0 }

function count(segment: string): { digits: number; upper: number; lower: number } {
  let digits = 0
  let upper = 0
  let lower = 0
  for (let i = 0; i < segment.length; i++) {
    const code = segment.charCodeAt(i)
    if (code >= 0x30 && code <= 0x39) digits++
    else if (code >= 0x41 && code <= 0x5a) upper++
    else if (code >= 0x61 && code <= 0x7a) lower++
  }
  counts.digits = digits
  counts.upper = upper
  counts.lower = lower
  return counts
}
