import { z } from 'zod'
import { DAY_US, type EventTime } from '../../daemon/model/time.ts'
import { amount, time } from './state.ts'

const RISE_PER_DAY = 0.2
const CARRIED_BY = 0.3

/** What an honest limit may grow in a day without being a drift. */
const NATURAL_PER_DAY = 0.05

/** Limit, since when, how often a rise was held back; what it would be without the cap, the level it drifts from, and since when (kept since a later release). */
export const DriftCapState = z.tuple([
  amount.nullable(),
  time,
  amount,
  amount.optional(),
  amount.nullable().optional(),
  time.optional(),
])
export type DriftCapState = z.infer<typeof DriftCapState>

/**
 * How fast an upper limit may rise: 20 % a day, unless at least 30 % of the established callers carry the rise (a launch is
 * not an attack). It may always fall. This is what a patient attacker who stretches a baseline day by day runs into.
 *
 * A CUSUM on what is proposed tells him: how far it stands above the lowest level it ever had, after 5 % a day that every limit may grow.
 *
 * Memory     48 B
 */
export class DriftCap {
  #limit: number | null = null
  #at: EventTime = 0
  /** How often a rise was held back. */
  held = 0
  #proposed = 0
  #base: number | null = null
  #baseAt: EventTime = 0

  /** How many times the level it drifts from the proposed limit is; 1 while it does not. */
  get drift(): number {
    return this.#base === null || this.#base <= 0 ? 1 : Math.max(1, this.#proposed / this.#base)
  }

  /** The level that it drifts from, and since when; what is proposed now. */
  get course(): { readonly from: number; readonly since: EventTime; readonly to: number } {
    return { from: this.#base ?? this.#proposed, since: this.#baseAt, to: this.#proposed }
  }

  /** The present level is where it begins: too little was known before to call a change a drift. */
  settle(): void {
    this.#base = null
  }

  /** The limit in force, given the one the model now proposes. `carriers` is the share of callers above the limit in force. */
  admit(proposed: number, carriers: number, now: EventTime): number {
    this.#follow(proposed, carriers, now)
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

  #follow(proposed: number, carriers: number, now: EventTime): void {
    const days = this.#base === null ? 0 : Math.max(0, now - this.#at) / DAY_US
    const grown = this.#base === null ? proposed : this.#base * (1 + NATURAL_PER_DAY) ** days
    this.#proposed = proposed
    if (this.#base === null || carriers >= CARRIED_BY || proposed <= grown) {
      this.#base = proposed
      this.#baseAt = now
    } else this.#base = grown
  }

  get limit(): number | null {
    return this.#limit
  }

  toState(): DriftCapState {
    return [this.#limit, this.#at, this.held, this.#proposed, this.#base, this.#baseAt]
  }

  static fromState([limit, at, held, proposed = 0, base = null, baseAt = 0]: DriftCapState): DriftCap {
    const cap = new DriftCap()
    cap.#proposed = proposed
    cap.#base = base
    cap.#baseAt = baseAt
    cap.#limit = limit
    cap.#at = at
    cap.held = held
    return cap
  }
}
