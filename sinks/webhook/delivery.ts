import type { EventKind, EventType, WebhookEvent } from './events.ts'

/** What the outbox keeps on disk, and how it is listed. */

export type DeliveryState = 'pending' | 'delivered' | 'dead' | 'disabled'

/** One event on its way to one endpoint. Changed in place, saved at each change. Times in milliseconds since 1970. */
export interface Delivery {
  readonly event: string
  readonly type: EventType
  readonly kind: EventKind
  readonly subject: string
  readonly endpoint: string
  readonly createdAtMs: number
  state: DeliveryState
  /** Order of sending; a new one when it is queued again. */
  seq: number
  queuedAtMs: number
  attempts: number
  /** Null when it is not pending. */
  nextAttemptMs: number | null
  /** When it stopped being pending. */
  doneAtMs: number | null
  lastStatus: number | null
  lastError: string | null
}

export function newDelivery(
  { id, type, kind, subject }: WebhookEvent,
  endpoint: string,
  seq: number,
  nowMs: number,
): Delivery {
  return {
    event: id,
    type,
    kind,
    subject,
    endpoint,
    createdAtMs: nowMs,
    state: 'pending',
    seq,
    queuedAtMs: nowMs,
    attempts: 0,
    nextAttemptMs: nowMs,
    doneAtMs: null,
    lastStatus: null,
    lastError: null,
  }
}

/** There while an endpoint is disabled: it answered 410, and nobody redelivered since. */
export interface EndpointRecord {
  readonly disabledAtMs: number
}

export type OutboxRecord = WebhookEvent | Delivery | EndpointRecord

export const eventKey = (event: string) => `e/${event}`
export const deliveryKey = (endpoint: string, event: string) => `d/${endpoint}/${event}`
export const endpointKey = (endpoint: string) => `p/${endpoint}`

/** One delivery as JSON of the API. */
export interface DeliveryRow {
  readonly event: string
  readonly type: string
  readonly subject: string
  readonly endpoint: string
  readonly state: DeliveryState
  readonly attempts: number
  readonly created_at: string
  readonly next_attempt_at: string | null
  readonly delivered_at: string | null
  readonly last_status: number | null
  readonly last_error: string | null
}

export interface DeliveryQuestion {
  readonly state?: DeliveryState
  readonly endpoint?: string
  readonly limit?: number
}

const DEFAULT_LISTED = 50
const MOST_LISTED = 1000

/** Newest first. */
export function listDeliveries(
  records: Iterable<readonly [string, OutboxRecord]>,
  question: DeliveryQuestion,
): DeliveryRow[] {
  const found: Delivery[] = []
  for (const [key, record] of records) {
    if (!key.startsWith('d/')) continue
    const delivery = record as Delivery
    if (question.state !== undefined && delivery.state !== question.state) continue
    if (question.endpoint !== undefined && delivery.endpoint !== question.endpoint) continue
    found.push(delivery)
  }
  found.sort((a, b) => b.createdAtMs - a.createdAtMs || b.seq - a.seq)
  return found.slice(0, Math.max(0, Math.min(question.limit ?? DEFAULT_LISTED, MOST_LISTED))).map(row)
}

function row(delivery: Delivery): DeliveryRow {
  const { event, type, subject, endpoint, state, attempts, lastStatus, lastError } = delivery
  return {
    event,
    type,
    subject,
    endpoint,
    state,
    attempts,
    created_at: time(delivery.createdAtMs)!,
    next_attempt_at: time(delivery.nextAttemptMs),
    delivered_at: state === 'delivered' ? time(delivery.doneAtMs) : null,
    last_status: lastStatus,
    last_error: lastError,
  }
}

function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
