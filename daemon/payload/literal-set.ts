/**
 * Many literals sought at once, in one pass over bytes: Aho and Corasick's automaton (CACM 18(6), 1975) as a dense table, its alphabet
 * reduced to the classes of bytes that the literals tell apart. Case, and which white space it is, make no difference.
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

export class LiteralSet {
  /** Byte to class of bytes, 0 for all that stand in no literal. */
  readonly #classes = new Uint8Array(256)
  readonly #shift: number
  /** State and class to the next state, states shifted so that a class is added. */
  readonly #next: Int32Array
  readonly #masks: Int32Array
  /** Set when a percent sign was itself percent-encoded: there is another layer below. */
  readonly #nested: number
  /** Set where a line ends inside of a value: percent-encoded, or in unwrapped text. */
  readonly #line: number
  readonly states: number

  constructor(literals: readonly Literal[], nested: number, line = 0) {
    this.#nested = nested
    this.#line = line
    const used = new Map<number, number>()
    for (const { text } of literals) {
      for (let i = 0; i < text.length; i++) {
        const byte = FOLDED[text.charCodeAt(i) & 0xff]!
        if (!used.has(byte)) used.set(byte, used.size + 1)
      }
    }
    for (let byte = 0; byte < 256; byte++) this.#classes[byte] = used.get(FOLDED[byte]!) ?? 0
    this.#shift = Math.ceil(Math.log2(used.size + 1))
    const width = 1 << this.#shift

    const space = this.#classes[0x20]!
    const children: Map<number, number>[] = [new Map()]
    const endsInSpace: boolean[] = [false]
    const masks: number[] = [0]
    for (const { text, mask } of literals) {
      let state = 0
      for (let i = 0; i < text.length; i++) {
        const byteClass = this.#classes[text.charCodeAt(i) & 0xff]!
        let child = children[state]!.get(byteClass)
        if (child === undefined) {
          child = children.length
          children.push(new Map())
          masks.push(0)
          endsInSpace.push(byteClass === space && space !== 0)
          children[state]!.set(byteClass, child)
        }
        state = child
      }
      masks[state]! |= mask
    }
    this.states = children.length
    this.#masks = Int32Array.from(masks)
    this.#next = new Int32Array(children.length << this.#shift)
    this.#link(children, width)
    // A run of white space is one space.
    for (let each = 0; each < children.length; each++)
      if (endsInSpace[each]!) this.#next[(each << this.#shift) + space] = each << this.#shift
  }

  /** Breadth first, so that the row of a state's failure is complete when the state is reached. */
  #link(children: readonly ReadonlyMap<number, number>[], width: number): void {
    const next = this.#next
    const failure = new Int32Array(children.length)
    const queue: number[] = [0]
    for (let head = 0; head < queue.length; head++) {
      const state = queue[head]!
      const row = state << this.#shift
      const back = failure[state]!
      this.#masks[state]! |= this.#masks[back]!
      for (let byteClass = 0; byteClass < width; byteClass++) {
        const child = children[state]!.get(byteClass)
        const fallback = state === 0 ? 0 : next[(back << this.#shift) + byteClass]!
        if (child === undefined) {
          next[row + byteClass] = fallback
          continue
        }
        failure[child] = fallback >> this.#shift
        next[row + byteClass] = child << this.#shift
        queue.push(child)
      }
    }
  }

  /** The bits of all literals in [start, end), read as they are and percent-decoded once. */
  scan(bytes: Uint8Array, start: number, end: number): number {
    const classes = this.#classes
    const next = this.#next
    const masks = this.#masks
    const shift = this.#shift
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
      state = next[state + classes[byte]!]!
      found |= masks[state >> shift]!
    }
    return found
  }

  /** The same over text that is unwrapped already; characters past U+00FF are what most of them begin with in UTF-8. */
  scanText(text: string): number {
    const classes = this.#classes
    const next = this.#next
    const masks = this.#masks
    const shift = this.#shift
    let state = 0
    let found = 0
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      state = next[state + classes[code < 256 ? code : WIDE]!]!
      found |= masks[state >> shift]!
      // The wide ones end in the bytes of a line end, which is all that some servers keep of them.
      if (code === LINE_FEED || code === CARRIAGE_RETURN || code === 0x560a || code === 0x560d) found |= this.#line
    }
    return found
  }

  /** The same over text of JSON, whose escapes hide line ends, quotes and slashes. */
  scanJson(text: string): number {
    const classes = this.#classes
    const next = this.#next
    const masks = this.#masks
    const shift = this.#shift
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
      state = next[state + classes[code < 256 ? code : WIDE]!]!
      found |= masks[state >> shift]!
    }
    return found
  }

  /** Where a literal first ends at or after `from`; -1 if none does. */
  find(text: string, from: number): number {
    let state = 0
    for (let i = from; i < text.length; i++) {
      const code = text.charCodeAt(i)
      state = this.#next[state + this.#classes[code < 256 ? code : WIDE]!]!
      if (this.#masks[state >> this.#shift] !== 0) return i + 1
    }
    return -1
  }
}
