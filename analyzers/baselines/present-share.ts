import { z } from 'zod'
import { type EventTime, MINUTE_US } from '../../daemon/model/time.ts'
import type { Baseline, Mergeable, Scoring } from '../baseline.ts'
import { flag, text, time } from './state.ts'

const MAX_VOTERS = 64
const HALF_LIFE_US = 2 * MINUTE_US
/** Votes the usual share counts for: one voter who fails is no outage. */
const PRIOR_VOTES = 4

interface Vote {
  readonly voter: string
  readonly failed: boolean
  readonly at: EventTime
}

/** Voter, whether it failed, when; the one silent longest first. */
export const PresentShareState = z.array(z.tuple([text, flag, time])).max(MAX_VOTERS)
export type PresentShareState = z.infer<typeof PresentShareState>

/**
 * How the others fare at this moment: the share of voters whose newest outcome was a failure, one vote each, fading by half
 * every two minutes, on top of the usual share. What everybody suffers is no one's attack.
 *
 * Promise    no voter moves the share that is asked for himself; without recent votes it is the usual share
 * Memory     at most 64 voters, the one silent longest leaves
 */
export class PresentShare
  implements
    Baseline<[voter: string, failed: boolean, now: EventTime], PresentShareState>,
    Scoring<[voter: string, usual: number, now: EventTime]>,
    Mergeable<PresentShare>
{
  readonly #voters = new Map<string, Vote>()

  learnOne(voter: string, failed: boolean, now: EventTime): void {
    this.#voters.delete(voter)
    if (this.#voters.size >= MAX_VOTERS) {
      const oldest = this.#voters.keys().next()
      if (oldest.done !== true) this.#voters.delete(oldest.value)
    }
    this.#voters.set(voter, { voter, failed, at: now })
  }

  /** The share among all but `voter`. */
  scoreOne(voter: string, usual: number, now: EventTime): number {
    let failed = usual * PRIOR_VOTES
    let all = PRIOR_VOTES
    for (const [name, vote] of this.#voters) {
      if (name === voter) continue
      const weight = 2 ** (-(now - vote.at) / HALF_LIFE_US)
      all += weight
      if (vote.failed) failed += weight
    }
    return failed / all
  }

  merge(other: PresentShare): void {
    const votes = [...this.#voters.values(), ...other.#voters.values()].sort((a, b) => a.at - b.at)
    this.#voters.clear()
    for (const { voter, failed, at } of votes) this.learnOne(voter, failed, at)
  }

  toState(): PresentShareState {
    return [...this.#voters.values()].map(({ voter, failed, at }) => [voter, failed, at])
  }

  static fromState(state: PresentShareState): PresentShare {
    const share = new PresentShare()
    for (const [voter, failed, at] of state) share.learnOne(voter, failed, at)
    return share
  }
}
