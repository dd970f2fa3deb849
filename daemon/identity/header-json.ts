import type { ParsedHead } from '../http/head.ts'
import { sameAscii } from '../model/ascii-bytes.ts'
import { HIGH_BITS, ONES } from '../model/json-bytes.ts'
import { isPlainJson, type JsonText, type Literal, literal } from '../model/json-text.ts'
import { RecentFields } from './recent-fields.ts'
import type { HeaderRedactor, HeaderTreatment } from './redact-headers.ts'
import { mayStartToken } from './token-shape.ts'

const COMMA = 0x2c
const OPEN = 0x5b
const CLOSE = 0x5d
const CLOSING = literal('"]')

/** What a byte of a value means to redactText: 0 cannot be copied as it is, 1 separates, 2 and more make up tokens. */
const PART = new Uint8Array(256)
const SEPARATOR = 1
const TOKEN = 2
const DIGIT = 3
for (let code = 0; code < 128; code++) PART[code] = isPlainJson(code) ? SEPARATOR : 0
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.~+')
  PART[character.charCodeAt(0)] = TOKEN
for (const digit of '0123456789') PART[digit.charCodeAt(0)] = DIGIT

/** Shorter values hold no token and no card number. */
const MIN_SECRET = 12
const MIN_CARD_DIGITS = 13

const SLOTS = 512
const MAX_NAME = 64

interface KnownName {
  /** `["Name","`: what stands before the value. */
  readonly opening: Literal
  readonly treatment: HeaderTreatment
}

/** Before the name in an opening, and behind it. */
const BEFORE_NAME = 2
const AROUND_NAME = 5

/**
 * Header lists as redacted JSON, straight from the bytes of a head. Names repeat, so how one is treated is remembered; a value is
 * copied in one pass that also looks for anything that redaction might change. Where it finds something, or a character
 * that JSON writes in another way, this one field goes through HeaderRedactor as text: the result is always the same.
 */
export class HeaderJson {
  readonly #redactor: HeaderRedactor
  /** By a hash of the name as sent; a newcomer takes the place of another. */
  readonly #names: (KnownName | null)[] = new Array<KnownName | null>(SLOTS).fill(null)
  readonly #secrets = new RecentFields()

  constructor(redactor: HeaderRedactor) {
    this.#redactor = redactor
  }

  /** Forgets every raw value. */
  close(): void {
    this.#secrets.clear()
  }

  write(head: ParsedHead, out: JsonText): void {
    out.byte(OPEN)
    for (let i = 0; i < head.headerCount; i++) {
      if (i > 0) out.byte(COMMA)
      this.field(head, i, out)
    }
    out.byte(CLOSE)
  }

  /** One name and value as a list of two. */
  field(head: ParsedHead, index: number, out: JsonText): void {
    const nameStart = head.nameStart(index)
    const nameEnd = head.nameEnd(index)
    const valueStart = head.valueStart(index)
    const valueEnd = head.valueEnd(index)
    out.reserve(nameEnd - nameStart + Math.max(0, valueEnd - valueStart) + 7)
    if (!head.ascii || !this.#copy(head.bytes, head.view, nameStart, nameEnd, valueStart, valueEnd, out)) {
      this.#rewrite(head, index, out)
    }
  }

  /** False, and nothing written, when the field needs a closer look. */
  #copy(
    bytes: Buffer,
    view: DataView,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
    out: JsonText,
  ): boolean {
    const known = this.#known(bytes, view, nameStart, nameEnd)
    if (known === null) return false
    if (known.treatment === 'secret') return this.#secrets.copy(known, bytes, view, valueStart, valueEnd, out)
    const start = out.length
    out.raw(known.opening)
    const short = valueEnd - valueStart < MIN_SECRET
    if (!short && isWord(bytes, view, valueStart, valueEnd)) out.kept(view, valueStart, valueEnd)
    else {
      const copied =
        short || known.treatment === 'open'
          ? copyPlain(bytes, valueStart, valueEnd, out.bytes, out.length)
          : copyHarmless(bytes, valueStart, valueEnd, out.bytes, out.length)
      if (copied < 0) {
        out.length = start
        return false
      }
      out.length = copied
    }
    out.raw(CLOSING)
    return true
  }

  #known(bytes: Buffer, view: DataView, start: number, end: number): KnownName | null {
    const length = end - start
    if (length <= 0 || length > MAX_NAME) return null
    const shape = length * 131 + bytes[start]! * 31 + bytes[start + (length >> 1)]! * 17 + bytes[end - 1]!
    const slot = shape & (SLOTS - 1)
    const known = this.#names[slot]!
    if (known !== null) {
      const { opening } = known
      if (opening.length === length + AROUND_NAME && sameAscii(view, start, opening.view, BEFORE_NAME, length)) {
        return known
      }
    }
    for (let i = start; i < end; i++) if (!isPlainJson(bytes[i]!)) return null
    const name = bytes.toString('latin1', start, end)
    const made = { opening: literal(`["${name}","`), treatment: this.#redactor.treatmentOf(name.toLowerCase()) }
    this.#names[slot] = made
    return made
  }

  #rewrite(head: ParsedHead, index: number, out: JsonText): void {
    const start = out.length
    const [name, value] = head.field(index)
    out.strings([name, this.#redactor.value(name.toLowerCase(), value)])
    if (!head.ascii) return
    const known = this.#known(head.bytes, head.view, head.nameStart(index), head.nameEnd(index))
    if (known === null || known.treatment !== 'secret') return
    this.#secrets.keep(known, head.bytes, head.valueStart(index), head.valueEnd(index), out, start)
  }
}

/** With three digits in the word before, and three in the word after, no card number. */
const MAX_DIGITS = 6

/** Whether a value of at least MIN_SECRET bytes is letters, digits and dashes, as ids are, with neither token nor card number in it: four bytes at a time. */
function isWord(bytes: Buffer, view: DataView, start: number, end: number): boolean {
  if (isPunctuation(bytes[start]!) || mayStartToken(bytes[start]!, bytes[start + 1]!)) return false
  const last = (end - 4) | 0
  let digits = 0
  for (let at = start | 0; ; at = Math.min(at + 4, last)) {
    const word = view.getInt32(at, true)
    // Without the `J` of `eyJ`.
    const j = word ^ 0x4a4a4a4a
    if (((word | ((j - ONES) & ~j)) & HIGH_BITS) !== 0) return false
    const lower = word | 0x20202020
    const letters = (lower + 0x1f1f1f1f) & ~(lower + 0x05050505) & HIGH_BITS
    const numerals = ~((word ^ 0x30303030) + 0x76767676) & ~(word ^ 0x30303030) & HIGH_BITS
    const dashes = ~((word ^ 0x2d2d2d2d) + 0x7f7f7f7f) & HIGH_BITS
    if ((letters | numerals | dashes) !== HIGH_BITS) return false
    if (letters !== 0) digits = 0
    else {
      digits += Math.imul(numerals >>> 7, ONES) >>> 24
      if (digits > MAX_DIGITS) return false
    }
    if (at === last) return true
  }
}

/** The end of the copy, or -1 when a byte has to be escaped. */
function copyPlain(bytes: Buffer, start: number, end: number, to: Buffer, at: number): number {
  const parts = PART
  let next = at
  for (let i = start; i < end; i++) {
    const code = bytes[i]!
    if (parts[code] === 0) return -1
    to[next++] = code
  }
  return next
}

/**
 * As above, and -1 also for whatever redactText might replace, generously: `eyJ`, a long run of token characters that
 * starts as keys do, 13 digits with nothing but blanks and dashes between them.
 */
function copyHarmless(bytes: Buffer, start: number, end: number, to: Buffer, at: number): number {
  // A bundle's module constants are variables to the compiler, checked at every byte; this is not.
  const parts = PART
  let next = at
  let digits = 0
  let runStart = -1
  for (let i = start; i < end; i++) {
    const code = bytes[i]!
    const part = parts[code]!
    to[next++] = code
    if (part >= TOKEN) {
      if (runStart < 0) runStart = i
      if (part === DIGIT) {
        if (++digits >= MIN_CARD_DIGITS) return -1
      } else if (code !== 0x2d) {
        digits = 0
        if (code === 0x4a && i >= start + 2 && bytes[i - 1] === 0x79 && bytes[i - 2] === 0x65) return -1
      }
    } else {
      if (part === 0) return -1
      if (code !== 0x20) digits = 0
      if (runStart >= 0 && i - runStart >= MIN_SECRET && mayBeKey(bytes, runStart, i)) return -1
      runStart = -1
    }
  }
  return runStart >= 0 && end - runStart >= MIN_SECRET && mayBeKey(bytes, runStart, end) ? -1 : next
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
