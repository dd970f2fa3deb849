import { z } from 'zod'
import type { EvidenceRef, Severity, Signal } from '../../daemon/model/signal.ts'
import type { EventTime } from '../../daemon/model/time.ts'
import type { LoginMark, Principal, Transaction } from '../../daemon/model/transaction.ts'
import { ADMISSION_DEFAULTS, Admission } from '../baselines/admission.ts'
import { logRun } from '../baselines/beta-binomial.ts'
import { GuardedRate } from '../baselines/guarded-rate.ts'
import { GUESS_SCALES, GuessCounts } from '../baselines/guess-counts.ts'
import { KeyedTable } from '../baselines/keyed-table.ts'
import { networkOf, principalKey } from '../baselines/principal-key.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { countText, EvidenceTrail, shownAs, signalOf, spanText } from '../finding.ts'

const Options = z.strictObject({
  report: z.number().gt(0).lt(1).default(1e-3).describe('p-value from which guessing is a signal'),
  attackRate: z.number().gt(0.5).lt(1).default(0.9).describe('share of wrong guesses of an attacker (H1)'),
  fastGuessMs: z.number().positive().default(1500).describe('two different guesses closer than this were not typed'),
  maxAccounts: z.int().min(16).default(50_000).describe('accounts under watch'),
  maxSources: z.int().min(16).default(50_000).describe('sources under watch'),
  maxEndpoints: z.int().min(1).default(512).describe('log-in endpoints with a failure rate of their own'),
})
type BruteforceOptions = z.infer<typeof Options>

/** Chance of two different guesses within fastGuessMs: by a person (a slip of the finger on Enter), by a program. */
const FAST_BY_PERSON = 0.05
const FAST_BY_PROGRAM = 0.5
const MAX_SOURCES_PER_ACCOUNT = 8
const MAX_ACCOUNTS_PER_SOURCE = 64
/** Spread of failure runs: of a caller nobody knows, and of one who has signed in to this account before (people forget). */
const STRANGER_STRENGTH = 20
const KNOWN_STRENGTH = 8
const KNOWN_MEAN = 0.25
/** An attacker's share of wrong guesses is drawn from a Beta of this strength, so that the longest run still speaks for him. */
const ATTACK_STRENGTH = 10
const MATURE_VOTES = 30

/** One source's attempts at one account. */
class Attempts {
  readonly source: string
  readonly wrong = new GuessCounts()
  /** ln likelihood ratio of the gaps between different guesses. */
  cadence = 0
  lastAt: EventTime = 0
  run = 0
  known = false

  constructor(source: string) {
    this.source = source
  }
}

/** One account, or one source's attempts that name no account. */
class Account {
  readonly attempts: Attempts[] = []
  /** Sources past the eighth, which no success clears. */
  readonly others = new GuessCounts()
  otherSources = 0
  since: EventTime = 0
  guesses = 0
  repeats = 0
  signalled = false
  taken = false
  readonly trail = new EvidenceTrail()
}

class Source {
  /** Accounts tried, oldest first: whether this source has signed in to them. */
  readonly accounts = new Map<string, boolean>()
  readonly failing = new GuessCounts()
  readonly fine = new GuessCounts()
  failingTotal = 0
  since: EventTime = 0
  signalled = false
  taken: string[] = []
  refused = 0
  readonly trail = new EvidenceTrail()
}

/** What log-ins at an endpoint look like. */
class AuthEndpoint {
  readonly failures = new GuardedRate(2, 18, 0.5)
  refused = 0
  redirected = 0
  answered = 0
}

interface EpisodeSummary {
  readonly endpoint: string
  readonly wrong: number
  readonly trials: number
}

type Verdict = 'wrong' | 'right' | 'neither'

class AuthBruteforce implements Detector {
  readonly #options: BruteforceOptions
  readonly #report: number
  readonly #fastUs: number
  readonly #accounts: KeyedTable<Account>
  readonly #sources: KeyedTable<Source>
  readonly #endpoints: KeyedTable<AuthEndpoint>
  readonly #admission: Admission<EpisodeSummary>
  readonly #shown = new Map<string, string>()

  constructor(options: BruteforceOptions) {
    this.#options = options
    this.#report = -Math.log(options.report)
    this.#fastUs = options.fastGuessMs * 1000
    this.#accounts = new KeyedTable(options.maxAccounts, () => new Account())
    this.#sources = new KeyedTable(options.maxSources, () => new Source())
    this.#endpoints = new KeyedTable(options.maxEndpoints, () => new AuthEndpoint())
    this.#admission = new Admission(ADMISSION_DEFAULTS, (summary, weight, now) => {
      this.#endpoints.peek(summary.endpoint)?.failures.learnOne(summary.wrong, summary.trials, weight, now)
    })
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    if (tx.marks.length === 0) return null
    for (const mark of tx.marks) if (mark.kind === 'login') return this.#login(tx, mark, now)
    return null
  }

  tick(now: EventTime): void {
    this.#admission.release(now)
  }

  suspect(subject: { readonly kind: string; readonly value: string }, open: boolean, now: EventTime): void {
    const text = `${subject.kind}:${subject.value}`
    this.#admission.suspect(this.#shown.get(text) ?? subject.value, open, now)
  }

  sizes() {
    return {
      accounts: { entries: this.#accounts.size, limit: this.#accounts.limit, evicted: this.#accounts.evicted },
      sources: { entries: this.#sources.size, limit: this.#sources.limit, evicted: this.#sources.evicted },
      endpoints: { entries: this.#endpoints.size, limit: this.#endpoints.limit, evicted: this.#endpoints.evicted },
      quarantine: {
        entries: this.#admission.held,
        limit: ADMISSION_DEFAULTS.maxHeld,
        evicted: this.#admission.evicted,
      },
    }
  }

  maturity(): number {
    let sum = 0
    let count = 0
    this.#endpoints.forEach((endpoint) => {
      sum += maturityOf(endpoint)
      count++
    })
    return count === 0 ? 0 : sum / count
  }

  #login(tx: Transaction, mark: LoginMark, now: EventTime): Signal | null {
    const service = tx.service ?? ''
    const inHeader = mark.field.startsWith('header:')
    const place = inHeader
      ? `${service} ${mark.field}`
      : `${service} ${tx.endpoint ?? `${tx.method ?? ''} ${(tx.path ?? '').slice(0, 200)}`}`
    const endpoint = this.#endpoints.use(place)
    const verdict = verdictOf(tx.status, endpoint, inHeader)
    if (verdict === 'neither') return null
    const source = sourceOf(tx, mark)
    const sourceKey = `${place} ${source.key}`
    // Without an account name the source's guesses are one run of their own.
    const account = this.#accounts.use(mark.account === null ? sourceKey : `${service} ${mark.account}`)
    const attempts = attemptsOf(account, source.key)
    const from = this.#sources.use(sourceKey)
    const usual = endpoint.failures
    if (verdict === 'right') return this.#right(tx, mark, place, source, account, attempts, from, usual, now)
    if (mark.guess === 'repeated') {
      // One wrong password sent again and again is a stale configuration, not a guess.
      account.repeats++
      if (account.signalled) account.trail.add(tx)
      else if (from.signalled) from.trail.add(tx)
      return null
    }
    this.#wrong(mark, account, attempts, from, now)
    return this.#judge(tx, mark, source, account, attempts, from, endpoint, now)
  }

  /** Counts a new wrong guess on both walks. */
  #wrong(mark: LoginMark, account: Account, attempts: Attempts | null, from: Source, now: EventTime): void {
    if (account.guesses === 0) account.since = now
    if (from.failingTotal === 0) from.since = now
    account.guesses++
    from.refused++
    if (attempts === null) account.others.add(now, 1)
    else {
      if (attempts.run > 0) {
        const fast = now - attempts.lastAt < this.#fastUs
        attempts.cadence += fast
          ? Math.log(FAST_BY_PROGRAM / FAST_BY_PERSON)
          : Math.log((1 - FAST_BY_PROGRAM) / (1 - FAST_BY_PERSON))
        // Slow guesses are no proof of a person, so they earn little that could hide a burst later.
        attempts.cadence = Math.max(attempts.cadence, -2)
      }
      attempts.wrong.add(now, 1)
      attempts.lastAt = now
      attempts.run++
    }
    if (mark.account === null || from.accounts.has(mark.account)) return
    if (from.accounts.size >= MAX_ACCOUNTS_PER_SOURCE) {
      const oldest = from.accounts.keys().next()
      if (oldest.done !== true) from.accounts.delete(oldest.value)
    }
    from.accounts.set(mark.account, false)
    from.failing.add(now, 1)
    from.failingTotal++
  }

  #judge(
    tx: Transaction,
    mark: LoginMark,
    source: SourceName,
    account: Account,
    attempts: Attempts | null,
    from: Source,
    endpoint: AuthEndpoint,
    now: EventTime,
  ): Signal | null {
    const onAccount = this.#accountEvidence(account, attempts, endpoint.failures, now)
    const onSource = this.#sourceEvidence(from, endpoint.failures, now)
    if (onAccount < this.#report && onSource < this.#report) {
      account.trail.add(tx)
      // The same attempt may turn out to be part of either walk.
      from.trail.add(tx)
      return null
    }
    return onSource > onAccount || mark.account === null
      ? this.#sourceSignal(tx, mark, source, from, account, endpoint, Math.max(onSource, onAccount), now)
      : this.#accountSignal(tx, mark, source, account, from, endpoint, onAccount, now)
  }

  /**
   * A right password. It clears what this source got wrong at this account and nothing else; after a run that was already
   * reported it means that the account is taken.
   */
  #right(
    tx: Transaction,
    mark: LoginMark,
    place: string,
    source: SourceName,
    account: Account,
    attempts: Attempts | null,
    from: Source,
    usual: GuardedRate,
    now: EventTime,
  ): Signal | null {
    const before = this.#accountEvidence(account, attempts, usual, now)
    const guessing = (attempts?.run ?? 0) > 0
    const spraying = from.signalled && mark.account !== null && from.accounts.get(mark.account) === false
    const endpoint = this.#endpoints.use(place)
    let signal: Signal | null = null
    if (guessing && account.signalled && attempts !== null) {
      account.taken = true
      signal = this.#accountSignal(tx, mark, source, account, from, endpoint, Math.max(before, this.#report), now)
    } else if (spraying) {
      from.taken.push(mark.account!)
      if (from.taken.length > 100) from.taken.shift()
      const evidence = Math.max(this.#sourceEvidence(from, usual, now), this.#report)
      signal = this.#sourceSignal(tx, mark, source, from, account, endpoint, evidence, now)
    }
    if (attempts !== null) {
      if (signal === null) {
        const wrong = attempts.run
        const summary = { endpoint: place, wrong, trials: wrong + 1 }
        this.#admission.offer(source.key, source.voter, summary, maturityOf(endpoint) >= 1, now)
        attempts.known = true
      }
      attempts.wrong.clear()
      attempts.cadence = 0
      attempts.run = 0
    }
    if (mark.account !== null) {
      const before = from.accounts.get(mark.account)
      if (before === false && signal === null) from.failing.add(now, -1)
      if (before !== true && signal === null) from.fine.add(now, 1)
      if (from.accounts.size < MAX_ACCOUNTS_PER_SOURCE || before !== undefined) from.accounts.set(mark.account, true)
    }
    return signal
  }

  /** ln e-value of "somebody is guessing this account's password". */
  #accountEvidence(account: Account, present: Attempts | null, usual: GuardedRate, now: EventTime): number {
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
    const rate = this.#options.attackRate
    const cadence = present === null ? 0 : Math.log(0.5 + 0.5 * Math.exp(Math.min(present.cadence, 600)))
    const strangers = runEvidence(wrong, usual.mean, STRANGER_STRENGTH, rate)
    if (known === null) return strangers + cadence
    const owner = runEvidence(known.values, Math.max(usual.mean, KNOWN_MEAN), KNOWN_STRENGTH, rate)
    return Math.max(strangers, owner + cadence)
  }

  /** ln e-value of "this source tries accounts that are not its users'". Units are accounts: tried in vain, or signed in to. */
  #sourceEvidence(from: Source, usual: GuardedRate, now: EventTime): number {
    from.failing.fade(now)
    from.fine.fade(now)
    const rate = this.#options.attackRate
    const beta = (1 - usual.mean) * STRANGER_STRENGTH
    let sum = 0
    for (let i = 0; i < GUESS_SCALES; i++) {
      const failing = from.failing.values[i]!
      const fine = from.fine.values[i]!
      const alpha = (usual.mean + i * 0.05) * STRANGER_STRENGTH
      const ratio =
        logRun(rate * ATTACK_STRENGTH, (1 - rate) * ATTACK_STRENGTH, failing, fine) -
        logRun(alpha, Math.max(beta - i, 2), failing, fine)
      sum += Math.exp(Math.min(ratio, 600)) / GUESS_SCALES
    }
    return Math.log(Math.max(sum, 1e-9))
  }

  #accountSignal(
    tx: Transaction,
    mark: LoginMark,
    source: SourceName,
    account: Account,
    from: Source,
    endpoint: AuthEndpoint,
    evidence: number,
    now: EventTime,
  ): Signal {
    account.signalled = true
    const sources = account.attempts.filter((attempts) => attempts.run > 0).length + account.otherSources
    const own = account.attempts.find((attempts) => attempts.source === source.key)
    const runs = account.attempts.reduce((sum, attempts) => sum + attempts.run, 0)
    // Most of the guesses from one place: naming it lets one attacker's accounts fold into one incident.
    const single = own !== undefined && account.otherSources === 0 && own.run >= 0.8 * runs
    this.#flag(tx.principal, source, 'user', mark.account!)
    const where = sources > 1 ? `${sources} sources` : `one source (${source.shown})`
    const end = account.taken ? '; then a guess was right' : ', all refused'
    return signalOf('auth.bruteforce', tx, now, {
      log10P: -evidence / Math.LN10,
      maturity: Math.max(0.5, maturityOf(endpoint)),
      severity: account.taken ? 'critical' : severityOfRefused(account.guesses),
      why: `${account.guesses} different wrong passwords for one account in ${spanText(now - account.since)} from ${where}${end}; usual ${usualText(endpoint)} before getting it right`,
      expected: usualText(endpoint),
      observed: `${account.guesses} different wrong passwords`,
      evidence: {
        account: mark.account,
        source: single ? source.shown : null,
        source_kind: single ? source.kind : null,
        sources,
        seen_from: account.attempts.filter((attempts) => attempts.run > 0).map((attempts) => attempts.source),
        distinct_guesses: account.guesses,
        repeated_guesses: account.repeats,
        field: mark.field,
        log_likelihood_ratio: Number(evidence.toFixed(2)),
      },
      subject: { kind: 'user', value: mark.account! },
      outcome: {
        answered: account.taken ? 1 : 0,
        refused: account.guesses + account.repeats,
        objectsExposed: 0,
        accounts: account.taken ? [mark.account!] : [],
        pSuccess: account.taken ? 0.95 : 0.03,
      },
      evidenceBefore: withoutRepeats(account.trail, from.trail),
    })
  }

  #sourceSignal(
    tx: Transaction,
    mark: LoginMark,
    source: SourceName,
    from: Source,
    account: Account,
    endpoint: AuthEndpoint,
    evidence: number,
    now: EventTime,
  ): Signal {
    from.signalled = true
    if (mark.account === null) account.signalled = true
    this.#flag(tx.principal, source, source.kind, source.shown)
    const taken = from.taken.length
    const tried =
      mark.account === null
        ? `${account.guesses} different credentials`
        : `${countText(from.failingTotal, 'account')} without ever signing in`
    const since = mark.account === null ? account.since : from.since
    const end = taken > 0 ? `; ${countText(taken, 'account')} taken` : ', all refused'
    return signalOf('auth.bruteforce', tx, now, {
      log10P: -evidence / Math.LN10,
      maturity: Math.max(0.5, maturityOf(endpoint)),
      severity: taken > 0 ? 'critical' : severityOfRefused(from.refused),
      why: `${source.shown} tried ${tried} in ${spanText(now - since)}${end}; usual ${usualText(endpoint)} before getting it right`,
      expected: usualText(endpoint),
      observed: tried,
      evidence: {
        account: mark.account,
        source: source.shown,
        source_kind: source.kind,
        accounts_tried: from.failingTotal,
        accounts_signed_in: Math.round(from.fine.values[GUESS_SCALES - 1]!),
        distinct_guesses: from.refused,
        field: mark.field,
        log_likelihood_ratio: Number(evidence.toFixed(2)),
      },
      subject: { kind: source.kind, value: source.shown },
      outcome: {
        answered: taken,
        refused: from.refused,
        objectsExposed: 0,
        accounts: [...from.taken],
        pSuccess: taken > 0 ? 0.95 : 0.03,
      },
      evidenceBefore: withoutRepeats(from.trail, account.trail),
    })
  }

  /** Remembers whose lessons an incident on this subject would be about. */
  #flag(principal: Principal, source: SourceName, kind: string, value: string): void {
    if (this.#shown.size >= 4096) this.#shown.clear()
    this.#shown.set(`${kind}:${value}`, source.key)
    this.#shown.set(`${principal.kind}:${shownAs(principal)}`, source.key)
  }
}

interface SourceName {
  readonly key: string
  readonly kind: string
  readonly shown: string
  readonly voter: string
}

/**
 * Who is guessing. A caller who is signed in as somebody else is that caller; otherwise the address, because the name in the
 * attempt (Basic) is the victim's, and a cookie jar can be emptied between two guesses.
 */
function sourceOf(tx: Transaction, mark: LoginMark): SourceName {
  const { principal } = tx
  const named = principal.kind === 'user' || principal.kind === 'api_key' || principal.kind === 'consumer'
  const isVictim = principal.via === 'basic' || principal.id === mark.account || mark.field === 'header:authorization'
  if (principal.kind === 'device' || (named && !isVictim)) {
    const key = principalKey(principal)
    return { key, kind: principal.kind, shown: shownAs(principal), voter: key }
  }
  const address = principal.kind === 'ip' ? principal.id : (tx.forwarded[0] ?? tx.clientIp)
  return { key: address, kind: 'ip', shown: address, voter: networkOf(address) }
}

function attemptsOf(account: Account, source: string): Attempts | null {
  for (const attempts of account.attempts) if (attempts.source === source) return attempts
  if (account.attempts.length >= MAX_SOURCES_PER_ACCOUNT) {
    // A place is free where nothing is outstanding and nobody is known.
    const free = account.attempts.findIndex((attempts) => attempts.run === 0 && !attempts.known)
    if (free < 0) {
      account.otherSources++
      return null
    }
    account.attempts.splice(free, 1)
  }
  const attempts = new Attempts(source)
  account.attempts.push(attempts)
  return attempts
}

/**
 * What an answer says of the credential. Form log-ins answer a wrong password with the page again (200) and a right one with a
 * redirect, so where an endpoint never refuses by status and does redirect, a 200 is a refusal. A credential in a header goes
 * with every request, and only 401 is about the credential.
 */
function verdictOf(status: number | null, endpoint: AuthEndpoint, inHeader: boolean): Verdict {
  if (status === null || status < 200 || status >= 500 || status === 404) return 'neither'
  if (inHeader) return status === 401 ? 'wrong' : status < 400 ? 'right' : 'neither'
  if (status >= 400) {
    endpoint.refused++
    return 'wrong'
  }
  if (status >= 300) {
    endpoint.redirected++
    return 'right'
  }
  endpoint.answered++
  return endpoint.redirected > 0 && endpoint.refused === 0 ? 'wrong' : 'right'
}

/** ln of the mean over the three scales of P(all wrong | attacker) / P(all wrong | such a caller). */
function runEvidence(wrong: readonly number[], mean: number, strength: number, attackRate: number): number {
  let sum = 0
  for (let i = 0; i < GUESS_SCALES; i++) {
    const k = wrong[i]!
    // Over longer spans an honest caller collects more failures that no success of the same device clears.
    const rate = Math.min(0.5, mean + i * 0.05)
    const attack = logRun(attackRate * ATTACK_STRENGTH, (1 - attackRate) * ATTACK_STRENGTH, k, 0)
    const ratio = attack - logRun(rate * strength, (1 - rate) * strength, k, 0)
    sum += Math.exp(Math.min(ratio, 600)) / GUESS_SCALES
  }
  return Math.log(sum)
}

function withoutRepeats(first: EvidenceTrail, second: EvidenceTrail): readonly EvidenceRef[] {
  const refs = first.take()
  const seen = new Set(refs.map((ref) => ref.transactionId))
  const rest = second.take().filter((ref) => !seen.has(ref.transactionId))
  return rest.length === 0 ? refs : [...refs, ...rest].sort((a, b) => a.time - b.time)
}

function severityOfRefused(guesses: number): Severity {
  return guesses >= 100 ? 'medium' : 'low'
}

function maturityOf(endpoint: AuthEndpoint): number {
  return Math.min(1, endpoint.failures.voters / MATURE_VOTES)
}

/** The run of failures that nine in ten ordinary sign-ins stay under. */
function usualText(endpoint: AuthEndpoint): string {
  const { mean } = endpoint.failures
  const high = Math.max(1, Math.ceil(Math.log(0.1) / Math.log(Math.min(0.9, mean * 1.5))))
  return `0-${high}`
}

export const authBruteforce = defineDetector({
  id: 'auth.bruteforce',
  title: 'Password guessing',
  owasp: ['API2:2023'],
  attack: ['T1110.001'],
  describes: {
    detects:
      'Many different passwords tried at one account, from one address or many; one source trying many accounts; one source trying many keys.',
    statistic:
      'Sequential tests on distinct wrong guesses per account and on accounts tried in vain per source and log-in endpoint. H0: failures come in runs (beta-binomial; shipped prior Beta(2, 18), learnt from admitted sign-ins, mean capped at 0.5; a source that has signed in to the account before may forget a password: Beta(2, 6)). H1: 0.9. Two guesses closer than a person can type weigh more. Three half-lives (10 minutes, 6 hours, 3 days), so that one try every three hours is still seen.',
    memory:
      'maxAccounts accounts x 8 sources, maxSources sources x 64 accounts, maxEndpoints endpoints: about 1 KiB per watched account, less for most. Newcomers push out newcomers; evictions are counted.',
    warmUp: 'Works from the first request on the shipped prior. Log-in endpoints are found by the attempts themselves.',
    traps:
      'A stale password in a script (the same guess again does not count), an expired token being refreshed, an office behind one address (each account that signs in speaks for the address), people who forgot a password (their device is known, and a success clears its run), a log-in service that is down (5xx is no refusal). A success never clears what a source did to other accounts.',
    tuning: 'report; fastGuessMs where a password manager or a test client sends guesses quickly.',
  },
  options: Options,
  create: (options) => new AuthBruteforce(options),
})
