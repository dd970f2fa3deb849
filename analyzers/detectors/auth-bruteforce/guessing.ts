import { type EventTime, HOUR_US } from '../../../daemon/model/time.ts'
import { DistinctCounter } from '../../baselines/distinct-counter.ts'
import { GuessCounts } from '../../baselines/guess-counts.ts'
import { hashText } from '../../baselines/lookup-hash.ts'
import { EvidenceTrail } from '../../finding.ts'
import type { SourceName } from './source-name.ts'

/** Chance of two different guesses close together: by a person (a slip of the finger on Enter), by a program. */
const FAST_BY_PERSON = 0.05
const FAST_BY_PROGRAM = 0.5
const MAX_SOURCES_PER_ACCOUNT = 8
const MAX_ACCOUNTS_PER_SOURCE = 64
const MAX_TAKEN = 100
/** An account that signs in speaks for its source once in this time, however often it does. */
const SPEAKS_EVERY_US = 6 * HOUR_US

/** One source's attempts at one account since it last got in. */
export class Attempts {
  readonly source: SourceName
  readonly wrong = new GuessCounts()
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
}

/** One account under watch, or one source's attempts that name no account. */
export class Account {
  readonly attempts: Attempts[] = []
  /** Guesses of sources past the eighth, which no success clears. */
  readonly others = new GuessCounts()
  otherSources = 0
  since: EventTime = 0
  guesses = 0
  repeats = 0
  signalled = false
  taken = false
  readonly trail = new EvidenceTrail()

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
}

/** One source at one log-in endpoint, over all the accounts it tries. */
export class Source {
  /** Accounts tried, oldest first, at most 64: whether this source has signed in to them. */
  readonly #accounts = new Map<string, boolean>()
  /** Accounts that have spoken for this source, since when. */
  #spoken = new DistinctCounter()
  #spokenSince: EventTime = 0
  /** Accounts tried in vain, and accounts signed in to. */
  readonly failing = new GuessCounts()
  readonly fine = new GuessCounts()
  failingTotal = 0
  since: EventTime = 0
  signalled = false
  readonly taken: string[] = []
  refused = 0
  readonly trail = new EvidenceTrail()

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
}
