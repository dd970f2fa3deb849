import type { EventTime } from './time.ts'
import type { CallerView, Principal } from './transaction.ts'

export type Severity = 'info' | 'low' | 'medium' | 'high' | 'critical'
export const SEVERITIES: readonly Severity[] = ['info', 'low', 'medium', 'high', 'critical']

/** What the server answered to the suspicious requests counted so far. */
export interface Outcome {
  /** Requests the server granted (2xx). */
  readonly answered: number
  /** Requests it refused or did not find (4xx). */
  readonly refused: number
  /** Distinct objects of others that were answered. */
  readonly objectsExposed: number
  /** Accounts that were taken over, or guessed right, as pseudonyms; at most 100. */
  readonly accounts: readonly string[]
  /** P(the attack reached what it was after), 0..1. */
  readonly pSuccess: number
}

/** One detector's finding about one transaction, before calibration and folding. JSON form: contracts.md, Signal. */
export interface Signal {
  /** `endTime` of the transaction, or of the tick for findings about absence. */
  readonly time: EventTime
  readonly detector: string
  readonly transactionId: string | null
  readonly transactionTime: EventTime | null
  readonly status: number | null
  readonly principal: Principal
  readonly endpoint: string | null
  readonly service: string | null
  readonly pValue: number
  readonly log10P: number
  /** 0..1: how much the detector has seen to judge by. */
  readonly maturity: number
  /** 0..1, grows with suspicion. */
  readonly score: number
  readonly severity: Severity
  readonly owasp: readonly string[]
  readonly attack: readonly string[]
  /** One plain sentence. */
  readonly why: string
  readonly expected: string | number | null
  readonly observed: string | number | null
  readonly evidence: Readonly<Record<string, string | number | boolean | null | readonly string[]>>
  /** What the incident is about: the account for a guessed account, otherwise the caller. Internal, drives folding. */
  readonly subject: { readonly kind: string; readonly value: string }
  readonly outcome: Outcome
  /** Internal: transactions this finding rests on that had no signal of their own yet (the run-up), oldest first; at most 100. */
  readonly evidenceBefore: readonly EvidenceRef[]
  /** Internal: false when the transaction was not seen whole (a gap, one side, an uncertain pairing). */
  readonly whole?: boolean
  /** Internal: what the records of its source do not say, as a clause; absent when they say all that is needed. */
  readonly limits?: string
  /** Internal: the caller's address was told by a hop (Forwarded, X-Forwarded-For), not seen. */
  readonly forwarded?: boolean
  /** Internal: several people are known to be behind the caller's address. */
  readonly sharedAddress?: boolean
  /** Internal: what the caller seemed to be. */
  readonly caller?: Pick<CallerView, 'cohort' | 'labels'>
  /** Internal: what the subject's incidents were about is over: they are closed, and none is opened. */
  readonly over?: boolean
}

export interface EvidenceRef {
  readonly transactionId: string
  readonly time: EventTime
  readonly status: number | null
  /** Internal, see Signal. */
  readonly whole?: boolean
}
