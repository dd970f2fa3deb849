const SMALLEST = 512
const LARGEST = 64 * 1024
/** Sizes up to this are powers of two, so that one of them nearly always lies ready. */
const SMALL = 4096
/** Larger ones come in so many steps from one power to the next: a body of 20 KB would take 32. */
const STEPS = 4
/** Bytes kept for later; what is beyond is left to the collector. */
const MAX_FREE = 8 * 1024 * 1024

/**
 * Storage of bodies on their way, used again. A body that waits for its other half outlives the young generation, and what is
 * outside of the heap is freed there only when all of the heap is looked at: with thousands of connections that was as
 * much again as what was waited for.
 */
export class BodyBuffers {
  readonly #free = new Map<number, Buffer[]>()
  #freeBytes = 0

  /** At least `length` bytes, with whatever stood there before. */
  take(length: number): Buffer {
    if (length > LARGEST) return Buffer.allocUnsafeSlow(length)
    const size = sizeFor(length)
    const known = this.#free.get(size)?.pop()
    if (known === undefined) return Buffer.allocUnsafeSlow(size)
    this.#freeBytes -= size
    return known
  }

  /** Nobody may read it any more. */
  giveBack(buffer: Buffer): void {
    const { length } = buffer
    if (length > LARGEST || this.#freeBytes + length > MAX_FREE) return
    const free = this.#free.get(length)
    if (free === undefined) this.#free.set(length, [buffer])
    else free.push(buffer)
    this.#freeBytes += length
  }
}

function sizeFor(length: number): number {
  let size = SMALLEST
  while (size < length) size *= 2
  const step = size / (2 * STEPS)
  return size <= SMALL ? size : Math.ceil(length / step) * step
}
