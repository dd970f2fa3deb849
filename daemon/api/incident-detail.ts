import { StoreDown } from '../../sinks/store/inserter.ts'
import type { Action } from '../model/action.ts'
import type { Incident } from '../model/incident.ts'
import { type EventTime, formatTime, HOUR_US, parseTime } from '../model/time.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { incidentJson, selectActions } from './json-forms.ts'
import type { IncidentDetailJson, IncidentJson, PolicyJson } from './operations.ts'
import {
  type Ask,
  databaseTime,
  type Row,
  rfc3339,
  rowsOf,
  TRANSACTION_COLUMNS,
  transactionOf,
} from './stored-transactions.ts'
import { takingTurns } from './turns.ts'

/** The part of a ledger entry that is shown; `state/incidents` holds such entries. */
export interface KnownIncident {
  readonly incident: Incident
  readonly history: readonly { readonly at: EventTime; readonly kind: string; readonly why: string }[]
}

export interface DetailParts {
  readonly id: string
  /** From the ledger; null when it is not there (any more): then the store is asked. */
  readonly known: KnownIncident | null
  readonly actions: Iterable<Action>
  readonly policies: readonly PolicyJson[]
  /** Null without a store. */
  readonly query: Ask | null
}

type Step = IncidentDetailJson['history'][number]

const MOST_SIGNALS = 100
const MOST_TRANSACTIONS = 100
const MOST_STEPS = 1000

/**
 * One incident with everything that is known about it. What the store cannot tell now is left out: an incident must be
 * readable while the store is down. An id that neither knows is OFFPATH_E_NOT_FOUND.
 */
export async function incidentDetail(parts: DetailParts): Promise<IncidentDetailJson> {
  const { id, known, query } = parts
  const incident = known === null ? await storedIncident(id, query) : incidentJson(known.incident)
  if (incident === null) throw notFound(id)
  const [signals, transactions, stored] = await Promise.all([
    orNone(query, (ask) => signalsOf(incident, ask)),
    orNone(query, (ask) => transactionsOf(incident, ask)),
    known === null ? orNone(query, (ask) => storedHistory(id, ask)) : Promise.resolve([]),
  ])
  const history = known?.history.map(({ at, kind, why }) => ({ at: formatTime(at), kind, why })) ?? stored
  return {
    incident,
    signals,
    transactions,
    history,
    actions: selectActions(parts.actions, { incident: id, limit: 1000 }),
    policy: parts.policies.find((policy) => policy.id === incident.policy) ?? null,
  }
}

function notFound(id: string): OffpathError {
  return new OffpathError('OFFPATH_E_NOT_FOUND', `there is no incident ${id.slice(0, 64)}`, {
    remedy: 'offpath incident list',
  })
}

/** An incident that the ledger has let go of. */
async function storedIncident(id: string, query: Ask | null): Promise<IncidentJson | null> {
  if (query === null) return null
  const sql = 'SELECT incident FROM incidents FINAL WHERE id = {id:String}'
  const [row] = rowsOf(await query({ sql, params: { id }, maxRows: 1 }))
  return row === undefined ? null : (JSON.parse(String(row.incident)) as IncidentJson)
}

async function storedHistory(id: string, ask: Ask): Promise<Step[]> {
  const sql = 'SELECT at, kind, why FROM incident_events FINAL WHERE incident_id = {id:String} ORDER BY at, version'
  const rows = rowsOf(await ask({ sql, params: { id }, maxRows: MOST_STEPS }))
  return rows.map(({ at, kind, why }) => ({ at: rfc3339(at), kind: String(kind), why: String(why) }))
}

/** The signals of its detectors about the transactions of its evidence, oldest first. */
async function signalsOf(incident: IncidentJson, ask: Ask): Promise<Row[]> {
  const evidence = evidenceOf(incident)
  const which = evidence === null ? OF_NOTHING : 'transaction_id IN {ids:Array(String)}'
  const sql = `SELECT signal FROM signals WHERE detector IN {detectors:Array(String)} AND ${IN_TIME}
    AND ${which} ORDER BY ts, id LIMIT 1 BY id`
  const detectors = Array.isArray(incident.detectors) ? incident.detectors.map(String) : [incident.detector]
  const params = { ...(evidence ?? aboutNothing(incident)), detectors }
  const rows = rowsOf(await ask({ sql, params, maxRows: MOST_SIGNALS }))
  return rows.map(({ signal }) => JSON.parse(String(signal)) as Row)
}

/** Its evidence, whole where it was kept, else from the rows of the transactions. */
async function transactionsOf(incident: IncidentJson, ask: Ask): Promise<Row[]> {
  const evidence = evidenceOf(incident)
  if (evidence === null) return []
  const kept = `SELECT id, transaction FROM evidence WHERE ${IN_TIME} AND id IN {ids:Array(String)} LIMIT 1 BY id`
  const found = new Map<string, Row>()
  const turn = takingTurns()
  for (const row of rowsOf(await ask({ sql: kept, params: evidence, maxRows: MOST_TRANSACTIONS }))) {
    found.set(String(row.id), JSON.parse(String(row.transaction)) as Row)
    await turn()
  }
  const ids = evidence.ids.filter((id) => !found.has(id))
  if (ids.length > 0) {
    const sql = `SELECT ${TRANSACTION_COLUMNS} FROM transactions WHERE ${IN_TIME} AND id IN {ids:Array(String)} LIMIT 1 BY id`
    for (const row of rowsOf(await ask({ sql, params: { ...evidence, ids }, maxRows: MOST_TRANSACTIONS }))) {
      found.set(String(row.id), transactionOf(row))
    }
  }
  return [...found.values()].sort((a, b) => (String(a.ts) < String(b.ts) ? -1 : 1))
}

const IN_TIME = "ts >= {from:DateTime64(6, 'UTC')} AND ts <= {to:DateTime64(6, 'UTC')}"
/** Evidence bears the time of its transaction, a signal the time at which that was final, which may be minutes later. */
const AROUND_US = HOUR_US

/** Findings about absence have no transaction: those about the same subject, or service, while the incident was open. */
const OF_NOTHING =
  "transaction_id = '' AND (subject_value = {subject:String} OR service != '' AND service = {service:String})"

function aboutNothing({ subject, service, opened_at, updated_at }: IncidentJson) {
  return {
    subject: String((subject as Row).value),
    service: String(service ?? ''),
    from: databaseTime(parseTime(String(opened_at)) ?? 0),
    to: databaseTime(parseTime(String(updated_at)) ?? 0),
  }
}

function evidenceOf(incident: IncidentJson): { ids: string[]; from: string; to: string } | null {
  const ids = incident.evidence.flatMap(({ transaction_id: id }) => (id === null ? [] : [id]))
  const times = incident.evidence.map(({ ts }) => parseTime(ts) ?? 0)
  if (ids.length === 0) return null
  return {
    ids: ids.slice(0, MOST_TRANSACTIONS),
    from: databaseTime(Math.min(...times) - AROUND_US),
    to: databaseTime(Math.max(...times) + AROUND_US),
  }
}

/** An incident is worth showing while the store is down, or when a question about it is refused. */
async function orNone<One>(query: Ask | null, read: (ask: Ask) => Promise<One[]>): Promise<One[]> {
  if (query === null) return []
  try {
    return await read(query)
  } catch (error) {
    if (error instanceof OffpathError || error instanceof StoreDown) return []
    throw error
  }
}
