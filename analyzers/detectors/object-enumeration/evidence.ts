import { type EventTime, HOUR_US } from '../../../daemon/model/time.ts'
import type { GuardedRate } from '../../baselines/guarded-rate.ts'
import type { SequentialTest } from '../../baselines/sequential-test.ts'
import type { Caller } from './caller.ts'
import type { EndpointPopulation } from './endpoint-population.ts'
import type { Reach, Scale } from './reach.ts'

const HALF_LIFE_US = 2 * HOUR_US
/** Shares of an attacker (H1) of ids that are refused, next to one another, and somebody else's. */
const REFUSED_RATE = 0.5
const NEIGHBOUR_RATE = 0.8
const FOREIGN_RATE = 0.9
/** A single line of evidence is heard from here; two must be heard. */
export const HEARD = Math.log(100)
/** The same for a p-value from a population, which speaks of a whole window at once. */
const TAIL_HEARD = 0.005
/** Below these shares of all ids a refusal is a gap in the numbers, not a closed door. Machines meet more gaps than people. */
const REFUSED_SHARE = 0.25
const REFUSED_SHARE_OF_MACHINES = 0.5
/** Answered objects that nobody else was seen with may be the caller's own (an album, an import), up to this many. */
const MAX_OWN = 200
/** Denied or others' objects that make it somebody else's door after all. */
const LEAST_FOREIGN = 2
/** Fewer own ids say nothing of one's own rates. */
const LEAST_OWN_TRIALS = 10
const SCALES: readonly Scale[] = ['short', 'long']

/** What is usual, and of how many callers that is known. */
interface Expected {
  readonly median: number
  readonly high: number
  readonly voters: number
  readonly scale: Scale
}

/** ln e-values of the four lines, and what they come to. */
export interface Evidence {
  readonly tail: number
  /** What the population the tail was judged by usually reaches, and in which window. */
  readonly expected: Expected | null
  readonly refused: number
  readonly neighbour: number
  readonly foreign: number
  /** How many of them were heard. */
  readonly lines: number
  readonly combined: number
}

/** A new id, as one step of each walk. `neighbour` is null for an id that is no number. */
export function walkOn(
  reach: Reach,
  usual: EndpointPopulation,
  refused: boolean,
  foreign: boolean,
  neighbour: boolean | null,
  now: EventTime,
): void {
  const own = reach.own
  // A habit excuses what stays within the habit's size.
  const upper = reach.ownUpper('short')
  const trials = upper !== null && reach.shortAnswered <= upper ? own.trials : 0
  reach.beginWalks(refused, neighbour === true, foreign)
  step(reach.refusedWalk, refused, now, usual.refusals, REFUSED_RATE, own.refused, trials)
  step(reach.foreignWalk, foreign, now, usual.foreign, FOREIGN_RATE, own.foreign, trials)
  if (neighbour !== null) {
    step(reach.neighbourWalk, neighbour, now, usual.neighbours, NEIGHBOUR_RATE, own.neighbours, trials)
  }
}

export function weigh(caller: Caller, reach: Reach, usual: EndpointPopulation): Evidence {
  // Staff and machines are no customers: until enough of their kind were seen, only their own past speaks about how much they
  // reach and whose it is.
  const alike = usual.cohort(caller.cohort)
  const judged = !caller.distinctive || alike?.short.maturity === 1 || reach.ownUpper('short') !== null
  // Of a catalogue only closed doors say something.
  const reachCounts = judged && !usual.shared
  const { tail, expected } = reachCounts ? tailOf(caller, reach, usual) : { tail: 0, expected: null }
  const refused = isRefused(reach, judged) ? evidenceOf(reach.refusedWalk) : 0
  const neighbour = evidenceOf(reach.neighbourWalk)
  const foreign = reachCounts ? Math.max(evidenceOf(reach.foreignWalk), foreignTail(caller, reach, usual)) : 0
  // The lines are not independent of one another: the strongest counts whole, the others by half.
  const strongest = Math.max(tail, refused, neighbour, foreign)
  const combined = strongest + (tail + refused + neighbour + foreign - strongest) / 2
  const mature = usual.maturity >= 1 && reachCounts
  let lines = 0
  if (refused >= HEARD) lines++
  if (neighbour >= HEARD) lines++
  if (mature && tail >= calibrated(TAIL_HEARD)) lines++
  if (mature && foreign >= HEARD) lines++
  if (refused < HEARD && isOwn(reach)) lines = 0
  return { tail, expected, refused, neighbour, foreign, combined, lines }
}

function evidenceOf(walk: SequentialTest | null): number {
  return walk === null ? 0 : walk.evidence
}

/** Whether the refusals are many enough among the ids to be about somebody who tries doors. */
function isRefused(reach: Reach, judged: boolean): boolean {
  return reach.denied + reach.missing >= reach.total * (judged ? REFUSED_SHARE : REFUSED_SHARE_OF_MACHINES)
}

/** Whether nothing shows that the answered objects belong to anybody else. */
function isOwn(reach: Reach): boolean {
  return reach.foreignAnswered + reach.denied < LEAST_FOREIGN && reach.answered < MAX_OWN
}

/** How far the number of others' objects in the short window lies in the tail of those alike. */
function foreignTail(caller: Caller, reach: Reach, usual: EndpointPopulation): number {
  const own = reach.ownUpper('short')
  // A habit of reading others' objects is judged by its size, as every reach is.
  if (own !== null && reach.shortAnswered <= own) return 0
  const alike = usual.cohort(caller.cohort)?.foreign
  const population = alike !== undefined && alike.maturity >= 1 ? alike : usual.everyone.foreign
  const p = population.scoreOne(reach.shortForeign + 1)
  return p === null ? 0 : calibrated(p)
}

/** How far the reach lies in the tail of those alike (or everybody, while too few are), at the scale that says more. */
function tailOf(caller: Caller, reach: Reach, usual: EndpointPopulation): Pick<Evidence, 'tail' | 'expected'> {
  let tail = 0
  let expected: Evidence['expected'] = null
  const cohort = usual.cohort(caller.cohort)
  for (const scale of SCALES) {
    const value = scale === 'short' ? reach.shortAnswered : reach.answered
    const alike = cohort?.[scale]
    const population = alike !== undefined && alike.maturity >= 1 ? alike : usual.everyone[scale]
    let p = population.scoreOne(value)
    if (p === null) continue
    // Within what this caller's own past shows, nothing is unusual, whatever others do.
    const own = reach.ownUpper(scale)
    if (own !== null) p = Math.max(p, value <= own ? 1 : 0.1 * (value / own) ** -2.5)
    const evidence = calibrated(p)
    if (expected === null || evidence > tail) expected = { ...population.usual, voters: population.voters, scale }
    tail = Math.max(tail, evidence)
  }
  return { tail, expected }
}

/** One step of a walk, under the endpoint's population or the caller's own past, whichever finds it less surprising. */
function step(
  walk: SequentialTest | null,
  hit: boolean,
  now: EventTime,
  usual: GuardedRate,
  attackRate: number,
  ownHits: number,
  ownTrials: number,
): void {
  if (walk === null) return
  // Never less than one in (1 + beta): what nobody has done yet somebody may do tomorrow.
  let alpha = Math.max(usual.alpha, 1)
  let beta = usual.beta
  if (ownTrials >= LEAST_OWN_TRIALS) {
    // The own past speaks with the weight of the population's prior strength, so that it can excuse a habit.
    const strength = alpha + beta
    const rate = Math.min(0.95, ownHits / ownTrials)
    if (rate > alpha / strength) {
      alpha = rate * strength
      beta = strength - alpha
    }
  }
  if (alpha / (alpha + beta) >= attackRate) {
    walk.reset()
    return
  }
  walk.learnOne(hit, now, alpha, beta, attackRate, HALF_LIFE_US)
}

/**
 * ln of an e-value made of a p-value by the mixture calibrator (1 - p + p ln p) / (p ln² p): its mean under H0 is 1, whatever the
 * test p comes from (Vovk and Wang 2021). Below 1 it says nothing.
 */
function calibrated(p: number): number {
  if (p >= 0.3) return 0
  const log = Math.log(p)
  return Math.max(0, Math.log((1 - p + p * log) / (log * log)) - log)
}
