import { damage, highestBit } from './back-bits.ts'

/** A decoding table of finite state entropy (RFC 8878 §4.1.1): state to symbol, and to the next state. */
export interface FseTable {
  /** Bits of a state; the columns are 2^log long. */
  readonly log: number
  readonly symbol: Uint8Array
  /** How many bits to read for the next state, and what to add them to. */
  readonly bits: Uint8Array
  readonly base: Uint16Array
}

export interface FseDescription {
  readonly table: FseTable
  /** First byte after the description. */
  readonly end: number
}

/** Reads the description of a table between `start` and `end`. Throws ZstdDamage. */
export function readFseTable(
  bytes: Uint8Array,
  start: number,
  end: number,
  maxLog: number,
  maxSymbol: number,
): FseDescription {
  let position = 0
  const take = (count: number): number => {
    const at = start + (position >>> 3)
    if (start * 8 + position + count > end * 8) damage('a table is cut off')
    const three = bytes[at]! | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)
    const value = (three >>> (position & 7)) & ((1 << count) - 1)
    position += count
    return value
  }
  const log = take(4) + 5
  if (log > maxLog) damage('a table is larger than allowed')
  const counts: number[] = []
  let left = 1 << log
  while (left > 0) {
    if (counts.length > maxSymbol) damage('a table has too many symbols')
    // Values below `short` take one bit less.
    const width = highestBit(left + 1)
    const short = 2 ** (width + 1) - 2 - left
    let value = take(width)
    if (value >= short) {
      value |= take(1) << width
      if (value >= 1 << width) value -= short
    }
    // -1: less than one state's worth, and yet present.
    const count = value - 1
    counts.push(count)
    left -= Math.abs(count)
    for (let zeros = 3; count === 0 && zeros === 3; ) {
      zeros = take(2)
      for (let i = 0; i < zeros; i++) counts.push(0)
    }
  }
  if (left !== 0 || counts.length > maxSymbol + 1) damage('a table does not add up')
  return { table: fseTable(counts, log), end: start + ((position + 7) >>> 3) }
}

/** The table of these counts, which add up to 2^log; -1 counts as one. */
export function fseTable(counts: readonly number[], log: number): FseTable {
  const size = 1 << log
  const symbol = new Uint8Array(size)
  const next = new Uint16Array(counts.length)
  let high = size
  for (const [value, count] of counts.entries()) {
    if (count === -1) symbol[--high] = value
    next[value] = Math.abs(count)
  }
  const step = (size >> 1) + (size >> 3) + 3 // odd, so it meets every place once before it repeats
  let place = 0
  for (const [value, count] of counts.entries()) {
    for (let i = 0; i < count; i++) {
      symbol[place] = value
      do place = (place + step) & (size - 1)
      while (place >= high)
    }
  }
  const bits = new Uint8Array(size)
  const base = new Uint16Array(size)
  for (let state = 0; state < size; state++) {
    const count = next[symbol[state]!]!++
    bits[state] = log - highestBit(count)
    base[state] = (count << bits[state]!) - size
  }
  return { log, symbol, bits, base }
}

/** A table of one symbol, which takes no bits. */
export function singleTable(symbol: number): FseTable {
  return { log: 0, symbol: Uint8Array.of(symbol), bits: new Uint8Array(1), base: new Uint16Array(1) }
}
