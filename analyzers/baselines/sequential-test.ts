import { z } from 'zod'
import type { EventTime } from '../../daemon/model/time.ts'
import type { Baseline } from '../baseline.ts'
import { amount, time } from './state.ts'

const ATTACK_STRENGTH = 10

/** Hits, misses, evidence, at. */
export const WalkState = z.tuple([amount, amount, amount, time])
export type WalkState = z.infer<typeof WalkState>

/** `alpha`, `beta`: of the Beta that honest callers' rates are drawn from. */
type Step = [hit: boolean, now: EventTime, alpha: number, beta: number, attackRate: number, halfLifeUs: EventTime]

/**
 * A random walk of log likelihood ratios on yes/no evidence (Wald's sequential test, used as in Jung et al. 2004).
 *
 * Under H0 the caller's rate is drawn from Beta(alpha, beta), so each step is judged by what the steps before it showed: runs
 * are less surprising than under independence. Under H1 it is drawn from a Beta around `attackRate`, with the strength of ten
 * observations: with a fixed rate a long unbroken run would in the end speak for H0, which allows any rate. The walk restarts at 0, so a long good
 * conduct earns no credit to spend later. Evidence fades with a half-life: exp(evidence) reaches 1/p with probability at
 * most p per restart (Ville), and fading only lowers it.
 *
 * Promise    under H0 the share of walks that ever reach ln(1/p) is at most p
 * Memory     32 B
 */
export class SequentialTest implements Baseline<Step, WalkState> {
  /** Decayed counts since the last restart. */
  hits = 0
  misses = 0
  /** ln of the likelihood ratio, never below 0. */
  evidence = 0
  #at: EventTime = 0

  /** Takes a step; the evidence after it. */
  learnOne(hit: boolean, now: EventTime, alpha: number, beta: number, attackRate: number, halfLifeUs: number): number {
    // Good conduct at 0 stays at 0: most steps of most callers end here.
    if (!hit && this.evidence === 0) return 0
    this.fade(now, halfLifeUs)
    const seen = this.hits + this.misses
    const usual = (alpha + this.hits) / (alpha + beta + seen)
    const attack = (attackRate * ATTACK_STRENGTH + this.hits) / (ATTACK_STRENGTH + seen)
    this.evidence += Math.log(hit ? attack / usual : (1 - attack) / (1 - usual))
    if (hit) this.hits++
    else this.misses++
    if (this.evidence <= 0) this.reset()
    return this.evidence
  }

  fade(now: EventTime, halfLifeUs: number): void {
    const passed = now - this.#at
    this.#at = now
    // Under a thousandth of a half-life nothing visible fades, and the exponential would be paid on every step of a burst.
    if (passed <= 0 || (this.hits === 0 && this.misses === 0)) return
    if (passed < halfLifeUs / 1000) {
      this.#at = now - passed
      return
    }
    const factor = 2 ** (-passed / halfLifeUs)
    this.hits *= factor
    this.misses *= factor
    this.evidence *= factor
  }

  /** Takes back one counted hit (its path turned out to be everyone's). */
  withdraw(evidence: number): void {
    this.hits = Math.max(0, this.hits - 1)
    this.evidence -= evidence
    if (this.evidence <= 0) this.reset()
  }

  reset(): void {
    this.hits = 0
    this.misses = 0
    this.evidence = 0
  }

  toState(): WalkState {
    return [this.hits, this.misses, this.evidence, this.#at]
  }

  static fromState([hits, misses, evidence, at]: WalkState): SequentialTest {
    const test = new SequentialTest()
    test.hits = hits
    test.misses = misses
    test.evidence = evidence
    test.#at = at
    return test
  }
}
