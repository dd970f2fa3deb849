import type { StoreQuery, StoreResult, StoreStatus } from '../../sinks/store/store.ts'
import type { DeliveryQuestion, DeliveryRow, DeliveryState } from '../../sinks/webhook/delivery.ts'
import type { EndpointStatus } from '../../sinks/webhook/endpoint.ts'
import type { DescribedRoute } from '../inventory/descriptions.ts'
import type { ClientJson } from '../inventory/views.ts'
import type { ActionState, PolicyMode, SelectorKind } from '../model/action.ts'
import type { VerdictIs } from '../model/verdict.ts'
import type { CaptureQualityJson } from '../telemetry/capture-quality.ts'
import type { LedgerTotals } from '../telemetry/funnel.ts'
import type { Occupancies } from '../telemetry/occupancy.ts'

/**
 * What one can ask of Offpath and tell it: the same for the running daemon (which the API serves), for the CLI over the
 * unix socket, and for the CLI on the data folder when no daemon runs. Shapes are the JSON of the API: snake_case, times
 * as RFC 3339 UTC.
 *
 * What is not there is OFFPATH_E_NOT_FOUND; what cannot be done now is OFFPATH_E_STATE.
 */
export interface Operations {
  status(): Promise<StatusJson>
  /** Newest first. */
  incidents(filter: IncidentFilter): Promise<readonly IncidentJson[]>
  incident(id: string): Promise<IncidentDetailJson>
  /** A person says what an incident is. Said again, the word that stands is kept. */
  judgeIncident(id: string, verdict: VerdictRequest): Promise<JudgedJson>
  /** Newest first. */
  actions(filter: ActionFilter): Promise<readonly ActionJson[]>
  approveAction(id: string, by: Decision): Promise<ActionJson>
  denyAction(id: string, by: Decision): Promise<ActionJson>
  revertAction(id: string, by: Decision): Promise<ActionJson>
  policies(): Promise<readonly PolicyJson[]>
  /** Loads the policy files anew; when one is wrong the old set stays and this is OFFPATH_E_POLICY. */
  reloadPolicies(): Promise<readonly PolicyJson[]>
  /** Gives a policy back the mode that it lost by false incidents. */
  reinstatePolicy(id: string, by: Decision): Promise<PolicyJson>
  /** Newest first. */
  deliveries(filter: DeliveryFilter): Promise<readonly DeliveryJson[]>
  /** Queues dead letters again: one event, or all of an endpoint's. */
  redeliver(which: { readonly event?: string; readonly endpoint?: string }): Promise<{ readonly queued: number }>
  /** Newest first. */
  deploys(): Promise<readonly DeployJson[]>
  /** A service was released: what comes before and after is compared. The newest one of a service said again is that one. */
  markDeploy(deploy: DeployRequest): Promise<DeployJson>
  query(query: StoreQuery): Promise<StoreResult>
  /** What the API is, as seen, by service, path and method. */
  routes?(filter: InventoryFilter): Promise<readonly DescribedRoute[]>
  /** Who calls it, busiest first. */
  clients?(filter: Pick<InventoryFilter, 'limit'>): Promise<readonly ClientJson[]>
}

export interface InventoryFilter {
  readonly service?: string
  /** Default 1000, at most 5000. */
  readonly limit?: number
}

/** Who decided, for the record. */
export interface Decision {
  readonly who: string
  readonly reason: string
}

export interface VerdictRequest extends Decision {
  /** `none`: what was said before is taken back. */
  readonly verdict: VerdictIs
}

/** An incident as it is after a verdict, and how its policy stands; null when there is no such policy any more. */
export interface JudgedJson {
  readonly incident: IncidentJson
  readonly policy: PolicyJson | null
}

export interface DeployRequest {
  /** Host, or server address and port, as `offpath routes list` prints it. */
  readonly service: string
  readonly version: string
  readonly commit?: string
  /** Who told it, for the record. */
  readonly who: string
}

export interface DeployJson {
  readonly id: string
  readonly service: string
  readonly version: string
  readonly commit: string | null
  readonly at: string
  readonly who: string
}

export interface IncidentFilter {
  /** RFC 3339; by `updated_at`. */
  readonly since?: string
  readonly status?: 'open' | 'contained' | 'resolved' | 'benign' | 'false'
  readonly min_severity?: 'low' | 'medium' | 'high' | 'critical'
  readonly policy?: string
  /** Default 50, at most 1000. */
  readonly limit?: number
}

export interface ActionFilter {
  readonly incident?: string
  /** Those that are not final. */
  readonly live?: boolean
  readonly limit?: number
}

export type DeliveryFilter = DeliveryQuestion

/** contracts.md, Incident: exactly what `encodeIncident` writes. */
export type IncidentJson = Readonly<Record<string, unknown>> & {
  readonly id: string
  readonly policy: string
  readonly detector: string
  readonly severity: string
  readonly title: string
  readonly why: string
  readonly opened_at: string
  readonly updated_at: string
  readonly closed_at: string | null
  readonly subject: { readonly kind: string; readonly value: string; readonly members: readonly string[] }
  readonly service: string | null
  readonly endpoints: readonly string[]
  readonly signal_count: number
  readonly transaction_count: number
  readonly evidence: readonly {
    readonly transaction_id: string | null
    readonly ts: string
    readonly status: number | null
  }[]
  readonly status: string
  readonly actions: readonly string[]
  readonly simulated: boolean
  /** The newest word of a person on it, if any. */
  readonly verdict?:
    | { readonly is: VerdictIs; readonly who: string; readonly reason: string; readonly at: string }
    | undefined
}

export interface IncidentDetailJson {
  readonly incident: IncidentJson
  /** Signals behind it (contracts.md, Signal), oldest first, at most 100; empty without a store. */
  readonly signals: readonly Readonly<Record<string, unknown>>[]
  /** Native transactions of the evidence, oldest first. What the store no longer has whole comes from its row, without headers and bodies. */
  readonly transactions: readonly Readonly<Record<string, unknown>>[]
  readonly history: readonly { readonly at: string; readonly kind: string; readonly why: string }[]
  readonly actions: readonly ActionJson[]
  readonly policy: PolicyJson | null
}

export interface ActionJson {
  readonly id: string
  readonly incident_id: string
  readonly policy: string
  readonly step: string
  readonly connector: string
  readonly target: { readonly kind: SelectorKind; readonly value: string }
  readonly mode: PolicyMode
  readonly simulated: boolean
  readonly state: ActionState
  readonly reason: string
  readonly idempotency_key: string
  readonly proposed_at: string
  readonly lease_until: string | null
  readonly ttl_seconds: number
  readonly attempts: number
  readonly error: string | null
  readonly history: readonly { readonly state: ActionState; readonly at: string; readonly why: string }[]
}

export interface PolicyJson {
  readonly id: string
  readonly title: string
  readonly owner: string | null
  readonly detectors: readonly string[]
  readonly mode: PolicyMode
  readonly severity: string | null
  readonly condition: string | null
  readonly respond: readonly { readonly id: string; readonly action: string; readonly ttl_seconds: number }[]
  readonly origin: string
  /** By its budget: log10 of the p-value from which a signal opens an incident. */
  readonly max_log10_p?: number | undefined
  /** What people said of its incidents, and the share of attacks that is thought of by that (mean of a Beta posterior). */
  readonly verdicts?:
    | { readonly attack: number; readonly benign: number; readonly false: number; readonly precision: number }
    | undefined
  /** It is set to enforce and does not: it had more false incidents than its budget allows. */
  readonly demoted?: { readonly at: string; readonly why: string } | undefined
}

export type { DeliveryState }
export type DeliveryJson = DeliveryRow
export type WebhookStatusJson = EndpointStatus

export interface StatusJson {
  readonly version: string
  readonly pid: number
  readonly started_at: string
  /** Event time reached, null before the first record. */
  readonly event_time: string | null
  /** Newest analysis figures are at most 2 s old. */
  readonly sources: readonly {
    readonly kind: string
    readonly name: string
    readonly state: 'starting' | 'capturing' | 'ended' | 'down'
    /** Why it is down. */
    readonly why?: string | undefined
    /** Of topics: what was not read yet, and what waits to be analysed. */
    readonly lags?: readonly { readonly topic: string; readonly partition: number; readonly lag: number }[] | undefined
    readonly queued?: number | undefined
    readonly queued_seconds?: number | undefined
    /** Of topics: detectors that its records say too little for. `starved`: off for this source. */
    readonly starved?:
      | readonly { readonly detector: string; readonly state: 'starved' | 'weaker'; readonly why: string }[]
      | undefined
  }[]
  /** Of a sensor: the topic that its transactions go to. */
  readonly publisher?:
    | {
        readonly topic: string
        readonly state: 'starting' | 'publishing' | 'down'
        readonly why: string | null
        /** Not acknowledged yet. */
        readonly queued: number
      }
    | undefined
  readonly funnel: Readonly<Record<'frames' | 'bytes' | 'messages' | 'pairs', LedgerTotals>>
  /** How much of the traffic is seen, by source and link. */
  readonly quality: CaptureQualityJson
  /** Whether baselines learn, and if not, since when and which sources are blind or silent. */
  readonly learning: {
    readonly frozen: boolean
    readonly since: string | null
    readonly blind_to: readonly string[]
  }
  /** How full the bounded tables of the analysis are, as `room/table`. */
  readonly tables: Occupancies
  /** Pairs per second over the last 10 s. */
  readonly pairs_per_second: number
  readonly weirds: Readonly<Record<string, number>>
  readonly counters: Readonly<Record<string, number>>
  readonly detectors: readonly {
    readonly id: string
    readonly enabled: boolean
    /** 0..1; how much of what it needs it has seen. */
    readonly maturity: number
  }[]
  readonly incidents: { readonly open: number; readonly by_severity: Readonly<Record<string, number>> }
  readonly actions: { readonly live: number; readonly awaiting_approval: number; readonly simulated: number }
  readonly policies: {
    readonly count: number
    readonly loaded_at: string
    readonly error: string | null
    /** Those that are set to enforce and do not any more. */
    readonly demoted?: readonly { readonly policy: string; readonly at: string; readonly why: string }[] | undefined
    /** What people said of incidents, by policy; only those of which something was said. */
    readonly verdicts?:
      | Readonly<Record<string, { readonly attack: number; readonly benign: number; readonly false: number }>>
      | undefined
  }
  /** Null without one. */
  readonly store: StoreStatus | null
  readonly webhooks: readonly WebhookStatusJson[]
  readonly processes: readonly {
    readonly name: string
    readonly pid: number | null
    readonly rss_bytes: number | null
  }[]
}
