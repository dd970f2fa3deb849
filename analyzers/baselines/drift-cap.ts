import { z } from 'zod'
import { DAY_US, type EventTime } from '../../daemon/model/time.ts'
import { amount, time } from './state.ts'

const RISE_PER_DAY = 0.2
const CARRIED_BY = 0.3

/** Limit, since when, how often a rise was held back. */
export const DriftCapState = z.tuple([amount.nullable(), time, amount])
export type DriftCapState = z.infer<typeof DriftCapState>

/**
 * How fast an upper limit may rise: 20 % a day, unless at least 30 % of the established callers carry the rise (a launch is
 * not an attack). It may always fall. This is what a patient attacker who stretches a baseline day by day runs into.
 *
 * Memory     24 B
 */
export class DriftCap {
  #limit: number | null = null
  #at: EventTime = 0
  /** How often a rise was held back. */
  held = 0

  /** The limit in force, given the one the model now proposes. `carriers` is the share of callers above the limit in force. */
  admit(proposed: number, carriers: number, now: EventTime): number {
    if (this.#limit === null || proposed <= this.#limit || carriers >= CARRIED_BY) {
      this.#limit = proposed
      this.#at = now
      return proposed
    }
    const days = Math.max(0, now - this.#at) / DAY_US
    const allowed = this.#limit * (1 + RISE_PER_DAY) ** days
    if (proposed > allowed) this.held++
    this.#limit = Math.min(proposed, allowed)
    this.#at = now
    return this.#limit
  }

  get limit(): number | null {
    return this.#limit
  }

  toState(): DriftCapState {
    return [this.#limit, this.#at, this.held]
  }

  static fromState([limit, at, held]: DriftCapState): DriftCap {
    const cap = new DriftCap()
    cap.#limit = limit
    cap.#at = at
    cap.held = held
    return cap
  }
}
