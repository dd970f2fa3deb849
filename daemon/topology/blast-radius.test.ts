import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'
import type { SelectorKind } from '../model/action.ts'
import { blastRadius } from './blast-radius.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-blast-'))
const store = new ClickHouseStore({
  kind: 'embedded',
  folder: join(folder, 'clickhouse'),
  database: 'offpath',
  keepDays: { transactions: 30, evidence: 14, signals: 30, incidents: 730 },
})

const DAY_MS = 24 * 3_600_000
const ENDPOINT = 'GET /v1/orders/{id}'

/** Who called, from where, through which addresses, when. */
const CALLS: readonly (readonly [kind: string, id: string, ip: string, forwarded: string, agoMs: number])[] = [
  ['user', 'hmac:a', '203.0.113.9', '[]', 60_000],
  ['user', 'hmac:a', '203.0.113.9', '[]', 50_000],
  ['api_key', 'hmac:b', '203.0.113.9', '[]', 40_000],
  ['user', 'hmac:c', '10.0.0.1', "['203.0.113.9']", 30_000],
  ['ip', '203.0.113.9', '203.0.113.9', '[]', 20_000],
  ['user', 'hmac:d', '203.0.113.77', '[]', 10_000],
  ['user', 'hmac:e', '203.0.113.9', '[]', 2 * DAY_MS],
]

beforeAll(async () => {
  await store.open()
  for (const [index, [kind, id, ip, forwarded, agoMs]] of CALLS.entries()) {
    const ts = new Date(Date.now() - agoMs).toISOString().slice(0, -1).replace('T', ' ')
    const row = [`t${index}`, ts, 'api.shop.test', ENDPOINT, kind, id, ip, forwarded].join('\t')
    await store.insert({
      table: 'transactions',
      day: ts.slice(0, 10),
      columns: ['id', 'ts', 'service', 'endpoint', 'principal_kind', 'principal_id', 'client_ip', 'forwarded'],
      format: 'TabSeparated',
      rows: 1,
      bytes: Buffer.from(`${row}\n`),
      rereadIds: null,
      token: `call ${index}`,
    })
  }
})

afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

test.each<[SelectorKind, string, number]>([
  ['ip', '203.0.113.9', 3],
  ['ip', '203.0.113.10', 0],
  ['cidr', '203.0.113.0/24', 3],
  ['endpoint', ENDPOINT, 4],
  ['service', 'api.shop.test', 4],
  ['user', 'hmac:a', 0],
])('%s %s would have hit %i callers of the last day', async (kind, value, principals) => {
  expect(await blastRadius(store)({ kind, value })).toEqual({ principals })
})

test('a store that cannot tell says so', async () => {
  const broken = { query: () => Promise.reject(new Error('down')) }
  expect(await blastRadius(broken)({ kind: 'ip', value: '203.0.113.9' })).toBeNull()
})
