import type { Weird } from '../telemetry/weirds.ts'
import { ALL_NAMES, HOST, KNOWN_COUNT, knownHeaderAt, type NameTable } from './known-headers.ts'
import type { HttpLimits } from './limits.ts'
import { type LineKind, maybeStartLine, NO_LINE, REQUEST_LINE, StartLine, TOKEN } from './start-line.ts'

/** `scan` results below zero. */
export const INCOMPLETE = -1
export const INVALID = -2

const HTAB = 0x09
const LF = 0x0a
const CR = 0x0d
const SP = 0x20
const COLON = 0x3a

/** Offsets per field: name start, name end, value start, value end. */
export const SLOTS = 4

const FRAMING_SLOTS = 16
const HIGH_BITS = 0x80808080 | 0
const LARGE_BYTES = 128 * 1024
const NO_WORDS = new Int32Array(0)

/** Bytes that end the plain run of a field value: controls other than HTAB, DEL, and what is not ASCII. */
const SPECIAL = new Uint8Array(256).fill(1, 0x7f)
for (let c = 0; c < 32; c++) SPECIAL[c] = c === HTAB ? 0 : 1

/**
 * Reads one whole head in place, in one pass, and notes where everything stands (RFC 9112 §2.2, §5). One instance serves
 * all flows; every scan overwrites the last. Offsets are relative to the start line's first byte.
 *
 * Readings taken where the grammar leaves none: a lone LF ends a line; a lone CR is part of the value; a name with
 * blanks before the colon counts as that name; a line without a colon is passed over. Each is a weird.
 */
export class HeadScanner {
  readonly line = new StartLine()
  readonly offsets: Uint16Array
  /** By known header: 1 + index of its first field, 0 when absent. */
  readonly known = new Uint16Array(KNOWN_COUNT)
  headerCount = 0
  /** Fields of the name `host`; more than one is ambiguous. */
  hostCount = 0
  weirds: Weird[] = []
  /** No byte of the head is above 0x7f. */
  ascii = true
  /** Some line was no field: a start line found in the middle of a stream is then not believed. */
  malformed = false
  readonly #limits: HttpLimits
  readonly #names: NameTable
  /** The bytes scanned last, four at a time, when they are worth it: see `#view`. */
  #words: Int32Array = NO_WORDS
  #wordsOf: Buffer | null = null

  constructor(limits: HttpLimits, names = ALL_NAMES) {
    this.#limits = limits
    this.#names = names
    // Slots past maxHeaders are for content-length and transfer-encoding only, so that a flood of fields cannot hide them.
    this.offsets = new Uint16Array((limits.maxHeaders + FRAMING_SLOTS) * SLOTS)
  }

  /** End of the head (after its blank line), INCOMPLETE, or INVALID when no start line of the wanted kind stands at `from`. */
  scan(bytes: Buffer, from: number, end: number, want: LineKind, strict: boolean): number {
    this.headerCount = 0
    this.hostCount = 0
    this.malformed = false
    if (this.weirds.length > 0) this.weirds = []
    let i = from
    let bits = 0
    while (i < end && bytes[i] !== LF) bits |= bytes[i++]!
    this.ascii = bits < 0x80
    if (i === end) return maybeStartLine(bytes, from, end, want) ? INCOMPLETE : INVALID
    const lineEnd = this.#trimCr(bytes, from, i)
    if (this.line.read(bytes, from, lineEnd, want, strict) === NO_LINE) return INVALID
    if (this.line.badTarget) this.#weird('http.bad_target')
    if (this.line.badVersion) this.#weird('http.bad_version')
    this.known.fill(0)
    if (bytes !== this.#wordsOf) this.#view(bytes)
    return this.#fields(bytes, from, i + 1, end)
  }

  #fields(bytes: Buffer, from: number, first: number, end: number): number {
    const offsets = this.offsets
    const words = this.#words
    // A bundle's module constants are variables to the compiler, checked at every byte; these are not.
    const token = TOKEN
    const special = SPECIAL
    const wordsEnd = Math.min(end, words.length << 2) - 3
    let i = first
    /** Slot of the last field, for folded lines; -1 when it was not recorded. */
    let last = -1
    while (i < end) {
      const lineStart = i
      let c = bytes[i]!
      if (c === CR || c === LF) {
        while (c === CR && ++i < end) c = bytes[i]!
        if (i === end) return INCOMPLETE
        if (c === LF) {
          if (i === lineStart) this.#weird('http.bare_lf')
          else if (i > lineStart + 1) this.#weird('http.bare_cr')
          if (this.hostCount > 1) this.#weird('http.duplicate_host')
          return i + 1
        }
        this.#weird('http.bare_cr')
      }
      const folded = (c === SP || c === HTAB) && i === lineStart
      // Name, up to the colon.
      let nameEnd = i
      if (!folded) {
        while (i < end && token[bytes[i]!] === 1) i++
        nameEnd = i
        while (i < end && (bytes[i] === SP || bytes[i] === HTAB)) i++
      }
      const colon = !folded && i < end && bytes[i] === COLON
      if (colon) i++
      while (i < end && (bytes[i] === SP || bytes[i] === HTAB)) i++
      const valueStart = i
      // Value, up to the line feed.
      for (;;) {
        while ((i & 3) !== 0 && i < end && special[bytes[i]!] === 0) i++
        if ((i & 3) === 0) {
          // Four plain bytes at a time: none below blank, none of 0x80 and up. Over bytes alone heads take a third longer.
          while (i < wordsEnd) {
            const word = words[i >> 2]!
            if ((((word - 0x20202020) | word) & HIGH_BITS) !== 0) break
            i += 4
          }
        }
        while (i < end && special[bytes[i]!] === 0) i++
        if (i === end) return INCOMPLETE
        c = bytes[i]!
        if (c === LF) break
        if (c === CR) {
          if (i + 1 === end) return INCOMPLETE
          if (bytes[i + 1] !== LF) this.#weird('http.bare_cr')
        } else if (c === 0) this.#weird('http.nul_byte')
        else if (c >= 0x80) {
          this.ascii = false
          while (i + 1 < end && bytes[i + 1]! >= 0x80) i++
        }
        i++
      }
      let valueEnd = this.#trimCr(bytes, valueStart, i)
      while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--
      i++
      if (folded) {
        this.#weird('http.obs_fold')
        if (last >= 0 && valueEnd > valueStart) offsets[last + 3] = valueEnd - from
        else if (last < 0 && this.headerCount === 0) this.#malformed()
        continue
      }
      last = colon
        ? this.#record(bytes, from, lineStart, nameEnd, valueStart, valueEnd)
        : this.#other(bytes, from, lineStart, i - 1)
    }
    return INCOMPLETE
  }

  /** A large buffer is a reader's and comes again with the next head; for a small one a view costs more than it saves. */
  #view(bytes: Buffer): void {
    const large = bytes.length >= LARGE_BYTES && (bytes.byteOffset & 3) === 0
    this.#wordsOf = large ? bytes : null
    this.#words = large ? new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2) : NO_WORDS
  }

  #record(bytes: Buffer, from: number, start: number, nameEnd: number, valueStart: number, valueEnd: number): number {
    if (nameEnd === start) {
      this.#weird('http.empty_header_name')
      this.malformed = true
    }
    if (bytes[nameEnd] !== COLON) this.#weird('http.space_before_colon')
    const known = knownHeaderAt(this.#names, bytes, start, nameEnd)
    if (this.headerCount >= this.#limits.maxHeaders) {
      this.#weird('http.too_many_headers')
      const framing = known === 1 || known === 2
      if (!framing || this.headerCount >= this.#limits.maxHeaders + FRAMING_SLOTS) return -1
    }
    if (known >= 0) {
      if (known === HOST) this.hostCount++
      if (this.known[known] === 0) this.known[known] = this.headerCount + 1
    }
    const slot = this.headerCount * SLOTS
    this.headerCount++
    const offsets = this.offsets
    offsets[slot] = start - from
    offsets[slot + 1] = nameEnd - from
    offsets[slot + 2] = valueStart - from
    offsets[slot + 3] = valueEnd - from
    if (valueEnd - valueStart > this.#limits.maxFieldBytes) {
      this.#weird('http.field_too_large')
      offsets[slot + 3] = valueStart + this.#limits.maxFieldBytes - from
    }
    return slot
  }

  /** A line that is no field by the grammar: recorded when there is a colon at all, so that what was sent stays visible. */
  #other(bytes: Buffer, from: number, start: number, end: number): number {
    this.#malformed()
    let colon = start
    while (colon < end && bytes[colon] !== COLON) colon++
    if (colon === end || this.headerCount >= this.#limits.maxHeaders) return -1
    let valueStart = colon + 1
    while (valueStart < end && (bytes[valueStart] === SP || bytes[valueStart] === HTAB)) valueStart++
    let valueEnd = Math.max(valueStart, this.#trimCr(bytes, start, end))
    if (valueEnd - valueStart > this.#limits.maxFieldBytes) {
      this.#weird('http.field_too_large')
      valueEnd = valueStart + this.#limits.maxFieldBytes
    }
    const slot = this.headerCount * SLOTS
    this.headerCount++
    this.offsets[slot] = start - from
    this.offsets[slot + 1] = colon - from
    this.offsets[slot + 2] = valueStart - from
    this.offsets[slot + 3] = valueEnd - from
    return slot
  }

  #malformed(): void {
    this.malformed = true
    this.#weird('http.bad_header')
  }

  /** End of a line without its CR; a line that ends in LF alone is a weird. */
  #trimCr(bytes: Buffer, start: number, lf: number): number {
    if (lf > start && bytes[lf - 1] === CR) return lf - 1
    if (lf === start && bytes[lf - 1] === CR) return lf
    this.#weird('http.bare_lf')
    return lf
  }

  #weird(name: Weird): void {
    if (!this.weirds.includes(name)) this.weirds.push(name)
  }

  /** Whether the last scanned head was a request. */
  get isRequest(): boolean {
    return this.line.kind === REQUEST_LINE
  }
}
