import { z } from 'zod'
import type { EventTime } from '../../../daemon/model/time.ts'
import { BetaBinomialState } from '../../baselines/beta-binomial.ts'
import { GuardedRate, GuardedRateState } from '../../baselines/guarded-rate.ts'
import { PopulationTail, PopulationTailState, TailElsewhere, TailShare } from '../../baselines/population-tail.ts'
import { hash32, text } from '../../baselines/state.ts'
import { isAdminLike } from '../function-privilege/admin-names.ts'
import type { WindowSummary } from './reach.ts'

const MAX_COHORTS = 8

/** From this share of objects that somebody else was seen with first, an endpoint's objects belong to everybody. */
const SHARED = 0.15
/** Callers who have met known ids before it is said whether objects here have owners; and the share of strangers from which they have none. */
const LEAST_OWNERS = 10
const NOBODYS = 0.7
/** The same where the name says that it is for those who run the service: there it takes as many to say that callers own something. */
const LEAST_OWNERS_OF_STAFF = 3
const NOBODYS_OF_STAFF = 0.35

/** How many objects callers reach in a window, at both scales, and how many of others' (plus one) in a short one. */
interface Reaches {
  readonly short: PopulationTail
  readonly long: PopulationTail
  readonly foreign: PopulationTail
}

const ReachesState = z.tuple([PopulationTailState, PopulationTailState, PopulationTailState])
/** Scope, everyone, rates (refused, neighbours, foreign, strangers), main cohort, cohorts. */
export const PopulationState = z.tuple([
  hash32,
  ReachesState,
  GuardedRateState,
  GuardedRateState,
  GuardedRateState,
  GuardedRateState,
  text.nullable(),
  z.array(z.tuple([text, ReachesState])).max(MAX_COHORTS),
])
export type PopulationState = z.infer<typeof PopulationState>

const ReachesShare = z.tuple([TailShare, TailShare, TailShare])
/** Everyone, cohorts, rates (refused, neighbours, foreign, strangers). */
const PopulationShare = z.tuple([
  ReachesShare,
  z.array(z.tuple([text, ReachesShare])).max(MAX_COHORTS),
  z.tuple([BetaBinomialState, BetaBinomialState, BetaBinomialState, BetaBinomialState]),
])
type PopulationShare = z.infer<typeof PopulationShare>
type ReachesElsewhere = readonly [short: TailElsewhere, long: TailElsewhere, foreign: TailElsewhere]

/** What other analyzers learnt of the callers of one endpoint. */
export class PopulationElsewhere {
  readonly everyone = newReaches()
  readonly cohorts = new Map<string, ReachesElsewhere>()
  readonly rates: PopulationShare[2][] = []

  add(state: unknown): void {
    const [everyone, cohorts, rates] = PopulationShare.parse(state)
    addReaches(this.everyone, everyone)
    for (const [cohort, reach] of cohorts) {
      const known = this.cohorts.get(cohort) ?? newReaches()
      if (this.cohorts.size < MAX_COHORTS) this.cohorts.set(cohort, known)
      addReaches(known, reach)
    }
    this.rates.push(rates)
  }
}

function newReaches(): ReachesElsewhere {
  return [new TailElsewhere(), new TailElsewhere(), new TailElsewhere()]
}

function addReaches(sums: ReachesElsewhere, told: z.infer<typeof ReachesShare>): void {
  for (const [i, sum] of sums.entries()) sum.add(told[i]!)
}

const REFUSALS = [1, 19, 0.4] as const
const NEIGHBOURS = [1, 9, 0.7] as const
const FOREIGN = [2, 8, 0.6] as const
const STRANGERS = [2, 8, 0.95] as const

/** What callers of one endpoint usually do: everybody's reach, and that of each cohort (role, or kind of caller). */
export class EndpointPopulation {
  everyone: Reaches
  refusals = new GuardedRate(...REFUSALS)
  neighbours = new GuardedRate(...NEIGHBOURS)
  foreign = new GuardedRate(...FOREIGN)
  /** Callers who met known ids, and those to whom most of them were somebody else's. */
  strangers = new GuardedRate(...STRANGERS)
  /** A number of its own, to tell its objects from other endpoints'. */
  readonly scope: number
  readonly #matureVotes: number
  readonly #isAdminLike: boolean
  /** The cohort most votes come from. */
  #main: string | null = null
  readonly #cohorts = new Map<string, Reaches>()
  /** Cohorts that nobody here belongs to. */
  readonly #elsewhere = new Set<string>()
  #heard = false

  /** `key`: service and template. */
  constructor(key: string, scope: number, matureVotes: number) {
    this.scope = scope
    this.#matureVotes = matureVotes
    this.#isAdminLike = isAdminLike(key)
    this.everyone = reaches(matureVotes)
  }

  get maturity(): number {
    return this.everyone.short.maturity
  }

  /** A catalogue, or the desk of the staff: that its objects are answered to a caller says nothing about whose they are. */
  get shared(): boolean {
    if (this.maturity < 1) return false
    if (this.foreign.mean >= SHARED) return true
    const { voters, mean } = this.strangers
    if (this.#isAdminLike) return voters < LEAST_OWNERS_OF_STAFF || mean >= NOBODYS_OF_STAFF
    return voters >= LEAST_OWNERS && mean >= NOBODYS
  }

  /** Whether such a caller is the kind the objects belong to: staff and machines read them, often before their owners do. */
  mayOwn(cohort: string): boolean {
    return this.#main === null || this.#main === cohort
  }

  cohort(name: string): Reaches | undefined {
    return this.#cohorts.get(name)
  }

  /** A caller has met known ids here for the first time: one vote each, or a slow walker would have most of them. */
  learnOwners({ cohort, known, foreign }: WindowSummary, now: EventTime): void {
    if (this.mayOwn(cohort)) this.strangers.learnOne(2 * foreign > known ? 1 : 0, 1, 1, now)
  }

  /** What other analyzers learnt, in the place of what they knew before. */
  hear(others: PopulationElsewhere | null): void {
    if (others === null && !this.#heard) return
    this.#heard = others !== null
    hearReaches(this.everyone, others?.everyone)
    for (const cohort of others?.cohorts.keys() ?? []) {
      if (this.#cohorts.size >= MAX_COHORTS || this.#cohorts.has(cohort)) continue
      this.#cohorts.set(cohort, reaches(this.#matureVotes))
      this.#elsewhere.add(cohort)
    }
    for (const [cohort, reach] of this.#cohorts) hearReaches(reach, others?.cohorts.get(cohort))
    const rates = [this.refusals, this.neighbours, this.foreign, this.strangers]
    for (const [i, rate] of rates.entries()) rate.hear(others?.rates.map((told) => told[i]!) ?? [])
  }

  /** What was learnt here, for others. */
  told(): PopulationShare {
    return [
      toldReaches(this.everyone),
      this.#own().map(([cohort, reach]) => [cohort, toldReaches(reach)]),
      [this.refusals.told(), this.neighbours.told(), this.foreign.told(), this.strangers.told()],
    ]
  }

  #own(): [string, Reaches][] {
    return [...this.#cohorts].filter(([cohort]) => !this.#elsewhere.has(cohort))
  }

  learnOne(summary: WindowSummary, weight: number, now: EventTime): void {
    let cohort = this.#cohorts.get(summary.cohort)
    this.#elsewhere.delete(summary.cohort)
    if (cohort === undefined && this.#cohorts.size < MAX_COHORTS) {
      cohort = reaches(this.#matureVotes)
      this.#cohorts.set(summary.cohort, cohort)
    }
    this.#main = this.#largest()
    const { scale, answered, trials } = summary
    if (answered > 0) {
      this.everyone[scale].learnOne(answered, weight, now)
      cohort?.[scale].learnOne(answered, weight, now)
    }
    if (scale === 'long') return
    this.everyone.foreign.learnOne(summary.foreignAnswered + 1, weight, now)
    cohort?.foreign.learnOne(summary.foreignAnswered + 1, weight, now)
    this.refusals.learnOne(summary.refused, trials, weight, now)
    this.neighbours.learnOne(summary.neighbours, trials, weight, now)
    this.foreign.learnOne(summary.foreign, trials, weight, now)
  }

  #largest(): string | null {
    let name: string | null = null
    let most = 0
    for (const [each, { short }] of this.#cohorts) {
      if (short.voters <= most) continue
      most = short.voters
      name = each
    }
    return name
  }

  toState(): PopulationState {
    return [
      this.scope,
      reachesState(this.everyone),
      this.refusals.toState(),
      this.neighbours.toState(),
      this.foreign.toState(),
      this.strangers.toState(),
      this.#main,
      this.#own().map(([name, cohort]) => [name, reachesState(cohort)]),
    ]
  }

  static fromState(key: string, state: PopulationState, matureVotes: number): EndpointPopulation {
    const [scope, everyone, refusals, neighbours, foreign, strangers, main, cohorts] = state
    const population = new EndpointPopulation(key, scope, matureVotes)
    population.everyone = reachesFrom(everyone, matureVotes)
    population.refusals = GuardedRate.fromState(refusals, ...REFUSALS)
    population.neighbours = GuardedRate.fromState(neighbours, ...NEIGHBOURS)
    population.foreign = GuardedRate.fromState(foreign, ...FOREIGN)
    population.strangers = GuardedRate.fromState(strangers, ...STRANGERS)
    population.#main = main
    for (const [name, cohort] of cohorts) population.#cohorts.set(name, reachesFrom(cohort, matureVotes))
    return population
  }
}

function hearReaches({ short, long, foreign }: Reaches, others: ReachesElsewhere | undefined): void {
  short.hear(others?.[0] ?? null)
  long.hear(others?.[1] ?? null)
  foreign.hear(others?.[2] ?? null)
}

function toldReaches({ short, long, foreign }: Reaches): z.infer<typeof ReachesShare> {
  return [short.told(), long.told(), foreign.told()]
}

function reachesState({ short, long, foreign }: Reaches): z.infer<typeof ReachesState> {
  return [short.toState(), long.toState(), foreign.toState()]
}

function reachesFrom([short, long, foreign]: z.infer<typeof ReachesState>, matureVotes: number): Reaches {
  return {
    short: PopulationTail.fromState(short, matureVotes),
    long: PopulationTail.fromState(long, matureVotes),
    foreign: PopulationTail.fromState(foreign, matureVotes),
  }
}

function reaches(matureVotes: number): Reaches {
  return {
    short: new PopulationTail(matureVotes),
    long: new PopulationTail(matureVotes),
    foreign: new PopulationTail(matureVotes),
  }
}
