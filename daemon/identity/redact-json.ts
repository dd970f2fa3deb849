import { type Pseudonyms, REDACTED } from './pseudonym.ts'
import { redactUrl } from './redact-url.ts'
import { isCardLiteral, type Place, redactValue } from './redact-value.ts'
import { ownText, type Secrecy, secrecyOf } from './secret-names.ts'

/** Deeper levels share the secrecy of this one. */
const MAX_DEPTH = 64
/** JSON in strings of JSON, GraphQL in strings of JSON: followed this far. */
const MAX_NESTING = 3
/** Longer names are none. */
export const MAX_KEY = 256

/**
 * Replaces the secrets of JSON, or of what was meant to be JSON: cut off, broken, several documents, GraphQL. One pass over the
 * characters with a bounded stack; what is no secret stays as it was sent, byte for byte. A string (or bare word) before
 * a colon is a name; the value after it, and everything inside an object or array after it, has that name's secrecy.
 */
export function redactJson(text: string, place: Place, pseudonyms: Pseudonyms): string {
  return new LenientJson(text, place, pseudonyms, MAX_NESTING).redact()
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

class LenientJson {
  readonly #text: string
  readonly #place: Place
  readonly #pseudonyms: Pseudonyms
  readonly #nesting: number
  readonly #inherited: Secrecy[] = ['keep']
  #depth = 0
  /** Secrecy of the value that comes next: its name's, or that of the object or array it stands in. */
  #next: Secrecy = 'keep'
  /** Without quotes and commas, a value lasts until the end of its line. */
  #valueSeen = false
  #out = ''
  #copied = 0

  constructor(text: string, place: Place, pseudonyms: Pseudonyms, nesting: number) {
    this.#text = text
    this.#place = place
    this.#pseudonyms = pseudonyms
    this.#nesting = nesting
  }

  redact(): string {
    const text = this.#text
    let at = 0
    while (at < text.length) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) at = this.#string(at)
      else if (code === 0x7b || code === 0x5b || code === 0x28) at = this.#open(at)
      else if (code === 0x7d || code === 0x5d || code === 0x29) at = this.#close(at)
      else if (code === 0x2c || code === 0x26 || (code === 0x0a && this.#valueSeen)) {
        this.#expect(this.#current())
        at++
      } else if (code <= 0x20 || code === 0x3a || code === 0x3d || code === 0x3f) at++
      else at = this.#bare(at)
    }
    return this.#copied === 0 ? text : this.#out + text.slice(this.#copied)
  }

  #expect(secrecy: Secrecy): void {
    this.#next = secrecy
    this.#valueSeen = false
  }

  #current(): Secrecy {
    return this.#inherited[Math.min(this.#depth, MAX_DEPTH)] ?? 'keep'
  }

  #open(at: number): number {
    this.#depth++
    // Only secrets spread to what is inside: `code: {…}` or `key: {…}` is an ordinary object.
    const spread = this.#next === 'token' || this.#next === 'erase' ? this.#next : this.#current0()
    if (this.#depth <= MAX_DEPTH) this.#inherited[this.#depth] = spread
    this.#expect(spread)
    return at + 1
  }

  /** Secrecy of the level that is being left for a deeper one. */
  #current0(): Secrecy {
    return this.#inherited[Math.min(this.#depth - 1, MAX_DEPTH)] ?? 'keep'
  }

  #close(at: number): number {
    if (this.#depth > 0) this.#depth--
    this.#expect(this.#current())
    return at + 1
  }

  #string(start: number): number {
    const text = this.#text
    let at = start + 1
    let escaped = false
    while (at < text.length) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) break
      if (code === BACKSLASH) {
        escaped = true
        at++
      }
      at++
    }
    const end = Math.min(at, text.length)
    const after = end < text.length ? end + 1 : end
    if (this.#isName(after)) {
      this.#name(start + 1, end)
      return after
    }
    this.#valueSeen = true
    const raw = text.slice(start + 1, end)
    const value = escaped ? unescapeJson(raw) : raw
    const redacted = redactString(value, this.#next, this.#place, this.#pseudonyms, this.#nesting)
    if (redacted !== value) this.#replace(start + 1, end, escapeJson(redacted))
    return after
  }

  /** A number, true, null, or a word of GraphQL or of something broken. */
  #bare(start: number): number {
    const text = this.#text
    let at = start + 1
    while (at < text.length && !endsBare(text.charCodeAt(at))) at++
    if (this.#isName(at)) {
      this.#name(start, at)
      return at
    }
    this.#valueSeen = true
    const secrecy = this.#next
    if (secrecy === 'keep' && at - start < 12) return at
    const redacted = redactJsonBare(text.slice(start, at), secrecy, this.#place, this.#pseudonyms)
    if (redacted !== null) this.#replace(start, at, `"${redacted}"`)
    return at
  }

  /** Whether the next character that is no blank is a colon or equals sign. Skips at most 64 blanks, so blanks are read a fixed number of times. */
  #isName(at: number): boolean {
    const end = Math.min(this.#text.length, at + 64)
    for (let i = at; i < end; i++) {
      const code = this.#text.charCodeAt(i)
      if (code === 0x3a || code === 0x3d) return true
      if (code > 0x20) return false
    }
    return false
  }

  #name(start: number, end: number): void {
    const inherited = this.#current()
    const own = secrecyOfKey(this.#text, start, end)
    this.#expect(own === 'erase' || inherited === 'keep' ? own : inherited)
  }

  #replace(start: number, end: number, replacement: string): void {
    this.#out += this.#text.slice(this.#copied, start) + replacement
    this.#copied = end
  }
}

function redactString(value: string, secrecy: Secrecy, place: Place, pseudonyms: Pseudonyms, nesting: number): string {
  if (secrecy === 'token' || secrecy === 'erase') return redactValue(value, secrecy, place, pseudonyms)
  if (value.length >= 8) {
    const first = value.charCodeAt(0)
    const nested = first === 0x7b || first === 0x5b || value.includes('{')
    if (nested && nesting > 0) return new LenientJson(value, place, pseudonyms, nesting - 1).redact()
    if (value.includes('://') || (first === 0x2f && value.includes('/', 1))) {
      return redactValue(redactUrl(value, pseudonyms), secrecy, place, pseudonyms)
    }
  }
  return redactValue(value, secrecy, place, pseudonyms)
}

/** A string value of JSON, unescaped; null when it stays. `secrecy`: what its name says. */
export function redactJsonString(value: string, secrecy: Secrecy, place: Place, pseudonyms: Pseudonyms): string | null {
  const redacted = redactString(value, secrecy, place, pseudonyms, MAX_NESTING)
  return redacted === value ? null : redacted
}

/** A number, or a bare word, of JSON; null when it stays. */
export function redactJsonBare(literal: string, secrecy: Secrecy, place: Place, pseudonyms: Pseudonyms): string | null {
  if (literal === 'true' || literal === 'false' || literal === 'null') return null
  if (isCardLiteral(literal)) return REDACTED
  const redacted = redactValue(literal, secrecy, place, pseudonyms)
  return redacted === literal ? null : redacted
}

const KEY_SLOTS = 1024
const MAX_KEPT_KEY = 64
/** Keys as they stand in a text, escapes and all, and what they say. Each slot belongs to the last who came. */
const keys = new Array<string>(KEY_SLOTS).fill('')
const secrecies = new Array<Secrecy>(KEY_SLOTS).fill('keep')

/** The same few keys come in every body: they are compared in place, which needs no string and no hash of one. */
function secrecyOfKey(text: string, start: number, end: number): Secrecy {
  const length = end - start
  if (length <= 0 || length > MAX_KEY) return 'keep'
  const shape = length * 131 + text.charCodeAt(start) * 31 + text.charCodeAt(start + (length >> 1)) * 17
  const slot = (shape + text.charCodeAt(end - 1)) & (KEY_SLOTS - 1)
  const kept = keys[slot]!
  if (kept.length === length) {
    let i = 0
    while (i < length && kept.charCodeAt(i) === text.charCodeAt(start + i)) i++
    if (i === length) return secrecies[slot]!
  }
  const raw = text.slice(start, end)
  const secrecy = secrecyOf(raw.includes('\\') ? unescapeJson(raw) : raw)
  if (length <= MAX_KEPT_KEY) {
    keys[slot] = ownText(raw)
    secrecies[slot] = secrecy
  }
  return secrecy
}

function endsBare(code: number): boolean {
  return (
    code <= 0x20 ||
    code === 0x2c ||
    code === 0x3a ||
    code === 0x3d ||
    code === 0x26 ||
    code === 0x3f ||
    code === QUOTE ||
    code === 0x28 ||
    code === 0x29 ||
    code === 0x5b ||
    code === 0x5d ||
    code === 0x7b ||
    code === 0x7d
  )
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/** The text of a JSON string; an escape that is none stays as it is. */
export function unescapeJson(raw: string): string {
  if (!raw.includes('\\')) return raw
  return raw.replace(/\\(?:u([0-9a-fA-F]{4})|([^u]))/g, (_, hex: string | undefined, character: string | undefined) =>
    hex !== undefined ? String.fromCharCode(Number.parseInt(hex, 16)) : (ESCAPES[character!] ?? character!),
  )
}

function escapeJson(value: string): string {
  return JSON.stringify(value).slice(1, -1)
}
