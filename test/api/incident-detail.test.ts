import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { incidentDetail } from '../../daemon/api/incident-detail.ts'
import { parseTime } from '../../daemon/model/time.ts'
import { ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'
import { encodeIncident } from '../../sinks/incident-json.ts'
import { StoreDown } from '../../sinks/store/inserter.ts'
import type { StoreQuery } from '../../sinks/store/store.ts'
import { sampleAction, sampleIncident } from './samples.ts'

/** On the real engine, with the real tables. */
const DAY = '2026-11-21'
const at = parseTime(`${DAY}T20:00:00.5Z`)!
const WHOLE = '01jd4k0000000000000000000a'
const ROW = '01jd4k0000000000000000000b'
const incident = sampleIncident({
  openedAt: at,
  updatedAt: at,
  evidence: [
    { transactionId: WHOLE, time: at, status: 401 },
    { transactionId: ROW, time: at + 1_000_000, status: 200 },
    { transactionId: '01jd4k0000000000000000000c', time: at, status: 200 },
  ],
})
const known = { incident, history: [{ at, kind: 'opened', why: 'because' }] }

let folder = ''
let store: ClickHouseStore
const query = (question: StoreQuery) => store.query(question)

async function insert(table: string, rows: readonly Record<string, unknown>[]): Promise<void> {
  for (const row of rows) {
    const bytes = Buffer.from(`${JSON.stringify(row)}\n`)
    const batch = { table, day: DAY, columns: Object.keys(row), format: 'JSONEachRow', rows: 1, bytes } as const
    await store.insert({ ...batch, rereadIds: null, token: `${table}${Math.random()}` })
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-detail-'))
  const keepDays = { transactions: 30, evidence: 14, signals: 30, incidents: 730 }
  store = new ClickHouseStore({ kind: 'embedded', folder, database: 'offpath', keepDays })
  await store.open()
  const ts = `${DAY} 20:00:00.500000`
  const whole = { id: WHOLE, ts: `${DAY}T20:00:00.500000Z`, method: 'POST', request_headers: [['a', 'b']] }
  // Twice, as after a read again.
  await insert('evidence', [{ id: WHOLE, ts, transaction: JSON.stringify(whole) }])
  await insert('evidence', [{ id: WHOLE, ts, transaction: JSON.stringify(whole) }])
  await insert('transactions', [
    { id: WHOLE, ts, end_ts: ts, client_ip: '::ffff:203.0.113.9', method: 'POST', service: 's' },
    {
      id: ROW,
      ts: `${DAY} 20:00:01.500000`,
      end_ts: `${DAY} 20:00:02.000000`,
      duration_us: 500_000,
      client_ip: '::ffff:203.0.113.9',
      method: 'GET',
      path: '/v1/orders/7',
      status: 200,
      service: 's',
      principal_kind: 'user',
      principal_id: 'hmac:1',
      principal_display: 'u_1',
      principal_via: 'jwt.sub',
    },
  ])
  const signal = { ts, transaction_id: WHOLE, service: 's' }
  await insert('signals', [
    {
      ...signal,
      id: 'a'.repeat(32),
      detector: 'auth.bruteforce',
      signal: '{"detector":"auth.bruteforce","score":0.9}',
    },
    { ...signal, id: 'b'.repeat(32), detector: 'scan.probing', signal: '{"detector":"scan.probing"}' },
    { ...signal, id: 'c'.repeat(32), detector: 'auth.bruteforce', transaction_id: 'x', signal: '{"of":"others"}' },
  ])
  const silent = { ...signal, transaction_id: '', service: 'gone.test', detector: 'regression.silence' }
  await insert('signals', [
    { ...silent, id: 'd'.repeat(32), subject_value: 'gone.test', signal: '{"of":"silence"}' },
    { ...silent, id: 'e'.repeat(32), subject_value: 'other.test', service: 'other.test', signal: '{"of":"another"}' },
    { ...silent, id: 'f'.repeat(32), ts: `${DAY} 20:00:09.000000`, signal: '{"of":"later"}' },
  ])
  const columns = { opened_at: ts, updated_at: ts }
  const older = JSON.parse(encodeIncident(sampleIncident({ ...incident, id: 'inc9', status: 'open' })))
  await insert('incidents', [
    { ...columns, id: 'inc9', version: 1, incident: JSON.stringify(older) },
    { ...columns, id: 'inc9', version: 2, incident: JSON.stringify({ ...older, status: 'resolved' }) },
  ])
  await insert('incident_events', [
    { incident_id: 'inc9', at: `${DAY} 20:00:09.000000`, kind: 'closed', version: 2, why: 'quiet' },
    { incident_id: 'inc9', at: ts, kind: 'opened', version: 1, why: 'because' },
  ])
})

afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

test('signals, whole evidence, and rows for what is no longer whole', async () => {
  const actions = [sampleAction(), sampleAction({ id: 'other', incidentId: 'inc2' })]
  const detail = await incidentDetail({ id: 'inc1', known, actions, policies: [], query })
  expect(detail.signals).toEqual([{ detector: 'auth.bruteforce', score: 0.9 }])
  expect(detail.transactions).toMatchObject([
    { id: WHOLE, request_headers: [['a', 'b']] },
    {
      id: ROW,
      ts: `${DAY}T20:00:01.500000Z`,
      end_ts: `${DAY}T20:00:02.000000Z`,
      duration_us: 500_000,
      client_ip: '203.0.113.9',
      server_ip: null,
      method: 'GET',
      path: '/v1/orders/7',
      endpoint: null,
      status: 200,
      principal: { kind: 'user', id: 'hmac:1', display: 'u_1', via: 'jwt.sub', app: null },
    },
  ])
  expect(detail.actions.map(({ id }) => id)).toEqual(['act1'])
  expect(detail.history).toEqual([{ at: `${DAY}T20:00:00.500000Z`, kind: 'opened', why: 'because' }])
})

test('of a finding about absence, which has no evidence, the signals of its time about the same', async () => {
  const subject = { kind: 'service', value: 'gone.test', members: [] }
  const absence = {
    detector: 'regression.silence',
    detectors: ['regression.silence'],
    evidence: [],
    subject,
    service: 'gone.test',
  }
  const silence = { incident: sampleIncident({ ...incident, ...absence }), history: [] }
  const detail = await incidentDetail({ id: 'inc1', known: silence, actions: [], policies: [], query })
  expect(detail.signals).toEqual([{ of: 'silence' }])
  expect(detail.transactions).toEqual([])
})

test('an incident that only the store still knows, in its newest state', async () => {
  const detail = await incidentDetail({ id: 'inc9', known: null, actions: [], policies: [], query })
  expect(detail.incident).toMatchObject({ id: 'inc9', status: 'resolved' })
  expect(detail.history.map(({ kind }) => kind)).toEqual(['opened', 'closed'])
  expect(detail.transactions.length).toBe(2)
})

test('an id that nobody knows', async () => {
  const asked = incidentDetail({ id: "x' OR 1", known: null, actions: [], policies: [], query })
  await expect(asked).rejects.toMatchObject({ code: 'OFFPATH_E_NOT_FOUND' })
})

test('while the store is down, or without one, the rest is told', async () => {
  const down = () => Promise.reject(new StoreDown('no connection'))
  for (const asked of [down, null]) {
    const detail = await incidentDetail({ id: 'inc1', known, actions: [], policies: [], query: asked })
    expect([detail.incident.id, detail.signals, detail.transactions]).toEqual(['inc1', [], []])
  }
})
