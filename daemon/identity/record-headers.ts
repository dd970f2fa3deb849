import { ownText } from '../model/own-text.ts'
import type { Header } from '../model/transaction.ts'
import type { HeaderRedactor } from './redact-headers.ts'

const SLOTS = 4096
/** Longer names and values are looked at each time. */
const MAX_NAME = 64
const MAX_VALUE = 1024

/** A header that comes again and again, and what was made of it. */
export interface KnownHeader {
  readonly name: string
  readonly value: string
  readonly redacted: Header
  /** The scanner that found nothing in the value. */
  cleanBy: object | null
}

/**
 * Redacts the headers of records. Clients repeat theirs, so what was made of one is kept, by name and value, in memory only and in a fixed number of
 * slots; each belongs to the last that came twice in a row, so that ids of requests, which never come again, are not kept at all.
 */
export class RecordHeaders {
  readonly #redactor: HeaderRedactor
  readonly #slots = new Array<KnownHeader | null>(SLOTS).fill(null)
  /** Of the last that came to the slot. */
  readonly #marks = new Int32Array(SLOTS)
  /** Of the list that was redacted last, null for what is not known. Reused. */
  readonly known: (KnownHeader | null)[] = []

  constructor(redactor: HeaderRedactor) {
    this.#redactor = redactor
  }

  /** Names and order as sent. */
  redact(headers: readonly Header[]): Header[] {
    const { known } = this
    const redacted = new Array<Header>(headers.length)
    known.length = headers.length
    for (let i = 0; i < headers.length; i++) {
      const header = headers[i]!
      const found = this.#find(header)
      known[i] = found
      redacted[i] = found === null ? this.#made(header) : found.redacted
    }
    return redacted
  }

  /** Forgets every raw value. */
  close(): void {
    this.#slots.fill(null)
    this.#marks.fill(0)
    this.known.length = 0
  }

  #find(header: Header): KnownHeader | null {
    const name = header[0]
    const value = header[1]
    if (value.length === 0 || value.length > MAX_VALUE || name.length > MAX_NAME) return null
    const mark = markOf(name, value)
    const slot = (mark ^ (mark >>> 12) ^ (mark >>> 24)) & (SLOTS - 1)
    const kept = this.#slots[slot]!
    if (kept !== null && kept.value === value && kept.name === name) return kept
    if (this.#marks[slot] !== mark) {
      this.#marks[slot] = mark
      return null
    }
    const own: Header = [ownText(name), ownText(value)]
    const known = { name: own[0], value: own[1], redacted: this.#made(own), cleanBy: null }
    this.#slots[slot] = known
    return known
  }

  #made(header: Header): Header {
    const value = this.#redactor.value(header[0].toLowerCase(), header[1])
    return value === header[1] ? header : [header[0], value]
  }
}

/** Of the lengths and some characters, the last ones among them: tokens begin alike. */
function markOf(name: string, value: string): number {
  const { length } = value
  let mark = Math.imul(length, 0x9e3779b1) ^ Math.imul(name.length + name.charCodeAt(name.length >> 1), 0x85ebca6b)
  const step = Math.max(1, length >> 3)
  for (let i = length - 1; i >= 0; i -= step) mark = Math.imul(mark ^ value.charCodeAt(i), 0x01000193)
  return mark ^ (mark >>> 15)
}
