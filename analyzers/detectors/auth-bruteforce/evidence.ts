import type { EventTime } from '../../../daemon/model/time.ts'
import { logRun } from '../../baselines/beta-binomial.ts'
import { GUESS_SCALES, type GuessCounts } from '../../baselines/guess-counts.ts'
import type { Account, Attempts, Source } from './guessing.ts'

/** Spread of failure runs: of a caller nobody knows, and of one who has signed in to this account before. */
const STRANGER_STRENGTH = 20
const KNOWN_STRENGTH = 8
const KNOWN_MEAN = 0.25
/** An attacker's share of wrong guesses is drawn from a Beta of this strength, so that the longest run still speaks for him. */
const ATTACK_STRENGTH = 10
/** Over longer spans an honest caller collects more failures that no success of the same device clears. */
const MEAN_PER_SCALE = 0.05
const MAX_MEAN = 0.95
/** exp() of more is no number. */
const MAX_LOG = 600

/** ln e-value of "somebody is guessing this account's password". `usual` is the failure rate of honest callers. */
export function accountEvidence(
  account: Account,
  present: Attempts | null,
  usual: number,
  attackRate: number,
  now: EventTime,
): number {
  account.others.fade(now)
  const wrong: [number, number, number] = [...account.others.values]
  let known: GuessCounts | null = null
  for (const attempts of account.attempts) {
    attempts.wrong.fade(now)
    if (attempts.known) {
      if (attempts === present) known = attempts.wrong
      continue
    }
    for (let i = 0; i < GUESS_SCALES; i++) wrong[i]! += attempts.wrong.values[i]!
  }
  const cadence = present === null ? 0 : Math.log(0.5 + 0.5 * Math.exp(Math.min(present.cadence, MAX_LOG)))
  const strangers = runEvidence(wrong, usual, STRANGER_STRENGTH, attackRate)
  if (known === null) return strangers + cadence
  const owner = runEvidence(known.values, Math.max(usual, KNOWN_MEAN), KNOWN_STRENGTH, attackRate)
  return Math.max(strangers, owner + cadence)
}

/**
 * ln e-value of "this source tries accounts that are not its users'". Units are accounts: tried in vain, or signed in to.
 * `usual` is the share of other sources that fail at this moment.
 */
export function sourceEvidence(from: Source, usual: number, attackRate: number, now: EventTime): number {
  from.failing.fade(now)
  from.fine.fade(now)
  let sum = 0
  for (let i = 0; i < GUESS_SCALES; i++) {
    const failing = from.failing.values[i]!
    const fine = from.fine.values[i]!
    const mean = Math.min(MAX_MEAN, usual + i * MEAN_PER_SCALE)
    const alpha = mean * STRANGER_STRENGTH
    const beta = (1 - mean) * STRANGER_STRENGTH
    const ratio =
      logRun(attackRate * ATTACK_STRENGTH, (1 - attackRate) * ATTACK_STRENGTH, failing, fine) -
      logRun(alpha, beta, failing, fine)
    sum += Math.exp(Math.min(ratio, MAX_LOG)) / GUESS_SCALES
  }
  return Math.log(Math.max(sum, 1e-9))
}

/** ln of the mean over the three scales of P(all wrong | attacker) / P(all wrong | such a caller). */
function runEvidence(wrong: readonly number[], mean: number, strength: number, attackRate: number): number {
  let sum = 0
  for (let i = 0; i < GUESS_SCALES; i++) {
    const k = wrong[i]!
    const rate = Math.min(0.5, mean + i * MEAN_PER_SCALE)
    const attack = logRun(attackRate * ATTACK_STRENGTH, (1 - attackRate) * ATTACK_STRENGTH, k, 0)
    const ratio = attack - logRun(rate * strength, (1 - rate) * strength, k, 0)
    sum += Math.exp(Math.min(ratio, MAX_LOG)) / GUESS_SCALES
  }
  return Math.log(sum)
}
