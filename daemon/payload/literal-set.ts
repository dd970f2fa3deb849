/**
 * Many literals sought at once, in one pass over bytes: Aho and Corasick's automaton (CACM 18(6), 1975) as a dense table with a
 * row of all bytes for each state. Case, and which white space it is, make no difference.
 */
export interface Literal {
  /** As in PayloadCheck.literals. */
  readonly text: string
  /** Bits that finding it sets. */
  readonly mask: number
}

const PERCENT = 0x25
const BACKSLASH = 0x5c
/** First byte of U+2000-U+2FFF. */
const WIDE = 0xe2
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
/** -1: no hexadecimal digit. */
const HEX = new Int8Array(256).fill(-1)
for (let digit = 0; digit < 10; digit++) HEX[0x30 + digit] = digit
for (let digit = 10; digit < 16; digit++) {
  HEX[0x41 + digit - 10] = digit
  HEX[0x61 + digit - 10] = digit
}

/** What every byte is taken for: letters small, all white space and `+` a space. */
const FOLDED = new Uint8Array(256)
for (let byte = 0; byte < 256; byte++) FOLDED[byte] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
for (const space of [0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0xa0, 0x2b]) FOLDED[space] = 0x20
/** The bytes that are taken for each. */
const ALIKE: readonly number[][] = Array.from({ length: 256 }, () => [])
for (let byte = 0; byte < 256; byte++) ALIKE[FOLDED[byte]!]!.push(byte)

/** States are 16-bit numbers. */
const MAX_STATES = 0x1_0000
/** Shorter pieces are read by one state; see `isClean`. */
const LEAST_FOR_LANES = 64
/** Set by a percent sign, which the fast pass does not decode. */
const ENCODED = 1 << 31

/** The literals as a tree: for each state its first child, and its next sibling. */
class Trie {
  readonly byte: number[] = [0]
  readonly child: number[] = [0]
  readonly sibling: number[] = [0]
  readonly mask: number[] = [0]

  add({ text, mask }: Literal): void {
    let state = 0
    for (let i = 0; i < text.length; i++) {
      const byte = FOLDED[text.charCodeAt(i) & 0xff]!
      state = this.find(state, byte) || this.#grow(state, byte)
    }
    this.mask[state]! |= mask
  }

  /** 0 if there is none. */
  find(state: number, byte: number): number {
    let child = this.child[state]!
    while (child !== 0 && this.byte[child] !== byte) child = this.sibling[child]!
    return child
  }

  #grow(state: number, byte: number): number {
    const added = this.byte.length
    this.byte.push(byte)
    this.child.push(0)
    this.sibling.push(this.child[state]!)
    this.mask.push(0)
    this.child[state] = added
    return added
  }
}

export class LiteralSet {
  /** Row of each state: for every byte the state that follows. States that found something come last. */
  readonly #next: Uint16Array
  readonly #masks: Int32Array
  /** The last state that found nothing. */
  readonly #lastClean: number
  /** Set when a percent sign was itself percent-encoded: there is another layer below. */
  readonly #nested: number
  /** Set where a line ends inside of a value: percent-encoded, or in unwrapped text. */
  readonly #line: number
  readonly states: number
  /** Whether the end of a line is something to be found. */
  readonly seesLines: boolean

  constructor(literals: readonly Literal[], nested: number, line = 0) {
    this.#nested = nested
    this.#line = line
    this.seesLines = line !== 0
    const trie = new Trie()
    trie.add({ text: '%', mask: ENCODED })
    for (const literal of literals) trie.add(literal)
    this.states = trie.byte.length
    if (this.states > MAX_STATES) throw new RangeError('more literals than states')

    const { order, failure } = linked(trie)
    const clean = order.filter((state) => trie.mask[state] === 0)
    const number = new Uint16Array(this.states)
    for (const [index, state] of clean.entries()) number[state] = index
    let found = clean.length
    for (const state of order) if (trie.mask[state] !== 0) number[state] = found++
    this.#lastClean = clean.length - 1

    this.#masks = new Int32Array(this.states)
    const next = new Uint16Array(this.states << 8)
    this.#next = next
    for (const state of order) {
      this.#masks[number[state]!] = trie.mask[state]!
      const row = number[state]! << 8
      const back = number[failure[state]!]! << 8
      // The shortest come first, so the row that this one is made from is complete.
      if (state !== 0) next.copyWithin(row, back, back + 256)
      for (let child = trie.child[state]!; child !== 0; child = trie.sibling[child]!) {
        for (const byte of ALIKE[trie.byte[child]!]!) next[row + byte] = number[child]!
      }
      // A run of white space is one space.
      if (state !== 0 && trie.byte[state] === 0x20) for (const byte of ALIKE[0x20]!) next[row + byte] = number[state]!
    }
  }

  /**
   * Whether `scan` finds nothing and there is no percent sign. Each step waits for the one before, so one state alone leaves most
   * of a processor idle: four go over a quarter each, four bytes at a time, and then on until they meet the one that began
   * there. No branch depends on a byte: what was found shows at the end.
   */
  isClean(bytes: Uint8Array, start: number, end: number): boolean {
    const next = this.#next
    const last = this.#lastClean | 0
    const from = start | 0
    const to = end | 0
    const quarter = to - from < LEAST_FOR_LANES ? 0 : ((to - from) >> 4) << 2
    const second = (from + quarter) | 0
    const third = (second + quarter) | 0
    const fourth = (third + quarter) | 0
    let a = 0
    let b = 0
    let c = 0
    let d = 0
    // Negative once a state was past the last clean one.
    let found = 0
    for (let i = 0; i < quarter; i = (i + 4) | 0) {
      a = next[(a << 8) | bytes[(from + i) | 0]!]!
      b = next[(b << 8) | bytes[(second + i) | 0]!]!
      c = next[(c << 8) | bytes[(third + i) | 0]!]!
      d = next[(d << 8) | bytes[(fourth + i) | 0]!]!
      found |= (last - a) | (last - b) | (last - c) | (last - d)
      a = next[(a << 8) | bytes[(from + i + 1) | 0]!]!
      b = next[(b << 8) | bytes[(second + i + 1) | 0]!]!
      c = next[(c << 8) | bytes[(third + i + 1) | 0]!]!
      d = next[(d << 8) | bytes[(fourth + i + 1) | 0]!]!
      found |= (last - a) | (last - b) | (last - c) | (last - d)
      a = next[(a << 8) | bytes[(from + i + 2) | 0]!]!
      b = next[(b << 8) | bytes[(second + i + 2) | 0]!]!
      c = next[(c << 8) | bytes[(third + i + 2) | 0]!]!
      d = next[(d << 8) | bytes[(fourth + i + 2) | 0]!]!
      found |= (last - a) | (last - b) | (last - c) | (last - d)
      a = next[(a << 8) | bytes[(from + i + 3) | 0]!]!
      b = next[(b << 8) | bytes[(second + i + 3) | 0]!]!
      c = next[(c << 8) | bytes[(third + i + 3) | 0]!]!
      d = next[(d << 8) | bytes[(fourth + i + 3) | 0]!]!
      found |= (last - a) | (last - b) | (last - c) | (last - d)
    }
    let at = (fourth + quarter) | 0
    for (; at <= to - 4; at = (at + 4) | 0) {
      d = next[(d << 8) | bytes[at]!]!
      found |= last - d
      d = next[(d << 8) | bytes[(at + 1) | 0]!]!
      found |= last - d
      d = next[(d << 8) | bytes[(at + 2) | 0]!]!
      found |= last - d
      d = next[(d << 8) | bytes[(at + 3) | 0]!]!
      found |= last - d
    }
    for (; at < to; at = (at + 1) | 0) {
      d = next[(d << 8) | bytes[at]!]!
      found |= last - d
    }
    if (found < 0) return false
    if (quarter === 0) return true
    return (
      this.#comesToNothing(a, bytes, second, to) &&
      this.#comesToNothing(b, bytes, third, to) &&
      this.#comesToNothing(c, bytes, fourth, to)
    )
  }

  /** Whether nothing that began before `from` ends behind it. */
  #comesToNothing(begun: number, bytes: Uint8Array, from: number, end: number): boolean {
    const next = this.#next
    let state = begun
    let anew = 0
    for (let i = from; i < end && state !== anew; i++) {
      const byte = bytes[i]!
      state = next[(state << 8) | byte]!
      if (state > this.#lastClean) return false
      anew = next[(anew << 8) | byte]!
    }
    return true
  }

  /** The bits of all literals in [start, end), read as they are and percent-decoded once. */
  scan(bytes: Uint8Array, start: number, end: number): number {
    const next = this.#next
    const masks = this.#masks
    let state = 0
    let found = 0
    for (let i = start; i < end; i++) {
      let byte = bytes[i]!
      if (byte === PERCENT && i + 2 < end) {
        const high = HEX[bytes[i + 1]!]!
        const low = HEX[bytes[i + 2]!]!
        if ((high | low) >= 0) {
          byte = (high << 4) | low
          i += 2
          if (byte === PERCENT || byte >= 0xc0) found |= this.#nested
          else if (byte === LINE_FEED || byte === CARRIAGE_RETURN) found |= this.#line
        }
      }
      state = next[(state << 8) | byte]!
      found |= masks[state]!
    }
    return found & ~ENCODED
  }

  /** The same over text that is unwrapped already; characters past U+00FF are what most of them begin with in UTF-8. */
  scanText(text: string): number {
    const next = this.#next
    const masks = this.#masks
    let state = 0
    let found = 0
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      state = next[(state << 8) | (code < 256 ? code : WIDE)]!
      found |= masks[state]!
      // The wide ones end in the bytes of a line end, which is all that some servers keep of them.
      if (code === LINE_FEED || code === CARRIAGE_RETURN || code === 0x560a || code === 0x560d) found |= this.#line
    }
    return found & ~ENCODED
  }

  /** The same over text of JSON, whose escapes hide line ends, quotes and slashes. */
  scanJson(text: string): number {
    const next = this.#next
    const masks = this.#masks
    let state = 0
    let found = 0
    for (let i = 0; i < text.length; i++) {
      let code = text.charCodeAt(i)
      if (code === BACKSLASH && i + 1 < text.length) {
        const after = text.charCodeAt(i + 1)
        if (after === 0x6e || after === 0x72) {
          found |= this.#line
          code = LINE_FEED
          i++
        } else if (after === 0x74 || after === 0x62 || after === 0x66) {
          code = LINE_FEED
          i++
        } else if (after === 0x22 || after === 0x2f || after === BACKSLASH) {
          code = after
          i++
        }
      }
      state = next[(state << 8) | (code < 256 ? code : WIDE)]!
      found |= masks[state]!
    }
    return found & ~ENCODED
  }

  /** Where a literal first ends at or after `from`; -1 if none does. */
  find(text: string, from: number): number {
    let state = 0
    for (let i = from; i < text.length; i++) {
      const code = text.charCodeAt(i)
      state = this.#next[(state << 8) | (code < 256 ? code : WIDE)]!
      if ((this.#masks[state]! & ~ENCODED) !== 0) return i + 1
    }
    return -1
  }
}

/** States breadth first, and for each the longest other literal's beginning that it ends in; what that finds, the state finds, too. */
function linked(trie: Trie): { readonly order: readonly number[]; readonly failure: Int32Array } {
  const { byte, child, sibling, mask } = trie
  const failure = new Int32Array(byte.length)
  const order: number[] = [0]
  for (let head = 0; head < order.length; head++) {
    const state = order[head]!
    mask[state]! |= mask[failure[state]!]!
    for (let each = child[state]!; each !== 0; each = sibling[each]!) {
      order.push(each)
      if (state === 0) continue
      let back = failure[state]!
      while (back !== 0 && trie.find(back, byte[each]!) === 0) back = failure[back]!
      failure[each] = trie.find(back, byte[each]!)
    }
  }
  return { order, failure }
}
