import type { EvidenceRef, Severity, Signal } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { LoginMark, Transaction } from '../../../daemon/model/transaction.ts'
import { GUESS_SCALES } from '../../baselines/guess-counts.ts'
import { countText, type EvidenceTrail, signalOf, spanText } from '../../finding.ts'
import type { Account, Attempts, Source } from './guessing.ts'
import type { LoginEndpoint } from './login-endpoint.ts'
import type { SourceName } from './source-name.ts'

/** What is guessed, and who tells of it. */
export interface Guessed {
  readonly detector: 'auth.bruteforce' | 'auth.otp'
  /** In the plural. */
  readonly secrets: string
}

export const PASSWORDS: Guessed = { detector: 'auth.bruteforce', secrets: 'passwords' }
export const CODES: Guessed = { detector: 'auth.otp', secrets: 'one-time codes' }

/** One attempt with everything that is known about its two sides. */
export interface Attempt {
  readonly tx: Transaction
  readonly mark: LoginMark
  readonly now: EventTime
  readonly place: string
  readonly endpoint: LoginEndpoint
  readonly account: Account
  readonly source: SourceName
  readonly from: Source
  /** This source's attempts at this account; null past the eighth source. */
  readonly attempts: Attempts | null
}

/** Guessing at one account. */
export function accountSignal(guessed: Guessed, attempt: Attempt, evidence: number): Signal {
  const { tx, mark, now, endpoint, account, source, from } = attempt
  const { detector, secrets } = guessed
  const target = mark.account!
  const guessing = account.attempts.filter((attempts) => attempts.run > 0)
  const sources = guessing.length + account.otherSources
  const own = account.attempts.find((attempts) => attempts.source.key === source.key)
  const runs = account.attempts.reduce((sum, attempts) => sum + attempts.run, 0)
  // Most of the guesses from one place: naming it lets one attacker's accounts fold into one incident.
  const single = own !== undefined && account.otherSources === 0 && own.run >= 0.8 * runs
  const where = sources > 1 ? `${sources} sources` : `one source (${source.shown})`
  const end = account.taken ? '; then a guess was right' : ', all refused'
  return signalOf(detector, tx, now, {
    log10P: -evidence / Math.LN10,
    maturity: Math.max(0.5, endpoint.maturity),
    severity: severityOf(account.taken),
    why: `${account.guesses} different wrong ${secrets} for one account in ${spanText(now - account.since)} from ${where}${end}; usual here: ${endpoint.usualText} before the right one`,
    expected: endpoint.usualText,
    observed: `${account.guesses} different wrong ${secrets}`,
    evidence: {
      account: target,
      source: single ? source.shown : null,
      source_kind: single ? source.kind : null,
      sources,
      seen_from: guessing.map((attempts) => attempts.source.shown),
      distinct_guesses: account.guesses,
      repeated_guesses: account.repeats,
      usual_of_callers: Math.round(endpoint.failures.voters),
      field: mark.field,
      log_likelihood_ratio: Number(evidence.toFixed(2)),
    },
    subject: { kind: 'user', value: target },
    outcome: {
      answered: account.taken ? 1 : 0,
      refused: account.guesses + account.repeats,
      objectsExposed: 0,
      accounts: account.taken ? [target] : [],
      pSuccess: account.taken ? 0.95 : 0.03,
    },
    evidenceBefore: withoutRepeats(account.trail, from.trail),
  })
}

/** One source going through accounts, or through credentials that name none. */
export function sourceSignal(guessed: Guessed, attempt: Attempt, evidence: number): Signal {
  const { tx, mark, now, endpoint, account, source, from } = attempt
  const { detector, secrets } = guessed
  const taken = from.taken.length
  const nameless = mark.account === null
  const tried = nameless ? `${account.guesses} different credentials` : countText(from.failingTotal, 'account')
  const since = nameless ? account.since : from.since
  const end = nameless ? ', all refused' : ` and got into ${taken > 0 ? `${taken} of them` : 'none'}`
  return signalOf(detector, tx, now, {
    log10P: -evidence / Math.LN10,
    maturity: Math.max(0.5, endpoint.maturity),
    severity: severityOf(taken > 0),
    why: `${source.shown} tried ${tried} in ${spanText(now - since)}${end}; usual here: ${endpoint.usualText} wrong ${secrets} before the right one`,
    expected: endpoint.usualText,
    observed: tried,
    evidence: {
      account: mark.account,
      source: source.shown,
      source_kind: source.kind,
      accounts_tried: from.failingTotal,
      accounts_signed_in: Math.round(from.fine.values[GUESS_SCALES - 1]!),
      distinct_guesses: from.refused,
      usual_of_callers: Math.round(endpoint.failures.voters),
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

/** However many were refused, nothing came of it. */
function severityOf(taken: boolean): Severity {
  return taken ? 'critical' : 'low'
}

function withoutRepeats(first: EvidenceTrail, second: EvidenceTrail): readonly EvidenceRef[] {
  const refs = first.take()
  const seen = new Set(refs.map((ref) => ref.transactionId))
  const rest = second.take().filter((ref) => !seen.has(ref.transactionId))
  return rest.length === 0 ? refs : [...refs, ...rest].sort((a, b) => a.time - b.time)
}
