/**
 * Start lines (RFC 9112 §3 and §4), read in place. A line is `[from, to)` without its line end.
 *
 * Lenient only where a known client of HTTP is speaking: then a target with spaces or an odd version is still read, and
 * named. While it is open whether a byte stream is HTTP at all, or where its next message starts, only a strict line counts.
 */
export const NO_LINE = 0
export const REQUEST_LINE = 1
export const STATUS_LINE = 2
export type LineKind = typeof NO_LINE | typeof REQUEST_LINE | typeof STATUS_LINE

const MAX_METHOD = 32
const SP = 0x20

/** RFC 9110 §5.6.2 tchar. */
export const TOKEN = new Uint8Array(256)
for (const c of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
  TOKEN[c.charCodeAt(0)] = 1

const HTTP_SLASH = Buffer.from('HTTP/', 'latin1')

/** Whether [from, to) can still become a start line of the wanted kind (NO_LINE: either). */
export function maybeStartLine(bytes: Buffer, from: number, to: number, want: LineKind): boolean {
  const length = to - from
  if (want !== REQUEST_LINE) {
    let same = 0
    while (same < 5 && same < length && bytes[from + same] === HTTP_SLASH[same]) same++
    if (same === 5 || same === length) return true
    if (want === STATUS_LINE) return false
  }
  for (let i = 0; i < length; i++) {
    const c = bytes[from + i]!
    if (c === SP) return i > 0
    if (i >= MAX_METHOD || TOKEN[c] === 0) return false
  }
  return true
}

/** Looks at plain text many bytes at a time. */
export interface SpaceFinder {
  /** The first space of [from, end), some place from `end` on when there is none. */
  spaceAt(from: number, end: number): number
}

/** Result of `readStartLine`: one instance per scanner, overwritten by every call. Offsets are absolute. */
export class StartLine {
  kind: LineKind = NO_LINE
  methodEnd = 0
  targetStart = 0
  targetEnd = 0
  status = 0
  major = 0
  minor = 0
  badTarget = false
  badVersion = false

  /** `plain`: what finds spaces in the line, which is plain text; null where neither is known. */
  read(
    bytes: Buffer,
    from: number,
    to: number,
    want: LineKind,
    strict: boolean,
    plain: SpaceFinder | null = null,
  ): LineKind {
    this.kind = NO_LINE
    this.badTarget = false
    this.badVersion = false
    this.status = 0
    if (want !== REQUEST_LINE && startsWithVersion(bytes, from, to)) return this.#readStatus(bytes, from, to, strict)
    if (want === STATUS_LINE) return NO_LINE
    return this.#readRequest(bytes, from, to, strict, plain)
  }

  #readStatus(bytes: Buffer, from: number, to: number, strict: boolean): LineKind {
    // HTTP-version SP status-code SP [reason-phrase]; the last space is often left out.
    if (to - from < 12 || bytes[from + 8] !== SP) return NO_LINE
    const hundreds = bytes[from + 9]! - 0x30
    const tens = bytes[from + 10]! - 0x30
    const ones = bytes[from + 11]! - 0x30
    if (hundreds < 1 || hundreds > 9 || tens < 0 || tens > 9 || ones < 0 || ones > 9) return NO_LINE
    if (to - from > 12 && bytes[from + 12] !== SP) return NO_LINE
    if (!this.#readVersion(bytes, from, strict)) return NO_LINE
    this.status = hundreds * 100 + tens * 10 + ones
    this.kind = STATUS_LINE
    return STATUS_LINE
  }

  #readRequest(bytes: Buffer, from: number, to: number, strict: boolean, plain: SpaceFinder | null): LineKind {
    const token = TOKEN
    let i = from
    const methodLimit = Math.min(to, from + MAX_METHOD + 1)
    while (i < methodLimit && token[bytes[i]!] === 1) i++
    if (i === from || i >= methodLimit || bytes[i] !== SP) return NO_LINE
    const versionStart = to - 8
    if (versionStart <= i || bytes[versionStart - 1] !== SP || !startsWithVersion(bytes, versionStart, to))
      return NO_LINE
    if (!this.#readVersion(bytes, versionStart, strict)) return NO_LINE
    this.methodEnd = i
    this.targetStart = Math.min(i + 1, versionStart - 1)
    this.targetEnd = versionStart - 1
    const { targetStart: start, targetEnd: stop } = this
    this.badTarget =
      start === stop || (plain === null ? hasBlank(bytes, start, stop) : plain.spaceAt(start, stop) < stop)
    if (strict && this.badTarget) return NO_LINE
    this.kind = REQUEST_LINE
    return REQUEST_LINE
  }

  #readVersion(bytes: Buffer, at: number, strict: boolean): boolean {
    this.major = bytes[at + 5]! - 0x30
    this.minor = bytes[at + 7]! - 0x30
    this.badVersion = this.major !== 1 || this.minor > 1
    // A strict line is HTTP/1: `PRI * HTTP/2.0` opens another protocol.
    return this.major === 1 || (!strict && this.major !== 2)
  }
}

/** Whether a space, a control or DEL stands in [from, to). */
function hasBlank(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const c = bytes[at]!
    if (c <= SP || c === 0x7f) return true
  }
  return false
}

/** `HTTP/` DIGIT `.` DIGIT at `from`. */
function startsWithVersion(bytes: Buffer, from: number, to: number): boolean {
  return (
    to - from >= 8 &&
    bytes[from] === 0x48 &&
    bytes[from + 1] === 0x54 &&
    bytes[from + 2] === 0x54 &&
    bytes[from + 3] === 0x50 &&
    bytes[from + 4] === 0x2f &&
    isDigit(bytes[from + 5]!) &&
    bytes[from + 6] === 0x2e &&
    isDigit(bytes[from + 7]!)
  )
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39
}

const METHODS = [
  'GET',
  'POST',
  'PUT',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'CONNECT',
  'TRACE',
  'PROPFIND',
  'SEARCH',
].map((name) => Buffer.from(`${name} `, 'latin1'))

/**
 * Where in the line [from, to) a strict start line begins, -1 if nowhere. A body need not end with a line feed, so the
 * next message may begin inside what looks like one line; there only the usual methods are believed. Linear: the tail
 * `HTTP/1.x` is checked once, then each position is compared with the first letters of the methods.
 */
export function findStartLine(line: StartLine, bytes: Buffer, from: number, to: number, want: LineKind): number {
  if (line.read(bytes, from, to, want, true) !== NO_LINE) return from
  if (want !== REQUEST_LINE) {
    for (let i = from + 1; i + 12 <= to; i++) {
      if (bytes[i] === 0x48 && startsWithVersion(bytes, i, to) && line.read(bytes, i, to, STATUS_LINE, true)) return i
    }
  }
  if (want === STATUS_LINE || to - from < 14 || !startsWithVersion(bytes, to - 8, to)) return -1
  // Only the last run of target characters before the version can be the target; the method stands right before it.
  let space = to - 10
  while (space > from && bytes[space] !== SP) space--
  for (const method of METHODS) {
    const at = space - method.length + 1
    if (at > from && matches(method, bytes, at) && line.read(bytes, at, to, REQUEST_LINE, true)) return at
  }
  return -1
}

function matches(text: Buffer, bytes: Buffer, at: number): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false
  return true
}
