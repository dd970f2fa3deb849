import type { StoreQuery, StoreResult } from '../../sinks/store/store.ts'
import { DEFAULT_LIMIT, MOST_LISTED } from './json-forms.ts'
import type { IncidentFilter, IncidentJson } from './operations.ts'

const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical']

/** Incidents of the store that pass, newest update first: those of a replay, and those that the ledger has let go of. */
export async function storedIncidents(
  filter: IncidentFilter,
  query: (query: StoreQuery) => Promise<StoreResult>,
): Promise<IncidentJson[]> {
  const { since, status, policy, min_severity: least } = filter
  const limit = Math.max(0, Math.min(filter.limit ?? DEFAULT_LIMIT, MOST_LISTED))
  const conditions = [
    ...(since === undefined ? [] : ["updated_at >= parseDateTime64BestEffort({since:String}, 6, 'UTC')"]),
    ...(status === undefined ? [] : ['status = {status:String}']),
    ...(policy === undefined ? [] : ['policy = {policy:String}']),
    ...(least === undefined ? [] : ['severity IN {severities:Array(String)}']),
  ]
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
  const { rows } = await query({
    sql: `SELECT incident FROM incidents FINAL ${where} ORDER BY updated_at DESC, id DESC LIMIT ${limit}`,
    params: {
      ...(since === undefined ? {} : { since }),
      ...(status === undefined ? {} : { status }),
      ...(policy === undefined ? {} : { policy }),
      ...(least === undefined ? {} : { severities: SEVERITIES.slice(SEVERITIES.indexOf(least)) }),
    },
    maxRows: MOST_LISTED,
  })
  return rows.map(([incident]) => JSON.parse(String(incident)) as IncidentJson)
}

/** Both lists as one, newest update first; what the ledger says goes before what the store says. */
export function mergedIncidents(
  ledger: readonly IncidentJson[],
  stored: readonly IncidentJson[],
  known: ReadonlySet<string>,
  limit = DEFAULT_LIMIT,
): IncidentJson[] {
  return [...ledger, ...stored.filter(({ id }) => !known.has(id))]
    .sort((a, b) => (a.updated_at < b.updated_at || (a.updated_at === b.updated_at && a.id < b.id) ? 1 : -1))
    .slice(0, Math.min(limit, MOST_LISTED))
}
