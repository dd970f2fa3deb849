import { z } from 'zod'
import { SENSITIVE_CLASSES, type SensitiveClass } from '../../../daemon/inventory/sensitive.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import { PopulationTail, PopulationTailState, TailElsewhere, TailShare } from '../../baselines/population-tail.ts'
import { amount, text, time } from '../../baselines/state.ts'
import { type ByScale, SCALES_US } from './scales.ts'
import { untilMinute } from './sliding-sum.ts'

const MAX_COHORTS = 4

const TailsState = z.array(PopulationTailState.nullable()).length(SCALES_US.length)
/** Everyone, cohorts; answers that were looked at: records, bytes, when the last was, classes; all that was used in ten minutes (window, sum, of the window before). */
export const PopulationState = z.tuple([
  TailsState,
  z.array(z.tuple([text, TailsState])).max(MAX_COHORTS),
  z.tuple([amount, amount, time, z.array(z.enum(SENSITIVE_CLASSES)).max(SENSITIVE_CLASSES.length)]),
  z.tuple([amount, amount, amount]),
])
export type PopulationState = z.infer<typeof PopulationState>

type Tails = (PopulationTail | null)[]

const TailsShare = z.array(TailShare.nullable()).length(SCALES_US.length)
/** Everyone, cohorts. */
const UseShare = z.tuple([TailsShare, z.array(z.tuple([text, TailsShare])).max(MAX_COHORTS)])
type UseShare = z.infer<typeof UseShare>

/** What other analyzers learnt of the callers of one place. */
export class UseElsewhere {
  readonly everyone = newTails()
  readonly cohorts = new Map<string, TailElsewhere[]>()

  add(state: unknown): void {
    const [everyone, cohorts] = UseShare.parse(state)
    addTails(this.everyone, everyone)
    for (const [cohort, tails] of cohorts) {
      const known = this.cohorts.get(cohort) ?? newTails()
      if (this.cohorts.size < MAX_COHORTS) this.cohorts.set(cohort, known)
      addTails(known, tails)
    }
  }
}

function newTails(): TailElsewhere[] {
  return SCALES_US.map(() => new TailElsewhere())
}

function addTails(sums: readonly TailElsewhere[], told: z.infer<typeof TailsShare>): void {
  for (const [scale, tail] of told.entries()) if (tail !== null) sums[scale]!.add(tail)
}

/** What callers use at one place: everybody, and each cohort (role, or kind of caller). Tails are made when something is learnt. */
export class UsePopulation {
  readonly #votesNeeded: number
  #everyone: Tails = [null, null, null]
  readonly #cohorts = new Map<string, Tails>()
  /** Of answers that were looked at. */
  records = 0
  bytes = 0
  lookedAt: EventTime = 0
  classes: SensitiveClass[] = []
  #heard = false
  /** Cohorts that nobody here belongs to. */
  readonly #elsewhere = new Set<string>()
  /** By all, in the window of ten minutes of the last use, and in the one before; only where a measure asks for it. */
  #ten = 0
  #usedInTen = 0
  #usedBefore = 0

  constructor(votesNeeded: number) {
    this.#votesNeeded = votesNeeded
  }

  use(used: number, ten: number): void {
    if (ten !== this.#ten) {
      this.#usedBefore = ten === this.#ten + 1 ? this.#usedInTen : 0
      this.#usedInTen = 0
      this.#ten = ten
    }
    this.#usedInTen += used
  }

  /** By all, in the ten minutes that end in this one. */
  usedUntil(minute: number): number {
    return untilMinute(this.#usedInTen, this.#usedBefore, minute)
  }

  get maturity(): number {
    return this.#everyone.reduce((most, tail) => Math.max(most, tail?.maturity ?? 0), 0)
  }

  /** Those of this cohort where they are known, else everybody; null while neither is. */
  tail(cohort: string, scale: number): PopulationTail | null {
    const own = this.#cohorts.get(cohort)?.[scale] ?? null
    if (own !== null && own.maturity >= 1) return own
    const all = this.#everyone[scale] ?? null
    return all !== null && all.maturity >= 1 ? all : null
  }

  /** What all callers do; null where nobody did anything yet. */
  everyone(scale: number): PopulationTail | null {
    return this.#everyone[scale] ?? null
  }

  knows(cohort: string, scale: number): boolean {
    return (this.#cohorts.get(cohort)?.[scale]?.maturity ?? 0) >= 1
  }

  learnOne(values: ByScale<number>, cohort: string, weight: number, now: EventTime): void {
    let tails = this.#cohorts.get(cohort)
    if (tails === undefined && this.#cohorts.size < MAX_COHORTS) {
      tails = [null, null, null]
      this.#cohorts.set(cohort, tails)
    }
    if (tails !== undefined) this.#elsewhere.delete(cohort)
    for (let scale = 0; scale < values.length; scale++) {
      const value = values[scale]!
      if (value <= 0) continue
      this.#learn(this.#everyone, scale, value, weight, now)
      if (tails !== undefined) this.#learn(tails, scale, value, weight, now)
    }
  }

  /** What other analyzers learnt, in the place of what they knew before. */
  hear(others: UseElsewhere | null): void {
    if (others === null && !this.#heard) return
    this.#heard = others !== null
    this.#hear(this.#everyone, others?.everyone)
    for (const cohort of others?.cohorts.keys() ?? []) {
      if (this.#cohorts.size >= MAX_COHORTS || this.#cohorts.has(cohort)) continue
      this.#cohorts.set(cohort, [null, null, null])
      this.#elsewhere.add(cohort)
    }
    for (const [cohort, tails] of this.#cohorts) this.#hear(tails, others?.cohorts.get(cohort))
  }

  #hear(tails: Tails, others: readonly TailElsewhere[] | undefined): void {
    for (const [scale, tail] of tails.entries()) {
      const there = others?.[scale] ?? null
      if (there !== null && there.voters > 0) tails[scale] = tail ?? new PopulationTail(this.#votesNeeded)
      tails[scale]?.hear(there)
    }
  }

  #own(): [string, Tails][] {
    return [...this.#cohorts].filter(([cohort]) => !this.#elsewhere.has(cohort))
  }

  /** What was learnt here, for others. */
  told(): UseShare {
    const of = (tails: Tails) => tails.map((tail) => (tail?.isLearnt === true ? tail.told() : null))
    return [of(this.#everyone), this.#own().map(([cohort, tails]) => [cohort, of(tails)])]
  }

  #learn(tails: Tails, scale: number, value: number, weight: number, now: EventTime): void {
    tails[scale] ??= new PopulationTail(this.#votesNeeded)
    tails[scale].learnOne(value, weight, now)
  }

  toState(): PopulationState {
    return [
      tailsState(this.#everyone),
      this.#own().map(([name, tails]) => [name, tailsState(tails)]),
      [this.records, this.bytes, this.lookedAt, [...this.classes]],
      [this.#ten, this.#usedInTen, this.#usedBefore],
    ]
  }

  static fromState([everyone, cohorts, looked, used]: PopulationState, votesNeeded: number): UsePopulation {
    const population = new UsePopulation(votesNeeded)
    population.#everyone = tailsFrom(everyone, votesNeeded)
    for (const [name, tails] of cohorts) population.#cohorts.set(name, tailsFrom(tails, votesNeeded))
    ;[population.records, population.bytes, population.lookedAt] = looked
    population.classes = [...looked[3]]
    ;[population.#ten, population.#usedInTen, population.#usedBefore] = used
    return population
  }
}

function tailsState(tails: Tails): z.infer<typeof TailsState> {
  return tails.map((tail) => (tail?.isLearnt === true ? tail.toState() : null))
}

function tailsFrom(state: z.infer<typeof TailsState>, votesNeeded: number): Tails {
  return state.map((tail) => (tail === null ? null : PopulationTail.fromState(tail, votesNeeded)))
}
