import { z } from 'zod'
import { type EventTime, HOUR_US } from '../../daemon/model/time.ts'
import type { Occupancy } from './keyed-table.ts'
import { text, time } from './state.ts'

const MAX_SUSPECTS = 4096
/** A suspicion nobody closed ends by itself, or provoking cheap incidents would stop all learning. */
const ENDS_AFTER_US = 24 * HOUR_US

export const SuspectsState = z.array(z.tuple([text, time])).max(MAX_SUSPECTS)
export type SuspectsState = z.infer<typeof SuspectsState>

/** Callers under suspicion, each for a day at most. Of more than 4,096 the one suspected longest ago is let go. */
export class Suspects {
  readonly #since = new Map<string, EventTime>()
  #evicted = 0

  set(caller: string, open: boolean, now: EventTime): void {
    this.#since.delete(caller)
    if (!open) return
    if (this.#since.size >= MAX_SUSPECTS) {
      const oldest = this.#since.keys().next()
      if (oldest.done !== true) this.#since.delete(oldest.value)
      this.#evicted++
    }
    this.#since.set(caller, now)
  }

  has(caller: string, now: EventTime): boolean {
    if (this.#since.size === 0) return false
    const since = this.#since.get(caller)
    if (since === undefined) return false
    if (now - since <= ENDS_AFTER_US) return true
    this.#since.delete(caller)
    return false
  }

  get isEmpty(): boolean {
    return this.#since.size === 0
  }

  get occupancy(): Occupancy {
    return { entries: this.#since.size, limit: MAX_SUSPECTS, evicted: this.#evicted }
  }

  clear(): void {
    this.#since.clear()
  }

  toState(): SuspectsState {
    return [...this.#since]
  }

  restore(state: SuspectsState): void {
    for (const [caller, since] of state) this.#since.set(caller, since)
  }
}
