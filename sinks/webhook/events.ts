import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Action } from '../../daemon/model/action.ts'
import type { Incident, IncidentChange } from '../../daemon/model/incident.ts'
import { formatTime } from '../../daemon/model/time.ts'
import { actionJson } from '../action-json.ts'
import { encodeIncident } from '../incident-json.ts'
import { ACTION_SCHEMA_ID, INCIDENT_SCHEMA_ID } from './event-schema.ts'
import { type ActionActivity, type IncidentActivity, incidentFinding, remediationActivity } from './ocsf.ts'

export type EventKind = 'incident' | 'action'
export type EventType = `offpath.incident.${IncidentActivity}.v1` | `offpath.action.${ActionActivity}.v1`

/** One event, ready to be signed and sent: the body never changes again, so every delivery carries the same bytes. */
export interface WebhookEvent {
  readonly id: string
  readonly kind: EventKind
  readonly type: EventType
  /** Id of the incident. */
  readonly subject: string
  /** CloudEvents 1.0, structured JSON. */
  readonly body: string
}

export interface EventContext {
  /** Names this deployment, in letters, digits, `-`, `_` and `.`: part of `source` and of every id. */
  readonly deployment: string
  /** Of the program. */
  readonly version: string
}

/** An event about a change of an incident. The same change gives the same id, so telling it again after a restart makes no second event. */
export function incidentEvent(change: IncidentChange, context: EventContext): WebhookEvent {
  const { incident, kind } = change
  const { updatedAt, signalCount, transactionCount, severity, status, closedAt, verdict } = incident
  const state = [updatedAt, signalCount, transactionCount, severity, status, closedAt, incident.actions.length]
  const words = verdict === undefined ? state : [...state, verdict.is, verdict.at]
  const id = eventId(context, 'incident', kind, incident.id, words.join('.'))
  const type = `offpath.incident.${kind}.v1` as const
  const record = bounded(JSON.parse(encodeIncident(incident)))
  const finding = bounded(incidentFinding(kind, incident, id, context.version))
  return built({
    context,
    id,
    kind: 'incident',
    type,
    subject: incident.id,
    time: formatTime(incident.updatedAt),
    simulated: incident.simulated,
    dataschema: INCIDENT_SCHEMA_ID,
    data: { ...finding.value, offpath: { change: kind, clipped: record.clipped, incident: record.value } },
  })
}

/**
 * An event about an action. `requested` and `reverted` have one id per action, whatever
 * the number of tries; `result` has one per state. A simulated action only ever has results: a receiver acts on the other two.
 */
export function actionEvent(
  kind: ActionActivity,
  action: Action,
  incident: Incident | null,
  context: EventContext,
): WebhookEvent {
  assert(kind === 'result' || !action.simulated, 'a simulated action is never requested or reverted')
  const version = kind === 'result' ? `${action.state}.${action.history.length}` : ''
  const id = eventId(context, 'action', kind, action.id, version)
  const type = `offpath.action.${kind}.v1` as const
  const record = bounded({
    action: actionJson(action),
    incident: incident === null ? null : JSON.parse(encodeIncident(incident)),
  })
  const activity = bounded(remediationActivity(kind, action, incident, id, context.version))
  return built({
    context,
    id,
    kind: 'action',
    type,
    subject: action.incidentId,
    time: new Date(action.history.at(-1)?.atMs ?? action.proposedAtMs).toISOString(),
    simulated: action.simulated,
    dataschema: ACTION_SCHEMA_ID,
    data: { ...activity.value, offpath: { kind, clipped: record.clipped, ...record.value } },
  })
}

/** Whether a receiver is asked to do something now; all other events are for information. */
export function isCommand(type: EventType): boolean {
  return type === 'offpath.action.requested.v1' || type === 'offpath.action.reverted.v1'
}

interface Parts {
  readonly context: EventContext
  readonly id: string
  readonly kind: EventKind
  readonly type: EventType
  readonly subject: string
  readonly time: string
  readonly simulated: boolean
  readonly dataschema: string
  readonly data: object
}

function built({ context, id, kind, type, subject, time, simulated, dataschema, data }: Parts): WebhookEvent {
  const source = `urn:offpath:deployment:${context.deployment.replace(/[^A-Za-z0-9._-]/g, '-')}`
  const body = JSON.stringify({
    specversion: '1.0',
    id,
    source,
    type,
    subject,
    time,
    datacontenttype: 'application/json',
    dataschema: `${dataschema}#/properties/data`,
    simulated,
    data,
  })
  return { id, kind, type, subject, body }
}

/** 128 bits of a hash, as a UUID of the free form (RFC 9562 §5.8). */
function eventId(context: EventContext, ...parts: readonly string[]): string {
  const bytes = createHash('sha256')
    .update(['offpath event', context.deployment, ...parts].join('\0'))
    .digest()
    .subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

const MAX_TEXT = 2048
const MAX_ENTRIES = 100
/** Of a text that is an entry of a list. */
const MAX_ENTRY_TEXT = 512

/**
 * The same value with long texts and lists cut: what an attacker sends must not decide how large an event is. Text is otherwise
 * left as it came; lone halves of surrogate pairs, which strict readers of JSON refuse, become U+FFFD.
 */
function bounded<Value>(value: Value): { readonly value: Value; readonly clipped: boolean } {
  let clipped = false
  const bound = (part: unknown, most: number): unknown => {
    if (typeof part === 'string') {
      if (part.length > most) clipped = true
      return part.slice(0, most).replace(/\p{Cs}/gu, '\ufffd')
    }
    if (Array.isArray(part)) {
      if (part.length > MAX_ENTRIES) clipped = true
      return part.slice(0, MAX_ENTRIES).map((entry) => bound(entry, MAX_ENTRY_TEXT))
    }
    if (typeof part !== 'object' || part === null) return part
    return Object.fromEntries(Object.entries(part).map(([key, child]) => [key, bound(child, MAX_TEXT)]))
  }
  return { value: bound(value, MAX_TEXT) as Value, clipped }
}
