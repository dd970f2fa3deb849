import { z } from 'zod'
import type { Baseline, Mergeable } from '../baseline.ts'
import { amount } from './state.ts'

/** Hits, trials, squares, voters, highest mean. */
export const BetaBinomialState = z.tuple([amount, amount, amount, amount, z.number().gt(0).lt(1)])
export type BetaBinomialState = z.infer<typeof BetaBinomialState>

/**
 * How often something happens to a kind of caller, and how much callers differ: a Beta(alpha, beta) over callers' own rates.
 *
 * A shipped prior speaks until callers have; each observation is one caller's (hits, trials) with one vote's weight. The mean is
 * the posterior mean, capped; the spread is fitted by moments and pulled towards the prior's, so that callers who are known to
 * differ widely (people who forget a password fail in runs) make runs less surprising.
 *
 * Promise    after 1,000 votes the mean is within 0.02 of the callers' mean, and never above `maxMean`
 * Memory     64 B
 */
export class BetaBinomial
  implements Baseline<[hits: number, trials: number, weight: number], BetaBinomialState>, Mergeable<BetaBinomial>
{
  readonly #priorMean: number
  readonly #priorStrength: number
  #maxMean: number
  #hits = 0
  #trials = 0
  #squares = 0
  #voters = 0
  #alpha: number
  #beta: number

  constructor(priorAlpha: number, priorBeta: number, maxMean: number) {
    this.#priorMean = priorAlpha / (priorAlpha + priorBeta)
    this.#priorStrength = priorAlpha + priorBeta
    this.#maxMean = maxMean
    this.#alpha = priorAlpha
    this.#beta = priorBeta
  }

  get alpha(): number {
    return this.#alpha
  }
  get beta(): number {
    return this.#beta
  }
  get mean(): number {
    return this.#alpha / (this.#alpha + this.#beta)
  }
  /** Sum of votes: how many callers' worth of traffic it rests on. */
  get voters(): number {
    return this.#voters
  }

  /** One caller's record. Weight is its vote; a caller with ten thousand requests still has one. */
  learnOne(hits: number, trials: number, weight: number): void {
    if (!(trials > 0) || !(weight > 0)) return
    const rate = Math.min(1, Math.max(0, hits / trials))
    // A vote never counts for more than ten trials: the prior stays heard until many callers have spoken.
    const counted = weight * Math.min(10, trials)
    this.#hits += rate * counted
    this.#trials += counted
    this.#squares += weight * rate * rate
    this.#voters += weight
    this.#fit()
  }

  /** Sets the highest mean it will speak with; what was learnt above it is kept. */
  limitMean(maxMean: number): void {
    this.#maxMean = maxMean
    this.#fit()
  }

  merge(other: BetaBinomial): void {
    this.#hits += other.#hits
    this.#trials += other.#trials
    this.#squares += other.#squares
    this.#voters += other.#voters
    this.#fit()
  }

  toState(): BetaBinomialState {
    return [this.#hits, this.#trials, this.#squares, this.#voters, this.#maxMean]
  }

  static fromState(state: BetaBinomialState, priorAlpha: number, priorBeta: number): BetaBinomial {
    const [hits, trials, squares, voters, maxMean] = state
    const model = new BetaBinomial(priorAlpha, priorBeta, maxMean)
    model.#hits = hits
    model.#trials = trials
    model.#squares = squares
    model.#voters = voters
    if (voters > 0) model.#fit()
    return model
  }

  #fit(): void {
    const mean = Math.min(
      this.#maxMean,
      (this.#priorMean * this.#priorStrength + this.#hits) / (this.#priorStrength + this.#trials),
    )
    let strength = this.#priorStrength
    if (this.#voters > 0) {
      const spread = Math.max(this.#squares / this.#voters - mean * mean, 1e-6)
      // Never so wide that a few odd callers (or one who poisons) make any run ordinary.
      const fitted = Math.min(Math.max((mean * (1 - mean)) / spread - 1, 8), 40)
      strength = (this.#priorStrength * 50 + fitted * this.#voters) / (50 + this.#voters)
    }
    this.#alpha = Math.max(mean * strength, 0.1)
    this.#beta = Math.max((1 - mean) * strength, 0.1)
  }
}

/** ln P(k hits and m misses, in any given order) when the rate is drawn from Beta(alpha, beta). Fractions are allowed. */
export function logRun(alpha: number, beta: number, k: number, m: number): number {
  return (
    logGamma(alpha + k) +
    logGamma(beta + m) -
    logGamma(alpha + beta + k + m) -
    (logGamma(alpha) + logGamma(beta) - logGamma(alpha + beta))
  )
}

const LANCZOS = [
  76.18009172947146, -86.50532032941678, 24.01409824083091, -1.231739572450155, 0.001208650973866179,
  -0.000005395239384953,
]

/** ln of the gamma function for x > 0 (Lanczos), relative error under 1e-9. */
export function logGamma(x: number): number {
  const shifted = x + 5.5 - (x + 0.5) * Math.log(x + 5.5)
  let series = 1.000000000190015
  for (let j = 0; j < LANCZOS.length; j++) series += LANCZOS[j]! / (x + 1 + j)
  return -shifted + Math.log((2.5066282746310007 * series) / x)
}
