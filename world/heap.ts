/** Binary heap, earliest first; of equal times the one put in first. */
export class TimeHeap<T> {
  readonly #times: number[] = []
  readonly #orders: number[] = []
  readonly #things: T[] = []
  #order = 0

  get size(): number {
    return this.#things.length
  }

  /** Time of the earliest, or Infinity. */
  get next(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY
  }

  push(time: number, thing: T): void {
    const order = this.#order++
    let at = this.#things.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.#times[parent]! <= time) break
      this.#put(at, this.#times[parent]!, this.#orders[parent]!, this.#things[parent]!)
      at = parent
    }
    this.#put(at, time, order, thing)
  }

  pop(): T {
    const first = this.#things[0]!
    const time = this.#times.pop()!
    const order = this.#orders.pop()!
    const thing = this.#things.pop()!
    const size = this.#things.length
    if (size === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && this.#earlier(child + 1, child)) child++
      const sooner = this.#times[child]! < time || (this.#times[child] === time && this.#orders[child]! < order)
      if (!sooner) break
      this.#put(at, this.#times[child]!, this.#orders[child]!, this.#things[child]!)
      at = child
    }
    this.#put(at, time, order, thing)
    return first
  }

  #earlier(a: number, b: number): boolean {
    const difference = this.#times[a]! - this.#times[b]!
    return difference < 0 || (difference === 0 && this.#orders[a]! < this.#orders[b]!)
  }

  #put(at: number, time: number, order: number, thing: T): void {
    this.#times[at] = time
    this.#orders[at] = order
    this.#things[at] = thing
  }
}
