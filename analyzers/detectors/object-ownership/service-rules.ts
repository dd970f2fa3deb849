import { z } from 'zod'
import type { EventTime } from '../../../daemon/model/time.ts'
import { text } from '../../baselines/state.ts'
import { ONCE } from './caller.ts'
import { RELATIONS } from './endpoint-fields.ts'
import { IN_FORCE, Invariant, InvariantState } from './invariant.ts'

/** Services times roles. */
const MAX_POOLS = 1024

const PoolState = z.tuple([text, z.array(InvariantState).length(RELATIONS.length)])
/** By service and role. */
export const ServiceRulesState = z.array(PoolState).max(MAX_POOLS)
type ServiceRulesState = z.infer<typeof ServiceRulesState>

/**
 * How often callers of a role break what holds, over all endpoints of a service at which it does: an endpoint that few use is
 * believed to be as its siblings are, once its own answers show that the rule is in use there.
 *
 * Memory     1,024 pairs of service and role, 0.5 KiB each; later ones have no siblings
 */
export class ServiceRules {
  readonly #pools = new Map<string, readonly Invariant[]>()

  /** A relation held at an endpoint where it is a rule. */
  learnOne(service: string, cohort: string, relation: number, now: EventTime): void {
    this.#pool(service, cohort)?.[relation]?.learnOne(false, now)
  }

  /** A caller broke it there for the first time. */
  learnBreak(service: string, cohort: string, relation: number, now: EventTime): void {
    this.#pool(service, cohort)?.[relation]?.learnBreak(ONCE, now)
  }

  /** That caller is under suspicion, and says nothing. */
  takeBack(service: string, cohort: string, relation: number): void {
    this.#pools.get(keyOf(service, cohort))?.[relation]?.moveBreak(ONCE, null)
  }

  /** The share of those who break it where it is a rule; null while too little is known. */
  shareOfBreakers(service: string, cohort: string, relation: number): number | null {
    const known = this.#pools.get(keyOf(service, cohort))?.[relation]
    if (known === undefined || known.observations < IN_FORCE) return null
    return (known.broken + 1) / (known.observations + 2)
  }

  toState(): ServiceRulesState {
    return [...this.#pools].map(([key, pool]) => [key, pool.map((each) => each.toState())])
  }

  restore(state: ServiceRulesState): void {
    for (const [key, pool] of state) this.#pools.set(key, pool.map(Invariant.fromState))
  }

  #pool(service: string, cohort: string): readonly Invariant[] | null {
    const key = keyOf(service, cohort)
    const known = this.#pools.get(key)
    if (known !== undefined) return known
    if (this.#pools.size >= MAX_POOLS) return null
    const made = RELATIONS.map(() => new Invariant())
    this.#pools.set(key, made)
    return made
  }
}

function keyOf(service: string, cohort: string): string {
  return `${service} ${cohort}`
}
