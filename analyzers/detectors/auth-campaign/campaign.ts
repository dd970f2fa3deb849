import { z } from 'zod'
import { type EventTime, HOUR_US } from '../../../daemon/model/time.ts'
import { DistinctCounter, DistinctState } from '../../baselines/distinct-counter.ts'
import { hashText } from '../../baselines/lookup-hash.ts'
import { amount, flag, text, time } from '../../baselines/state.ts'
import { isOneSource, type Trait } from './traits.ts'

/** Silent for so long, a campaign is over. */
const OVER_AFTER_US = 6 * HOUR_US
const MAX_TAKEN = 100
/** Of the attempts of a campaign, the most that get in; of the first few it cannot be told. */
const MOST_OPENED = 0.2
const MOST_OPENED_AT_FIRST = 5
const MAX_COMMON = 16

/** Name; trait; traits that most had; sources, accounts; whether passwords are shared, and the trait is nobody else's; refused, opened, since, last; accounts that were taken. */
export const CampaignState = z.tuple([
  text,
  z.tuple([text, text]),
  z.array(text).max(MAX_COMMON),
  DistinctState,
  DistinctState,
  z.tuple([flag, flag]),
  z.tuple([amount, amount, time, time]),
  z.array(text).max(MAX_TAKEN),
])
export type CampaignState = z.infer<typeof CampaignState>

interface Beginning {
  readonly common: readonly string[]
  readonly isSpray: boolean
  readonly pure: boolean
  readonly since: EventTime
}

/** Attempts at many accounts that one hand is behind: strangers with one trait, from when it was found. */
export class Campaign {
  /** Of its incident: the trait it was found by, also when a wider one takes its place. */
  readonly name: string
  /** One password for many accounts, and not a list of pairs. */
  readonly isSpray: boolean
  /** Nobody else has its trait: whoever gets in with it is one of them. */
  readonly pure: boolean
  trait: Trait
  /** Keys of what its first attempts had in common: a wider trait among these is the same campaign, better told. */
  readonly common: readonly string[]
  sources = new DistinctCounter()
  accounts = new DistinctCounter()
  refused = 0
  since: EventTime
  last: EventTime
  taken: string[] = []
  #opened = 0

  constructor(name: string, trait: Trait, { common, isSpray, pure, since }: Beginning) {
    this.name = name
    this.trait = trait
    this.common = common.slice(0, MAX_COMMON)
    this.isSpray = isSpray
    this.pure = pure
    this.since = since
    this.last = since
  }

  get isOneSource(): boolean {
    return isOneSource(this.trait.key)
  }

  isOver(now: EventTime): boolean {
    return now - this.last > OVER_AFTER_US
  }

  noteWrong(account: string, source: string, now: EventTime): void {
    this.refused++
    this.#note(account, source, now)
  }

  /** Somebody got in. Gives whether so many do that this is no campaign. */
  noteTaken(account: string, source: string, now: EventTime): boolean {
    this.#note(account, source, now)
    this.#opened++
    if (this.#opened > MOST_OPENED_AT_FIRST && this.#opened > MOST_OPENED * this.refused) return true
    if (this.taken.includes(account)) return false
    if (this.taken.length >= MAX_TAKEN) this.taken.shift()
    this.taken.push(account)
    return false
  }

  #note(account: string, source: string, now: EventTime): void {
    this.accounts.learnOne(hashText(account))
    this.sources.learnOne(hashText(source))
    this.since = Math.min(this.since, now)
    this.last = Math.max(this.last, now)
  }

  toState(): CampaignState {
    const { name, trait, common, sources, accounts, isSpray, pure, refused, since, last, taken } = this
    const seen = [sources.toState(), accounts.toState()] as const
    return [
      name,
      [trait.key, trait.text],
      [...common],
      seen[0],
      seen[1],
      [isSpray, pure],
      [refused, this.#opened, since, last],
      [...taken],
    ]
  }

  static fromState([
    name,
    [key, told],
    common,
    sources,
    accounts,
    [isSpray, pure],
    counts,
    taken,
  ]: CampaignState): Campaign {
    const [refused, opened, since, last] = counts
    const campaign = new Campaign(name, { key, text: told }, { common, isSpray, pure, since })
    campaign.sources = DistinctCounter.fromState(sources)
    campaign.accounts = DistinctCounter.fromState(accounts)
    campaign.refused = refused
    campaign.#opened = opened
    campaign.last = last
    campaign.taken = taken
    return campaign
  }
}
