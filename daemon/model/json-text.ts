import { type EventTime, formatTime } from './time.ts'

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
/** Room for the largest whole number, a time, a literal key. */
const SHORT = 64
/** A buffer that a single huge record made this large is not kept. */
const MAX_KEPT_BYTES = 1024 * 1024

/**
 * JSON text, put together in one reused buffer. It writes what JSON.stringify would, to the byte: all that is not plain
 * ASCII is left to JSON.stringify.
 */
export class JsonText {
  bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  length = 0
  #ascii = true

  /** Makes room for `count` more bytes; `bytes` may be another buffer afterwards. */
  reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }

  /** Structure: plain ASCII, at most 64 characters. */
  raw(text: string): void {
    this.reserve(SHORT)
    const bytes = this.bytes
    const start = this.length
    for (let i = 0; i < text.length; i++) bytes[start + i] = text.charCodeAt(i)
    this.length = start + text.length
  }

  string(text: string | null): void {
    if (text === null) {
      this.raw('null')
      return
    }
    const length = text.length
    if (length > LONG_TEXT) {
      this.#encoded(JSON.stringify(text))
      return
    }
    this.reserve(length + 2)
    const bytes = this.bytes
    let at = this.length
    bytes[at++] = QUOTE
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7e || PLAIN[code] === 0) {
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
      this.raw('[]')
      return
    }
    for (let i = 0; i < texts.length; i++) {
      this.raw(i === 0 ? '[' : ',')
      this.string(texts[i]!)
    }
    this.raw(']')
  }

  /** A list of pairs of strings. */
  pairs(pairs: readonly (readonly [string, string])[]): void {
    this.raw('[')
    for (let i = 0; i < pairs.length; i++) {
      this.raw(i === 0 ? '[' : ',[')
      this.string(pairs[i]![0])
      this.raw(',')
      this.string(pairs[i]![1])
      this.raw(']')
    }
    this.raw(']')
  }

  number(value: number | null): void {
    if (value === null) this.raw('null')
    else if (Number.isInteger(value) && value >= 0 && value <= 0x7fff_ffff && !Object.is(value, -0)) this.#digits(value)
    else this.raw(JSON.stringify(value))
  }

  time(time: EventTime): void {
    this.raw('"')
    this.raw(formatTime(time))
    this.raw('"')
  }

  /** What was written, as text; the next record starts over. */
  take(): string {
    const text = this.bytes.toString(this.#ascii ? 'latin1' : 'utf8', 0, this.length)
    this.length = 0
    this.#ascii = true
    if (this.bytes.length > MAX_KEPT_BYTES) this.bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
    return text
  }

  #digits(value: number): void {
    this.reserve(SHORT)
    let count = 1
    for (let limit = 10; limit <= value; limit *= 10) count++
    let rest = value
    for (let at = this.length + count - 1; at >= this.length; at--) {
      const tenth = Math.floor(rest / 10)
      this.bytes[at] = 0x30 + rest - tenth * 10
      rest = tenth
    }
    this.length += count
  }

  #encoded(json: string): void {
    this.reserve(json.length * 3)
    const written = this.bytes.write(json, this.length, 'utf8')
    if (written !== json.length) this.#ascii = false
    this.length += written
  }
}
