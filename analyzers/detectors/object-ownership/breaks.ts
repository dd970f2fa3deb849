import { z } from 'zod'
import { DAY_US, type EventTime } from '../../../daemon/model/time.ts'
import { amount, hash32, text, time } from '../../baselines/state.ts'

const MAX_BREAKS = 4096

/** Caller, endpoint, field, cohort, relation, when. */
const BreakState = z.tuple([text, text, amount, text, hash32, time])
export const BreaksState = z.array(BreakState).max(MAX_BREAKS)
type Break = z.infer<typeof BreakState>

/**
 * Who spoke against which invariant within the last day: what a thief says is taken back when an incident names him. At most 4,096,
 * the oldest is final.
 */
export class Breaks {
  #recent: Break[] = []

  add(caller: string, endpoint: string, field: number, cohort: string, relation: number, now: EventTime): void {
    if (this.#recent.length >= MAX_BREAKS) this.#recent.shift()
    this.#recent.push([caller, endpoint, field, cohort, relation, now])
  }

  /** Those of a caller, forgotten. */
  take(caller: string): readonly Break[] {
    const taken = this.#recent.filter(([who]) => who === caller)
    if (taken.length > 0) this.#recent = this.#recent.filter(([who]) => who !== caller)
    return taken
  }

  tick(now: EventTime): void {
    let old = 0
    while (old < this.#recent.length && now - this.#recent[old]![5] > DAY_US) old++
    if (old > 0) this.#recent.splice(0, old)
  }

  toState(): Break[] {
    return [...this.#recent]
  }

  restore(state: readonly Break[]): void {
    this.#recent = [...state]
  }
}
