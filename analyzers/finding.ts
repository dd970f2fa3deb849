import { z } from 'zod'
import type { EvidenceRef, Outcome, Severity, Signal } from '../daemon/model/signal.ts'
import { withOneMore } from '../daemon/model/small-list.ts'
import type { EventTime } from '../daemon/model/time.ts'
import type { Principal, Transaction } from '../daemon/model/transaction.ts'
import { amount, flag, text, time } from './baselines/state.ts'
import { DETECTOR_TAGS, type DetectorId } from './detector-ids.ts'

/** What a detector has to say beyond the transaction it says it about. */
export interface Finding {
  /** log10 of the p-value or of 1 / e-value; 0 or less. */
  readonly log10P: number
  readonly maturity: number
  readonly severity: Severity
  readonly why: string
  readonly expected: string | number | null
  readonly observed: string | number | null
  readonly evidence: Signal['evidence']
  readonly subject: Signal['subject']
  readonly outcome: Outcome
  readonly evidenceBefore: readonly EvidenceRef[]
}

/** Past this a p-value is only a way of saying "certainly", and 10 to its power is no longer a number. */
const LOWEST_LOG10_P = -300

export function signalOf(detector: DetectorId, tx: Transaction, now: EventTime, finding: Finding): Signal {
  const log10P = Math.max(LOWEST_LOG10_P, Math.min(0, finding.log10P))
  const tags = DETECTOR_TAGS[detector]
  return {
    time: now,
    detector,
    transactionId: tx.id,
    transactionTime: tx.time,
    status: tx.status,
    principal: tx.principal,
    endpoint: tx.endpoint,
    service: tx.service,
    pValue: 10 ** log10P,
    log10P,
    maturity: finding.maturity,
    score: 1 - 10 ** (log10P / 6),
    severity: finding.severity,
    owasp: tags.owasp,
    attack: tags.attack,
    why: finding.why,
    expected: finding.expected,
    observed: finding.observed,
    evidence: finding.evidence,
    subject: finding.subject,
    outcome: finding.outcome,
    evidenceBefore: finding.evidenceBefore,
    whole: isWhole(tx),
    forwarded: tx.forwarded.length > 0,
    sharedAddress: tx.sharedAddress === true,
  }
}

/** Both sides seen to their ends, and no doubt that they belong together. */
function isWhole(tx: Transaction): boolean {
  return tx.state === 'complete' && tx.pairing === 'exact'
}

/** How an incident names a principal: the address, the user's display, or the pseudonym (contracts.md, Incident). */
export function shownAs(principal: Principal): string {
  return principal.kind === 'user' && principal.display !== '' ? principal.display : principal.id
}

const NO_REFS: readonly EvidenceRef[] = []
const MAX_TRAIL = 32

/** Transaction, time, status, whether it was seen whole. */
export const TrailState = z.array(z.tuple([text, time, amount.nullable(), flag])).max(MAX_TRAIL)
export type TrailState = z.infer<typeof TrailState>

/** The run-up to a signal: the last transactions that counted as evidence and had no signal of their own. At most 32. */
export class EvidenceTrail {
  static readonly length = MAX_TRAIL
  #refs: EvidenceRef[] = []

  add(tx: Transaction): void {
    if (this.#refs.length >= EvidenceTrail.length) this.#refs.shift()
    this.#refs = withOneMore(this.#refs, { transactionId: tx.id, time: tx.time, status: tx.status, whole: isWhole(tx) })
  }

  /** Hands over what was gathered and starts anew. */
  take(): readonly EvidenceRef[] {
    if (this.#refs.length === 0) return NO_REFS
    const refs = this.#refs
    this.#refs = []
    return refs
  }

  toState(): TrailState {
    return this.#refs.map(({ transactionId, time, status, whole }) => [transactionId, time, status, whole !== false])
  }

  static fromState(state: TrailState): EvidenceTrail {
    const trail = new EvidenceTrail()
    trail.#refs = state.map(([transactionId, time, status, whole]) => ({ transactionId, time, status, whole }))
    return trail
  }
}

/** `12 s`, `4 min`, `3 h`, `2 days`: the span of an attack in words. */
export function spanText(us: number): string {
  const seconds = us / 1e6
  if (seconds < 1) return 'under a second'
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} days`
}

/** A rate in words: `5 %`, `0.4 %`. */
export function percentText(share: number): string {
  const percent = share * 100
  return `${percent >= 10 ? Math.round(percent) : Number(percent.toPrecision(2))} %`
}

/** `1 account`, `3 accounts`. */
export function countText(count: number, noun: string): string {
  const rounded = Math.round(count)
  return `${rounded} ${noun}${rounded === 1 ? '' : 's'}`
}
