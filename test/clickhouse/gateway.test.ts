import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'
import { openServer } from '../../sinks/clickhouse/server-engine.ts'
import { StoreDown } from '../../sinks/store/inserter.ts'
import { Gateway } from './gateway.ts'
import { sampleBatches } from './sample.ts'
import { storeSuite } from './store-suite.ts'

const scratch = mkdtempSync(join(tmpdir(), 'offpath-gateway-'))
const KEEP = { transactions: 30, evidence: 14, signals: 30, incidents: 730 }
const PASSWORD = 'correct horse: battery'

/** An authority of our own, and the certificate it signed for 127.0.0.1. */
function certificates(name: string): { ca: string; cert: string; key: string } {
  const file = (suffix: string) => join(scratch, `${name}${suffix}`)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' })
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  openssl('req', '-x509', ...ec, '-subj', `/CN=${name} authority`, '-keyout', file('-ca.key'), '-out', file('-ca.pem'))
  openssl(
    'req', '-x509', ...ec, '-subj', '/CN=clickhouse', '-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE',
    '-CA', file('-ca.pem'), '-CAkey', file('-ca.key'), '-keyout', file('.key'), '-out', file('.pem'),
  ) // biome-ignore format: options and their values
  return { ca: file('-ca.pem'), cert: file('.pem'), key: file('.key') }
}

const tls = certificates('ours')
const gateway = new Gateway({
  folder: join(scratch, 'clickhouse'),
  user: 'offpath',
  password: PASSWORD,
  certificate: tls,
})
afterAll(async () => {
  await gateway.stop()
  rmSync(scratch, { recursive: true, force: true })
})

function options(change: { password?: string; caFile?: string | null; url?: string } = {}) {
  return { url: gateway.url, user: 'offpath', password: PASSWORD, caFile: tls.ca as string | null, ...change }
}

function storeOf(change: Parameters<typeof options>[0] = {}): ClickHouseStore {
  return new ClickHouseStore({ kind: 'server', database: 'offpath', keepDays: KEEP, ...options(change) })
}

storeSuite(async () => {
  await gateway.start()
  return { store: storeOf(), engine: openServer(options()), scratch }
})

test('credentials in the URL are not shown', () => {
  const store = storeOf({ url: gateway.url.replace('//', '//someone:secret@') })
  expect(store.where).toBe(gateway.url)
})

test.each([
  ['a wrong password', { password: 'wrong' }, /Authentication failed/],
  ['an authority that nobody knows', { caFile: null }, /certificate/],
])('%s is a store that is down, with its reason and no secret', async (_, change, reason) => {
  const store = storeOf(change)
  const error = await store.open().catch((cause: unknown) => cause)
  expect(error).toBeInstanceOf(StoreDown)
  expect((error as Error).message).toMatch(reason)
  expect((error as Error).message).not.toMatch(/wrong|battery/)
  await store.close()
})

test('the certificate of another authority is not trusted', async () => {
  const store = storeOf({ caFile: certificates('theirs').ca })
  await expect(store.open()).rejects.toThrow(/certificate/)
  await store.close()
})

test('a file with certificates that is not there is a fault of the configuration', async () => {
  const store = storeOf({ caFile: join(scratch, 'nothing.pem') })
  await expect(store.open()).rejects.toMatchObject({ code: 'OFFPATH_E_CONFIG', at: 'sinks.clickhouse.ca_file' })
})

test('a server that is gone is a store that is down, and takes the same batch once it is back', async () => {
  const store = storeOf()
  await store.open()
  const count = async () =>
    (await store.query({ sql: "SELECT sum(requests) FROM endpoint_minute WHERE service = 'api.shop.test'" })).rows
  const before = await count()
  const batch = { ...sampleBatches()[0]!, token: 'across' }
  await gateway.stop()
  await expect(store.insert(batch)).rejects.toBeInstanceOf(StoreDown)
  await expect(store.query({ sql: 'SELECT 1' })).rejects.toBeInstanceOf(StoreDown)
  await expect(store.knownIds('transactions', '2026-11-20', ['a'])).rejects.toBeInstanceOf(StoreDown)
  await gateway.start()
  for (let i = 0; i < 2; i++) await store.insert(batch)
  expect(Number((await count())[0]![0])).toBe(Number(before[0]![0]) + 100)
  await store.close()
})
