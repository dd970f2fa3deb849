import type { ByteInput } from './byte-input.ts'
import { vectorBuffer } from './vector-memory.ts'

/**
 * A sliding window over an input: bytes `start` to `end` of `buffer` are read and not yet used. Filling moves what is
 * still needed to the front, which is the only copy a byte ever sees here.
 */
export class ByteWindow {
  buffer: Buffer
  start = 0
  end = 0
  /** Set once the input has ended. */
  ended = false
  readonly input: ByteInput

  constructor(input: ByteInput, size: number) {
    this.input = input
    this.buffer = vectorBuffer(size)
  }

  get available(): number {
    return this.end - this.start
  }

  get damage(): string | null {
    return this.input.damage
  }

  /** Reads more, keeping everything from `keep` on (at most `start`). Returns how far the kept bytes moved forward. */
  async fill(keep = this.start): Promise<number> {
    if (keep > 0) {
      this.buffer.copyWithin(0, keep, this.end)
      this.start -= keep
      this.end -= keep
    }
    const room = this.buffer.length - this.end
    const taken = room > 0 ? await this.input.read(this.buffer, this.end, room) : 0
    this.end += taken
    if (room > 0 && taken === 0) this.ended = true
    return keep
  }

  /** Doubles the buffer, for a record that is longer than it. */
  grow(): void {
    const larger = Buffer.allocUnsafe(this.buffer.length * 2)
    this.buffer.copy(larger, 0, 0, this.end)
    this.buffer = larger
  }

  /** Reads to the end without keeping anything; returns how many bytes were left, those in the window included. */
  async drain(stop: AbortSignal): Promise<number> {
    let left = this.available
    while (!this.ended && !stop.aborted) {
      this.start = this.end
      await this.fill()
      left += this.available
    }
    this.start = this.end
    return left
  }

  close(): Promise<void> {
    return this.input.close()
  }
}
