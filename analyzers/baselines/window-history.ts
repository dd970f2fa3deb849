import { median, medianAbsoluteDeviation } from 'simple-statistics'
import { z } from 'zod'
import type { EventTime } from '../../daemon/model/time.ts'
import type { Baseline } from '../baseline.ts'
import { DriftCap, DriftCapState } from './drift-cap.ts'
import { amount } from './state.ts'

/** Windows after which the limit may only drift: the first few say too little to be held to. */
const SETTLED = 8

const LENGTH = 16
/** Windows before growth is one; the newest of them that are compared, and how much they must stand above as many oldest ones. */
const LEAST_OF_GROWTH = 12
const END = 4
const LEAST_RISE = 1.3
/** Of all pairs of windows, so many more must rise than fall (Kendall's tau). */
const LEAST_TAU = 0.6

/** Values, windows seen, cap, limit; what the first windows were like (kept since a later release). */
export const WindowHistoryState = z.tuple([
  z.array(amount).max(LENGTH),
  amount,
  DriftCapState.nullable(),
  amount.nullable(),
  amount.nullable().optional(),
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
  /** Null: not known since the last window. */
  #growth: number | null = null
  #first: number | null = null

  /**
   * How many times the first windows the newest are, where they still grow step by step; 1 where they do not, or jump up and down.
   */
  get growth(): number {
    this.#growth ??= isRising(this.#values) ? this.course.to / Math.max(1, this.course.from) : 1
    return this.#growth
  }

  /** What its first and its newest windows were like. */
  get course(): { readonly from: number; readonly to: number } {
    const to = median(this.#values.slice(-END))
    return { from: this.#first ?? to, to }
  }

  get count(): number {
    return this.#values.length
  }

  learnOne(value: number, now: EventTime): void {
    if (this.#values.length >= WindowHistory.length) this.#values.shift()
    this.#values.push(value)
    this.#growth = null
    this.#seen++
    if (this.#seen === END) this.#first = median(this.#values)
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
    return [[...this.#values], this.#seen, cap, this.#limit, this.#first]
  }

  static fromState([values, seen, cap, limit, first = null]: WindowHistoryState): WindowHistory {
    const history = new WindowHistory()
    history.#first = first
    history.#values.push(...values)
    history.#seen = seen
    history.#cap = cap === null ? null : DriftCap.fromState(cap)
    history.#limit = limit
    return history
  }
}

function isRising(values: readonly number[]): boolean {
  if (values.length < LEAST_OF_GROWTH) return false
  if (median(values.slice(-END)) < LEAST_RISE * median(values.slice(0, END))) return false
  let rises = 0
  let pairs = 0
  for (let i = 0; i < values.length; i++) {
    for (let j = i + 1; j < values.length; j++) {
      pairs++
      rises += Math.sign(values[j]! - values[i]!)
    }
  }
  return rises >= LEAST_TAU * pairs
}
