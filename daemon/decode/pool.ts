/**
 * Objects used again, the last one given back first, since it is still in the cache. What a flow needs only while it is in the
 * middle of something comes from here: of thousands of connections most are idle, and each would hold, and touch, its own. So
 * does what waits in great numbers and then goes: left to the collector it would lie about until all of the heap is looked at.
 */
export class Pool<T> {
  readonly #make: () => T
  readonly #most: number
  readonly #free: T[] = []

  /** `most`: kept for later; what is beyond is left to the collector. */
  constructor(make: () => T, most: number) {
    this.#make = make
    this.#most = most
  }

  take(): T {
    return this.#free.pop() ?? this.#make()
  }

  /** Nobody may use it any more. */
  giveBack(used: T): void {
    if (this.#free.length < this.#most) this.#free.push(used)
  }
}
