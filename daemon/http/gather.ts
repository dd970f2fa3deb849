const EMPTY = Buffer.alloc(0)
const SMALLEST = 512

/** Bytes of one direction that wait for the rest of a head. Grows by doubling, never past what the parser lets in. */
export class Gather {
  bytes: Buffer = EMPTY
  length = 0

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

  /** Drops the first `count` bytes. */
  shift(count: number): void {
    this.bytes.copyWithin(0, count, this.length)
    this.length -= count
  }

  /** An idle flow holds no storage. */
  clear(): void {
    this.length = 0
    if (this.bytes.length > 4 * SMALLEST) this.bytes = EMPTY
  }
}
