import { BackBits, damage } from './back-bits.ts'
import { type FseTable, fseTable, readFseTable, singleTable } from './fse-table.ts'
import { type HuffmanTable, readHuffmanTable, readLiterals } from './huffman.ts'

/** RFC 8878 §3.1.1.2.4: no block holds more, compressed or not. */
export const MAX_BLOCK_BYTES = 128 * 1024
/** Offset codes above this reach further back than any window we keep. */
const MAX_OFFSET_CODE = 28

/**
 * Cells of described tables that may be built: some at once, and more with each byte of a block. What compresses has
 * larger blocks behind its tables; without this, 64 KiB of descriptions alone took 53 ms.
 */
const FIRST_CELLS = 64 * 1024
const CELLS_PER_BYTE = 16

interface SequenceTables {
  readonly literals: FseTable
  readonly offsets: FseTable
  readonly matches: FseTable
}

/** Where the blocks of one frame are written, and what is behind. */
export interface Output {
  bytes: Uint8Array
  /** End of what is written. Room for a block is there. */
  end: number
  /** First byte that a match may reach back to. */
  start: number
}

/**
 * Compressed blocks of one frame (RFC 8878 §3.1.1.3). Tables and the last three offsets live from block to block.
 * Work is bounded by bytes in and bytes out: a block that would give over 128 KiB is damage as soon as it does.
 */
export class BlockDecoder {
  readonly #literals = new Uint8Array(MAX_BLOCK_BYTES)
  readonly #bits = new BackBits()
  #literalCount = 0
  #huffman: HuffmanTable | null = null
  #tables: SequenceTables | null = null
  #cells = FIRST_CELLS
  #offset1 = 1
  #offset2 = 4
  #offset3 = 8

  /** Forgets the frame before. */
  reset(): void {
    this.#huffman = null
    this.#tables = null
    this.#offset1 = 1
    this.#offset2 = 4
    this.#offset3 = 8
  }

  /** Appends what bytes `start` to `end` hold to `out`. Throws ZstdDamage, with `out.end` where it was. */
  decode(bytes: Uint8Array, start: number, end: number, out: Output): void {
    const from = out.end
    this.#cells += (end - start) * CELLS_PER_BYTE
    try {
      this.#sequences(bytes, this.#readLiteralsSection(bytes, start, end), end, out)
    } catch (error) {
      out.end = from
      throw error
    }
  }

  #readLiteralsSection(bytes: Uint8Array, start: number, end: number): number {
    if (end - start < 2) damage('a block is cut off')
    const type = bytes[start]! & 3
    const format = (bytes[start]! >> 2) & 3
    const raw = type < 2
    // Sizes in 5, 12 or 20 bits without compression, twice 10, 14 or 18 bits with it.
    const headBytes = raw ? (format === 3 ? 3 : format === 1 ? 2 : 1) : format < 2 ? 3 : format + 2
    const width = raw ? 20 : format < 2 ? 10 : format === 2 ? 14 : 18
    if (start + headBytes > end) damage('a block is cut off')
    let head = 0
    for (let i = headBytes - 1; i >= 0; i--) head = head * 256 + bytes[start + i]!
    const sizes = Math.floor(head / (raw && format % 2 === 0 ? 8 : 16))
    const size = raw ? sizes : sizes % 2 ** width
    if (size > MAX_BLOCK_BYTES) damage('a block is too long')
    const at = start + headBytes
    this.#literalCount = size
    if (type === 0) {
      if (at + size > end) damage('literals are cut off')
      this.#literals.set(bytes.subarray(at, at + size))
      return at + size
    }
    if (type === 1) {
      if (at >= end) damage('literals are cut off')
      this.#literals.fill(bytes[at]!, 0, size)
      return at + 1
    }
    const to = at + Math.floor(sizes / 2 ** width)
    if (to > end) damage('literals are cut off')
    let from = at
    if (type === 2) {
      const { table, end: after } = readHuffmanTable(bytes, at, to)
      this.#huffman = table
      from = after
    }
    this.#unpackLiterals(bytes, from, to, size, format !== 0)
    return to
  }

  #unpackLiterals(bytes: Uint8Array, from: number, to: number, size: number, fourStreams: boolean): void {
    const table = this.#huffman ?? damage('a block refers to a table that is not there')
    if (!fourStreams) {
      readLiterals(table, bytes, from, to, this.#literals, 0, size)
      return
    }
    const share = (size + 3) >> 2
    // The lengths of the first three streams stand before them.
    let at = from + 6
    if (at > to || 3 * share > size) damage('literals are cut off')
    for (let stream = 0; stream < 4; stream++) {
      const lengthAt = from + 2 * stream
      const end = stream === 3 ? to : at + (bytes[lengthAt]! | (bytes[lengthAt + 1]! << 8))
      if (end > to) damage('literals are cut off')
      readLiterals(table, bytes, at, end, this.#literals, stream * share, stream === 3 ? size : (stream + 1) * share)
      at = end
    }
  }

  #sequences(bytes: Uint8Array, start: number, end: number, out: Output): void {
    let at = start
    const byte = (): number => (at < end ? bytes[at++]! : damage('a block is cut off'))
    const first = byte()
    const count = first < 128 ? first : first < 255 ? ((first - 128) << 8) + byte() : byte() + (byte() << 8) + 0x7f00
    if (count === 0) {
      if (at !== end) damage('a block has bytes left over')
      this.#copyLiterals(0, this.#literalCount, out)
      return
    }
    const modes = byte()
    if ((modes & 3) !== 0) damage('a block has a reserved bit set')
    const before = this.#tables
    const table = (mode: number, known: FseTable, maxLog: number, maxSymbol: number, last: FseTable | undefined) => {
      if (mode === 0) return known
      if (mode === 3) return last ?? damage('a block refers to a table that is not there')
      if (mode === 1) {
        const symbol = byte()
        return symbol <= maxSymbol ? singleTable(symbol) : damage('a table has an unknown symbol')
      }
      const read = readFseTable(bytes, at, end, maxLog, maxSymbol)
      at = read.end
      this.#cells -= 1 << read.table.log
      return this.#cells >= 0 ? read.table : damage('there are more tables than blocks to use them')
    }
    const literals = table(modes >> 6, LITERAL_LENGTHS, 9, LITERAL_BASE.length - 1, before?.literals)
    const offsets = table((modes >> 4) & 3, OFFSETS, 8, 31, before?.offsets)
    const matches = table((modes >> 2) & 3, MATCH_LENGTHS, 9, MATCH_BASE.length - 1, before?.matches)
    this.#tables = { literals, offsets, matches }
    this.#bits.open(bytes, at, end)
    this.#copySequences(count, this.#tables, out)
  }

  #copySequences(count: number, { literals, offsets, matches }: SequenceTables, out: Output): void {
    const bits = this.#bits
    const limit = out.end + MAX_BLOCK_BYTES
    let literalState = bits.read(literals.log)
    let offsetState = bits.read(offsets.log)
    let matchState = bits.read(matches.log)
    let used = 0
    for (let left = count; left > 0; left--) {
      const offsetCode = offsets.symbol[offsetState]!
      if (offsetCode > MAX_OFFSET_CODE) damage('a match reaches too far back')
      const offsetValue = 2 ** offsetCode + bits.read(offsetCode)
      const matchCode = matches.symbol[matchState]!
      const matchLength = MATCH_BASE[matchCode]! + bits.read(MATCH_BITS[matchCode]!)
      const literalCode = literals.symbol[literalState]!
      const literalLength = LITERAL_BASE[literalCode]! + bits.read(LITERAL_BITS[literalCode]!)
      if (left > 1) {
        literalState = literals.base[literalState]! + bits.read(literals.bits[literalState]!)
        matchState = matches.base[matchState]! + bits.read(matches.bits[matchState]!)
        offsetState = offsets.base[offsetState]! + bits.read(offsets.bits[offsetState]!)
      }
      if (bits.left < 0) damage('sequences are cut off')
      if (used + literalLength > this.#literalCount) damage('a block has too few literals')
      if (out.end + literalLength + matchLength > limit) damage('a block is too long')
      this.#copyLiterals(used, used + literalLength, out)
      used += literalLength
      this.#copyMatch(this.#offsetOf(offsetValue, literalLength), matchLength, out)
    }
    if (bits.left !== 0) damage('sequences are left over')
    if (out.end + this.#literalCount - used > limit) damage('a block is too long')
    this.#copyLiterals(used, this.#literalCount, out)
  }

  #copyLiterals(from: number, to: number, out: Output): void {
    const { bytes } = out
    let { end } = out
    for (let at = from; at < to; at++) bytes[end++] = this.#literals[at]!
    out.end = end
  }

  #copyMatch(offset: number, length: number, out: Output): void {
    const { bytes } = out
    let from = out.end - offset
    if (offset < 1 || from < out.start) damage('a match reaches too far back')
    let { end } = out
    // Forwards, byte by byte: a match may overlap what it writes.
    for (const last = end + length; end < last; ) bytes[end++] = bytes[from++]!
    out.end = end
  }

  /** Values 1 to 3 name one of the last three offsets (RFC 8878 §3.1.1.5). */
  #offsetOf(value: number, literalLength: number): number {
    if (value > 3) {
      this.#offset3 = this.#offset2
      this.#offset2 = this.#offset1
      this.#offset1 = value - 3
      return this.#offset1
    }
    const which = literalLength === 0 ? value + 1 : value
    if (which === 1) return this.#offset1
    const offset = which === 2 ? this.#offset2 : which === 3 ? this.#offset3 : this.#offset1 - 1
    if (which > 2) this.#offset3 = this.#offset2
    this.#offset2 = this.#offset1
    this.#offset1 = offset
    return offset
  }
}

/** Extra bits by code; a base goes on where the values of the code before end (RFC 8878 §3.1.1.3.2.1.1). */
function bases(first: number, bits: readonly number[]): number[] {
  let next = first
  return bits.map((count) => {
    const base = next
    next += 2 ** count
    return base
  })
}

const zeros = (count: number): number[] => new Array<number>(count).fill(0)
const LITERAL_BITS = [...zeros(16), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
const LITERAL_BASE = bases(0, LITERAL_BITS)
const MATCH_BITS = [...zeros(32), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
const MATCH_BASE = bases(3, MATCH_BITS)

/** The predefined distributions (RFC 8878 §3.1.1.3.2.2). */
const LITERAL_LENGTHS = fseTable(
  [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1],
  6,
)
const MATCH_LENGTHS = fseTable(
  [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
  ],
  6,
)
const OFFSETS = fseTable(
  [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
  5,
)
