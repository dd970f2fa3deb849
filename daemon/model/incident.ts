import type { EvidenceRef, Severity } from './signal.ts'
import type { EventTime } from './time.ts'

export type IncidentStatus = 'open' | 'contained' | 'resolved' | 'benign' | 'false'

/** A folded, explained finding. JSON form: contracts.md, Incident. */
export interface Incident {
  readonly id: string
  readonly policy: string
  readonly detector: string
  readonly detectors: readonly string[]
  readonly owasp: string | null
  readonly owaspAll: readonly string[]
  readonly attack: readonly string[]
  readonly severity: Severity
  readonly title: string
  readonly why: string
  readonly openedAt: EventTime
  readonly updatedAt: EventTime
  readonly closedAt: EventTime | null
  readonly subject: { readonly kind: string; readonly value: string; readonly members: readonly string[] }
  readonly service: string | null
  readonly endpoints: readonly string[]
  readonly signalCount: number
  readonly transactionCount: number
  /** At most 100; `transactionCount` says the rest. */
  readonly evidence: readonly EvidenceRef[]
  readonly outcome: { readonly pSuccess: number; readonly objectsExposed: number; readonly accounts: readonly string[] }
  readonly maturity: number
  /** Share of the evidence that was seen whole (complete, pairing exact), 0..1. */
  readonly completeness: number
  readonly status: IncidentStatus
  readonly actions: readonly string[]
  readonly simulated: boolean
}
