import type { EventTime } from './time.ts'

/**
 * What a person says of an incident. `attack`: it is one. `benign`: it is what it says, and meant to be (our own scanner, a load test).
 * `false`: it is nothing. `none`: what was said before is taken back.
 */
export const VERDICTS = ['attack', 'benign', 'false', 'none'] as const
export type VerdictIs = (typeof VERDICTS)[number]

/** The newest word on one incident. */
export interface Verdict {
  readonly incidentId: string
  readonly is: VerdictIs
  /** Who said it, and why, for the record. */
  readonly who: string
  readonly reason: string
  /** Event time from which it counts: later than all that it is about. */
  readonly at: EventTime
  /** When it was said, by the host's clock. */
  readonly saidAtMs: number
  /** Grows by one with each word on this incident. */
  readonly version: number
  /** Of the incident, which may be forgotten before the verdict is. */
  readonly policy: string
  readonly detector: string
  readonly openedAt: EventTime
  readonly subject: { readonly kind: string; readonly value: string }
}

/** Whether an incident of this status was closed by a verdict. */
export function isJudged(status: string): status is 'benign' | 'false' {
  return status === 'benign' || status === 'false'
}
