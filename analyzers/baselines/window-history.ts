import { median, medianAbsoluteDeviation } from 'simple-statistics'

/**
 * What a caller's own last windows looked like, by median and median absolute deviation: a minority of odd windows (an
 * attack that was not noticed) does not move it.
 *
 * Promise    with fewer than half of the windows replaced by anything, `upper` stays within the range of the honest ones' spread
 * Memory     at most 16 numbers
 */
export class WindowHistory {
  static readonly length = 16
  #values: number[] = []

  get count(): number {
    return this.#values.length
  }

  learnOne(value: number): void {
    if (this.#values.length >= WindowHistory.length) this.#values.shift()
    this.#values.push(value)
  }

  /** The most that is ordinary for this caller, or null with fewer than `least` windows. */
  upper(least: number): number | null {
    if (this.#values.length < least) return null
    const middle = median(this.#values)
    const spread = 1.4826 * Math.max(medianAbsoluteDeviation(this.#values), 0.1 * middle, 0.5)
    return middle + 4 * spread
  }

  toState(): readonly number[] {
    return [...this.#values]
  }

  static fromState(values: readonly number[]): WindowHistory {
    const history = new WindowHistory()
    for (const value of values.slice(-WindowHistory.length)) history.learnOne(value)
    return history
  }
}
