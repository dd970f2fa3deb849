import { z } from 'zod'
import { amount } from '../../baselines/state.ts'

const MINUTES = 10

/** By minute modulo ten, the minute of the last, the peak. */
export const SlidingState = z.tuple([z.array(amount).length(MINUTES), amount, amount])
export type SlidingState = z.infer<typeof SlidingState>

/**
 * What was used in the ten minutes that end now, to the minute. Windows that follow one another cut what lies across two of them in
 * half; this does not.
 *
 * Memory     ten numbers
 */
export class SlidingSum {
  #minutes = new Array<number>(MINUTES).fill(0)
  #minute = 0
  #peak = 0
  /** In the minute of the last use and the nine before. */
  sum = 0

  /** Minutes do not go back: what comes late counts for the present one. */
  add(used: number, minute: number): void {
    const gone = Math.min(MINUTES, minute - this.#minute)
    for (let i = 1; i <= gone; i++) this.#minutes[(this.#minute + i) % MINUTES] = 0
    if (gone > 0) this.#minute = minute
    this.#minutes[this.#minute % MINUTES]! += used
    this.sum = this.#minutes.reduce((sum, each) => sum + each, 0)
    if (this.sum > this.#peak) this.#peak = this.sum
  }

  /** The most since it was last asked. */
  takePeak(): number {
    const peak = this.#peak
    this.#peak = 0
    return peak
  }

  toState(): SlidingState {
    return [[...this.#minutes], this.#minute, this.#peak]
  }

  static fromState([minutes, minute, peak]: SlidingState): SlidingSum {
    const sliding = new SlidingSum()
    sliding.#minutes = [...minutes]
    sliding.#minute = minute
    sliding.#peak = peak
    sliding.sum = minutes.reduce((sum, each) => sum + each, 0)
    return sliding
  }
}

/** About the same where only the window of the present ten minutes and the one before are known. */
export function untilMinute(inWindow: number, before: number, minute: number): number {
  return inWindow + (before * (MINUTES - 1 - (minute % MINUTES))) / MINUTES
}
