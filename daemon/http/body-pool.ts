const SIZES = [1024, 4 * 1024, 16 * 1024, 64 * 1024]
const KEPT_PER_SIZE = 64

/** Reusable storage for kept bodies, in a few sizes. A buffer given back may be handed out again at once. */
export class BodyPool {
  readonly #free: Buffer[][] = SIZES.map(() => [])

  /** A buffer of at least `length` bytes. */
  take(length: number): Buffer {
    let size = 0
    while (size < SIZES.length && SIZES[size]! < length) size++
    if (size === SIZES.length) return Buffer.allocUnsafeSlow(length)
    return this.#free[size]!.pop() ?? Buffer.allocUnsafeSlow(SIZES[size]!)
  }

  give(buffer: Buffer): void {
    const free = this.#free[SIZES.indexOf(buffer.length)]
    if (free !== undefined && free.length < KEPT_PER_SIZE) free.push(buffer)
  }
}
