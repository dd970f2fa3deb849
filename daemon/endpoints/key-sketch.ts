/**
 * Which field names an answer has, in 128 bits: enough to tell whether two answers are of one sort, whatever their values.
 * Names only, at any depth, from the first part of a body.
 */
export class KeySketch {
  readonly #words = new Uint32Array(4)

  /** Adds the names of a JSON text. False when it has too few to say anything: `{"ok":true}` is what everything answers. */
  addJson(text: string): boolean {
    if (text.charCodeAt(0) !== BRACE && text.charCodeAt(0) !== BRACKET) return false
    const end = Math.min(text.length, MAX_TEXT)
    let names = 0
    let last = 0
    let at = 0
    while (at < end) {
      const open = text.indexOf('"', at)
      if (open < 0 || open >= end) break
      const close = closing(text, open + 1, end)
      if (close < 0) break
      at = close + 1
      if (text.charCodeAt(at) !== COLON || close - open > MAX_NAME) continue
      const hash = hashOf(text, open + 1, close)
      const bit = hash & 127
      const word = bit >>> 5
      const mask = 1 << (bit & 31)
      if ((this.#words[word]! & mask) === 0 || hash !== last) names++
      last = hash
      this.#words[word]! |= mask
    }
    return names >= FEW && this.size >= FEW
  }

  /** Names of what a read was answered with, however few; that it was answered by nothing says as much as a name. */
  static ofRead(body: string | undefined): KeySketch {
    const keys = new KeySketch()
    keys.addJson(body === undefined || body === '' ? '{"":0}' : body)
    return keys
  }

  add(other: KeySketch): void {
    for (let i = 0; i < 4; i++) this.#words[i]! |= other.#words[i]!
  }

  /** Its four words. */
  toState(): [number, number, number, number] {
    return [this.#words[0]!, this.#words[1]!, this.#words[2]!, this.#words[3]!]
  }

  /** Takes a state in. */
  addState(words: readonly number[]): void {
    for (let i = 0; i < 4; i++) this.#words[i]! |= words[i]!
  }

  get size(): number {
    let bits = 0
    for (let i = 0; i < 4; i++) bits += ones(this.#words[i]!)
    return bits
  }

  /** Of the names here, how many `other` has too. */
  within(other: KeySketch): number {
    let both = 0
    for (let i = 0; i < 4; i++) both += ones(this.#words[i]! & other.#words[i]!)
    return both / Math.max(1, this.size)
  }

  /** The names that at least half of the sketches have. */
  static common(sketches: readonly KeySketch[]): KeySketch {
    const common = new KeySketch()
    for (let bit = 0; bit < 128; bit++) {
      let count = 0
      for (const sketch of sketches) if ((sketch.#words[bit >>> 5]! >>> (bit & 31)) & 1) count++
      if (2 * count >= sketches.length) common.#words[bit >>> 5]! |= 1 << (bit & 31)
    }
    return common
  }
}

/** Whether a word stands in the first part of a JSON text as a whole value. */
export function hasValue(text: string, word: string): boolean {
  const body = text.length > MAX_VALUE_TEXT ? text.slice(0, MAX_VALUE_TEXT) : text
  const quoted = `"${word}"`
  for (let at = body.indexOf(quoted); at >= 0; at = body.indexOf(quoted, at + quoted.length)) {
    if (body.charCodeAt(at + quoted.length) !== COLON) return true
  }
  return false
}

const MAX_VALUE_TEXT = 4096
const BRACE = 0x7b
const BRACKET = 0x5b
const COLON = 0x3a
const BACKSLASH = 0x5c
const QUOTE = 0x22
const MAX_TEXT = 2048
const MAX_NAME = 64
const FEW = 4

/** The quote that ends a string of JSON. */
function closing(text: string, from: number, end: number): number {
  for (let i = from; i < end; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) return i
    if (code === BACKSLASH) i++
  }
  return -1
}

/** FNV-1a. */
function hashOf(text: string, from: number, to: number): number {
  let hash = 0x811c9dc5
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash ^ (hash >>> 13)) >>> 0
}

function ones(word: number): number {
  let rest = word - ((word >>> 1) & 0x55555555)
  rest = (rest & 0x33333333) + ((rest >>> 2) & 0x33333333)
  return (Math.imul((rest + (rest >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24) & 0xff
}
