import { isAscii } from 'node:buffer'
import { AsciiBuffer, copyAscii, sameAscii, viewOf } from '../model/ascii-bytes.ts'
import { HIGH_BITS, ONES, stringEnd } from '../model/json-bytes.ts'
import type { Pseudonyms } from './pseudonym.ts'
import { MAX_KEY as MAX_NAME, redactJsonBare, redactJsonString, unescapeJson } from './redact-json.ts'
import type { Place } from './redact-value.ts'
import { type Secrecy, secrecyOf } from './secret-names.ts'
import { mayStartToken } from './token-shape.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** What a byte outside strings is. */
const BARE = 0
const BLANK = 1
const LINE_FEED = 2
const NEXT = 3
const LEVEL = 4
const STRING = 5
const OUTSIDE = new Uint8Array(256)
for (let code = 0; code <= 0x20; code++) OUTSIDE[code] = BLANK
for (const character of ':=?') OUTSIDE[character.charCodeAt(0)] = BLANK
for (const character of ',&') OUTSIDE[character.charCodeAt(0)] = NEXT
for (const character of '{}[]()') OUTSIDE[character.charCodeAt(0)] = LEVEL
OUTSIDE[0x0a] = LINE_FEED
OUTSIDE[QUOTE] = STRING

/** What a byte of a string value means to redaction. */
const PART = new Uint8Array(256)
const TOKEN = 1
const DIGIT = 2
const SUSPECT = 3
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.~+') {
  PART[character.charCodeAt(0)] = TOKEN
}
for (const digit of '0123456789') PART[digit.charCodeAt(0)] = DIGIT
// JSON within a string, a path, a URL.
for (const character of '{/') PART[character.charCodeAt(0)] = SUSPECT

/** Shorter values are no secrets by their looks. */
const MIN_SECRET = 12
const MIN_NESTED = 8
const MIN_CARD_DIGITS = 13
/** Blanks that are skipped in search of a colon. */
const MAX_BLANKS = 64

const KEY_SLOTS = 1024
const MAX_KEY = 64

/** Keys as they stand in bodies, and what they say. Each slot belongs to the last who came. */
class KeyMemory {
  readonly #lengths = new Uint8Array(KEY_SLOTS)
  /** The first four bytes and the last four, which is all of a key of eight or fewer. */
  readonly #first = new Int32Array(KEY_SLOTS)
  readonly #last = new Int32Array(KEY_SLOTS)
  readonly #whole = new AsciiBuffer(KEY_SLOTS * MAX_KEY).view
  readonly #secrecies = new Array<Secrecy>(KEY_SLOTS).fill('keep')

  secrecyOf(bytes: Buffer, view: DataView, start: number, end: number): Secrecy {
    const length = (end - start) | 0
    if (length === 0 || length > MAX_KEY) return secrecyOfRaw(bytes, start, end)
    const short = length < 4
    const first = short ? packed(bytes, start, length) : view.getInt32(start, true)
    const last = short ? 0 : view.getInt32((end - 4) | 0, true)
    const hash = (Math.imul(first, 0x9e3779b1) + Math.imul(last, 0x85ebca6b) + length) | 0
    const slot = (hash ^ (hash >>> 15)) & (KEY_SLOTS - 1)
    if (
      this.#first[slot] === first &&
      this.#last[slot] === last &&
      this.#lengths[slot] === length &&
      (length <= 8 || sameAscii(view, start, this.#whole, slot * MAX_KEY, length))
    ) {
      return this.#secrecies[slot]!
    }
    const secrecy = secrecyOfRaw(bytes, start, end)
    if (isAscii(bytes.subarray(start, end))) {
      copyAscii(view, start, this.#whole, slot * MAX_KEY, length)
      this.#first[slot] = first
      this.#last[slot] = last
      this.#lengths[slot] = length
      this.#secrecies[slot] = secrecy
    }
    return secrecy
  }
}

/** Up to three bytes as one number. */
function packed(bytes: Buffer, start: number, length: number): number {
  let number = 0
  for (let i = 0; i < length; i++) number = (number << 8) | bytes[start + i]!
  return number
}

function secrecyOfRaw(bytes: Buffer, start: number, end: number): Secrecy {
  const raw = bytes.toString('utf8', start, end)
  return raw === '' || raw.length > MAX_NAME ? 'keep' : secrecyOf(unescapeJson(raw))
}

const keys = new KeyMemory()

/**
 * Whether redactJson would leave this text (UTF-8) as it is: one pass over the bytes that makes no string of them, except of the
 * few values that might be secrets, which it asks redactJson about. False when in doubt, and at the first name of a secret.
 */
export function isHarmlessJson(bytes: Buffer, place: Place, pseudonyms: Pseudonyms): boolean {
  const outside = OUTSIDE
  const length = bytes.length
  const view = viewOf(bytes)
  let next: Secrecy = 'keep'
  let valueSeen = false
  let at = 0
  while (at < length) {
    const kind = outside[bytes[at]!]!
    if (kind === STRING) {
      const start = at + 1
      let end = stringEnd(bytes, view, start, length)
      let escaped = false
      while (end < length && bytes[end] === BACKSLASH) {
        escaped = true
        end = stringEnd(bytes, view, end + 2, length)
      }
      // Cut off within a string.
      if (end >= length) return false
      at = end + 1
      if (isName(bytes, at, length)) {
        next = inPlace(keys.secrecyOf(bytes, view, start, end), place)
        if (next === 'token' || next === 'erase') return false
        valueSeen = false
      } else {
        valueSeen = true
        if (!isHarmlessString(bytes, view, start, end, escaped, next, place, pseudonyms)) return false
      }
    } else if (kind === BARE) {
      const start = at++
      while (at < length && outside[bytes[at]!] === BARE) at++
      if (isName(bytes, at, length)) {
        next = inPlace(keys.secrecyOf(bytes, view, start, at), place)
        if (next === 'token' || next === 'erase') return false
        valueSeen = false
      } else {
        valueSeen = true
        if (
          (next !== 'keep' || at - start >= MIN_SECRET) &&
          redactJsonBare(bytes.toString('utf8', start, at), next, place, pseudonyms) !== null
        ) {
          return false
        }
      }
    } else {
      if (kind >= NEXT || (kind === LINE_FEED && valueSeen)) {
        next = 'keep'
        valueSeen = false
      }
      at++
    }
  }
  return true
}

/** Whether the next byte that is no blank is a colon or equals sign. */
function isName(bytes: Buffer, from: number, length: number): boolean {
  const end = Math.min(length, from + MAX_BLANKS)
  for (let i = from; i < end; i++) {
    const code = bytes[i]!
    if (code === 0x3a || code === 0x3d) return true
    if (code > 0x20) return false
  }
  return false
}

/** In an answer, a code is an error number unless it looks like a machine made it. */
function inPlace(secrecy: Secrecy, place: Place): Secrecy {
  return secrecy === 'code' && place === 'response' ? 'opaque' : secrecy
}

function isHarmlessString(
  bytes: Buffer,
  view: DataView,
  start: number,
  end: number,
  escaped: boolean,
  secrecy: Secrecy,
  place: Place,
  pseudonyms: Pseudonyms,
): boolean {
  const length = end - start
  if (length < MIN_NESTED && !escaped && secrecy !== 'code') return true
  if (
    !escaped &&
    secrecy !== 'code' &&
    (secrecy === 'keep' || length < MIN_SECRET) &&
    looksHarmless(bytes, view, start, end)
  ) {
    return true
  }
  const raw = bytes.toString('utf8', start, end)
  return redactJsonString(escaped ? unescapeJson(raw) : raw, secrecy, place, pseudonyms) === null
}

const LOW_BITS = 0x7f7f7f7f
/** With three digits in the word before, and three in the word after, no card number. */
const MAX_DIGITS = 6

/**
 * Most values are told four bytes at a time: letters, digits, dashes and blanks, no run of which starts like a token, without a
 * `J` (of `eyJ`), and without many digits between two letters. Whatever else there is goes through looksHarmlessByBytes.
 */
function looksHarmless(bytes: Buffer, view: DataView, start: number, end: number): boolean {
  if (end - start < MIN_NESTED || !startsHarmless(bytes, start)) return looksHarmlessByBytes(bytes, start, end)
  const last = (end - 4) | 0
  let digits = 0
  let at = start | 0
  for (;;) {
    const word = view.getInt32(at, true)
    const j = word ^ 0x4a4a4a4a
    if (((word | ((j - ONES) & ~j)) & HIGH_BITS) !== 0) return looksHarmlessByBytes(bytes, start, end)
    const lower = word | 0x20202020
    const letters = (lower + 0x1f1f1f1f) & ~(lower + 0x05050505) & HIGH_BITS
    const numerals = ~((word ^ 0x30303030) + 0x76767676) & ~(word ^ 0x30303030) & HIGH_BITS
    const dash = word ^ 0x2d2d2d2d
    const dashes = ~(dash + LOW_BITS) & HIGH_BITS
    let others = ~(letters | numerals | dashes) & HIGH_BITS
    while (others !== 0) {
      const other = at + ((31 - Math.clz32(others & -others)) >> 3)
      if (PART[bytes[other]!] === SUSPECT) return false
      if (other + 1 < end && !startsHarmless(bytes, other + 1)) return looksHarmlessByBytes(bytes, start, end)
      others &= others - 1
    }
    if (letters !== 0) digits = 0
    else {
      digits += Math.imul(numerals >>> 7, ONES) >>> 24
      if (digits > MAX_DIGITS) return looksHarmlessByBytes(bytes, start, end)
    }
    if (at === last) return true
    at = Math.min(at + 4, last)
  }
}

/** Whether neither a token nor JSON begins here. */
function startsHarmless(bytes: Buffer, at: number): boolean {
  const code = bytes[at]!
  return !isPunctuation(code) && code !== 0x5b && !mayStartToken(code, bytes[at + 1]!)
}

/** As redactText sees it, generously: see copyHarmless of header-json.ts. */
function looksHarmlessByBytes(bytes: Buffer, start: number, end: number): boolean {
  // As a whole it may be a key with blanks in it.
  if (bytes[start] === 0x5b || mayStartToken(bytes[start]!, bytes[start + 1]!)) return false
  const parts = PART
  let digits = 0
  let runStart = start
  for (let i = start; i < end; i++) {
    const code = bytes[i]!
    const part = parts[code]!
    if (part === DIGIT) {
      if (++digits >= MIN_CARD_DIGITS) return false
    } else if (part === TOKEN) {
      if (code !== 0x2d) {
        digits = 0
        if (code === 0x4a && i >= start + 2 && bytes[i - 1] === 0x79 && bytes[i - 2] === 0x65) return false
      }
    } else {
      if (part === SUSPECT) return false
      if (code !== 0x20) digits = 0
      if (i - runStart >= MIN_SECRET && mayBeKey(bytes, runStart, i)) return false
      runStart = i + 1
    }
  }
  return end - runStart < MIN_SECRET || !mayBeKey(bytes, runStart, end)
}

function mayBeKey(bytes: Buffer, start: number, end: number): boolean {
  let first = start
  while (first < end && isPunctuation(bytes[first]!)) first++
  return end - first >= MIN_SECRET && mayStartToken(bytes[first]!, bytes[first + 1]!)
}

/** What may stand before a token within its run. */
function isPunctuation(code: number): boolean {
  return code === 0x2d || code === 0x2e || code === 0x5f || code === 0x7e || code === 0x2b
}
