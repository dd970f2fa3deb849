import { MessageStart } from './message-start.ts'
import { type LineKind, maybeStartLine } from './start-line.ts'

const EMPTY = Buffer.alloc(0)
const SMALLEST = 512
/** A start line is judged by this much of it while its end is not there. */
const JUDGED_BYTES = 64
const LF = 0x0a
const CR = 0x0d

/**
 * Bytes of one direction that wait for the rest of a start line or a head. Grows by doubling, never past what the parser lets
 * in. The head is watched by a one-byte state machine, so that each byte is looked at once however small the pieces.
 */
export class Gather {
  bytes: Buffer = EMPTY
  /** Of the message that what it holds begins, once its start line was come upon. */
  readonly start = new MessageStart()
  /** What the flow was charged for it. */
  charged = 0
  length = 0
  /** The last `takeHead` has come to the blank line that ends a head. */
  whole = false
  /** The line being gathered is empty so far. */
  lineEmpty = true
  /** The start line has been judged possible as far as it is judged. */
  #judged = false

  append(bytes: Buffer, from: number, to: number): void {
    const needed = this.length + to - from
    if (needed > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(SMALLEST, this.bytes.length * 2, needed))
      this.bytes.copy(larger, 0, 0, this.length)
      this.bytes = larger
    }
    bytes.copy(this.bytes, this.length, from, to)
    this.length = needed
  }

  /** Takes bytes of [from, end) up to the end of a line, as long as there are at most `most` in all; returns how far it came. */
  takeLine(bytes: Buffer, from: number, end: number, most: number): number {
    const stop = Math.min(end, from + most - this.length)
    let i = from
    while (i < stop && bytes[i] !== LF) i++
    if (i < stop) i++
    this.append(bytes, from, i)
    return i
  }

  /** The same up to the end of a head. */
  takeHead(bytes: Buffer, from: number, end: number, most: number): number {
    const stop = Math.min(end, from + most - this.length)
    let i = from
    let whole = false
    while (i < stop && !whole) {
      const c = bytes[i++]!
      if (c === LF) {
        whole = this.lineEmpty
        this.lineEmpty = true
      } else if (c !== CR) this.lineEmpty = false
    }
    this.append(bytes, from, i)
    this.whole = whole
    return i
  }

  /** Where the line that it holds ends, without its line end; -1 while that has not come. */
  get lineEnd(): number {
    if (this.bytes[this.length - 1] !== LF || this.length === 0) return -1
    return this.length - (this.bytes[this.length - 2] === CR ? 2 : 1)
  }

  /** Whether what it holds can still become a start line of the wanted kind. */
  mayBegin(want: LineKind): boolean {
    if (this.#judged) return true
    const looked = Math.min(this.length, JUDGED_BYTES)
    if (!maybeStartLine(this.bytes, 0, looked, want)) return false
    this.#judged = looked === JUDGED_BYTES
    return true
  }

  /** Drops the first `count` bytes. */
  shift(count: number): void {
    this.bytes.copyWithin(0, count, this.length)
    this.length -= count
  }

  /** As good as new. Storage of a long head is not kept. */
  clear(): void {
    this.length = 0
    this.lineEmpty = true
    this.#judged = false
    if (this.bytes.length > 4 * SMALLEST) this.bytes = EMPTY
  }
}
