import { z } from 'zod'
import { type EventTime, HOUR_US, MINUTE_US } from '../../daemon/model/time.ts'
import type { Baseline, Mergeable } from '../baseline.ts'
import { amount, time } from './state.ts'

/** Half-lives: a burst, a working day's patience, and one try every three hours for days. */
const GUESS_HALF_LIVES_US: readonly number[] = [10 * MINUTE_US, 6 * HOUR_US, 72 * HOUR_US]
export const GUESS_SCALES = GUESS_HALF_LIVES_US.length

/** The three counts, and of when they are. */
export const GuessCountsState = z.tuple([amount, amount, amount, time])
export type GuessCountsState = z.infer<typeof GuessCountsState>

/**
 * One count at three forgetting speeds.
 *
 * Promise    each value is the sum of 2^(-age / half-life) over what was added, to rounding
 * Memory     64 B
 */
export class GuessCounts
  implements Baseline<[now: EventTime, amount: number], GuessCountsState>, Mergeable<GuessCounts>
{
  readonly values: [number, number, number] = [0, 0, 0]
  #at: EventTime = 0

  learnOne(now: EventTime, amount: number): void {
    this.fade(now)
    for (let i = 0; i < GUESS_SCALES; i++) this.values[i] = Math.max(0, this.values[i]! + amount)
  }

  fade(now: EventTime): void {
    const passed = now - this.#at
    if (passed <= 0) return
    this.#at = now
    for (let i = 0; i < GUESS_SCALES; i++) this.values[i]! *= 2 ** (-passed / GUESS_HALF_LIVES_US[i]!)
  }

  clear(): void {
    this.values.fill(0)
  }

  merge(other: GuessCounts): void {
    this.fade(other.#at)
    const passed = Math.max(0, this.#at - other.#at)
    for (let i = 0; i < GUESS_SCALES; i++) {
      this.values[i]! += other.values[i]! * 2 ** (-passed / GUESS_HALF_LIVES_US[i]!)
    }
  }

  toState(): GuessCountsState {
    return [...this.values, this.#at]
  }

  static fromState([first, second, third, at]: GuessCountsState): GuessCounts {
    const counts = new GuessCounts()
    counts.values.splice(0, GUESS_SCALES, first, second, third)
    counts.#at = at
    return counts
  }
}
