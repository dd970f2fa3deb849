import { z } from 'zod'
import { type EventTime, HOUR_US, MINUTE_US } from '../../../daemon/model/time.ts'
import { amount, hash32, time } from '../../baselines/state.ts'

/** Shares of attempts that fail in a campaign: one that has others' sign-ins among its own, and one alone. */
const ATTACK_SHARES = [0.5, 0.95] as const
/** Strangers fail at least so often: they mistype, and what is settled later is taken back only then. */
const LEAST_USUAL = 0.2
/** Above what those who are known fail at this moment. */
const MARGIN = 0.15
/** When so many fail who are known here, a stranger's failure says nothing. */
const EVERYBODY_FAILS = 0.5
const EVIDENCE_HALF_LIFE_US = 12 * HOUR_US
const KNOWN_HALF_LIFE_US = 10 * MINUTE_US
const KNOWN_PRIOR = 2
const MAX_FAILING = 512
/** What goes beyond says nothing more, and what follows must be able to end it. */
const MAX_EVIDENCE = 30
/** Strangers without a trait: so few that fail say nothing; from this share on they fail as those with it. */
const OTHERS_FEW = 4
const DROWNED = 0.5
/** From so many times their failures on it is a campaign of its own beside theirs, as of two crowds at once. */
const STANDS_OUT = 0.5
const LATELY_HALF_LIFE_US = HOUR_US
/** Weight of the newest attempt in the share that fails now. */
const NEWEST = 0.1

/** Evidence; accounts still failing, with what each brought; strangers' failures, sign-ins; known ones failing, all, strangers failing and getting in lately; times, share failing now. */
export const CohortState = z.tuple([
  z.tuple([amount, amount]),
  z.array(z.tuple([hash32, amount, amount])).max(MAX_FAILING),
  z.tuple([amount, amount]),
  z.tuple([amount, amount, amount, amount]),
  z.tuple([time, time, time, amount]),
])
export type CohortState = z.infer<typeof CohortState>

/**
 * Attempts of one place that have a trait in common: a test, by accounts, of whether strangers among them fail as a campaign's do.
 * An account counts once, and is taken back when the stranger gets in after all.
 */
export class Cohort {
  /** ln of a likelihood ratio for each share of ATTACK_SHARES, from its lowest point on (Page 1954). */
  #evidence: [number, number] = [0, 0]
  readonly #failing = new Map<number, readonly [number, number]>()
  /** Accounts strangers failed at, and sign-ins of anybody. */
  failed = 0
  right = 0
  /** Strangers of the last hour or so: who failed, and who got in. */
  lately = 0
  #latelyIn = 0
  /** Share of the last ten or so strangers that failed. */
  failingNow = 0
  /** Since when the evidence has not been at its lowest. */
  since: EventTime = 0
  #knownFailed = 0
  #known = 0
  #evidenceAt: EventTime = 0
  #knownAt: EventTime = 0

  /** Accounts that strangers have failed at and not got into. */
  get failing(): number {
    return this.#failing.size
  }

  /** Of all with the trait, strangers who failed. */
  get purity(): number {
    return this.failed / Math.max(1, this.failed + this.right)
  }

  /** Whether strangers without the trait fail as well: then it is not what sets anybody apart. `all`: every stranger of the place. */
  isDrownedIn(all: Cohort): boolean {
    const failed = Math.max(0, all.lately - this.lately)
    const right = Math.max(0, all.#latelyIn - this.#latelyIn)
    return failed >= OTHERS_FEW && failed >= DROWNED * (failed + right) && this.lately < STANDS_OUT * failed
  }

  hasFailed(account: number): boolean {
    return this.#failing.has(account)
  }

  /** ln evidence. */
  scoreOne(now: EventTime): number {
    this.#fade(now)
    const [least, most] = this.#evidence
    return Math.max(least, most) + Math.log((1 + Math.exp(-Math.abs(least - most))) / 2)
  }

  /** Somebody who has signed in to the account from there before. */
  noteKnown(failed: boolean, now: EventTime): void {
    this.#fadeKnown(now)
    this.#fade(now)
    this.#known++
    if (failed) this.#knownFailed++
    else this.right++
  }

  /** `present`: the share of those known at this place that fail at this moment. */
  noteWrong(account: number, present: number, now: EventTime): void {
    this.#fade(now)
    if (this.#failing.has(account)) return
    if (this.scoreOne(now) <= 0) this.since = now
    this.failingNow += NEWEST * (1 - this.failingNow)
    this.failed++
    this.lately++
    const usual = this.#usual(present, now)
    const gain = (share: number) => (usual >= EVERYBODY_FAILS ? 0 : Math.log(share / usual))
    const gained: [number, number] = [gain(ATTACK_SHARES[0]), gain(ATTACK_SHARES[1])]
    this.#add(gained)
    if (this.#failing.size >= MAX_FAILING) {
      const oldest = this.#failing.keys().next()
      if (oldest.done !== true) this.#failing.delete(oldest.value)
    }
    this.#failing.set(account, gained)
  }

  noteRight(account: number, present: number, now: EventTime): void {
    this.#fade(now)
    this.failingNow -= NEWEST * this.failingNow
    this.right++
    this.#latelyIn++
    this.withdraw(account)
    const usual = Math.min(EVERYBODY_FAILS, this.#usual(present, now))
    const loss = (share: number) => Math.log((1 - share) / (1 - usual))
    this.#add([loss(ATTACK_SHARES[0]), loss(ATTACK_SHARES[1])])
  }

  /** It was no failure after all, or something else is behind it. */
  withdraw(account: number): void {
    const gained = this.#failing.get(account)
    if (gained === undefined) return
    this.#failing.delete(account)
    this.failed = Math.max(0, this.failed - 1)
    this.lately = Math.max(0, this.lately - 1)
    this.#add([-gained[0], -gained[1]])
  }

  /** A campaign that has more to it explains this failure, which stays one. */
  absolve(account: number): void {
    const gained = this.#failing.get(account)
    if (gained === undefined) return
    this.#failing.set(account, [0, 0])
    this.#add([-gained[0], -gained[1]])
  }

  toState(): CohortState {
    return [
      [...this.#evidence],
      [...this.#failing].map(([account, [least, most]]) => [account, least, most]),
      [this.failed, this.right],
      [this.#knownFailed, this.#known, this.lately, this.#latelyIn],
      [this.#evidenceAt, this.#knownAt, this.since, this.failingNow],
    ]
  }

  static fromState([evidence, failing, counts, known, times]: CohortState): Cohort {
    const cohort = new Cohort()
    cohort.#evidence = [...evidence]
    for (const [account, least, most] of failing) cohort.#failing.set(account, [least, most])
    ;[cohort.failed, cohort.right] = counts
    ;[cohort.#knownFailed, cohort.#known, cohort.lately, cohort.#latelyIn] = known
    ;[cohort.#evidenceAt, cohort.#knownAt, cohort.since, cohort.failingNow] = times
    return cohort
  }

  #usual(present: number, now: EventTime): number {
    this.#fadeKnown(now)
    const known = (this.#knownFailed + KNOWN_PRIOR * present) / (this.#known + KNOWN_PRIOR)
    return Math.max(LEAST_USUAL, Math.max(present, known) + MARGIN)
  }

  #add([least, most]: readonly [number, number]): void {
    this.#evidence[0] = Math.min(MAX_EVIDENCE, Math.max(0, this.#evidence[0] + least))
    this.#evidence[1] = Math.min(MAX_EVIDENCE, Math.max(0, this.#evidence[1] + most))
  }

  #fade(now: EventTime): void {
    const gone = now - this.#evidenceAt
    this.#evidenceAt = Math.max(this.#evidenceAt, now)
    if (gone <= 0) return
    const left = 2 ** (-gone / EVIDENCE_HALF_LIFE_US)
    this.#evidence[0] *= left
    this.#evidence[1] *= left
    this.failed *= left
    this.right *= left
    const lately = 2 ** (-gone / LATELY_HALF_LIFE_US)
    this.lately *= lately
    this.#latelyIn *= lately
    // What nobody has added to for days is no part of what comes now.
    if (left < 0.05) this.#failing.clear()
  }

  #fadeKnown(now: EventTime): void {
    const gone = now - this.#knownAt
    this.#knownAt = Math.max(this.#knownAt, now)
    if (gone <= 0) return
    const left = 2 ** (-gone / KNOWN_HALF_LIFE_US)
    this.#known *= left
    this.#knownFailed *= left
  }
}
