import { z } from 'zod'
import type { EvidenceRef, Outcome, Severity, Signal } from '../daemon/model/signal.ts'
import { withOneMore } from '../daemon/model/small-list.ts'
import type { EventTime } from '../daemon/model/time.ts'
import { asnText, type Principal, type Transaction } from '../daemon/model/transaction.ts'
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
    evidence: tx.asn == null ? finding.evidence : { ...finding.evidence, network_of: asnText(tx.asn) },
    subject: finding.subject,
    outcome: finding.outcome,
    evidenceBefore: finding.evidenceBefore,
    whole: isWhole(tx),
    forwarded: tx.forwarded.length > 0,
    sharedAddress: tx.sharedAddress === true,
    ...(tx.caller == null ? {} : { caller: { cohort: tx.caller.cohort, labels: tx.caller.labels } }),
  }
}

/** Both sides seen to their ends, and no doubt that they belong together. */
function isWhole(tx: Transaction): boolean {
  return tx.state === 'complete' && tx.pairing === 'exact'
}

/** A transaction as evidence of what is found later. */
export function evidenceOf(tx: Transaction): EvidenceRef {
  return { transactionId: tx.id, time: tx.time, status: tx.status, whole: isWhole(tx) }
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

/** The first of each is put into a list of its own. */
const NO_TEXTS: string[] = []
const NO_NUMBERS: number[] = []

/** Times and marks of a trail, two numbers each. */
const PER_REF = 2
/** Fewer are copied to just their length, as `withOneMore` does. */
const SHORT_NUMBERS = 16
/** A mark: the status, -1 for none, times this, plus 1 where the transaction was seen whole. */
const WHOLE = 2

/**
 * The run-up to a signal: the last transactions that counted as evidence and had no signal of their own. At most 32. Kept as texts
 * and plain numbers, without an object for each: of 5,000 callers there are a quarter of a million.
 */
export class EvidenceTrail {
  static readonly length = MAX_TRAIL
  #ids: string[] = NO_TEXTS
  #numbers: number[] = NO_NUMBERS

  get isEmpty(): boolean {
    return this.#ids.length === 0
  }

  add(tx: Transaction): void {
    this.#keep(tx.id, tx.time, tx.status, isWhole(tx))
  }

  /** Hands over what was gathered and starts anew. */
  take(): readonly EvidenceRef[] {
    if (this.#ids.length === 0) return NO_REFS
    const refs = this.#ids.map((transactionId, i) => ({ transactionId, ...this.#factsOf(i) }))
    this.clear()
    return refs
  }

  clear(): void {
    this.#ids = NO_TEXTS
    this.#numbers = NO_NUMBERS
  }

  toState(): TrailState {
    return this.#ids.map((id, i) => {
      const { time, status, whole } = this.#factsOf(i)
      return [id, time, status, whole]
    })
  }

  static fromState(state: TrailState): EvidenceTrail {
    const trail = new EvidenceTrail()
    for (const [id, time, status, whole] of state) trail.#keep(id, time, status, whole)
    return trail
  }

  #keep(id: string, time: EventTime, status: number | null, whole: boolean): void {
    const mark = (status ?? -1) * WHOLE + (whole ? 1 : 0)
    const numbers = this.#numbers
    if (this.#ids.length === 0) {
      this.#ids = [id]
      this.#numbers = [time, mark]
      return
    }
    if (this.#ids.length >= EvidenceTrail.length) {
      this.#ids.shift()
      this.#ids.push(id)
      // By hand: `copyWithin` asks of each element whether it is there.
      const last = numbers.length - PER_REF
      for (let i = 0; i < last; i++) numbers[i] = numbers[i + PER_REF]!
      numbers[last] = time
      numbers[last + 1] = mark
      return
    }
    this.#ids = withOneMore(this.#ids, id)
    if (numbers.length < SHORT_NUMBERS) this.#numbers = numbers.concat([time, mark])
    else numbers.push(time, mark)
  }

  #factsOf(index: number): { time: EventTime; status: number | null; whole: boolean } {
    const mark = this.#numbers[index * PER_REF + 1]!
    const status = Math.floor(mark / WHOLE)
    return { time: this.#numbers[index * PER_REF]!, status: status < 0 ? null : status, whole: mark % WHOLE !== 0 }
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
