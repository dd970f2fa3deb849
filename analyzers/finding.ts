import { z } from 'zod'
import type { EvidenceRef, Outcome, Severity, Signal } from '../daemon/model/signal.ts'
import type { EventTime } from '../daemon/model/time.ts'
import { asnText, type Principal, type Transaction } from '../daemon/model/transaction.ts'
import { amount, flag, text, time } from './baselines/state.ts'
import { DETECTOR_TAGS, type DetectorId } from './detector-ids.ts'
import { PER_REF, packedRef, packRef, unpackRef } from './packed-ref.ts'

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
export function isWhole(tx: Transaction): boolean {
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

export const NO_REFS: readonly EvidenceRef[] = []
export const MAX_TRAIL = 32

/** Transaction, time, status, whether it was seen whole. */
export const TrailState = z.array(z.tuple([text, time, amount.nullable(), flag])).max(MAX_TRAIL)
export type TrailState = z.infer<typeof TrailState>

/** References that a trail has room for, when it has none left: what is pushed to keeps room for half as many and 16 numbers. */
const ROOM = [1, 2, 3, 4, 6, 8, 12, 16, 24, MAX_TRAIL]
/** A number that is no whole one, so that V8 keeps lists that begin as a copy of it unboxed. */
const UNUSED: readonly number[] = new Array<number>(MAX_TRAIL * PER_REF).fill(0.5)
const NO_NUMBERS: number[] = []

/**
 * The run-up to a signal: the last transactions that counted as evidence and had no signal of their own. At most 32, in 24 bytes
 * each: of 5,000 callers there are a third of a million. Ids that are not of our making, as native records may have, are kept as texts.
 */
export class EvidenceTrail {
  static readonly length = MAX_TRAIL
  #count = 0
  #numbers = NO_NUMBERS
  /** By place, '' where the numbers say it. Null while they say all. */
  #texts: string[] | null = null

  get isEmpty(): boolean {
    return this.#count === 0
  }

  add(tx: Transaction): void {
    this.#keep(tx.id, tx.time, tx.status, isWhole(tx))
  }

  /** Hands over what was gathered and starts anew. */
  take(): readonly EvidenceRef[] {
    if (this.#count === 0) return NO_REFS
    const refs = this.#refs()
    this.clear()
    return refs
  }

  clear(): void {
    this.#count = 0
    this.#numbers = NO_NUMBERS
    this.#texts = null
  }

  toState(): TrailState {
    return this.#refs().map(({ transactionId, time, status, whole }) => [transactionId, time, status, whole === true])
  }

  static fromState(state: TrailState): EvidenceTrail {
    const trail = new EvidenceTrail()
    for (const [id, time, status, whole] of state) trail.#keep(id, time, status, whole)
    return trail
  }

  #keep(id: string, time: EventTime, status: number | null, whole: boolean): void {
    const at = this.#count < MAX_TRAIL ? this.#count++ : this.#dropOldest()
    if (at * PER_REF >= this.#numbers.length) this.#makeRoom()
    const text = packRef(id, time, status, whole)
    const numbers = this.#numbers
    for (let i = 0; i < PER_REF; i++) numbers[at * PER_REF + i] = packedRef[i]!
    if (text !== '') this.#texts ??= new Array<string>(at).fill('')
    this.#texts?.push(text)
  }

  /** Returns the place of the next one. */
  #dropOldest(): number {
    // By hand: `copyWithin` asks of each element whether it is there.
    const numbers = this.#numbers
    const last = (MAX_TRAIL - 1) * PER_REF
    for (let i = 0; i < last; i++) numbers[i] = numbers[i + PER_REF]!
    this.#texts?.shift()
    return MAX_TRAIL - 1
  }

  #makeRoom(): void {
    const before = this.#numbers
    const room = ROOM.find((each) => each >= this.#count)!
    const numbers = UNUSED.slice(0, room * PER_REF)
    for (let i = 0; i < before.length; i++) numbers[i] = before[i]!
    this.#numbers = numbers
  }

  #refs(): EvidenceRef[] {
    const refs: EvidenceRef[] = []
    for (let i = 0; i < this.#count; i++) {
      const [time, packed, second] = this.#numbers.slice(i * PER_REF, (i + 1) * PER_REF) as [number, number, number]
      refs.push(unpackRef(time, packed, second, this.#texts?.[i] ?? ''))
    }
    return refs
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
