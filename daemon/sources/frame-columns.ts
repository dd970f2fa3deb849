import type { FrameBatch } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'

/**
 * The one batch a reader fills again and again. `filled` rows are parsed; the first `count` of them are handed out, the
 * others wait for their look-ahead. Offsets point into `bytes`, which its owner may compact: see `moved`.
 */
export class FrameColumns implements FrameBatch {
  readonly bytes: Buffer
  readonly capacity: number
  count = 0
  filled = 0
  readonly offset: Uint32Array
  readonly captured: Uint32Array
  readonly original: Uint32Array
  readonly time: Float64Array
  readonly clock: Float64Array
  readonly linkType: Uint16Array
  readonly flags: Uint8Array

  constructor(bytes: Buffer, capacity: number) {
    this.bytes = bytes
    this.capacity = capacity
    this.offset = new Uint32Array(capacity)
    this.captured = new Uint32Array(capacity)
    this.original = new Uint32Array(capacity)
    this.time = new Float64Array(capacity)
    this.clock = new Float64Array(capacity)
    this.linkType = new Uint16Array(capacity)
    this.flags = new Uint8Array(capacity)
  }

  append(offset: number, captured: number, original: number, time: EventTime, linkType: number): void {
    const row = this.filled++
    this.offset[row] = offset
    this.captured[row] = captured
    this.original[row] = original
    this.time[row] = time
    this.linkType[row] = linkType
  }

  /** Forgets the rows handed out; those held back become the first ones. */
  release(): void {
    const { count, filled } = this
    this.offset.copyWithin(0, count, filled)
    this.captured.copyWithin(0, count, filled)
    this.original.copyWithin(0, count, filled)
    this.time.copyWithin(0, count, filled)
    this.linkType.copyWithin(0, count, filled)
    this.filled = filled - count
    this.count = 0
  }

  /**
   * Moves the bytes of the rows held back so that they end at `end`, and returns where they now begin. Without this, two
   * frames before a long block that is skipped would keep all of it in the buffer.
   */
  gather(end: number): number {
    let at = end
    for (let row = this.filled - 1; row >= 0; row--) {
      const from = this.offset[row]!
      at -= this.captured[row]!
      this.bytes.copyWithin(at, from, from + this.captured[row]!)
      this.offset[row] = at
    }
    return at
  }

  /** The bytes were moved towards the front of the buffer by `distance`. */
  moved(distance: number): void {
    for (let row = 0; row < this.filled; row++) this.offset[row]! -= distance
  }
}
