import type { Incident } from './incident.ts'

/** What a connector can be pointed at. Values are checked against their kind before they are used. */
export type SelectorKind = 'ip' | 'cidr' | 'user' | 'session' | 'api_key' | 'consumer' | 'endpoint' | 'service'

export interface Selector {
  readonly kind: SelectorKind
  readonly value: string
}

/** How far a policy may go: tell nobody, rehearse, ask, or act. */
export type PolicyMode = 'observe' | 'simulate' | 'stage' | 'enforce'

/**
 * proposed -> (awaiting_approval ->) dispatched -> applied -> (verified | ineffective | harmful ->) reverting -> reverted.
 * refused (a guard said no), failed, expired and reverted are final.
 */
export const ACTION_STATES = [
  'proposed',
  'awaiting_approval',
  'dispatched',
  'applied',
  'verified',
  'ineffective',
  'harmful',
  'reverting',
  'reverted',
  'refused',
  'failed',
  'expired',
] as const
export type ActionState = (typeof ACTION_STATES)[number]

export interface ActionStep {
  readonly state: ActionState
  /** Host time, milliseconds since 1970. */
  readonly atMs: number
  readonly why: string
}

/** One action on one target: persisted at each step, so a restart goes on from there. */
export interface Action {
  readonly id: string
  readonly incidentId: string
  readonly policy: string
  /** `id` of the step in the policy's `respond`. */
  readonly step: string
  /** Connector that carries it out. */
  readonly connector: string
  readonly target: Selector
  readonly mode: PolicyMode
  /** Everything ran but the dispatch. */
  readonly simulated: boolean
  readonly state: ActionState
  readonly reason: string
  /** The same for every try of the same action; receivers deduplicate by it. */
  readonly idempotencyKey: string
  readonly proposedAtMs: number
  /** When the lease ends and the action is taken back; null while it has not begun. */
  readonly leaseUntilMs: number | null
  readonly ttlMs: number
  readonly attempts: number
  /** Newest error, null when the last try went well. */
  readonly error: string | null
  /** What the receiver gave to find it again at revert, for example a decision id. */
  readonly receipt: Readonly<Record<string, string>>
  readonly history: readonly ActionStep[]
  /** Last moment to approve it; absent when nobody was asked. */
  readonly approvalUntilMs?: number
  /** When the next try is due; null while one is under way, absent when none is to come. */
  readonly nextTryMs?: number | null
  /** Tries to take it back so far. */
  readonly revertAttempts?: number
  /** A try ended without an answer: it may be in force although nobody said so. */
  readonly uncertain?: boolean
  /** False: it cannot be taken back, so that the end of its lease only closes the record. Absent: true. */
  readonly revertible?: boolean
  /** Why it was taken back, or is being. */
  readonly endedBy?: ActionEnd
}

/** Lease over; a person; a new entry on a never list; the incident was no attack; it was never confirmed. */
export type ActionEnd = 'lease' | 'person' | 'never' | 'verdict' | 'failure'

export interface ConnectorRequest {
  readonly action: Action
  readonly incident: Incident | null
  readonly signal: AbortSignal
}

export type ConnectorResult =
  | { readonly ok: true; readonly receipt: Readonly<Record<string, string>> }
  /** `retry` false: trying again cannot help. */
  /** `uncertain`: the receiver may have done it nevertheless. */
  | {
      readonly ok: false
      readonly retry: boolean
      readonly error: string
      readonly retryAfterMs?: number
      readonly uncertain?: boolean
    }

/** Carries actions out and takes them back. Both are idempotent by `action.idempotencyKey`. Never throws for the receiver's faults. */
export interface Connector {
  readonly name: string
  /** Selector kinds it takes. */
  readonly accepts: readonly SelectorKind[]
  apply(request: ConnectorRequest): Promise<ConnectorResult>
  revert(request: ConnectorRequest): Promise<ConnectorResult>
}
