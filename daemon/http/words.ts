/**
 * Head bytes four at a time, in one 32-bit word, little-endian. Each test marks the high bit of the bytes that fail it; the
 * lowest mark is exact, those above it need not be, for a borrow or carry may have come from below. Byte by byte a head costs
 * three times as much (npm run bench -- micro).
 */

const HIGH_BITS = 0x80808080 | 0
const LARGE_BYTES = 128 * 1024

/** Marks what is no plain text: controls (HTAB too), and 0x80 and up. */
function notPlain(word: number): number {
  return ((word - 0x20202020) | word) & HIGH_BITS
}

/** Marks what may not stand in a target, and 0x80 and up, which may. */
function notTarget(word: number): number {
  return ((word - 0x21212121) | (word + 0x01010101) | word) & HIGH_BITS
}

/** Marks what is neither a letter nor `-`: nearly all field names are made of these. */
function notName(word: number): number {
  const lower = word | 0x20202020
  const letter = (lower + 0x1f1f1f1f) & ~(lower + 0x05050505) // from `a`, and not beyond `z`
  const unlike = word ^ 0x2d2d2d2d
  const dash = ~(((unlike & 0x7f7f7f7f) + 0x7f7f7f7f) | unlike)
  return ~(letter | dash) & HIGH_BITS
}

/** Which of the four bytes carries the lowest mark. */
function firstMarked(marks: number): number {
  return (31 - Math.clz32(marks & -marks)) >> 3
}

/*
 * Each of these steps over bytes from `from` on, and stops at the first that is marked, or up to three bytes before `wordsEnd`
 * (`wordsEndOf`), from where the caller goes on byte by byte. `| 0` tells the compiler that places are 32-bit integers: else it
 * keeps them as boxed values and checks each step for overflow.
 */

export function plainEnd(words: DataView, from: number, wordsEnd: number): number {
  let at = from | 0
  const quadsEnd = (wordsEnd - 12) | 0
  while (at < quadsEnd) {
    const a = words.getInt32(at, true)
    const b = words.getInt32(at + 4, true)
    const c = words.getInt32(at + 8, true)
    const d = words.getInt32(at + 12, true)
    const lows = (a - 0x20202020) | (b - 0x20202020) | (c - 0x20202020) | (d - 0x20202020)
    if (((lows | a | b | c | d) & HIGH_BITS) !== 0) break
    at = (at + 16) | 0
  }
  while (at < wordsEnd) {
    const marks = notPlain(words.getInt32(at, true))
    if (marks !== 0) return (at + firstMarked(marks)) | 0
    at = (at + 4) | 0
  }
  return at
}

export function nameEnd(words: DataView, from: number, wordsEnd: number): number {
  let at = from | 0
  while (at < wordsEnd) {
    const marks = notName(words.getInt32(at, true))
    if (marks !== 0) return (at + firstMarked(marks)) | 0
    at = (at + 4) | 0
  }
  return at
}

export function targetEnd(words: DataView, from: number, wordsEnd: number): number {
  let at = from | 0
  while (at < wordsEnd) {
    const marks = notTarget(words.getInt32(at, true))
    if (marks !== 0) return (at + firstMarked(marks)) | 0
    at = (at + 4) | 0
  }
  return at
}

/** Below this place a whole word lies before `end`. */
export function wordsEndOf(words: DataView, end: number): number {
  // Not `byteLength`: V8 calls out for that of a view, and a view with words in it reaches as far as its buffer.
  return ((words === NO_WORDS ? 0 : end) - 3) | 0
}

/** A view without a word in it. */
export const NO_WORDS: DataView = new DataView(new ArrayBuffer(0))

/** The words of the buffer that is read; kept, since a reader's buffer comes again with every head. */
export class Words {
  #of: Buffer | null = null
  #view: DataView = NO_WORDS

  /** Without words for a small buffer, where making a view costs more than it saves. */
  of(bytes: Buffer): DataView {
    if (bytes !== this.#of) {
      this.#of = bytes
      this.#view = bytes.length >= LARGE_BYTES ? new DataView(bytes.buffer, bytes.byteOffset, bytes.length) : NO_WORDS
    }
    return this.#view
  }
}
