import type { StoreQuery, StoreResult } from '../../sinks/store/store.ts'
import type { Action } from '../model/action.ts'
import type { Incident } from '../model/incident.ts'
import { type EventTime, formatTime } from '../model/time.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { incidentJson, selectActions } from './json-forms.ts'
import type { IncidentDetailJson, IncidentJson, PolicyJson } from './operations.ts'

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
  readonly query: ((query: StoreQuery) => Promise<StoreResult>) | null
}

type Ask = NonNullable<DetailParts['query']>
type Row = Readonly<Record<string, unknown>>
type Step = IncidentDetailJson['history'][number]

const MOST_SIGNALS = 100
const MOST_TRANSACTIONS = 100

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
  const sql = 'SELECT details FROM incidents FINAL WHERE id = {id:String}'
  const [row] = rowsOf(await query({ sql, params: { id }, maxRows: 1 }))
  return row === undefined ? null : (parsed(row.details) as IncidentJson)
}

async function storedHistory(id: string, ask: Ask): Promise<Step[]> {
  const sql = 'SELECT at, kind, why FROM incident_events WHERE incident_id = {id:String} ORDER BY at, version'
  const rows = rowsOf(await ask({ sql, params: { id }, maxRows: 1000 }))
  return rows.map(({ at, kind, why }) => ({ at: rfc3339(at), kind: String(kind), why: String(why) }))
}

/** The signals of its detectors about the transactions of its evidence, oldest first. */
async function signalsOf(incident: IncidentJson, ask: Ask): Promise<Row[]> {
  const evidence = evidenceOf(incident)
  if (evidence === null) return []
  const sql = `SELECT * FROM signals WHERE transaction_id IN {ids:Array(String)} AND detector IN {detectors:Array(String)}
    AND ts BETWEEN {from:String} AND {to:String} ORDER BY ts LIMIT ${MOST_SIGNALS}`
  const detectors = Array.isArray(incident.detectors) ? incident.detectors.map(String) : [incident.detector]
  return rowsOf(await ask({ sql, params: { ...evidence, detectors }, maxRows: MOST_SIGNALS }))
}

/** Its evidence, whole where it was kept, else from the rows of the transactions. */
async function transactionsOf(incident: IncidentJson, ask: Ask): Promise<Row[]> {
  const evidence = evidenceOf(incident)
  if (evidence === null) return []
  const range = 'ts BETWEEN {from:String} AND {to:String}'
  const whole = rowsOf(
    await ask({
      sql: `SELECT id, record FROM evidence WHERE id IN {ids:Array(String)} AND ${range} LIMIT 1 BY id`,
      params: evidence,
      maxRows: MOST_TRANSACTIONS,
    }),
  )
  const found = new Map(whole.map((row) => [String(row.id), parsed(row.record) as Row]))
  const missing = evidence.ids.filter((id) => !found.has(id))
  if (missing.length > 0) {
    const rows = rowsOf(
      await ask({
        sql: `SELECT * FROM transactions WHERE id IN {ids:Array(String)} AND ${range} LIMIT 1 BY id`,
        params: { ...evidence, ids: missing },
        maxRows: MOST_TRANSACTIONS,
      }),
    )
    for (const row of rows) found.set(String(row.id), row)
  }
  return [...found.values()].sort((a, b) => (String(a.ts) < String(b.ts) ? -1 : 1))
}

function evidenceOf(incident: IncidentJson): { ids: string[]; from: string; to: string } | null {
  const ids = incident.evidence.flatMap(({ transaction_id: id }) => (id === null ? [] : [id]))
  if (ids.length === 0) return null
  const times = incident.evidence.map(({ ts }) => ts).sort()
  return { ids: ids.slice(0, MOST_TRANSACTIONS), from: times[0]!, to: times.at(-1)! }
}

async function orNone<One>(query: Ask | null, read: (ask: Ask) => Promise<One[]>): Promise<One[]> {
  if (query === null) return []
  try {
    return await read(query)
  } catch (error) {
    if (error instanceof OffpathError) return []
    throw error
  }
}

function rowsOf({ columns, rows }: StoreResult): Row[] {
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, index) => [name, row[index]])))
}

function parsed(value: unknown): unknown {
  return typeof value === 'string' ? JSON.parse(value) : value
}

/** ClickHouse prints `2026-11-21 20:00:00.123456`. */
function rfc3339(value: unknown): string {
  const text = String(value)
  return text.includes('T') ? text : `${text.replace(' ', 'T')}Z`
}
