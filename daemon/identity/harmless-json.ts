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

interface KnownKey {
  readonly bytes: Uint8Array
  readonly secrecy: Secrecy
}

/** Keys as they stand in bodies, and what they say. Each slot belongs to the last who came. */
const keys: (KnownKey | null)[] = new Array<KnownKey | null>(KEY_SLOTS).fill(null)

/**
 * Whether redactJson would leave this text (UTF-8) as it is: one pass over the bytes that makes no string of them, except of the
 * few values that might be secrets, which it asks redactJson about. False when in doubt, and at the first name of a secret.
 */
export function isHarmlessJson(bytes: Buffer, place: Place, pseudonyms: Pseudonyms): boolean {
  const outside = OUTSIDE
  const length = bytes.length
  let next: Secrecy = 'keep'
  let valueSeen = false
  let at = 0
  while (at < length) {
    const kind = outside[bytes[at]!]!
    if (kind === STRING) {
      const start = at + 1
      let end = start
      let escaped = false
      while (end < length) {
        const code = bytes[end]!
        if (code === QUOTE) break
        if (code === BACKSLASH) {
          escaped = true
          end++
        }
        end++
      }
      // Cut off within a string.
      if (end >= length) return false
      at = end + 1
      if (isName(bytes, at, length)) {
        next = secrecyAt(bytes, start, end, place)
        if (next === 'token' || next === 'erase') return false
        valueSeen = false
      } else {
        valueSeen = true
        if (!isHarmlessString(bytes, start, end, escaped, next, place, pseudonyms)) return false
      }
    } else if (kind === BARE) {
      const start = at++
      while (at < length && outside[bytes[at]!] === BARE) at++
      if (isName(bytes, at, length)) {
        next = secrecyAt(bytes, start, at, place)
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

function secrecyAt(bytes: Buffer, start: number, end: number, place: Place): Secrecy {
  const length = end - start
  if (length <= 0) return 'keep'
  const shape = length * 131 + bytes[start]! * 31 + bytes[start + (length >> 1)]! * 17
  const slot = (shape + bytes[end - 1]!) & (KEY_SLOTS - 1)
  const known = keys[slot]!
  if (known !== null && known.bytes.length === length) {
    const kept = known.bytes
    let i = 0
    while (i < length && kept[i] === bytes[start + i]) i++
    if (i === length) return inPlace(known.secrecy, place)
  }
  const raw = bytes.toString('utf8', start, end)
  const secrecy = raw.length > MAX_NAME ? 'keep' : secrecyOf(unescapeJson(raw))
  if (length <= MAX_KEY) keys[slot] = { bytes: new Uint8Array(bytes.subarray(start, end)), secrecy }
  return inPlace(secrecy, place)
}

/** In an answer, a code is an error number unless it looks like a machine made it. */
function inPlace(secrecy: Secrecy, place: Place): Secrecy {
  return secrecy === 'code' && place === 'response' ? 'opaque' : secrecy
}

function isHarmlessString(
  bytes: Buffer,
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
    looksHarmless(bytes, start, end)
  ) {
    return true
  }
  const raw = bytes.toString('utf8', start, end)
  return redactJsonString(escaped ? unescapeJson(raw) : raw, secrecy, place, pseudonyms) === null
}

/** As redactText sees it, generously: see copyHarmless of header-json.ts. */
function looksHarmless(bytes: Buffer, start: number, end: number): boolean {
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
