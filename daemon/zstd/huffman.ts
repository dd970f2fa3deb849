import { BackBits, damage, highestBit } from './back-bits.ts'
import { readFseTable } from './fse-table.ts'

/** Literals by code (RFC 8878 §4.2): the next `log` bits give the symbol, and how many of them its code takes. */
export interface HuffmanTable {
  readonly log: number
  readonly symbol: Uint8Array
  readonly bits: Uint8Array
}

export interface HuffmanDescription {
  readonly table: HuffmanTable
  readonly end: number
}

const MAX_LOG = 11
const MAX_WEIGHTS = 255
const reader = new BackBits()

/** Reads the description of a table between `start` and `end`. Throws ZstdDamage. */
export function readHuffmanTable(bytes: Uint8Array, start: number, end: number): HuffmanDescription {
  if (start >= end) damage('a Huffman table is cut off')
  const header = bytes[start]!
  const from = start + 1
  const to = from + (header < 128 ? header : (header - 126) >> 1)
  if (to > end) damage('a Huffman table is cut off')
  const weights = header < 128 ? packedWeights(bytes, from, to) : plainWeights(bytes, from, header - 127)
  return { table: huffmanTable(weights), end: to }
}

/** Four bits each. */
function plainWeights(bytes: Uint8Array, from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (bytes[from + (i >> 1)]! >> (i % 2 === 0 ? 4 : 0)) & 15)
}

/** Two states of one FSE stream, in turn, until its bits run out (RFC 8878 §4.2.1.2). */
function packedWeights(bytes: Uint8Array, from: number, to: number): number[] {
  const { table, end } = readFseTable(bytes, from, to, 6, MAX_WEIGHTS)
  reader.open(bytes, end, to)
  const weights: number[] = []
  let state = reader.read(table.log)
  let other = reader.read(table.log)
  // A state that takes no bits would go on for ever: the number of weights is the bound.
  while (weights.length < MAX_WEIGHTS) {
    weights.push(table.symbol[state]!)
    const next = table.base[state]! + reader.read(table.bits[state]!)
    state = other
    other = next
    if (reader.left < 0) {
      weights.push(table.symbol[state]!)
      if (weights.length > MAX_WEIGHTS) break
      return weights
    }
  }
  return damage('a Huffman table has too many symbols')
}

/** The last weight is not sent: it is what fills the sum up to a power of two. */
function huffmanTable(sent: readonly number[]): HuffmanTable {
  let sum = 0
  for (const weight of sent) {
    if (weight > MAX_LOG) damage('a Huffman code is too long')
    if (weight > 0) sum += 1 << (weight - 1)
  }
  if (sum === 0) damage('a Huffman table is empty')
  const log = highestBit(sum) + 1
  const rest = (1 << log) - sum
  if (log > MAX_LOG || (rest & (rest - 1)) !== 0) damage('a Huffman table does not add up')
  const weights = [...sent, highestBit(rest) + 1]
  const symbol = new Uint8Array(1 << log)
  const bits = new Uint8Array(1 << log)
  // The lightest symbols, with the longest codes, come first.
  let place = 0
  for (let weight = 1; weight <= log; weight++) {
    for (const [value, own] of weights.entries()) {
      if (own !== weight) continue
      const width = 1 << (weight - 1)
      symbol.fill(value, place, place + width)
      bits.fill(log + 1 - weight, place, place + width)
      place += width
    }
  }
  return { log, symbol, bits }
}

/** Decodes bytes `start` to `end` into `out`, `from` to `to`; both must end together. Throws ZstdDamage. */
export function readLiterals(
  table: HuffmanTable,
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  from: number,
  to: number,
): void {
  reader.open(bytes, start, end)
  const { log, symbol, bits } = table
  const mask = (1 << log) - 1
  let { left } = reader
  for (let at = from; at < to; at++) {
    const position = left - log
    let code: number
    if (position >= 0) {
      const byte = start + (position >>> 3)
      code = ((bytes[byte]! | (bytes[byte + 1]! << 8) | (bytes[byte + 2]! << 16)) >>> (position & 7)) & mask
    } else {
      reader.left = left
      code = reader.peek(log)
    }
    out[at] = symbol[code]!
    left -= bits[code]!
    if (left < 0) damage('literals are cut off')
  }
  if (left !== 0) damage('literals are left over')
}
