import type { EvidenceRef, Severity } from './signal.ts'
import type { EventTime } from './time.ts'
import type { Verdict } from './verdict.ts'

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
  /** Ids of the actions taken for it. */
  readonly actions: readonly string[]
  readonly simulated: boolean
  /** The newest word of a person on it, if any; only control knows. */
  readonly verdict?: Pick<Verdict, 'is' | 'who' | 'reason' | 'at'>
  /**
   * Internal: everything the signals were about (`role` subject) or came from (source), by kind: what an action can be pointed
   * at. What is both stands there twice.
   */
  readonly targets: readonly {
    readonly kind: string
    readonly value: string
    readonly role?: 'subject' | 'source'
  }[]
  /**
   * Internal: why nothing may be enforced on this evidence: `one_sided` (over a tenth of it was not seen whole), `forwarded.default` (an address
   * known only through a hop trusted by default). `blind` (the sensor missed part of the traffic meanwhile) only asks for a person, and so does
   * `shared_address` (several people are behind an address) where the address is the target. Empty when there is no doubt.
   */
  readonly doubts: readonly string[]
}

/** `opened` also when a closed incident is reopened: same id, status open again. */
export interface IncidentChange {
  readonly kind: 'opened' | 'updated' | 'closed'
  readonly incident: Incident
  /** What further signals join it by; kept so that an open incident goes on after a restart. */
  readonly keys: readonly string[]
}

/** An incident that was open when the daemon ended. */
export type HeldIncident = Pick<IncidentChange, 'incident' | 'keys'>
