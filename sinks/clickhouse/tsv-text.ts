import { DAY_US, type EventTime, formatTime, SECOND_US } from '../../daemon/model/time.ts'

const TAB = 0x09
const LINE_FEED = 0x0a
const BACKSLASH = 0x5c
const QUOTE = 0x27
const COMMA = 0x2c
const OPEN = 0x5b
const CLOSE = 0x5d
const ZERO = 0x30

/** A longer text goes through the runtime's own writer: crossing into it costs as much as this many steps here. */
const LONG_TEXT = 256
/** Room for a whole number, a time, the brackets of an empty list. */
const SHORT = 64
/** Decimals of a second. */
const DECIMALS = 6
/** `2149-06-06T00:00:00Z`: the days ClickHouse has partitions for end here. */
export const MAX_TIME: EventTime = 65_535 * DAY_US

/** Bytes that stand for themselves in a TSV value and within the quotes of a list. */
const PLAIN = new Uint8Array(128)
for (let code = 0x20; code < 0x7f; code++) PLAIN[code] = code === BACKSLASH || code === QUOTE ? 0 : 1

const SPECIAL = /[\0\b\t\n\f\r\\]/g
const SPECIAL_IN_LIST = /[\0\b\t\n\f\r\\']/g
const ESCAPES: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\f': '\\f',
  '\r': '\\r',
  '\\': '\\\\',
}

/**
 * Rows of ClickHouse's TabSeparated format, written one value after the other into one growing buffer. Each value brings the tab
 * behind it; `endRow` makes a line feed of the last.
 */
export class TsvText {
  bytes: Buffer
  length = 0
  /** Rows come in order: the text of the last second is kept. */
  #second = Number.NaN
  readonly #secondText = new Uint8Array(20)

  constructor(firstBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(firstBytes)
  }

  /** Text; null is the empty text. */
  text(text: string | null): void {
    const length = text === null ? 0 : text.length
    this.#reserve(length + SHORT)
    const bytes = this.bytes
    let at = this.length
    if (text !== null) {
      if (length > LONG_TEXT) {
        this.#escaped(text, SPECIAL)
        return
      }
      for (let i = 0; i < length; i++) {
        const code = text.charCodeAt(i)
        if (code > 0x7e || (PLAIN[code] === 0 && code !== QUOTE)) {
          this.#escaped(text, SPECIAL)
          return
        }
        bytes[at++] = code
      }
    }
    bytes[at++] = TAB
    this.length = at
  }

  /** A whole number from 0; null is 0. What is less, or broken, is 0 too. */
  number(value: number | null): void {
    this.#reserve(SHORT)
    let at = this.length
    let rest = value === null || !(value > 0) ? 0 : Math.floor(value)
    if (rest > Number.MAX_SAFE_INTEGER) rest = Number.MAX_SAFE_INTEGER
    if (rest < 10) {
      this.bytes[at++] = ZERO + rest
    } else {
      let count = 1
      for (let limit = 10; limit <= rest; limit *= 10) count++
      for (let digit = at + count - 1; digit >= at; digit--) {
        const tenth = Math.floor(rest / 10)
        this.bytes[digit] = ZERO + rest - tenth * 10
        rest = tenth
      }
      at += count
    }
    this.bytes[at++] = TAB
    this.length = at
  }

  /** A number as JavaScript writes it; NaN and infinity are 0. */
  decimal(value: number): void {
    this.text(Number.isFinite(value) ? String(value) : '0')
  }

  /** `2026-11-21 20:00:00.123456`, kept to what ClickHouse has days for. */
  time(time: EventTime): void {
    const kept = time > 0 ? Math.min(time, MAX_TIME) : 0
    const second = Math.floor(kept / SECOND_US)
    if (second !== this.#second) this.#setSecond(second)
    this.#reserve(SHORT)
    const bytes = this.bytes
    let at = this.length
    for (let i = 0; i < 20; i++) bytes[at++] = this.#secondText[i]!
    let rest = kept - second * SECOND_US
    for (let digit = at + DECIMALS - 1; digit >= at; digit--) {
      const tenth = Math.floor(rest / 10)
      bytes[digit] = ZERO + rest - tenth * 10
      rest = tenth
    }
    at += DECIMALS
    bytes[at++] = TAB
    this.length = at
  }

  list(texts: readonly string[]): void {
    this.#reserve(SHORT)
    this.bytes[this.length++] = OPEN
    for (let i = 0; i < texts.length; i++) {
      if (i > 0) this.bytes[this.length++] = COMMA
      this.bytes[this.length++] = QUOTE
      this.#escaped(texts[i]!, SPECIAL_IN_LIST)
      this.bytes[this.length - 1] = QUOTE
      this.#reserve(SHORT)
    }
    this.bytes[this.length++] = CLOSE
    this.bytes[this.length++] = TAB
  }

  endRow(): void {
    this.bytes[this.length - 1] = LINE_FEED
  }

  #setSecond(second: number): void {
    this.#second = second
    const text = formatTime(second * SECOND_US)
    for (let i = 0; i < 20; i++) this.#secondText[i] = text.charCodeAt(i)
    this.#secondText[10] = 0x20
  }

  /** Any text, and a tab. */
  #escaped(text: string, special: RegExp): void {
    const escaped = text.replace(special, (found) => (found === "'" ? "\\'" : ESCAPES[found]!))
    this.#reserve(escaped.length * 3 + SHORT)
    this.length += this.bytes.write(escaped, this.length, 'utf8')
    this.bytes[this.length++] = TAB
  }

  #reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }
}
