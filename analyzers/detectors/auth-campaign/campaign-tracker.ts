import { z } from 'zod'
import type { EvidenceRef } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { LoginMark, Transaction } from '../../../daemon/model/transaction.ts'
import type { Occupancy } from '../../../daemon/telemetry/occupancy.ts'
import { KeyedEntry, KeyedTable } from '../../baselines/keyed-table.ts'
import { hashText } from '../../baselines/lookup-hash.ts'
import { evidenceOf } from '../../finding.ts'
import { isCodeField, isInHeader, placeOf } from '../auth-bruteforce/login-endpoint.ts'
import { type SourceName, sourceOf } from '../auth-bruteforce/source-name.ts'
import { Campaign } from './campaign.ts'
import { Cohort, CohortState } from './cohort.ts'
import { KnownSources, KnownSourcesState } from './known-sources.ts'
import { type Attempt, Place, PlaceState } from './place.ts'
import { ANYBODY, isOneSource, PASSWORD, STRANGERS, sourceTrait, type Trait, traitsOf } from './traits.ts'

export const CampaignOptions = z.strictObject({
  report: z.number().gt(0).lt(1).default(1e-6).describe('p-value from which attempts are one campaign'),
  leastAccounts: z.int().min(2).default(8).describe('accounts tried in vain before anything is told'),
  maxPlaces: z.int().min(1).default(128).describe('log-in endpoints with state'),
  maxCohorts: z.int().min(16).default(8192).describe('traits of attempts that are counted, over all endpoints'),
  maxAccounts: z.int().min(16).default(50_000).describe('accounts whose usual sources are remembered'),
})
export type CampaignOptions = z.infer<typeof CampaignOptions>

/** Of the strangers with a trait, so many failed: then whoever gets in is one of them. */
const PURE = 0.9
/** Traits that cover all but this share of the failures say the same: the narrowest is told. */
const SAME = 0.9
const MAX_BEFORE = 100
/** Of the strangers who come now: fewer fail, and a campaign among them is over. */
const STILL_FAILING = 0.35
/** Other accounts that a source has failed at, from which it is no person's. */
const FAILS_ELSEWHERE = 2

export const TrackerState = z.tuple([z.enum(['place', 'cohort', 'known']), KeyedEntry])
export type TrackerState = z.infer<typeof TrackerState>

/** A trait whose attempts are a campaign's. */
interface Guilty {
  readonly trait: Trait
  /** Failures of the last hour or so. */
  readonly lately: number
  /** Nobody else has it. */
  readonly pure: boolean
}

/** One attempt with a password in a body that names its account. */
interface Try {
  readonly tx: Transaction
  readonly mark: LoginMark
  readonly account: string
  readonly where: string
  readonly place: Place
  readonly source: SourceName
  readonly traits: readonly Trait[]
  readonly wrong: boolean
  readonly present: number
  readonly now: EventTime
}

/** An attempt that a campaign is behind. */
export interface Member {
  readonly campaign: Campaign
  readonly source: SourceName
  /** Accounts that this source failed at. */
  readonly failing: number
  /** ln e-value of the campaign. */
  readonly evidence: number
  readonly maturity: number
  /** Of those known here: the share that fails at this moment. */
  readonly present: number
  /** What led up to the campaign, with its first member. */
  readonly before: readonly EvidenceRef[]
}

/**
 * Tells attempts to sign in that are part of a campaign. Those who want to know each keep one: the same attempts give the same
 * campaigns.
 */
export class CampaignTracker {
  readonly #report: number
  readonly #leastAccounts: number
  readonly #places: KeyedTable<Place>
  readonly #cohorts: KeyedTable<Cohort>
  readonly #known: KeyedTable<KnownSources>
  /** While the sensor is blind nothing is learnt. */
  frozen = false

  constructor(options: CampaignOptions) {
    this.#report = -Math.log(options.report)
    this.#leastAccounts = options.leastAccounts
    this.#places = new KeyedTable(options.maxPlaces, () => new Place())
    this.#cohorts = new KeyedTable(options.maxCohorts, () => new Cohort())
    this.#known = new KeyedTable(options.maxAccounts, () => new KnownSources())
  }

  get occupancies(): Readonly<Record<string, Occupancy>> {
    return {
      places: this.#places.occupancy,
      cohorts: this.#cohorts.occupancy,
      known_accounts: this.#known.occupancy,
    }
  }

  get maturity(): number {
    return this.#places.mean(({ maturity }) => maturity)
  }

  *snapshot(): IterableIterator<TrackerState> {
    for (const entry of this.#places.entries((place) => place.toState())) yield ['place', entry]
    for (const entry of this.#cohorts.entries((cohort) => cohort.toState())) yield ['cohort', entry]
    for (const entry of this.#known.entries((known) => known.toState())) yield ['known', entry]
  }

  restore([what, kept]: TrackerState): void {
    switch (what) {
      case 'place':
        this.#places.restore(kept, Place.fromState(PlaceState.parse(kept[4])))
        return
      case 'cohort':
        this.#cohorts.restore(kept, Cohort.fromState(CohortState.parse(kept[4])))
        return
      case 'known':
        this.#known.restore(kept, KnownSources.fromState(KnownSourcesState.parse(kept[4])))
        return
    }
  }

  /** Null for what is no member of a campaign. */
  observe(tx: Transaction, mark: LoginMark, now: EventTime): Member | null {
    const { account } = mark
    if (account === null || isInHeader(mark) || isCodeField(mark)) return null
    const where = placeOf(tx, mark)
    const place = this.#places.use(where)
    const verdict = place.endpoint.verdictOf(tx.status, false)
    if (verdict === 'neither') return null
    const source = sourceOf(tx, mark)
    const traits = traitsOf(tx, mark, source)
    const wrong = verdict === 'wrong'
    const present = place.presentShare(source.voter, now)
    const tried: Try = { tx, mark, account, where, place, source, traits, wrong, present, now }
    if (this.#known.peek(knownKey(tried))?.has(source) === true) {
      this.#fromKnown(tried)
      return null
    }
    return this.#asMember(tried, true) ?? this.#fromStranger(tried)
  }

  #fromKnown(tried: Try): void {
    if (!tried.wrong) tried.place.noteSignIn(tried.now)
    const { place, source, traits, wrong, where, now } = tried
    place.noteKnown(source.voter, wrong, now)
    for (const { key } of traits) this.#cohorts.peek(cohortKey(where, key))?.noteKnown(wrong, now)
    if (!wrong) this.#learn(tried)
  }

  /** It counts for everything that it has in common with others, unless a campaign of its own trait alone is behind it. */
  #fromStranger(tried: Try): Member | null {
    const { tx, account, where, place, source, traits, wrong, present, mark, now } = tried
    const id = hashText(account)
    const shared = mark.guess === 'shared'
    const isNew = !this.#hasFailed(tried)
    for (const { key } of place.isKnown ? traits : []) {
      if (wrong) this.#cohorts.use(cohortKey(where, key)).noteWrong(id, present, now)
      else this.#cohorts.peek(cohortKey(where, key))?.noteRight(id, present, now)
    }
    place.note({
      ref: evidenceOf(tx),
      traits: traits.map(({ key }) => key),
      account,
      source: source.key,
      right: !wrong,
      shared,
    })
    if (!wrong) {
      const taken = this.#asTaken(tried)
      if (taken === null) {
        place.noteSignIn(now)
        this.#learn(tried)
      }
      return taken
    }
    if (!isNew || !place.isKnown) return null
    const guilty = this.#guiltyTrait(tried)
    if (guilty?.pure === true) return this.#begin(tried, guilty)
    return this.#asMember(tried, false) ?? (guilty === null ? null : this.#begin(tried, guilty))
  }

  /** Of a campaign that has its trait to itself, or shares it with others. One source that tries an account again is no campaign. */
  #asMember(tried: Try, pure: boolean): Member | null {
    const { account, where, place, source, traits, wrong, present, now } = tried
    const campaign = place
      .campaigns(now)
      .find((each) => each.pure === pure && traits.some(({ key }) => key === each.trait.key))
    if (campaign === undefined) return null
    const id = hashText(account)
    const cohort = this.#cohorts.use(cohortKey(where, campaign.trait.key))
    if (!pure) {
      if (cohort.failingNow < STILL_FAILING || cohort.scoreOne(now) < this.#report / 2) return null
      this.#absolve(tried, campaign.trait.key, id)
    } else if (wrong) {
      if (this.#hasFailed(tried)) return null
      const own = this.#cohorts.use(cohortKey(where, sourceTrait(source)))
      for (const each of new Set([cohort, own])) each.noteWrong(id, present, now)
    }
    if (wrong) campaign.noteWrong(account, source.key, now)
    else if (campaign.noteTaken(account, source.key, now)) {
      // Lists of stolen passwords are not that good: this is a program that people have come to use.
      place.end(campaign)
      return null
    }
    return this.#member(tried, campaign, cohort, [])
  }

  /** Somebody got in who has a campaign's trait among others, from a source that mostly fails. */
  #asTaken(tried: Try): Member | null {
    const { account, where, place, source, traits, now } = tried
    const own = this.#cohorts.peek(cohortKey(where, sourceTrait(source)))
    if (own === undefined || own.failing < FAILS_ELSEWHERE || own.purity < 0.5) return null
    const campaign = place.campaigns(now).find((each) => traits.some(({ key }) => key === each.trait.key))
    if (campaign === undefined) return null
    campaign.noteTaken(account, source.key, now)
    return this.#member(tried, campaign, this.#cohorts.use(cohortKey(where, campaign.trait.key)), [])
  }

  /** What others do as well is no sign of a campaign of its own; a trait that comes to stand out among them counts anew. */
  #absolve({ where, traits }: Try, trait: string, account: number): void {
    const all = this.#cohorts.use(cohortKey(where, ANYBODY))
    for (const { key } of traits) {
      if (key === trait || key === ANYBODY || isOneSource(key)) continue
      const cohort = this.#cohorts.peek(cohortKey(where, key))
      if (cohort?.isDrownedIn(all) === true) cohort.absolve(account)
    }
  }

  /** Whether this source has failed at this account before, and not got in since. */
  #hasFailed({ where, source, account }: Try): boolean {
    return this.#cohorts.peek(cohortKey(where, sourceTrait(source)))?.hasFailed(hashText(account)) === true
  }

  /**
   * What those have in common who are at it: of the traits that say so, one that they have to themselves, then one that covers the
   * most, and of such the narrowest.
   */
  #guiltyTrait({ where, place, traits, now }: Try): Guilty | null {
    const guilty: Guilty[] = []
    const all = this.#cohorts.use(cohortKey(where, ANYBODY))
    for (const trait of traits) {
      const cohort = this.#cohorts.peek(cohortKey(where, trait.key))
      if (cohort === undefined || cohort.failing < this.#leastAccounts || cohort.scoreOne(now) < this.#report) continue
      if (!place.isWorkingSince(cohort.since, cohort.failing, now)) continue
      const apart = isOneSource(trait.key) || (trait.key !== ANYBODY && !cohort.isDrownedIn(all))
      guilty.push({ trait, lately: cohort.lately, pure: apart && cohort.purity >= PURE })
    }
    const pure = guilty.filter((each) => each.pure)
    const best = pure.length > 0 ? pure : guilty
    const most = Math.max(...best.map(({ lately }) => lately))
    return best.find(({ lately }) => lately >= SAME * most) ?? null
  }

  #begin(tried: Try, { trait, pure }: Guilty): Member {
    const { tx, where, place, now } = tried
    const cohort = this.#cohorts.use(cohortKey(where, trait.key))
    const attempts = place
      .attemptsWith(trait.key)
      .filter(({ account, right }) => right || cohort.hasFailed(hashText(account)))
    // What others share with it is told once for a place, whatever trait shows it first.
    const running = place
      .campaigns(now)
      .find((each) => each.pure === pure && (!pure || each.common.includes(trait.key)))
    const failed = attempts.filter(({ right }) => !right)
    const isSpray = trait.key === PASSWORD || failed.filter(({ shared }) => shared).length >= 0.5 * failed.length
    const name = `${pure ? trait.text : STRANGERS} at ${tx.endpoint ?? (tx.path ?? '').slice(0, 200)}`
    const campaign = running ?? new Campaign(name, trait, { common: commonTraits(attempts), isSpray, pure, since: now })
    campaign.trait = trait
    if (running === undefined) place.begin(campaign)
    const before = takeOver(campaign, attempts, pure).filter(({ transactionId }) => transactionId !== tx.id)
    place.forget(attempts)
    if (pure) this.#withdraw(where, trait.key, attempts)
    return this.#member(tried, campaign, cohort, before.slice(-MAX_BEFORE))
  }

  /** What a campaign explains counts for nothing else. */
  #withdraw(where: string, trait: string, attempts: readonly Attempt[]): void {
    for (const { account, traits, right } of attempts) {
      if (right) continue
      for (const key of traits) {
        if (key !== trait && !isOneSource(key)) this.#cohorts.peek(cohortKey(where, key))?.withdraw(hashText(account))
      }
    }
  }

  #member(tried: Try, campaign: Campaign, cohort: Cohort, before: readonly EvidenceRef[]): Member {
    const { where, source, place, present, now } = tried
    return {
      campaign,
      source,
      failing: this.#cohorts.peek(cohortKey(where, sourceTrait(source)))?.failing ?? 0,
      evidence: Math.max(this.#report, cohort.scoreOne(now)),
      maturity: Math.max(0.5, place.maturity),
      present,
      before,
    }
  }

  #learn(tried: Try): void {
    if (!this.frozen) this.#known.use(knownKey(tried)).note(tried.source)
  }
}

function cohortKey(where: string, trait: string): string {
  return `${where}\n${trait}`
}

function knownKey({ tx, account }: Try): string {
  return `${tx.service ?? ''} ${account}`
}

/** What nine in ten of them had. */
function commonTraits(attempts: readonly Attempt[]): string[] {
  const counts = new Map<string, number>()
  for (const { traits } of attempts) for (const key of traits) counts.set(key, (counts.get(key) ?? 0) + 1)
  return [...counts].filter(([, count]) => count >= SAME * attempts.length).map(([key]) => key)
}

/**
 * The attempts that led up to it become the campaign's. Who got in is one of them where nearly all who have the trait fail, or
 * where the same source failed at other accounts.
 */
function takeOver(campaign: Campaign, attempts: readonly Attempt[], pure: boolean): EvidenceRef[] {
  const failedFrom = new Map<string, Set<string>>()
  for (const { account, source, right } of attempts) {
    if (right) continue
    const accounts = failedFrom.get(source) ?? new Set()
    failedFrom.set(source, accounts.add(account))
  }
  const refs: EvidenceRef[] = []
  for (const { ref, account, source, right } of attempts) {
    const accounts = failedFrom.get(source)
    if (!right) campaign.noteWrong(account, source, ref.time)
    else if (pure || (accounts !== undefined && (accounts.size > 1 || !accounts.has(account)))) {
      campaign.noteTaken(account, source, ref.time)
    } else continue
    refs.push(ref)
  }
  return refs
}
