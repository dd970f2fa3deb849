/**
 * Owned buffers for pieces that wait, used again: allocating each anew costs more than all the rest of putting packets together
 * (test/bench/fragments.bench.ts), and what a flood of them leaves behind lies about until V8 looks.
 */
export class PieceBuffers {
  readonly #sizes: readonly number[]
  readonly #kept: number
  readonly #free: readonly Buffer[][]

  /** `sizes`: of the buffers, ascending, in bytes; `kept`: so many of each are kept for later. */
  constructor(sizes: readonly number[], kept: number) {
    this.#sizes = sizes
    this.#kept = kept
    this.#free = sizes.map(() => [])
  }

  /** At least `length` bytes, with whatever stood there before. */
  take(length: number): Buffer {
    const size = this.#sizes.findIndex((bytes) => length <= bytes)
    return size < 0
      ? Buffer.allocUnsafeSlow(length)
      : (this.#free[size]!.pop() ?? Buffer.allocUnsafeSlow(this.#sizes[size]!))
  }

  giveBack(buffer: Buffer): void {
    const free = this.#free[this.#sizes.indexOf(buffer.length)]
    if (free !== undefined && free.length < this.#kept) free.push(buffer)
  }
}
