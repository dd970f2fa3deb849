import { z } from 'zod'
import type { Occupancy } from '../../baselines/keyed-table.ts'
import { ModelChange } from '../../model-change.ts'
import { type EndpointFields, type Field, RELATIONS } from './endpoint-fields.ts'
import { ruleOf } from './finding.ts'
import type { Invariant } from './invariant.ts'

/** Rules given up that wait for the next tick: more of them say nothing else. */
const MAX_WAITING = 64

export const GivenUpState = z.array(ModelChange).max(MAX_WAITING)

/** What was in force and is given up, until somebody takes it; of what was not it is only counted that it ended. */
export class GivenUp {
  #waiting: ModelChange[] = []
  #untold = 0

  /** Looks at the invariants of a field after one of them was broken, in the order of RELATIONS. */
  note(endpoint: EndpointFields, field: Field, invariants: readonly Invariant[]): void {
    for (const [i, invariant] of invariants.entries()) {
      const end = invariant.takeEnd()
      if (end === null) continue
      if (end === 'dropped' || this.#waiting.length >= MAX_WAITING) {
        this.#untold++
        continue
      }
      this.#waiting.push({
        detector: 'object.ownership',
        service: endpoint.service,
        endpoint: endpoint.collection,
        rule: ruleOf(field, RELATIONS[i]!),
        held: invariant.observations,
        callers: invariant.callers,
        brokenBy: invariant.broken,
        days: invariant.days,
      })
    }
  }

  take(): readonly ModelChange[] {
    const taken = this.#waiting
    if (taken.length > 0) this.#waiting = []
    return taken
  }

  get occupancy(): Occupancy {
    return { entries: this.#waiting.length, limit: MAX_WAITING, evicted: this.#untold }
  }

  toState(): readonly ModelChange[] {
    return this.#waiting
  }

  restore(state: z.infer<typeof GivenUpState>): void {
    this.#waiting = state
  }
}
