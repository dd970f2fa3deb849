/** Most fragments are the larger part of an Ethernet packet, or the little that did not fit. */
const SIZES: readonly number[] = [256, 2048]
/** Buffers kept of each size: 576 KiB at most, beside the limit on what is held. */
const KEPT = 256

/**
 * Owned buffers for fragments, used again: allocating each anew costs more than all the rest of putting packets together
 * (test/bench/fragments.bench.ts).
 */
export class PieceBuffers {
  readonly #free: readonly Buffer[][] = SIZES.map(() => [])

  /** At least `length` bytes, with whatever stood there before. */
  take(length: number): Buffer {
    const size = SIZES.findIndex((bytes) => length <= bytes)
    return size < 0 ? Buffer.allocUnsafeSlow(length) : (this.#free[size]!.pop() ?? Buffer.allocUnsafeSlow(SIZES[size]!))
  }

  giveBack(buffer: Buffer): void {
    const free = this.#free[SIZES.indexOf(buffer.length)]
    if (free !== undefined && free.length < KEPT) free.push(buffer)
  }
}
