import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'
import { savedQueries } from '../../sinks/clickhouse/saved-queries.ts'
import { inventoryBatches, OWNER, PROBER, sampleBatches } from './sample.ts'

const scratch = mkdtempSync(join(tmpdir(), 'offpath-saved-'))
const store = new ClickHouseStore({
  kind: 'embedded',
  folder: join(scratch, 'clickhouse'),
  database: 'offpath',
  keepDays: { transactions: 30, evidence: 14, signals: 30, incidents: 730 },
})
beforeAll(async () => {
  await store.open()
  const batches = [...sampleBatches(), ...inventoryBatches()]
  for (const [index, batch] of batches.entries()) await store.insert({ ...batch, token: String(index) })
})
afterAll(async () => {
  await store.close()
  rmSync(scratch, { recursive: true, force: true })
})

/** Rows as objects, asked a day after the sample. */
async function ask(name: string, given: Readonly<Record<string, string>> = {}) {
  const query = savedQueries().find((each) => each.name === name)!
  const params = Object.fromEntries(query.params.map((each) => [each.name, given[each.name] ?? each.default ?? '']))
  if ('until' in params) params.until = given.until ?? '2026-11-20 14:00:00'
  const { columns, rows } = await store.query({ sql: query.sql, params })
  return rows.map((row) => Object.fromEntries(columns.map((column, index) => [column.name, row[index]])))
}

/** What the first row of each must say of the sample; the sample's ledger is in sample.ts. */
const ANSWERS: Readonly<Record<string, { params?: Record<string, string>; first: Record<string, unknown>; rows: number }>> = {
  actions: { first: { id: 'act-1', state: 'reverted', target_value: '198.51.100.66' }, rows: 1 },
  'biggest-responses': { first: { principal_id: PROBER, total_bytes: '1200000', requests: '30' }, rows: 3 },
  'busiest-callers': { first: { principal_id: PROBER, requests: '40', answered: '30', refused: '10', paths: '40' }, rows: 3 },
  'capture-loss': { first: { source: 'pcap:eth1', bytes: '900', unseen_bytes: '100', lost: 0.1 }, rows: 1 },
  'capture-quality': { first: { stage: 'frames', name: 'in', total: '1000', share: 1 }, rows: 6 },
  'distinct-objects': { first: { principal_id: PROBER, objects: '30', mean_of_callers: 16.5 }, rows: 2 },
  'errors-by-endpoint': { first: { endpoint: 'GET /v1/export', total: '10', server_errors: '1', server_error_share: 0.1 }, rows: 3 },
  'incident-timeline': { params: { incident: 'inc-01jd4k0000000000000000000' }, first: { path: '/v1/orders/0', status: 403, evidence: 1 }, rows: 40 },
  incidents: { first: { severity: 'high', status: 'resolved', signal_count: 2, objects_exposed: 30 }, rows: 1 },
  'login-failures': { first: { client_address: '198.51.100.9', failures: '20', accounts: '3' }, rows: 1 },
  'new-callers': { first: { kind: 'user', requests: '40' }, rows: 4 },
  'new-endpoints': { first: { endpoint: 'GET /v1/export', requests: '10', callers: '1', answered_without_authentication: '9' }, rows: 3 },
  'open-routes': { first: { endpoint: 'GET /v1/team', granted_anonymously: '1' }, rows: 1 },
  'principal-activity': { params: { principal: 'u_48' }, first: { endpoint: 'GET /v1/orders/{id}', requests: '30', paths: '3' }, rows: 1 },
  'probed-ids': { first: { principal_id: PROBER, paths_refused: '10', paths_answered: '30' }, rows: 1 },
  'quiet-routes': { params: { until: '2027-01-20 12:00:00' }, first: { endpoint: 'GET /v1/team', requests: '1' }, rows: 3 },
  signals: { first: { detector: 'object.enumeration', signals: '2', subjects: '1' }, rows: 1 },
  'slowest-endpoints': { first: { endpoint: 'GET /v1/export', p50_ms: 3000 }, rows: 3 },
  unauthenticated: { first: { endpoint: 'GET /v1/export', answered: '9', callers: '1' }, rows: 1 },
} // biome-ignore format: one answer a line

test('every saved query is tested, and the other way round', () => {
  expect(savedQueries().map(({ name }) => name)).toEqual(Object.keys(ANSWERS).sort())
})

test.each(Object.entries(ANSWERS))('%s answers its question', async (name, { params, first, rows }) => {
  const answer = await ask(name, params)
  expect(answer[0]).toMatchObject(first)
  expect(answer).toHaveLength(rows)
})

test.each(
  savedQueries()
    .filter(({ params }) => params.some((each) => each.name === 'until'))
    .map(({ name }) => name),
)('%s keeps to its time', async (name) => {
  expect(await ask(name, { until: '2026-11-20 11:00:00', principal: OWNER })).toEqual([])
})

test('parameters named in the header are those of the statement', () => {
  for (const { name, params, sql } of savedQueries()) {
    const used = new Set([...sql.matchAll(/\{(\w+):\w+\}/g)].map((match) => match[1]))
    expect([...used].sort(), name).toEqual(params.map((each) => each.name).sort())
  }
})
