import { z } from 'zod'
import type { EventTime } from '../../daemon/model/time.ts'
import type { Baseline } from '../baseline.ts'
import { BetaBinomial, BetaBinomialState } from './beta-binomial.ts'
import { DriftCap, DriftCapState } from './drift-cap.ts'
import { amount } from './state.ts'

/** Votes after which the drift cap starts to hold: before that there is no level to drift from. */
const SETTLED_VOTES = 30
/** How far above the limit a caller's rate must be to carry a rise. */
const CARRIES = 1.5
const CARRIER_MEMORY = 50

/** Model, cap, share of carriers among so many seen. */
export const GuardedRateState = z.tuple([BetaBinomialState, DriftCapState, amount, amount])
export type GuardedRateState = z.infer<typeof GuardedRateState>

/**
 * A rate among callers that a patient few cannot push up: a beta-binomial whose mean may rise 20 % a day at most once it has
 * settled, unless 30 % of the recent votes carry the rise.
 */
export class GuardedRate
  implements Baseline<[hits: number, trials: number, weight: number, now: EventTime], GuardedRateState>
{
  #model: BetaBinomial
  #cap = new DriftCap()
  readonly #maxMean: number
  readonly #prior: readonly [alpha: number, beta: number]
  #carriers = 0
  #seen = 0
  /** What other analyzers learnt, and the own model with it; null until it is asked for. */
  #others: BetaBinomial | null = null
  #joint: BetaBinomial | null = null

  constructor(priorAlpha: number, priorBeta: number, maxMean: number) {
    this.#maxMean = maxMean
    this.#prior = [priorAlpha, priorBeta]
    this.#model = new BetaBinomial(priorAlpha, priorBeta, maxMean)
  }

  /** Here and at other analyzers; the cap is that of what was learnt here. */
  get alpha(): number {
    return this.#known.alpha
  }
  get beta(): number {
    return this.#known.beta
  }
  get mean(): number {
    return this.#known.mean
  }
  get voters(): number {
    return this.#known.voters
  }

  get #known(): BetaBinomial {
    if (this.#others === null) return this.#model
    if (this.#joint === null) {
      this.#joint = BetaBinomial.fromState(this.#model.toState(), ...this.#prior)
      this.#joint.merge(this.#others)
    }
    return this.#joint
  }

  /** What other analyzers told, one state each, in the place of what they had told before. */
  hear(told: readonly BetaBinomialState[]): void {
    this.#joint = null
    this.#others = null
    for (const state of told) {
      const model = BetaBinomial.fromState(state, ...this.#prior)
      if (this.#others === null) this.#others = model
      else this.#others.merge(model)
    }
  }

  /** What was learnt here, for others. */
  told(): BetaBinomialState {
    return this.#model.toState()
  }

  learnOne(hits: number, trials: number, weight: number, now: EventTime): void {
    this.#joint = null
    if (this.#model.voters < SETTLED_VOTES) {
      this.#model.learnOne(hits, trials, weight)
      return
    }
    const limit = this.#cap.limit ?? this.#model.mean
    this.#seen = Math.min(CARRIER_MEMORY, this.#seen + 1)
    this.#carriers += ((hits / trials > CARRIES * limit ? 1 : 0) - this.#carriers) / this.#seen
    // The share of the first few votes is noise, and a third of few callers is not a launch.
    const carriers = this.#seen >= CARRIER_MEMORY ? this.#carriers : 0
    this.#model.limitMean(this.#maxMean)
    this.#model.learnOne(hits, trials, weight)
    this.#model.limitMean(Math.min(this.#maxMean, this.#cap.admit(this.#model.mean, carriers, now)))
  }

  toState(): GuardedRateState {
    return [this.#model.toState(), this.#cap.toState(), this.#carriers, this.#seen]
  }

  static fromState(state: GuardedRateState, priorAlpha: number, priorBeta: number, maxMean: number): GuardedRate {
    const [model, cap, carriers, seen] = state
    const rate = new GuardedRate(priorAlpha, priorBeta, maxMean)
    rate.#model = BetaBinomial.fromState(model, priorAlpha, priorBeta)
    rate.#cap = DriftCap.fromState(cap)
    rate.#carriers = carriers
    rate.#seen = seen
    return rate
  }
}
