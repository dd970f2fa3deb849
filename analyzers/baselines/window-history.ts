import { median, medianAbsoluteDeviation } from 'simple-statistics'
import { z } from 'zod'
import type { EventTime } from '../../daemon/model/time.ts'
import type { Baseline } from '../baseline.ts'
import { DriftCap, DriftCapState } from './drift-cap.ts'
import { amount } from './state.ts'

/** Windows after which the limit may only drift: the first few say too little to be held to. */
const SETTLED = 8

const LENGTH = 16

/** Values, windows seen, cap, limit. */
export const WindowHistoryState = z.tuple([
  z.array(amount).max(LENGTH),
  amount,
  DriftCapState.nullable(),
  amount.nullable(),
])
export type WindowHistoryState = z.infer<typeof WindowHistoryState>

/**
 * What a caller's own last windows looked like, by median and median absolute deviation: a minority of odd windows (an
 * attack that was not noticed) does not move it. Once settled, the limit rises 20 % a day at most: nobody excuses himself by
 * doing a little more every time.
 *
 * Promise    replacing up to 7 of 16 windows by anything leaves `upper` within the honest windows' spread (6 x the median)
 * Memory     at most 16 numbers
 */
export class WindowHistory implements Baseline<[value: number, now: EventTime], WindowHistoryState> {
  static readonly length = LENGTH
  readonly #values: number[] = []
  #seen = 0
  #cap: DriftCap | null = null
  #limit: number | null = null

  get count(): number {
    return this.#values.length
  }

  learnOne(value: number, now: EventTime): void {
    if (this.#values.length >= WindowHistory.length) this.#values.shift()
    this.#values.push(value)
    this.#seen++
    const middle = median(this.#values)
    const spread = 1.4826 * Math.max(medianAbsoluteDeviation(this.#values), 0.1 * middle, 0.5)
    const proposed = middle + 4 * spread
    if (this.#seen < SETTLED) {
      this.#limit = proposed
      return
    }
    this.#cap ??= new DriftCap()
    this.#limit = this.#cap.admit(proposed, 0, now)
  }

  /** The most that is ordinary for this caller, or null with fewer than `least` windows. */
  upper(least: number): number | null {
    return this.#values.length < least ? null : this.#limit
  }

  toState(): WindowHistoryState {
    const cap = this.#cap === null ? null : this.#cap.toState()
    return [[...this.#values], this.#seen, cap, this.#limit]
  }

  static fromState([values, seen, cap, limit]: WindowHistoryState): WindowHistory {
    const history = new WindowHistory()
    history.#values.push(...values)
    history.#seen = seen
    history.#cap = cap === null ? null : DriftCap.fromState(cap)
    history.#limit = limit
    return history
  }
}
