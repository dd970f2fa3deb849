import { z } from 'zod'
import { type EventTime, HOUR_US } from '../../../daemon/model/time.ts'
import { DistinctCounter, DistinctState } from '../../baselines/distinct-counter.ts'
import { GuessCounts, GuessCountsState } from '../../baselines/guess-counts.ts'
import { hashText } from '../../baselines/lookup-hash.ts'
import { amount, flag, text, time } from '../../baselines/state.ts'
import { EvidenceTrail, TrailState } from '../../finding.ts'
import { type SourceName, SourceNameState } from './source-name.ts'

/** Chance of two different guesses close together: by a person (a slip of the finger on Enter), by a program. */
const FAST_BY_PERSON = 0.05
const FAST_BY_PROGRAM = 0.5
const MAX_SOURCES_PER_ACCOUNT = 8
const MAX_ACCOUNTS_PER_SOURCE = 64
const MAX_TAKEN = 100
/** An account that signs in speaks for its source once in this time, however often it does. */
const SPEAKS_EVERY_US = 6 * HOUR_US

/** Source, wrong guesses, cadence, run, known, last. */
const AttemptsState = z.tuple([SourceNameState, GuessCountsState, amount, amount, flag, time])
/** Attempts, other guesses, other sources; since, guesses, repeats, signalled, taken; trail. */
export const AccountState = z.tuple([
  z.array(AttemptsState).max(MAX_SOURCES_PER_ACCOUNT),
  GuessCountsState,
  amount,
  z.tuple([time, amount, amount, flag, flag]),
  TrailState,
])
export type AccountState = z.infer<typeof AccountState>
/** Accounts tried, who has spoken since when; failing, fine; failing in all, since, signalled, refused; taken; trail. */
export const SourceState = z.tuple([
  z.array(z.tuple([text, flag])).max(MAX_ACCOUNTS_PER_SOURCE),
  z.tuple([DistinctState, time]),
  GuessCountsState,
  GuessCountsState,
  z.tuple([amount, time, flag, amount]),
  z.array(text).max(MAX_TAKEN),
  TrailState,
])
export type SourceState = z.infer<typeof SourceState>

/** One source's attempts at one account since it last got in. */
export class Attempts {
  readonly source: SourceName
  wrong = new GuessCounts()
  /** ln likelihood ratio of the gaps between different guesses. */
  cadence = 0
  run = 0
  /** Whether this source has signed in to this account before: people forget what they once knew. */
  known = false
  #lastAt: EventTime = 0

  constructor(source: SourceName) {
    this.source = source
  }

  /** A new wrong guess. */
  add(now: EventTime, fastUs: number): void {
    if (this.run > 0) {
      const fast = now - this.#lastAt < fastUs
      this.cadence += fast
        ? Math.log(FAST_BY_PROGRAM / FAST_BY_PERSON)
        : Math.log((1 - FAST_BY_PROGRAM) / (1 - FAST_BY_PERSON))
      // Slow guesses are no proof of a person, so they earn little that could hide a burst later.
      this.cadence = Math.max(this.cadence, -2)
    }
    this.wrong.learnOne(now, 1)
    this.#lastAt = now
    this.run++
  }

  clear(): void {
    this.wrong.clear()
    this.cadence = 0
    this.run = 0
  }

  toState(): z.infer<typeof AttemptsState> {
    const { key, kind, shown, voter } = this.source
    return [[key, kind, shown, voter], this.wrong.toState(), this.cadence, this.run, this.known, this.#lastAt]
  }

  static fromState([name, wrong, cadence, run, known, lastAt]: z.infer<typeof AttemptsState>): Attempts {
    const [key, kind, shown, voter] = name
    const attempts = new Attempts({ key, kind, shown, voter })
    attempts.wrong = GuessCounts.fromState(wrong)
    attempts.cadence = cadence
    attempts.run = run
    attempts.known = known
    attempts.#lastAt = lastAt
    return attempts
  }
}

/** One account under watch, or one source's attempts that name no account. */
export class Account {
  attempts: Attempts[] = []
  /** Guesses of sources past the eighth, which no success clears. */
  others = new GuessCounts()
  otherSources = 0
  since: EventTime = 0
  guesses = 0
  repeats = 0
  signalled = false
  taken = false
  trail = new EvidenceTrail()

  /** This source's attempts, begun if need be; null when eight other sources hold all the places. */
  attemptsOf(source: SourceName): Attempts | null {
    for (const attempts of this.attempts) if (attempts.source.key === source.key) return attempts
    if (this.attempts.length >= MAX_SOURCES_PER_ACCOUNT) {
      // A place is free where nothing is outstanding and nobody is known.
      const free = this.attempts.findIndex((attempts) => attempts.run === 0 && !attempts.known)
      if (free < 0) {
        this.otherSources++
        return null
      }
      this.attempts.splice(free, 1)
    }
    const attempts = new Attempts(source)
    this.attempts.push(attempts)
    return attempts
  }

  addWrong(attempts: Attempts | null, now: EventTime, fastUs: number): void {
    if (this.guesses === 0) this.since = now
    this.guesses++
    if (attempts === null) this.others.learnOne(now, 1)
    else attempts.add(now, fastUs)
  }

  toState(): AccountState {
    return [
      this.attempts.map((attempts) => attempts.toState()),
      this.others.toState(),
      this.otherSources,
      [this.since, this.guesses, this.repeats, this.signalled, this.taken],
      this.trail.toState(),
    ]
  }

  static fromState([attempts, others, otherSources, counts, trail]: AccountState): Account {
    const account = new Account()
    account.attempts = attempts.map(Attempts.fromState)
    account.others = GuessCounts.fromState(others)
    account.otherSources = otherSources
    ;[account.since, account.guesses, account.repeats, account.signalled, account.taken] = counts
    account.trail = EvidenceTrail.fromState(trail)
    return account
  }
}

/** One source at one log-in endpoint, over all the accounts it tries. */
export class Source {
  /** Accounts tried, oldest first, at most 64: whether this source has signed in to them. */
  #accounts = new Map<string, boolean>()
  /** Accounts that have spoken for this source, since when. */
  #spoken = new DistinctCounter()
  #spokenSince: EventTime = 0
  /** Accounts tried in vain, and accounts signed in to. */
  failing = new GuessCounts()
  fine = new GuessCounts()
  failingTotal = 0
  since: EventTime = 0
  signalled = false
  taken: string[] = []
  refused = 0
  trail = new EvidenceTrail()

  /** `weight`: 1, or less while other sources fail too: what an outage refused must not speak when it is over. */
  addWrong(account: string | null, weight: number, now: EventTime): void {
    if (this.failingTotal === 0) this.since = now
    this.refused++
    if (account === null || this.#accounts.has(account)) return
    if (this.#accounts.size >= MAX_ACCOUNTS_PER_SOURCE) {
      const oldest = this.#accounts.keys().next()
      if (oldest.done !== true) this.#accounts.delete(oldest.value)
    }
    this.#accounts.set(account, false)
    this.failing.learnOne(now, weight)
    this.failingTotal++
  }

  /** Whether somebody has lately signed in from here. */
  isEstablished(now: EventTime): boolean {
    this.fine.fade(now)
    return this.fine.values[2] >= 0.5
  }

  /** Whether this source has only failed at the account so far. */
  failedAt(account: string): boolean {
    return this.#accounts.get(account) === false
  }

  addTaken(account: string): void {
    this.taken.push(account)
    if (this.taken.length > MAX_TAKEN) this.taken.shift()
  }

  /** Signed in. `honest`: not after guessing, so that the account now speaks for the source. */
  addRight(account: string, honest: boolean, now: EventTime): void {
    const before = this.#accounts.get(account)
    if (before === false && honest) this.failing.learnOne(now, -1)
    if (honest) this.#speakFor(account, now)
    if (this.#accounts.size < MAX_ACCOUNTS_PER_SOURCE || before !== undefined) this.#accounts.set(account, true)
  }

  /** By a set of its own: the accounts tried in vain must not push out of it the one that signs in again and again. */
  #speakFor(account: string, now: EventTime): void {
    if (now - this.#spokenSince >= SPEAKS_EVERY_US) {
      this.#spoken = new DistinctCounter()
      this.#spokenSince = now
    }
    if (this.#spoken.learnOne(hashText(account)) > 0) this.fine.learnOne(now, 1)
  }

  toState(): SourceState {
    return [
      [...this.#accounts],
      [this.#spoken.toState(), this.#spokenSince],
      this.failing.toState(),
      this.fine.toState(),
      [this.failingTotal, this.since, this.signalled, this.refused],
      [...this.taken],
      this.trail.toState(),
    ]
  }

  static fromState([accounts, [spoken, spokenSince], failing, fine, counts, taken, trail]: SourceState): Source {
    const source = new Source()
    source.#accounts = new Map(accounts)
    source.#spoken = DistinctCounter.fromState(spoken)
    source.#spokenSince = spokenSince
    source.failing = GuessCounts.fromState(failing)
    source.fine = GuessCounts.fromState(fine)
    ;[source.failingTotal, source.since, source.signalled, source.refused] = counts
    source.taken = taken
    source.trail = EvidenceTrail.fromState(trail)
    return source
  }
}
