import { z } from 'zod'
import { DAY_US, type EventTime, HOUR_US } from '../../daemon/model/time.ts'
import type { Baseline, Scoring } from '../baseline.ts'
import { DriftCap, DriftCapState } from './drift-cap.ts'
import { QuantileSketch, QuantileState } from './quantile-sketch.ts'
import { amount, flag, time } from './state.ts'

/** Where the fitted tail takes over from the counted one. */
const TAIL_FROM = 0.9
/** The tail is pulled towards this Pareto exponent with the weight of this many observations. */
const PRIOR_EXPONENT = 2.5
const PRIOR_WEIGHT = 10
/** No tail is believed to fall faster: windows of people do not. */
const MAX_EXPONENT = 5
const HALF_LIFE_US = 7 * DAY_US
/** Votes before its limit is known so well that a rise is one: the 90th percentile of fewer swings by itself. */
const VOTES_OF_DRIFT = 100

/** Nor has it an opinion before it has watched this long: a job that runs every half hour must have been seen to run. */
const LEAST_SPAN_US = HOUR_US

/**
 * Sketch, cap, voters, the times of now, start, fading and fitting, and what was fitted (stale, edge, exponent, typical), since
 * fitting again would ask the cap again.
 */
export const PopulationTailState = z.tuple([
  QuantileState,
  DriftCapState,
  amount,
  time,
  time,
  time,
  time,
  flag,
  amount,
  amount,
  amount,
])
export type PopulationTailState = z.infer<typeof PopulationTailState>

/** Sketch, votes, when it began, and its last vote. */
export const TailShare = z.tuple([QuantileState, amount, time, time])
export type TailShare = z.infer<typeof TailShare>

/** What other analyzers learnt of a population: quantile sketches merge. */
export class TailElsewhere {
  readonly sketch = new QuantileSketch()
  voters = 0
  startedAt: EventTime = Number.POSITIVE_INFINITY
  now: EventTime = 0

  add([sketch, voters, startedAt, now]: TailShare): void {
    this.sketch.merge(QuantileSketch.fromState(sketch))
    this.voters += voters
    if (startedAt > 0) this.startedAt = Math.min(this.startedAt, startedAt)
    this.now = Math.max(this.now, now)
  }
}

/**
 * How unusual a value is among a population of callers: counted up to the 90th percentile, a Pareto tail (Hill's estimator,
 * shrunk) beyond it. The 90th percentile rises 20 % a day at most unless 30 % of the votes carry it. Old votes fade.
 *
 * Promise    for values drawn from the population, the share with p <= x is at most 2x down to 1e-4 (heavy or light tails)
 * Memory     2.1 KiB
 */
export class PopulationTail
  implements Baseline<[value: number, weight: number, now: EventTime], PopulationTailState>, Scoring<[value: number]>
{
  #sketch = new QuantileSketch()
  #cap = new DriftCap()
  readonly #votersNeeded: number
  #voters = 0
  #edge = 0
  #exponent = PRIOR_EXPONENT
  #typical = 0
  #stale = true
  #now: EventTime = 0
  #startedAt: EventTime = 0
  #fadedAt: EventTime = 0
  #fittedAt: EventTime = 0
  #others: TailElsewhere | null = null
  /** What is fitted: the own sketch, and that of others with it. */
  #joint = this.#sketch
  /** Others were heard since it was fitted. */
  #unjoined = false
  /** Whether there are others at all has changed since. */
  #settles = false

  /** `votersNeeded`: votes before it has an opinion. */
  constructor(votersNeeded: number) {
    this.#votersNeeded = votersNeeded
  }

  /** Somebody voted here. */
  get isLearnt(): boolean {
    return this.#fadedAt !== 0
  }

  get voters(): number {
    return this.#voters + (this.#others?.voters ?? 0)
  }

  /** What its limit drifted from and to, since when, and how many times; `times` is 1 while it does not. */
  get drift(): { readonly times: number; readonly from: number; readonly to: number; readonly since: EventTime } {
    return { times: this.#cap.drift, ...this.#cap.course }
  }

  get maturity(): number {
    return Math.min(1, this.voters / this.#votersNeeded, this.#spanUs / LEAST_SPAN_US)
  }

  get #spanUs(): EventTime {
    if (this.#others === null) return this.#now - this.#startedAt
    const startedAt = this.#startedAt === 0 ? this.#others.startedAt : Math.min(this.#startedAt, this.#others.startedAt)
    return Math.max(this.#now, this.#others.now) - startedAt
  }

  /** What other analyzers learnt, in the place of what they knew before. The cap holds a rise of all together. */
  hear(others: TailElsewhere | null): void {
    if (others === null && this.#others === null) return
    // That more is known, or less, is no drift. The cap is told when it is asked next: what is kept is what was learnt here.
    this.#settles ||= others === null || this.#others === null
    this.#others = others
    this.#unjoined = true
  }

  /** What was learnt here, for others. */
  told(): TailShare {
    return [this.#sketch.toState(), this.#voters, this.#startedAt, this.#now]
  }

  /** The ordinary range: median and 90th percentile. */
  get usual(): { readonly median: number; readonly high: number } {
    this.#fit()
    return { median: this.#typical, high: this.#edge }
  }

  learnOne(value: number, weight: number, now: EventTime): void {
    if (this.#fadedAt === 0) {
      this.#fadedAt = now
      this.#startedAt = now
    }
    if (now - this.#fadedAt > DAY_US) {
      const factor = 2 ** (-(now - this.#fadedAt) / HALF_LIFE_US)
      this.#sketch.fade(factor)
      this.#voters *= factor
      this.#fadedAt = now
    }
    this.#sketch.learnOne(value, weight)
    this.#voters += weight
    this.#now = now
    this.#stale = true
    // The cap has to see time pass, not only when somebody asks.
    if (now - this.#fittedAt >= HOUR_US && this.maturity >= 1) this.#fit()
  }

  /** P(an ordinary caller's window reaches `value`), or null while warming up. */
  scoreOne(value: number): number | null {
    if (this.maturity < 1) return null
    this.#fit()
    if (value <= this.#edge) return Math.max(1 - TAIL_FROM, this.#joint.shareFrom(value))
    return (1 - TAIL_FROM) * (value / this.#edge) ** -this.#exponent
  }

  #fit(): void {
    if (!this.#stale && !this.#unjoined) return
    this.#stale = false
    this.#unjoined = false
    if (this.#settles) this.#cap.settle()
    this.#settles = false
    this.#fittedAt = this.#now
    this.#join()
    this.#typical = this.#joint.quantile(0.5) ?? 0
    const proposed = Math.max(1, this.#joint.quantile(TAIL_FROM) ?? 1)
    if (this.maturity < 1) this.#edge = proposed
    else {
      const limit = this.#cap.limit
      this.#edge = this.#cap.admit(proposed, limit === null ? 1 : this.#joint.shareFrom(limit * 1.05), this.#now)
      if (this.voters < VOTES_OF_DRIFT) this.#cap.settle()
    }
    const { weight, sum } = this.#joint.logExcess(this.#edge)
    this.#exponent = Math.min(MAX_EXPONENT, (weight + PRIOR_WEIGHT) / (sum + PRIOR_WEIGHT / PRIOR_EXPONENT))
  }

  #join(): void {
    this.#joint = this.#sketch
    if (this.#others === null) return
    this.#joint = QuantileSketch.fromState(this.#sketch.toState())
    this.#joint.merge(this.#others.sketch)
  }

  toState(): PopulationTailState {
    return [
      this.#sketch.toState(),
      this.#cap.toState(),
      this.#voters,
      this.#now,
      this.#startedAt,
      this.#fadedAt,
      this.#fittedAt,
      this.#stale,
      this.#edge,
      this.#exponent,
      this.#typical,
    ]
  }

  static fromState(state: PopulationTailState, votersNeeded: number): PopulationTail {
    const tail = new PopulationTail(votersNeeded)
    const [sketch, cap] = state
    tail.#sketch = QuantileSketch.fromState(sketch)
    tail.#joint = tail.#sketch
    tail.#cap = DriftCap.fromState(cap)
    ;[, , tail.#voters, tail.#now, tail.#startedAt, tail.#fadedAt, tail.#fittedAt] = state
    ;[, , , , , , , tail.#stale, tail.#edge, tail.#exponent, tail.#typical] = state
    return tail
  }
}
