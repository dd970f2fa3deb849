import { z } from 'zod'
import { type EventTime, HOUR_US } from '../../../daemon/model/time.ts'
import { hash32, text, time } from '../../baselines/state.ts'

const MAX_TURNS = 64
/** Callers of a service who got a second value within the hour, from which everybody is being renamed. */
const MANY = 3

/** Service, caller, when. */
export const RenamingState = z.array(z.tuple([text, hash32, time])).max(MAX_TURNS)

/**
 * Callers whose own value was known, and who got a second one: a few are thieves, or are given what is not theirs; where a migration
 * gives everybody a new name there are more, and nothing is said of those after the second. At most 64, the oldest leaves.
 */
export class Renaming {
  #turns: z.infer<typeof RenamingState> = []

  note(service: string, caller: number, now: EventTime): void {
    if (this.#turns.some(([at, who]) => at === service && who === caller)) return
    if (this.#turns.length >= MAX_TURNS) this.#turns.shift()
    this.#turns.push([service, caller, now])
  }

  isAtWork(service: string, now: EventTime): boolean {
    let callers = 0
    for (const [at, , since] of this.#turns) if (at === service && now - since <= HOUR_US) callers++
    return callers >= MANY
  }

  tick(now: EventTime): void {
    while (this.#turns.length > 0 && now - this.#turns[0]![2] > HOUR_US) this.#turns.shift()
  }

  toState(): z.infer<typeof RenamingState> {
    return this.#turns.map(([service, caller, at]) => [service, caller, at])
  }

  restore(state: z.infer<typeof RenamingState>): void {
    this.#turns = [...state]
  }
}
