import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { keyFrom, TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import type { RowBatch } from '../../daemon/model/row-batch.ts'
import { formatTime, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { ToldPart } from '../../daemon/model/told-part.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { PeerDesk } from '../../daemon/topology/peer-desk.ts'
import { PeerLearning } from '../../daemon/topology/peer-learning.ts'
import { NOTHING_YET } from '../../daemon/topology/store-lives.ts'
import { Analyzer } from '../../scripts/scale/split.ts'
import { ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'
import { learningBatch, toldByOthers } from '../../sinks/clickhouse/learning-rows.ts'
import type { StoreQuery } from '../../sinks/store/store.ts'
import { Gateway } from './gateway.ts'

/** Analyzers with a ClickHouse server (chdb behind its HTTP protocol) in common, each as its engine and its control have it. */
const KEEP = { transactions: 30, evidence: 14, signals: 30, incidents: 730 }
const AUDIENCE = 'offpath/transactions'
const START = Date.UTC(2026, 10, 22) * 1000
const scratch = mkdtempSync(join(tmpdir(), 'offpath-peers-'))
const gateway = new Gateway({ folder: join(scratch, 'clickhouse'), user: 'offpath', password: 'p' })
let clickhouse: ClickHouseStore
let token = 0

beforeAll(async () => {
  await gateway.start()
  const at = { url: gateway.url, user: 'offpath', password: 'p', caFile: null }
  clickhouse = new ClickHouseStore({ kind: 'server', database: 'offpath', keepDays: KEEP, ...at })
  await clickhouse.open()
})
afterAll(async () => {
  await clickhouse.close()
  await gateway.stop()
  rmSync(scratch, { recursive: true, force: true })
})

const store = {
  seal: (batch: RowBatch) => clickhouse.insert({ ...batch, token: `t${++token}` }),
  query: (query: StoreQuery) => clickhouse.query(query),
  status: async () => ({ ...NOTHING_YET, where: 'gateway' }),
}

/** One analyzer: what it reads, what it tells, and what it hears. */
class Peer {
  readonly analyzer = new Analyzer()
  readonly counters = new Counters()
  readonly learning: PeerLearning
  readonly desk: PeerDesk
  #heard: Promise<void> = Promise.resolve()
  #clock = START

  constructor(name: string, key = TEST_KEY, audience = AUDIENCE) {
    const sharing = { analyzer: name, audience }
    this.learning = new PeerLearning({
      sharing,
      key,
      everySeconds: 60,
      counters: this.counters,
      parts: () => this.analyzer.assembly.learning,
      now: () => this.analyzer.assembly.chain.now,
      send: (part) => this.desk.told(part),
      failed: expect.fail,
    })
    this.desk = new PeerDesk({
      sharing,
      keyId: key.id,
      store,
      everySeconds: 60,
      logger: { warn: expect.fail as never },
      hear: (parts, leftOut) => {
        this.#heard = this.learning.hear(parts, leftOut)
      },
    })
  }

  /** So many answers of an endpoint to one caller. */
  read(client: string, path: string, count: number): this {
    for (let i = 0; i < count; i++) {
      this.#clock += SECOND_US
      const ts = formatTime(this.#clock)
      const record = {
        ts,
        end_ts: ts,
        method: 'GET',
        scheme: 'http',
        host: 'api.test',
        path,
        client_ip: client,
        status: 200,
      }
      this.analyzer.push(Buffer.from(JSON.stringify({ ...record, redacted: true, key_id: TEST_KEY.id })))
    }
    // Records are put in order within a minute: these let them go.
    for (let i = 0; i < 2; i++) {
      this.#clock += 5 * MINUTE_US
      const ts = formatTime(this.#clock)
      const late = { ts, end_ts: ts, method: 'GET', host: 'elsewhere.test', path: '/', client_ip: client, status: 404 }
      this.analyzer.push(Buffer.from(JSON.stringify({ ...late, redacted: true, key_id: TEST_KEY.id })))
    }
    return this
  }

  async tell(): Promise<this> {
    this.learning.finish()
    await this.desk.close()
    return this
  }

  async hear(): Promise<this> {
    await this.desk.read()
    await this.#heard
    return this
  }

  get established(): number {
    return this.analyzer.assembly.telemetry.counters.get('endpoints.established')
  }
}

test('an endpoint that two analyzers were answered at too little each is known to both after they have heard each other', async () => {
  const [a, b] = [new Peer('a'), new Peer('b')]
  a.read('10.0.0.1', '/v1/things', 3)
  b.read('10.0.0.2', '/v1/things', 1)
  expect([a.established, b.established]).toEqual([0, 0])
  await a.tell()
  await b.hear()
  b.read('10.0.0.2', '/v1/things', 1)
  expect(b.established, '3 + 2 answers to two callers').toBe(1)

  // The same told again, and by a life after a kill, counts once.
  await a.tell()
  await new Peer('a').read('10.0.0.1', '/v1/others', 2).tell()
  await a.tell()
  await b.hear()
  await b.hear()
  b.read('10.0.0.2', '/v1/others', 2)
  expect(b.established, 'the newest of a knows nothing of others').toBe(1)
})

test('what another key, group, version or hand wrote is refused by name', async () => {
  const told: ToldPart[] = []
  const other = keyFrom(Buffer.alloc(32, 7))
  const honest = new Peer('honest').read('10.0.0.1', '/v1/sealed', 5)
  const learning = new PeerLearning({
    sharing: { analyzer: 'honest', audience: AUDIENCE },
    key: TEST_KEY,
    everySeconds: 60,
    counters: new Counters(),
    parts: () => honest.analyzer.assembly.learning,
    now: () => START,
    send: (part) => void told.push(part),
    failed: expect.fail,
  })
  learning.finish()
  const endpoints = told.find(({ part }) => part === 'endpoints')!
  const listener = new Peer('listener')
  const forged = { ...endpoints, lines: endpoints.lines.replace('api.test', 'our.bank') }
  await listener.learning.hear(
    [
      { ...endpoints, keyId: other.id },
      { ...endpoints, audience: 'offpath/elsewhere' },
      { ...endpoints, analyzer: 'listener' },
      { ...endpoints, part: 'made.up' },
      { ...endpoints, version: 99 },
      { ...endpoints, seal: '00' },
      { ...forged, analyzer: 'x' },
      forged,
    ],
    2,
  )
  expect(Object.fromEntries(listener.counters.entries())).toEqual({
    'learning.peers_heard': 0,
    'learning.peers_left_out': 2,
    'learning.peers_refused.audience': 1,
    'learning.peers_refused.key': 1,
    'learning.peers_refused.own': 1,
    'learning.peers_refused.part': 1,
    'learning.peers_refused.seal': 3,
    'learning.peers_refused.version': 1,
  })
  listener.read('10.0.0.9', '/v1/sealed', 1)
  expect(listener.established).toBe(0)
  await listener.learning.hear([endpoints], 0)
  listener.read('10.0.0.9', '/v1/sealed', 1)
  expect(listener.established).toBe(1)
})

test('of the rows in the store the newest of each is read, others’ keys without their content, up to a limit', async () => {
  const row = { keyId: 'k1', audience: 'g/t', part: 'endpoints', version: 1, learntUntil: START, seal: 'ab' }
  const put = (change: Partial<ToldPart>) =>
    store.seal(learningBatch({ ...row, analyzer: 'a', lines: '[1]\n', ...change }))
  await put({ lines: '[1]\n' })
  await put({ lines: '[2]\n', learntUntil: START + 1 })
  await put({ analyzer: 'me', lines: '[3]\n' })
  await put({ analyzer: 'b', lines: `["${'x'.repeat(100)}\\\\\\t é"]\n` })
  await put({ keyId: 'k2', lines: '[4]\n' })
  const asks = { keyId: 'k1', audience: 'g/t', analyzer: 'me' }
  const { parts, leftOut } = await toldByOthers(store, asks)
  const ours = parts.filter(({ audience }) => audience === 'g/t')
  expect(ours.map(({ keyId, analyzer, lines, learntUntil }) => [keyId, analyzer, lines, learntUntil])).toEqual([
    ['k2', 'a', '', 0],
    ['k1', 'b', `["${'x'.repeat(100)}\\\\\\t é"]\n`, START],
    ['k1', 'a', '[2]\n', START + 1],
  ])
  expect(leftOut).toBe(0)
  const little = await toldByOthers(store, asks, 20)
  expect(little.parts.filter(({ lines }) => lines !== '').map(({ analyzer }) => analyzer)).toEqual(['a'])
  expect(little.leftOut).toBe(1)
})
