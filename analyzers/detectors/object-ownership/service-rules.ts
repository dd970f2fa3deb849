import { z } from 'zod'
import type { EventTime } from '../../../daemon/model/time.ts'
import { Others } from '../../baselines/others.ts'
import { text } from '../../baselines/state.ts'
import { ONCE } from './caller.ts'
import { RELATIONS } from './endpoint-fields.ts'
import { IN_FORCE, Invariant, InvariantElsewhere, InvariantState } from './invariant.ts'

/** Services times roles. */
const MAX_POOLS = 1024

const PoolState = z.tuple([text, z.array(InvariantState).length(RELATIONS.length)])
/** What other analyzers know of one service and role. */
export class RulesElsewhere {
  readonly relations = RELATIONS.map(() => new InvariantElsewhere())

  add(state: unknown): void {
    const known = z.array(InvariantState).length(RELATIONS.length).parse(state)
    for (const [i, sum] of this.relations.entries()) sum.add(known[i]!)
  }
}

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
  readonly #others = new Others(MAX_POOLS, () => new RulesElsewhere())

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
    const key = keyOf(service, cohort)
    const pool = this.#others.get(key) === null ? this.#pools.get(key) : this.#pool(service, cohort)
    const known = pool?.[relation]
    if (known === undefined || known.observations < IN_FORCE) return null
    return (known.broken + 1) / (known.observations + 2)
  }

  /** Lines of key and state, as `toState` has them, of all other analyzers together. Throws at one that is none. */
  hear(lines: Iterable<unknown>): void {
    this.#others.hear(lines)
    for (const [key, pool] of this.#pools) this.#hear(key, pool)
  }

  #hear(key: string, pool: readonly Invariant[]): void {
    const others = this.#others.get(key)
    for (const [relation, invariant] of pool.entries()) invariant.hear(others?.relations[relation] ?? null)
  }

  toState(): ServiceRulesState {
    return [...this.#pools].map(([key, pool]) => [key, pool.map((each) => each.toState())])
  }

  restore(state: ServiceRulesState): void {
    for (const [key, states] of state) {
      const pool = states.map(Invariant.fromState)
      this.#hear(key, pool)
      this.#pools.set(key, pool)
    }
  }

  #pool(service: string, cohort: string): readonly Invariant[] | null {
    const key = keyOf(service, cohort)
    const known = this.#pools.get(key)
    if (known !== undefined) return known
    if (this.#pools.size >= MAX_POOLS) return null
    const made = RELATIONS.map(() => new Invariant())
    this.#hear(key, made)
    this.#pools.set(key, made)
    return made
  }
}

function keyOf(service: string, cohort: string): string {
  return `${service} ${cohort}`
}
