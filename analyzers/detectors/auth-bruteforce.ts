import { z } from 'zod'
import type { Signal } from '../../daemon/model/signal.ts'
import type { EventTime } from '../../daemon/model/time.ts'
import type { LoginMark, Transaction } from '../../daemon/model/transaction.ts'
import { ADMISSION_DEFAULTS, Admission, AdmissionState } from '../baselines/admission.ts'
import { KeyedEntry, KeyedTable } from '../baselines/keyed-table.ts'
import { amount, text } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { accountEvidence, sourceEvidence } from './auth-bruteforce/evidence.ts'
import {
  type Attempt,
  accountSignal,
  CODES,
  type Guessed,
  PASSWORDS,
  sourceSignal,
} from './auth-bruteforce/findings.ts'
import { Account, AccountState, Source, SourceState } from './auth-bruteforce/guessing.ts'
import {
  isCodeField,
  isInHeader,
  LoginEndpoint,
  LoginEndpointState,
  placeOf,
} from './auth-bruteforce/login-endpoint.ts'
import { sourceOf } from './auth-bruteforce/source-name.ts'
import { CampaignOptions, CampaignTracker, TrackerState } from './auth-campaign/campaign-tracker.ts'
import { WORTH_NAMING } from './auth-campaign/finding.ts'

export const GuessingOptions = z.strictObject({
  report: z.number().gt(0).lt(1).default(1e-3).describe('p-value from which guessing is a signal'),
  attackRate: z.number().gt(0.5).lt(1).default(0.9).describe('share of wrong guesses of an attacker (H1)'),
  fastGuessMs: z.number().positive().default(1500).describe('two different guesses closer than this were not typed'),
  maxAccounts: z.int().min(16).default(50_000).describe('accounts under watch'),
  maxSources: z.int().min(16).default(50_000).describe('sources under watch'),
  maxEndpoints: z.int().min(1).default(512).describe('log-in endpoints with a failure rate of their own'),
})
type GuessingOptions = z.infer<typeof GuessingOptions>

/** What one source needed until it got in: what an endpoint learns its failure rate from. */
interface EpisodeSummary {
  readonly endpoint: string
  readonly wrong: number
  readonly trials: number
}

const SummaryState = z.tuple([text, amount, amount])
const Kept = z.union([
  z.tuple([z.literal('campaign'), TrackerState]),
  z.tuple([z.enum(['account', 'source', 'endpoint']), KeyedEntry]),
  z.tuple([z.literal('admission'), AdmissionState]),
])

/** Guessing of one kind of secret: passwords, keys and tokens, or one-time codes. */
export class GuessingDetector implements Detector {
  readonly stateVersion = 1
  readonly #guessed: Guessed
  /** What many sources do together is told by auth.spray and auth.stuffing, and counts for no single account or source. */
  readonly #campaigns = new CampaignTracker(CampaignOptions.parse({}))
  readonly #options: GuessingOptions
  readonly #report: number
  readonly #fastUs: number
  readonly #accounts: KeyedTable<Account>
  readonly #sources: KeyedTable<Source>
  readonly #endpoints: KeyedTable<LoginEndpoint>
  readonly #admission: Admission<EpisodeSummary, z.infer<typeof SummaryState>>

  constructor(guessed: Guessed, options: GuessingOptions) {
    this.#guessed = guessed
    this.#options = options
    this.#report = -Math.log(options.report)
    this.#fastUs = options.fastGuessMs * 1000
    this.#accounts = new KeyedTable(options.maxAccounts, () => new Account())
    this.#sources = new KeyedTable(options.maxSources, () => new Source())
    this.#endpoints = new KeyedTable(options.maxEndpoints, () => new LoginEndpoint())
    this.#admission = new Admission(
      ADMISSION_DEFAULTS,
      (summary, weight, now) => {
        this.#endpoints.peek(summary.endpoint)?.failures.learnOne(summary.wrong, summary.trials, weight, now)
      },
      {
        schema: SummaryState,
        toState: ({ endpoint, wrong, trials }) => [endpoint, wrong, trials],
        fromState: ([endpoint, wrong, trials]) => ({ endpoint, wrong, trials }),
      },
    )
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    if (tx.marks.length === 0) return null
    const codes = this.#guessed === CODES
    for (const mark of tx.marks) {
      if (mark.kind === 'login' && isCodeField(mark) === codes)
        return this.#isCampaigns(tx, mark, now) ? null : this.#login(tx, mark, now)
    }
    return null
  }

  #isCampaigns(tx: Transaction, mark: LoginMark, now: EventTime): boolean {
    const member = this.#campaigns.observe(tx, mark, now)
    if (member === null) return false
    const { campaign, failing } = member
    // Where others share the trait, a source that tries many accounts may be an attacker of its own.
    return campaign.pure ? !campaign.isOneSource : failing < WORTH_NAMING
  }

  tick(now: EventTime): void {
    this.#admission.release(now)
  }

  suspect(caller: string, open: boolean, now: EventTime): void {
    this.#admission.suspect(caller, open, now)
  }

  pardon(caller: string, now: EventTime): void {
    this.#admission.pardon(caller, now)
  }

  freeze(frozen: boolean, now: EventTime): void {
    this.#admission.freeze(frozen, now)
    this.#campaigns.frozen = frozen
  }

  sizes() {
    return {
      accounts: this.#accounts.occupancy,
      sources: this.#sources.occupancy,
      endpoints: this.#endpoints.occupancy,
      quarantine: this.#admission.occupancy,
      ...this.#campaigns.occupancies,
    }
  }

  maturity(): number {
    return this.#endpoints.mean((endpoint) => endpoint.maturity)
  }

  *snapshot(): IterableIterator<z.infer<typeof Kept>> {
    for (const entry of this.#accounts.entries((account) => account.toState())) yield ['account', entry]
    for (const entry of this.#sources.entries((source) => source.toState())) yield ['source', entry]
    for (const entry of this.#endpoints.entries((endpoint) => endpoint.toState())) yield ['endpoint', entry]
    for (const state of this.#admission.snapshot()) yield ['admission', state]
    for (const state of this.#campaigns.snapshot()) yield ['campaign', state]
  }

  restore(line: unknown): void {
    const [what, kept] = Kept.parse(line)
    switch (what) {
      case 'campaign':
        this.#campaigns.restore(kept)
        return
      case 'account':
        this.#accounts.restore(kept, Account.fromState(AccountState.parse(kept[4])))
        return
      case 'source':
        this.#sources.restore(kept, Source.fromState(SourceState.parse(kept[4])))
        return
      case 'endpoint':
        this.#endpoints.restore(kept, LoginEndpoint.fromState(LoginEndpointState.parse(kept[4])))
        return
      case 'admission':
        this.#admission.restore(kept)
        return
    }
  }

  #login(tx: Transaction, mark: LoginMark, now: EventTime): Signal | null {
    const place = placeOf(tx, mark)
    const endpoint = this.#endpoints.use(place)
    const verdict = endpoint.verdictOf(tx.status, isInHeader(mark))
    if (verdict === 'neither') return null
    const source = sourceOf(tx, mark)
    const sourceKey = `${place} ${source.key}`
    // Without an account name the source's guesses are one run of their own.
    const account = this.#accounts.use(mark.account === null ? sourceKey : `${tx.service ?? ''} ${mark.account}`)
    const attempts = account.attemptsOf(source)
    const from = this.#sources.use(sourceKey)
    const attempt: Attempt = { tx, mark, now, place, endpoint, account, source, from, attempts }
    if (from.isEstablished(now)) endpoint.present.learnOne(source.key, verdict === 'wrong', now)
    if (verdict === 'right') return this.#right(attempt)
    if (mark.guess === 'repeated') return this.#repeated(attempt)
    account.addWrong(attempts, now, this.#fastUs)
    const usual = endpoint.failures.mean
    const weight = Math.min(1, (1 - this.#presentRate(attempt)) / (1 - usual))
    from.addWrong(mark.account, weight, now)
    return this.#judge(attempt)
  }

  /** One wrong password sent again and again is a stale configuration, not a guess. */
  #repeated({ tx, account, from }: Attempt): null {
    account.repeats++
    if (account.signalled) account.trail.add(tx)
    else if (from.signalled) from.trail.add(tx)
    return null
  }

  #judge(attempt: Attempt): Signal | null {
    const { tx, mark, account, from } = attempt
    const onAccount = this.#accountEvidence(attempt)
    const onSource = this.#sourceEvidence(attempt)
    if (onAccount < this.#report && onSource < this.#report) {
      // The same attempt may turn out to be part of either walk.
      account.trail.add(tx)
      from.trail.add(tx)
      return null
    }
    return onSource > onAccount || mark.account === null
      ? this.#onSource(attempt, Math.max(onSource, onAccount))
      : this.#onAccount(attempt, onAccount)
  }

  /**
   * A right password. It clears what this source got wrong at this account and nothing else; after a run that was already
   * reported it means that the account is taken.
   */
  #right(attempt: Attempt): Signal | null {
    const { mark, now, place, endpoint, account, source, from, attempts } = attempt
    let signal: Signal | null = null
    if (attempts !== null && attempts.run > 0 && account.signalled) {
      const evidence = this.#accountEvidence(attempt)
      account.taken = true
      signal = this.#onAccount(attempt, Math.max(evidence, this.#report))
    } else if (mark.account !== null && from.signalled && from.failedAt(mark.account)) {
      from.addTaken(mark.account)
      signal = this.#onSource(attempt, Math.max(this.#sourceEvidence(attempt), this.#report))
    }
    if (attempts !== null) {
      if (signal === null) {
        const summary = { endpoint: place, wrong: attempts.run, trials: attempts.run + 1 }
        this.#admission.offer(source.key, source.voter, summary, endpoint.maturity >= 1, now)
        attempts.known = true
      }
      attempts.clear()
    }
    if (mark.account !== null) from.addRight(mark.account, signal === null, now)
    return signal
  }

  #accountEvidence({ account, attempts, endpoint, now }: Attempt): number {
    return accountEvidence(account, attempts, endpoint.failures.mean, this.#options.attackRate, now)
  }

  #sourceEvidence(attempt: Attempt): number {
    return sourceEvidence(attempt.from, this.#presentRate(attempt), this.#options.attackRate, attempt.now)
  }

  /** How often other sources fail at this moment. */
  #presentRate({ source, endpoint, now }: Attempt): number {
    return endpoint.present.scoreOne(source.key, endpoint.failures.mean, now)
  }

  #onAccount(attempt: Attempt, evidence: number): Signal {
    attempt.account.signalled = true
    return accountSignal(this.#guessed, attempt, evidence)
  }

  #onSource(attempt: Attempt, evidence: number): Signal {
    const { mark, account, from } = attempt
    from.signalled = true
    if (mark.account === null) account.signalled = true
    return sourceSignal(this.#guessed, attempt, evidence)
  }
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
      'Tests on distinct wrong guesses per account, and on accounts tried in vain against accounts signed in to per source (an address, an IPv6 /64, or a signed-in caller) and log-in endpoint. H0: failures come in runs (beta-binomial; shipped prior Beta(2, 18), learnt from admitted sign-ins, mean capped at 0.5; a source that has signed in to the account before may forget a password: Beta(2, 6)), and a source fails as other sources do that have signed in lately. H1: 0.9. Two guesses closer than a person can type weigh more. The mean over three half-lives (10 minutes, 6 hours, 3 days), so that one try every three hours is still seen, after about twenty.',
    memory:
      'maxAccounts accounts x 8 sources, maxSources sources x 64 accounts, maxEndpoints endpoints: about 1 KiB per watched account, less for most. Newcomers push out newcomers; evictions are counted.',
    warmUp: 'Works from the first request on the shipped prior. Log-in endpoints are found by the attempts themselves.',
    traps:
      'A stale password in a script (the same guess again does not count), an expired token being refreshed, an office behind one address (each account that signs in speaks for the address), people who forgot a password (their device is known, and a success clears its run), password managers that try what they have stored, a log-in service that is down (5xx is no refusal; when those who have signed in before are refused as well, no source is blamed). A success never clears what a source did to other accounts. Missed: fewer than four quick or some ten slow guesses at an account; one guess each at many accounts from many sources (auth.spray, auth.stuffing); a source that signs in to a different account for every two it tries in vain; guesses while nobody else can sign in either; log-ins whose answer does not tell right from wrong.',
    tuning: 'report; fastGuessMs where a password manager or a test client sends guesses quickly.',
  },
  options: GuessingOptions,
  create: (options) => new GuessingDetector(PASSWORDS, options),
})
