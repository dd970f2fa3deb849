import type { EventTime } from '../../daemon/model/time.ts'

/**
 * Counts over the last `slots` x `slotUs` of event time.
 *
 * Promise    the sum covers between (slots - 1) and slots whole slots; late events count in the present slot
 * Memory     4 B per slot
 */
export class RingWindow {
  readonly #slotUs: number
  readonly #counts: Uint32Array
  #slot = 0
  #sum = 0

  constructor(slots: number, slotUs: number) {
    this.#slotUs = slotUs
    this.#counts = new Uint32Array(slots)
  }

  add(now: EventTime, count = 1): void {
    this.#advance(now)
    this.#counts[this.#slot % this.#counts.length]! += count
    this.#sum += count
  }

  sum(now: EventTime): number {
    this.#advance(now)
    return this.#sum
  }

  merge(other: RingWindow, now: EventTime): void {
    this.#advance(now)
    other.#advance(now)
    for (let i = 0; i < this.#counts.length; i++) {
      const count = other.#counts[i % other.#counts.length]!
      this.#counts[i]! += count
      this.#sum += count
    }
  }

  toState(): { readonly slot: number; readonly counts: readonly number[] } {
    return { slot: this.#slot, counts: [...this.#counts] }
  }

  restore(state: { readonly slot: number; readonly counts: readonly number[] }): void {
    this.#slot = state.slot
    this.#counts.fill(0)
    this.#counts.set(state.counts.slice(0, this.#counts.length))
    this.#sum = this.#counts.reduce((sum, count) => sum + count, 0)
  }

  #advance(now: EventTime): void {
    const slot = Math.floor(now / this.#slotUs)
    if (slot <= this.#slot) return
    const steps = Math.min(slot - this.#slot, this.#counts.length)
    for (let i = 1; i <= steps; i++) {
      const index = (this.#slot + i) % this.#counts.length
      this.#sum -= this.#counts[steps === this.#counts.length ? i - 1 : index]!
      this.#counts[steps === this.#counts.length ? i - 1 : index] = 0
    }
    this.#slot = slot
  }
}
