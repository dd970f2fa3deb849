/** One in each byte of a word, and the highest bit of each. */
export const ONES = 0x01010101
export const HIGH_BITS = 0x80808080 | 0

const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Where the next quote or backslash stands in the first `length` bytes, else `length`. Four bytes at a time: a byte of a word is zero where
 * subtracting one borrows from its highest bit.
 */
export function stringEnd(bytes: Uint8Array, view: DataView, from: number, length: number): number {
  const wordsEnd = (length - 3) | 0
  let at = from | 0
  while (at < wordsEnd) {
    const word = view.getInt32(at, true)
    const quote = word ^ 0x22222222
    const backslash = word ^ 0x5c5c5c5c
    const marks = (((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash)) & HIGH_BITS
    // The lowest mark is exact.
    if (marks !== 0) return at + ((31 - Math.clz32(marks & -marks)) >> 3)
    at = (at + 4) | 0
  }
  while (at < length && bytes[at] !== QUOTE && bytes[at] !== BACKSLASH) at++
  return Math.min(at, length)
}
