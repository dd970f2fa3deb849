import type { JsonText } from '../model/json-text.ts'
import { vectorBuffer, vectorMemoryOf, WORK_BYTES, webAssembly } from '../sources/vector-memory.ts'
import {
  AT,
  BLANK,
  CODE,
  ESCAPED,
  EXPAND_AT,
  jsonModule,
  KEEP,
  KEY_BYTES,
  KEYS_AT,
  LINE_FEED,
  MASKS_AT,
  NEXT,
  OPAQUE,
  OUTSIDE_AT,
  PAIRS_AT,
  QUOTED,
  SAYS_AT,
  SEPARATOR,
  SLOT,
  START,
  STOP,
  WIDE,
} from './json-vector-code.ts'
import { mayStartToken } from './token-shape.ts'

/** A text that is longer is not looked at: as much as a body may decode to. */
const MAX_BYTES = 1024 * 1024
/** Escaped in pieces of so many bytes. */
const PIECE_BYTES = 16 * 1024
/** Behind each: sixteen bytes are written at its last one. */
const SLACK_BYTES = 64
const TEXT_AT = WORK_BYTES
const ESCAPED_AT = TEXT_AT + MAX_BYTES + SLACK_BYTES
/** `\u001f`, the longest that a byte becomes. */
const LONGEST = 6
const QUOTE = 0x22
const HEX = Buffer.from('0123456789abcdef', 'latin1')

interface JsonExports {
  readonly scan: (at: number, end: number, next: number, seen: number, response: number) => number
  readonly escape: (at: number, end: number, to: number) => number
}

/** What a name says of the value behind it. */
export type NameSays = typeof KEEP | typeof OPAQUE | typeof CODE

/**
 * JSON looked at sixteen bytes at a time, in memory of its own that the text is copied into: 10 cycles a byte became 2, and what was written
 * by way of two strings is copied once (docs/benchmarks.md). One for each thread; it remembers names of fields, not values.
 */
export class JsonVectors {
  /** See AT and what follows it; places count from the beginning of the text. */
  at = 0
  start = 0
  stop = 0
  escaped = false
  next: NameSays = KEEP
  readonly #exports: JsonExports
  readonly #bytes: Buffer
  readonly #words: Int32Array
  readonly #slack: DataView
  #length = 0
  #response = 0

  private constructor(exports: JsonExports, memory: ArrayBuffer) {
    this.#exports = exports
    this.#bytes = Buffer.from(memory)
    this.#words = new Int32Array(memory)
    this.#slack = new DataView(memory)
    writeTables(this.#bytes)
  }

  /** Null where there is no WebAssembly. */
  static open(): JsonVectors | null {
    const memory = vectorMemoryOf(vectorBuffer(MAX_BYTES + 2 * PIECE_BYTES + 2 * SLACK_BYTES))
    if (memory === null) return null
    const { exports } = new webAssembly!.Instance(new webAssembly!.Module(jsonModule()), { m: { memory } })
    return new JsonVectors(exports as unknown as JsonExports, memory.buffer)
  }

  /** Begins with this text (UTF-8); false when it is too long. `response`: where it stands, a code is an error number. */
  begin(text: Buffer, response: boolean): boolean {
    if (text.length > MAX_BYTES) return false
    this.#copy(text, 0, text.length)
    this.#length = text.length
    this.#response = response ? 1 : 0
    this.at = 0
    this.next = KEEP
    return true
  }

  /** Goes on at `at`; see HARMLESS and what follows it. `seen`: a value stood before it, whose name is `next`. */
  scan(seen: boolean): number {
    const words = this.#words
    const met = this.#exports.scan(this.at + TEXT_AT, this.#length + TEXT_AT, this.next, seen ? 1 : 0, this.#response)
    this.at = words[AT]! - TEXT_AT
    this.start = words[START]! - TEXT_AT
    this.stop = words[STOP]! - TEXT_AT
    this.escaped = words[ESCAPED] !== 0
    this.next = words[NEXT] as NameSays
    return met
  }

  /** The name at which `scan` stopped says this, and will whenever it comes. */
  learn(says: NameSays): void {
    const slot = this.#words[SLOT]!
    this.next = says === CODE && this.#response === 1 ? OPAQUE : says
    if (slot < 0) return
    const bytes = this.#bytes
    const key = KEYS_AT + slot * KEY_BYTES
    const length = this.stop - this.start
    bytes.fill(0, key, key + KEY_BYTES)
    bytes.copyWithin(key, TEXT_AT + this.start, TEXT_AT + this.stop)
    bytes[SAYS_AT + 2 * slot] = says
    bytes[SAYS_AT + 2 * slot + 1] = length
  }

  /** The text between `start` and `stop`, as it stands there. */
  raw(): string {
    return this.#bytes.toString('utf8', TEXT_AT + this.start, TEXT_AT + this.stop)
  }

  /** Appends a text (UTF-8) as a JSON string. */
  write(text: Buffer, out: JsonText): void {
    const bytes = this.#bytes
    out.byte(QUOTE)
    for (let from = 0; from < text.length; from += PIECE_BYTES) {
      const count = Math.min(PIECE_BYTES, text.length - from)
      this.#copy(text, from, from + count)
      const end = TEXT_AT + count
      for (let at = TEXT_AT; at < end; ) {
        const to = this.#exports.escape(at, end, ESCAPED_AT)
        out.utf8(bytes, ESCAPED_AT, to, this.#words[WIDE] === 0)
        at = this.#words[AT]!
        if (at < end) writeControl(bytes[at++]!, out)
      }
    }
    out.byte(QUOTE)
  }

  /** What is read behind the end is ASCII, so that it tells nothing of the text. */
  #copy(text: Buffer, from: number, to: number): void {
    text.copy(this.#bytes, TEXT_AT, from, to)
    const end = TEXT_AT + to - from
    this.#slack.setFloat64(end, 0)
    this.#slack.setFloat64(end + 8, 0)
  }
}

/** A control that JSON has no letter for. */
function writeControl(code: number, out: JsonText): void {
  out.reserve(LONGEST)
  const { bytes, length } = out
  bytes.write('\\u00', length, 'latin1')
  bytes[length + 4] = HEX[code >> 4]!
  bytes[length + 5] = HEX[code & 15]!
  out.length = length + LONGEST
}

function writeTables(memory: Buffer): void {
  const outside = memory.subarray(OUTSIDE_AT, OUTSIDE_AT + 256)
  outside.fill(BLANK, 0, 0x21)
  for (const character of ':=?') outside[character.charCodeAt(0)] = BLANK
  for (const character of ',&{}[]()') outside[character.charCodeAt(0)] = SEPARATOR
  outside[0x0a] = LINE_FEED
  outside[QUOTE] = QUOTED
  memory.fill(0xff, MASKS_AT, MASKS_AT + KEY_BYTES)
  for (let first = 0; first < 128; first++) {
    // What may stand before a token within its run, and where a list begins.
    const any = '-._~+['.includes(String.fromCharCode(first))
    for (let second = 0; second < 128; second++) {
      memory[PAIRS_AT + first * 128 + second] = any || mayStartToken(first, second) ? 1 : 0
    }
  }
  // By which of eight bytes take a backslash before them: which of sixteen goes where, the last being the backslash.
  for (let mask = 0; mask < 256; mask++) {
    let to = EXPAND_AT + 16 * mask
    memory.fill(15, to, to + 16)
    for (let bit = 0; bit < 8; bit++) {
      if ((mask >> bit) & 1) to++
      memory[to++] = bit
    }
  }
}
