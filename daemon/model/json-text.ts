import { copyAscii, viewOf } from './ascii-bytes.ts'
import { type EventTime, formatTime, SECOND_US } from './time.ts'

/** Bytes that stand for themselves inside a JSON string. */
const PLAIN = new Uint8Array(256)
for (let code = 0x20; code < 0x7f; code++) PLAIN[code] = code === 0x22 || code === 0x5c ? 0 : 1

export function isPlainJson(code: number): boolean {
  return PLAIN[code] === 1
}

export const QUOTE = 0x22
const FIRST_BYTES = 16 * 1024
/** A longer text goes through the runtime's own writer: crossing into it costs as much as this many steps here. */
const LONG_TEXT = 256
/** Bytes from which on the runtime's own copy is cheaper than a loop. */
const MANY_BYTES = 40
/** Room for the largest whole number, or the decimals of a time. */
const SHORT = 64
/** A buffer that a single huge record made this large is not kept. */
const MAX_KEPT_BYTES = 1024 * 1024

/** Decimals of a second. */
const DECIMALS = 6

/** Text of plain ASCII that is written often. */
export interface Literal {
  readonly view: DataView
  readonly length: number
}

export function literal(text: string): Literal {
  return { view: viewOf(Buffer.from(text, 'latin1')), length: text.length }
}

const NULL = literal('null')
const EMPTY_LIST = literal('[]')
const LIST = literal('[')
const NEXT_LIST = literal(',[')
const LIST_END = literal(']')
const COMMA = literal(',')
const TIME_END = literal('Z"')

/**
 * JSON text, put together in one reused buffer. It writes what JSON.stringify would, to the byte: all that is not plain
 * ASCII is left to JSON.stringify.
 */
export class JsonText {
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  length = 0
  #view = viewOf(this.bytes)
  #ascii = true
  /** Records come in order: the text of the last second is kept, without its decimals. */
  #second = Number.NaN
  #secondText = NULL

  /** Whether all of what was written since the last start is ASCII. */
  get ascii(): boolean {
    return this.#ascii
  }

  /** Makes room for `count` more bytes; `bytes` may be another buffer afterwards. */
  reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
    this.#view = viewOf(larger)
  }

  byte(code: number): void {
    if (this.length === this.bytes.length) this.reserve(1)
    this.bytes[this.length++] = code
  }

  /** Structure, keys, constants. */
  raw({ view, length }: Literal): void {
    this.kept(view, 0, length)
  }

  /** What is kept of text that was written here before: [start, end), of ASCII. */
  kept(from: DataView, start: number, end: number): void {
    const count = end - start
    this.reserve(count)
    copyAscii(from, start, this.#view, this.length, count)
    this.length += count
  }

  /** Keeps text from `start` on, which must be of ASCII, in `to`. */
  keep(start: number, to: DataView, at: number): void {
    copyAscii(this.#view, start, to, at, this.length - start)
  }

  /** Text that was written here before, or is plain ASCII: `from` [start, end). */
  copy(from: Buffer, start: number, end: number): void {
    const count = end - start
    this.reserve(count)
    const at = this.length
    if (count >= MANY_BYTES) from.copy(this.bytes, at, start, end)
    else {
      const to = this.bytes
      for (let i = 0; i < count; i++) to[at + i] = from[start + i]!
    }
    this.length = at + count
  }

  /** Text that is JSON already, UTF-8: `from` [start, end); `ascii`: as far as is known. */
  utf8(from: Buffer, start: number, end: number, ascii: boolean): void {
    const count = end - start
    this.reserve(count)
    from.copy(this.bytes, this.length, start, end)
    this.length += count
    if (!ascii) this.#ascii = false
  }

  string(text: string | null): void {
    if (text === null) {
      this.raw(NULL)
      return
    }
    const length = text.length
    if (length > LONG_TEXT) {
      this.#encoded(JSON.stringify(text))
      return
    }
    this.reserve(length + 2)
    const bytes = this.bytes
    // A bundle's module constants are variables to the compiler, checked at every character; this is not.
    const plain = PLAIN
    let at = this.length
    bytes[at++] = QUOTE
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7e || plain[code] === 0) {
        this.#encoded(JSON.stringify(text))
        return
      }
      bytes[at++] = code
    }
    bytes[at++] = QUOTE
    this.length = at
  }

  strings(texts: readonly string[]): void {
    if (texts.length === 0) {
      this.raw(EMPTY_LIST)
      return
    }
    for (let i = 0; i < texts.length; i++) {
      this.raw(i === 0 ? LIST : COMMA)
      this.string(texts[i]!)
    }
    this.raw(LIST_END)
  }

  /** A list of pairs of strings. */
  pairs(pairs: readonly (readonly [string, string])[]): void {
    this.raw(LIST)
    for (let i = 0; i < pairs.length; i++) {
      this.raw(i === 0 ? LIST : NEXT_LIST)
      this.string(pairs[i]![0])
      this.raw(COMMA)
      this.string(pairs[i]![1])
      this.raw(LIST_END)
    }
    this.raw(LIST_END)
  }

  number(value: number | null): void {
    if (value === null) this.raw(NULL)
    else if (Number.isInteger(value) && value >= 0 && value <= 0x7fff_ffff && !Object.is(value, -0)) this.#digits(value)
    else this.#encoded(JSON.stringify(value))
  }

  time(time: EventTime): void {
    const second = Math.floor(time / SECOND_US)
    if (second !== this.#second) {
      this.#second = second
      this.#secondText = literal(`"${formatTime(second * SECOND_US).slice(0, -DECIMALS - 1)}`)
    }
    this.raw(this.#secondText)
    this.reserve(SHORT)
    // Whole numbers of 32 bits, else every step divides floats.
    const bytes = this.bytes
    const from = this.length
    let rest = (time - second * SECOND_US) | 0
    for (let at = from + DECIMALS - 1; at >= from; at--) {
      const tenth = (rest / 10) | 0
      bytes[at] = 0x30 + rest - tenth * 10
      rest = tenth
    }
    this.length = from + DECIMALS
    this.raw(TIME_END)
  }

  /** What was written, as text; the next record starts over. */
  take(): string {
    const text = this.bytes.toString(this.#ascii ? 'latin1' : 'utf8', 0, this.length)
    this.length = 0
    this.#ascii = true
    if (this.bytes.length > MAX_KEPT_BYTES) {
      this.bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
      this.#view = viewOf(this.bytes)
    }
    return text
  }

  /** What was written, as UTF-8 bytes that leave with their buffer; the next record starts over in `next`. */
  handOver(next: Buffer): Buffer {
    const written = this.bytes.subarray(0, this.length)
    this.bytes = next
    this.#view = viewOf(next)
    this.length = 0
    this.#ascii = true
    return written
  }

  #digits(value: number): void {
    this.reserve(SHORT)
    const bytes = this.bytes
    const from = this.length
    let count = 1
    for (let limit = 10; limit <= value; limit *= 10) count++
    let rest = value | 0
    for (let at = from + count - 1; at >= from; at--) {
      const tenth = (rest / 10) | 0
      bytes[at] = 0x30 + rest - tenth * 10
      rest = tenth
    }
    this.length = from + count
  }

  #encoded(json: string): void {
    this.reserve(json.length * 3)
    const written = this.bytes.write(json, this.length, 'utf8')
    if (written !== json.length) this.#ascii = false
    this.length += written
  }
}
