import type { Action } from '../../daemon/model/action.ts'
import type { Incident } from '../../daemon/model/incident.ts'
import type { RowBatch } from '../../daemon/model/row-batch.ts'
import { type EventTime, formatTime } from '../../daemon/model/time.ts'
import type { Verdict } from '../../daemon/model/verdict.ts'
import { encodeIncident } from '../incident-json.ts'

/** A row of a table that few rows go to. */
export interface SmallRow {
  readonly table: string
  /** `YYYY-MM-DD` of its partition's time. */
  readonly day: string
  readonly values: Readonly<Record<string, unknown>>
}

const MAX_ROWS = 500
const NEVER = 0

/** The present state of an incident. Of two rows with one id the one with the higher `version` holds. */
export function incidentRow(incident: Incident, version: number): SmallRow {
  return {
    table: 'incidents',
    day: dayOf(incident.openedAt),
    values: {
      id: incident.id,
      version,
      policy: incident.policy,
      detector: incident.detector,
      detectors: incident.detectors,
      owasp: incident.owasp ?? '',
      attack: incident.attack,
      severity: incident.severity,
      title: incident.title,
      why: incident.why,
      opened_at: sqlTime(incident.openedAt),
      updated_at: sqlTime(incident.updatedAt),
      closed_at: sqlTime(incident.closedAt ?? NEVER),
      subject_kind: incident.subject.kind,
      subject_value: incident.subject.value,
      service: incident.service ?? '',
      endpoints: incident.endpoints,
      signal_count: incident.signalCount,
      transaction_count: incident.transactionCount,
      p_success: incident.outcome.pSuccess,
      objects_exposed: incident.outcome.objectsExposed,
      accounts: incident.outcome.accounts,
      maturity: incident.maturity,
      completeness: incident.completeness,
      status: incident.status,
      actions: incident.actions,
      simulated: incident.simulated,
      transaction_ids: incident.evidence.map(({ transactionId }) => transactionId),
      incident: encodeIncident(incident),
    },
  }
}

/** What happened to an incident: `opened`, `updated`, `closed`, `contained` … at event time `at`. */
export function incidentEventRow(
  incident: Incident,
  kind: string,
  version: number,
  at: EventTime,
  why: string = incident.why,
): SmallRow {
  return {
    table: 'incident_events',
    day: dayOf(at),
    values: {
      incident_id: incident.id,
      at: sqlTime(at),
      kind,
      version,
      status: incident.status,
      severity: incident.severity,
      signal_count: incident.signalCount,
      transaction_count: incident.transactionCount,
      why,
    },
  }
}

/** The present state of an action. Of two rows with one id the one with the higher `version` holds. */
export function actionRow(action: Action, version: number): SmallRow {
  const newest = action.history.at(-1)
  return {
    table: 'actions',
    day: dayOf(action.proposedAtMs * 1000),
    values: {
      id: action.id,
      version,
      incident_id: action.incidentId,
      policy: action.policy,
      step: action.step,
      connector: action.connector,
      target_kind: action.target.kind,
      target_value: action.target.value,
      mode: action.mode,
      simulated: action.simulated,
      state: action.state,
      reason: action.reason,
      proposed_at: sqlTime(action.proposedAtMs * 1000),
      changed_at: sqlTime((newest?.atMs ?? action.proposedAtMs) * 1000),
      lease_until: sqlTime((action.leaseUntilMs ?? NEVER) * 1000),
      attempts: action.attempts,
      error: action.error ?? '',
      action: JSON.stringify(action),
    },
  }
}

/** One word of a person on an incident. */
export function verdictRow(verdict: Verdict): SmallRow {
  return {
    table: 'verdicts',
    day: dayOf(verdict.openedAt),
    values: {
      incident_id: verdict.incidentId,
      version: verdict.version,
      verdict: verdict.is,
      who: verdict.who,
      reason: verdict.reason,
      at: sqlTime(verdict.at),
      said_at: sqlTime(verdict.saidAtMs * 1000),
      policy: verdict.policy,
      detector: verdict.detector,
      opened_at: sqlTime(verdict.openedAt),
      subject_kind: verdict.subject.kind,
      subject_value: verdict.subject.value,
    },
  }
}

/** Such rows on their way to the spool: call `tick` every 200 ms. */
export class SmallRows {
  readonly #emit: (batch: RowBatch) => void
  readonly #rows = new Map<string, SmallRow[]>()

  constructor(options: { readonly emit: (batch: RowBatch) => void }) {
    this.#emit = options.emit
  }

  push(row: SmallRow): void {
    const key = `${row.table} ${row.day}`
    const rows = this.#rows.get(key)
    if (rows === undefined) this.#rows.set(key, [row])
    else rows.push(row)
    if (rows !== undefined && rows.length >= MAX_ROWS) this.#send(key, rows)
  }

  /** Sends what has come. */
  tick(): void {
    for (const [key, rows] of this.#rows) this.#send(key, rows)
  }

  #send(key: string, rows: readonly SmallRow[]): void {
    this.#rows.delete(key)
    const { table, day, values } = rows[0]!
    this.#emit({
      table,
      day,
      columns: Object.keys(values),
      format: 'JSONEachRow',
      rows: rows.length,
      bytes: Buffer.from(rows.map((row) => `${JSON.stringify(row.values)}\n`).join('')),
      rereadIds: null,
    })
  }
}

function dayOf(time: EventTime): string {
  return formatTime(time).slice(0, 10)
}

/** `2026-11-21 20:00:00.123456` */
function sqlTime(time: EventTime): string {
  return formatTime(time).slice(0, -1).replace('T', ' ')
}
