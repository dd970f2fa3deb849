import type { Weird } from '../telemetry/weirds.ts'
import {
  ALL_NAMES,
  CONTENT_LENGTH,
  HOST,
  KNOWN_COUNT,
  knownHeaderAt,
  type NameTable,
  TRANSFER_ENCODING,
} from './known-headers.ts'
import type { HttpLimits } from './limits.ts'
import { type LineKind, maybeStartLine, NO_LINE, REQUEST_LINE, StartLine, TOKEN } from './start-line.ts'
import { FOUND_WORDS } from './vector-code.ts'
import { VectorLines } from './vector-lines.ts'

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
  /** `known`, then `offsets`, as bytes: what is copied of both is copied at once. */
  readonly fields: Buffer
  readonly offsets: Uint16Array
  /** By field: which known name it has, -1 for none. */
  readonly names: Int8Array
  /** By known header: 1 + index of its first field, 0 when absent. */
  readonly known: Uint16Array
  /** Fields whose offsets were noted. */
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
  readonly #vector: VectorLines | null
  /** The start line is plain text, and could be looked at sixteen bytes at a time. */
  #plainLine = false
  /** Fields seen, of which those that nobody asks for need not be noted. */
  #fieldCount = 0
  /** Slot of the last field, for folded lines; -1 when it was not noted. */
  #last = -1

  /** `names`: what is looked for. All known names: every field is noted; else only fields of these names. */
  constructor(limits: HttpLimits, names = ALL_NAMES, vector = VectorLines.open()) {
    this.#limits = limits
    this.#names = names
    this.#vector = vector
    // Slots past maxHeaders are for content-length and transfer-encoding only, so that a flood of fields cannot hide them.
    const slots = (limits.maxHeaders + FRAMING_SLOTS) * SLOTS
    this.fields = Buffer.alloc(2 * (KNOWN_COUNT + slots))
    const { buffer, byteOffset } = this.fields
    this.known = new Uint16Array(buffer, byteOffset, KNOWN_COUNT)
    this.offsets = new Uint16Array(buffer, byteOffset + 2 * KNOWN_COUNT, slots)
    this.names = new Int8Array(limits.maxHeaders + FRAMING_SLOTS)
  }

  /** End of the head (after its blank line), INCOMPLETE, or INVALID when no start line of the wanted kind stands at `from`. */
  scan(bytes: Buffer, from: number, end: number, want: LineKind, strict: boolean): number {
    this.headerCount = 0
    this.#fieldCount = 0
    this.hostCount = 0
    this.malformed = false
    this.ascii = true
    if (this.weirds.length > 0) this.weirds = []
    const seen = this.#vector === null ? from : this.#vector.look(bytes, from, end)
    const lf = this.#lineFeed(bytes, from, seen, end)
    if (lf === end) return maybeStartLine(bytes, from, end, want) ? INCOMPLETE : INVALID
    const lineEnd = this.#trimCr(bytes, from, lf)
    if (this.line.read(bytes, from, lineEnd, want, strict, this.#plainLine ? this.#vector : null) === NO_LINE) {
      return INVALID
    }
    if (this.line.badTarget) this.#weird('http.bad_target')
    if (this.line.badVersion) this.#weird('http.bad_version')
    const { known } = this
    for (let i = this.#names.count - 1; i >= 0; i--) known[i] = 0
    return this.#fields(bytes, from, lf + 1, seen, end)
  }

  /** The line feed that ends the start line, or `end`. Up to `seen` the bytes can be looked at sixteen at a time. */
  #lineFeed(bytes: Buffer, from: number, seen: number, end: number): number {
    let i = this.#vector === null ? from : this.#vector.plainEnd(from, seen)
    this.#plainLine = i + 1 < seen && bytes[i] === CR && bytes[i + 1] === LF
    if (this.#plainLine) return i + 1
    for (i = Math.min(i, seen); i < end; i++) {
      const c = bytes[i]!
      if (c === LF) return i
      if (c >= 0x80) this.ascii = false
    }
    return end
  }

  /** Lines as everybody writes them are found many at a time; whatever is odd about a line sends it to `#oddLine`. */
  #fields(bytes: Buffer, from: number, first: number, seen: number, end: number): number {
    this.#last = -1
    let i = first
    while (i < end) {
      if (i < seen) i = this.#plainLines(from, i, seen)
      if (i + 1 < end && bytes[i] === CR && bytes[i + 1] === LF) {
        if (this.hostCount > 1) this.#weird('http.duplicate_host')
        return i + 2
      }
      if (i < end) i = this.#oddLine(bytes, from, i, end)
      if (i < 0) return i === INCOMPLETE ? INCOMPLETE : ~i
    }
    return INCOMPLETE
  }

  /** Notes the fields whose lines, `Name: value` CR LF, stand from `first` on; returns where they end. */
  #plainLines(from: number, first: number, seen: number): number {
    const vector = this.#vector
    const room = this.#limits.maxHeaders - this.#fieldCount
    if (vector === null || room <= 0) return first
    const { count, all } = this.#names
    const most = all ? Number.POSITIVE_INFINITY : count
    const noted = vector.lines(first, seen, this.#limits.maxFieldBytes, room, most)
    const { found, shift } = vector
    const lines = found[0]!
    const end = found[1]! - shift
    let lastEnd = -1
    for (let at = FOUND_WORDS; at <= noted * FOUND_WORDS; at += FOUND_WORDS) {
      const nameEnd = found[at + 1]! - shift
      const known = found[at + 3]!
      lastEnd = found[at + 2]! - shift
      if (known >= 0) this.#found(known)
      this.#last = this.#note(from, found[at]! - shift, nameEnd, nameEnd + 2, lastEnd, known)
    }
    if (lines > 0 && lastEnd + 2 !== end) this.#last = -1
    this.#fieldCount += lines
    return end
  }

  /**
   * Any line, byte by byte: where the next one begins, INCOMPLETE, or, when this was the blank line that ends the head, the
   * complement of where that ends.
   */
  #oddLine(bytes: Buffer, from: number, lineStart: number, end: number): number {
    let i = lineStart
    let c = bytes[i]!
    if (c === CR || c === LF) {
      while (c === CR && ++i < end) c = bytes[i]!
      if (i === end) return INCOMPLETE
      if (c === LF) {
        if (i === lineStart) this.#weird('http.bare_lf')
        else if (i > lineStart + 1) this.#weird('http.bare_cr')
        if (this.hostCount > 1) this.#weird('http.duplicate_host')
        return ~(i + 1)
      }
      this.#weird('http.bare_cr')
    }
    const folded = (c === SP || c === HTAB) && i === lineStart
    // Name, up to the colon.
    let nameStop = i
    if (!folded) {
      while (i < end && TOKEN[bytes[i]!] === 1) i++
      nameStop = i
      while (i < end && (bytes[i] === SP || bytes[i] === HTAB)) i++
    }
    const colon = !folded && i < end && bytes[i] === COLON
    if (colon) i++
    while (i < end && (bytes[i] === SP || bytes[i] === HTAB)) i++
    const valueStart = i
    // Value, up to the line feed.
    for (;;) {
      while (i < end && SPECIAL[bytes[i]!] === 0) i++
      if (i === end) return INCOMPLETE
      c = bytes[i]!
      if (c === LF) break
      if (c === CR) {
        if (i + 1 === end) return INCOMPLETE
        if (bytes[i + 1] !== LF) this.#weird('http.bare_cr')
      } else if (c === 0) this.#weird('http.nul_byte')
      else if (c >= 0x80) this.ascii = false
      i++
    }
    let valueEnd = this.#trimCr(bytes, valueStart, i)
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--
    if (folded) {
      this.#weird('http.obs_fold')
      if (this.#last >= 0 && valueEnd > valueStart) this.offsets[this.#last + 3] = valueEnd - from
      else if (this.#last < 0 && this.#fieldCount === 0) this.#malformed()
    } else {
      this.#last = colon
        ? this.#record(bytes, from, lineStart, nameStop, valueStart, valueEnd)
        : this.#other(bytes, from, lineStart, i)
    }
    return i + 1
  }

  #found(known: number): void {
    if (known === HOST) this.hostCount++
    if (this.known[known] === 0) this.known[known] = this.headerCount + 1
  }

  #record(bytes: Buffer, from: number, start: number, nameEnd: number, valueStart: number, valueEnd: number): number {
    if (nameEnd === start) {
      this.#weird('http.empty_header_name')
      this.malformed = true
    }
    if (bytes[nameEnd] !== COLON) this.#weird('http.space_before_colon')
    const known = knownHeaderAt(this.#names, bytes, start, nameEnd)
    if (this.#fieldCount >= this.#limits.maxHeaders) {
      this.#weird('http.too_many_headers')
      const framing = known === CONTENT_LENGTH || known === TRANSFER_ENCODING
      if (!framing || this.#fieldCount >= this.#limits.maxHeaders + FRAMING_SLOTS) return -1
    }
    this.#fieldCount++
    if (valueEnd - valueStart > this.#limits.maxFieldBytes) this.#weird('http.field_too_large')
    if (known >= 0) this.#found(known)
    else if (!this.#names.all) return -1
    return this.#note(from, start, nameEnd, valueStart, valueEnd, known)
  }

  #note(from: number, start: number, nameEnd: number, valueStart: number, valueEnd: number, known: number): number {
    const offsets = this.offsets
    this.names[this.headerCount] = known
    const slot = this.headerCount++ * SLOTS
    offsets[slot] = start - from
    offsets[slot + 1] = nameEnd - from
    offsets[slot + 2] = valueStart - from
    offsets[slot + 3] = Math.min(valueEnd, valueStart + this.#limits.maxFieldBytes) - from
    return slot
  }

  /** A line that is no field by the grammar: recorded when there is a colon at all, so that what was sent stays visible. */
  #other(bytes: Buffer, from: number, start: number, end: number): number {
    this.#malformed()
    let colon = start
    while (colon < end && bytes[colon] !== COLON) colon++
    if (colon === end || this.#fieldCount >= this.#limits.maxHeaders) return -1
    this.#fieldCount++
    let valueStart = colon + 1
    while (valueStart < end && (bytes[valueStart] === SP || bytes[valueStart] === HTAB)) valueStart++
    const valueEnd = Math.max(valueStart, this.#trimCr(bytes, start, end))
    if (valueEnd - valueStart > this.#limits.maxFieldBytes) this.#weird('http.field_too_large')
    return this.#names.all ? this.#note(from, start, colon, valueStart, valueEnd, -1) : -1
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
