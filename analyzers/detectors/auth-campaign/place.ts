import { z } from 'zod'
import type { EvidenceRef } from '../../../daemon/model/signal.ts'
import { type EventTime, HOUR_US } from '../../../daemon/model/time.ts'
import { PresentShare, PresentShareState } from '../../baselines/present-share.ts'
import { amount, flag, text, time } from '../../baselines/state.ts'
import { LoginEndpoint, LoginEndpointState } from '../auth-bruteforce/login-endpoint.ts'
import { Campaign, CampaignState } from './campaign.ts'

/** Sign-ins before anything is told, and before it is told with all confidence. */
const ENOUGH = 30
const WELL = 300
/** How many of those who are known fail, until they are seen. */
const USUAL_PRESENT = 0.07
const MAX_ATTEMPTS = 256
const MAX_CAMPAIGNS = 8
const RATE_HALF_LIFE_US = 6 * HOUR_US
const MAX_TIMES = 64
/** Of the sign-ins that are usual: fewer, and the service is at fault. */
const STILL_WORKS = 0.3
/** Accounts that fail, as a multiple of all that usually try meanwhile: these are no users of a service that is down. */
const MANY_TIMES = 3
const AT_LEAST = 8

/** One attempt of a stranger, until it turns out what it was part of. */
export interface Attempt {
  readonly ref: EvidenceRef
  readonly traits: readonly string[]
  readonly account: string
  readonly source: string
  readonly right: boolean
  /** With a password that another account was tried with. */
  readonly shared: boolean
}

const AttemptState = z.tuple([
  z.tuple([text, time, amount.nullable(), flag]),
  z.array(text).max(16),
  z.tuple([text, text]),
  z.tuple([flag, flag]),
])
/** The endpoint; those known; sign-ins, lately, as of, since, and their times; the last attempts of strangers; campaigns. */
export const PlaceState = z.tuple([
  LoginEndpointState,
  PresentShareState,
  z.tuple([amount, amount, time, time]),
  z.array(time).max(MAX_TIMES),
  z.array(AttemptState).max(MAX_ATTEMPTS),
  z.array(CampaignState).max(MAX_CAMPAIGNS),
])
export type PlaceState = z.infer<typeof PlaceState>

/** One place where people sign in: how those fare who are known there, what strangers did lately, and who is at work. */
export class Place {
  endpoint = new LoginEndpoint()
  #present = new PresentShare()
  /** Sign-ins: all, when the last ones were, and how many fade by half in six hours. */
  #signIns = 0
  #times: EventTime[] = []
  #recent = 0
  #recentAt: EventTime = 0
  #since: EventTime = 0
  #attempts: Attempt[] = []
  #campaigns: Campaign[] = []

  /** On the first day nobody knows how many sign in here. */
  get isKnown(): boolean {
    return this.#signIns >= ENOUGH
  }

  get maturity(): number {
    return Math.min(1, this.#signIns / WELL)
  }

  noteSignIn(now: EventTime): void {
    this.#fade(now)
    if (this.#signIns === 0) this.#since = now
    this.#signIns++
    this.#recent++
    if (this.#times.length >= MAX_TIMES) this.#times.shift()
    this.#times.push(now)
  }

  /**
   * Whether so many accounts that fail since then are somebody's doing, and not the service's: others still get in, or nowhere near
   * as many people ever try.
   */
  isWorkingSince(since: EventTime, failing: number, now: EventTime): boolean {
    this.#fade(now)
    const span = now - since
    const usual = (this.#recent * Math.LN2) / RATE_HALF_LIFE_US
    // Of a place that is not known for long yet, the count has not come up to its rate.
    const known = 1 - 2 ** (-Math.max(1, now - this.#since) / RATE_HALF_LIFE_US)
    const expected = (span * usual) / Math.max(0.05, known)
    const seen = this.#times.filter((at) => at >= since).length
    return (
      seen >= Math.min(MAX_TIMES, Math.max(1, STILL_WORKS * expected)) || failing >= MANY_TIMES * expected + AT_LEAST
    )
  }

  #fade(now: EventTime): void {
    const gone = now - this.#recentAt
    this.#recentAt = Math.max(this.#recentAt, now)
    if (gone > 0) this.#recent *= 2 ** (-gone / RATE_HALF_LIFE_US)
  }

  /** One vote for a network: somebody's hundred accounts do not make an outage. */
  noteKnown(voter: string, failed: boolean, now: EventTime): void {
    this.#present.learnOne(voter, failed, now)
  }

  /** The share of those known here that fail at this moment. */
  presentShare(voter: string, now: EventTime): number {
    return this.#present.scoreOne(voter, USUAL_PRESENT, now)
  }

  note(attempt: Attempt): void {
    if (this.#attempts.length >= MAX_ATTEMPTS) this.#attempts.shift()
    this.#attempts.push(attempt)
  }

  /** The last attempts with a trait, oldest first. */
  attemptsWith(trait: string): Attempt[] {
    return this.#attempts.filter(({ traits }) => traits.includes(trait))
  }

  /** They are told of by their campaign from now on. */
  forget(attempts: readonly Attempt[]): void {
    const gone = new Set(attempts)
    this.#attempts = this.#attempts.filter((attempt) => !gone.has(attempt))
  }

  campaigns(now: EventTime): readonly Campaign[] {
    if (this.#campaigns.some((campaign) => campaign.isOver(now))) {
      this.#campaigns = this.#campaigns.filter((campaign) => !campaign.isOver(now))
    }
    return this.#campaigns
  }

  end(campaign: Campaign): void {
    this.#campaigns = this.#campaigns.filter((each) => each !== campaign)
  }

  begin(campaign: Campaign): void {
    if (this.#campaigns.length >= MAX_CAMPAIGNS) this.#campaigns.shift()
    this.#campaigns.push(campaign)
  }

  toState(): PlaceState {
    return [
      this.endpoint.toState(),
      this.#present.toState(),
      [this.#signIns, this.#recent, this.#recentAt, this.#since],
      [...this.#times],
      this.#attempts.map(({ ref, traits, account, source, right, shared }) => [
        [ref.transactionId, ref.time, ref.status, ref.whole !== false],
        [...traits],
        [account, source],
        [right, shared],
      ]),
      this.#campaigns.map((campaign) => campaign.toState()),
    ]
  }

  static fromState([endpoint, present, counts, times, attempts, campaigns]: PlaceState): Place {
    const place = new Place()
    place.endpoint = LoginEndpoint.fromState(endpoint)
    place.#present = PresentShare.fromState(present)
    ;[place.#signIns, place.#recent, place.#recentAt, place.#since] = counts
    place.#times = times
    place.#attempts = attempts.map(
      ([[transactionId, at, status, whole], traits, [account, source], [right, shared]]) => ({
        ref: { transactionId, time: at, status, whole },
        traits,
        account,
        source,
        right,
        shared,
      }),
    )
    place.#campaigns = campaigns.map(Campaign.fromState)
    return place
  }
}
