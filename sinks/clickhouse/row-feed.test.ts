import { expect, test } from 'vitest'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { IDENTITY_DEFAULTS, Recorder } from '../../daemon/identity/recorder.ts'
import { Resolver } from '../../daemon/identity/resolver.ts'
import type { Incident } from '../../daemon/model/incident.ts'
import type { RowBatch } from '../../daemon/model/row-batch.ts'
import { DAY_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { SourceTally } from '../../daemon/telemetry/source-tallies.ts'
import { type FakeRequest, fakeExchange, fakeTelemetry, START } from '../../test/fake-exchange.ts'
import { MAX_BATCH_ROWS } from './row-batches.ts'
import { RowFeed, type RowFeedOptions } from './row-feed.ts'

function transactions(requests: readonly FakeRequest[]): Transaction[] {
  const all: Transaction[] = []
  const resolver = new Resolver()
  const emit = (tx: Transaction) => {
    resolver.resolve(tx)
    all.push(tx)
  }
  const recorder = new Recorder({
    key: TEST_KEY,
    options: IDENTITY_DEFAULTS,
    bodies: true,
    telemetry: fakeTelemetry(),
    emit,
  })
  for (const [position, request] of requests.entries()) recorder.exchange(fakeExchange({ position, ...request }))
  return all
}

function feeding(options: Partial<RowFeedOptions> = {}) {
  const batches: RowBatch[] = []
  const telemetry = fakeTelemetry()
  const feed = new RowFeed({
    bodies: 'evidence',
    evidenceBytes: 1024 * 1024,
    reread: false,
    emit: (batch) => void batches.push(batch),
    telemetry,
    ...options,
  })
  const rows = (table: string) =>
    batches
      .filter((batch) => batch.table === table)
      .flatMap(({ columns, bytes }) =>
        Buffer.from(bytes)
          .toString()
          .split('\n')
          .slice(0, -1)
          .map((line) => {
            const values = line.split('\t')
            expect(values).toHaveLength(columns.length)
            return Object.fromEntries(columns.map((column, index) => [column, values[index]!]))
          }),
      )
  return { feed, batches, telemetry, rows }
}

function at(tx: Transaction, time: number): Transaction {
  const { id, weirds, truncated } = tx
  return Object.create(tx, {
    id: { value: id },
    time: { value: time },
    weirds: { value: weirds },
    truncated: { value: truncated },
  })
}

function naming(...all: readonly Transaction[]): { kind: 'opened'; incident: Incident; keys: readonly string[] } {
  const evidence = all.map(({ id, time, status }) => ({ transactionId: id, time, status }))
  return { kind: 'opened', incident: { evidence } as unknown as Incident, keys: [] }
}

test('a row has every column, with what would break a row escaped', () => {
  const [tx] = transactions([
    { target: '/a%09b/1?x=1', headers: [['Host', 'api.shop.test']], status: 404, client: '203.0.113.9' },
  ])
  Object.assign(tx!, { path: '/tab\there\\line\nend\0', endpoint: "GET /it's", forwarded: ["a'b", 'ü', '\\'] })
  const { feed, rows } = feeding()
  feed.transaction(tx!)
  feed.flush()
  expect(rows('transactions')).toMatchObject([
    {
      id: tx!.id,
      path: '/tab\\there\\\\line\\nend\\0',
      endpoint: "GET /it's",
      forwarded: "['a\\'b','ü','\\\\']",
      client_ip: '203.0.113.9',
      status: '404',
      weirds: '[]',
      vlan: '0',
    },
  ])
})

test('a batch is of one day, and leaves at 10,000 rows', () => {
  const [tx] = transactions([{}])
  const { feed, batches } = feeding()
  feed.transaction(at(tx!, START))
  feed.transaction(at(tx!, START + DAY_US))
  for (let i = 1; i < MAX_BATCH_ROWS; i++) feed.transaction(at(tx!, START + i))
  expect(batches).toMatchObject([{ table: 'transactions', rows: MAX_BATCH_ROWS, day: '2026-11-18', rereadIds: null }])
  feed.tick(START)
  expect(batches[1]).toMatchObject({ rows: 1, day: '2026-11-19' })
  feed.tick(START)
  expect(batches).toHaveLength(2)
})

test('clocks that name any day open four days at a time, and lose nothing', () => {
  const [tx] = transactions([{}])
  const { feed, batches } = feeding()
  const days = [0, 5, 9, 100, 3_000, 80_000, -4]
  for (const day of days) feed.transaction(at(tx!, day * DAY_US))
  feed.flush()
  expect(batches.map(({ day }) => day).sort()).toEqual(
    ['1970-01-01', '1970-01-01', '1970-01-06', '1970-01-10', '1970-04-11', '1978-03-20', '2149-06-06'].sort(),
  )
})

test('an incident stores what it names whole, once, and counts what is gone', () => {
  const all = transactions(Array.from({ length: 50 }, (_, i) => ({ target: `/v1/${i}`, responseBody: '{"a":1}' })))
  const { feed, rows, telemetry } = feeding({ evidenceBytes: 40 * 1024 })
  for (const tx of all) feed.transaction(tx)
  const [first] = all
  const late = all.slice(-3)
  feed.incident(naming(first!, ...late))
  feed.incident(naming(first!, ...late))
  feed.flush()
  expect(
    rows('evidence')
      .map(({ id }) => id)
      .sort(),
  ).toEqual(late.map(({ id }) => id).sort())
  const [row] = rows('evidence')
  expect(JSON.parse(row!.transaction!.replaceAll('\\\\', '\\'))).toMatchObject({ response_body: '{"a":1}' })
  expect(telemetry.counters.get('evidence.expired')).toBe(1)
  expect(telemetry.counters.get('evidence.stored')).toBe(3)
})

test('without bodies evidence has none, with all of them everything is evidence', () => {
  const [tx] = transactions([{ responseBody: '{"a":1}' }])
  const none = feeding({ bodies: 'none' })
  none.feed.transaction(tx!)
  none.feed.incident(naming(tx!))
  none.feed.flush()
  expect(none.rows('evidence')[0]!.transaction).not.toMatch(/_body"/)
  expect(none.rows('evidence')[0]!.transaction).toContain('response_headers')

  const every = feeding({ bodies: 'all' })
  every.feed.transaction(tx!)
  every.feed.incident(naming(tx!))
  every.feed.flush()
  expect(every.rows('evidence')).toHaveLength(1)
})

test('what may have been read before carries the ids of its rows', () => {
  const all = transactions([{ target: '/1' }, { target: '/2' }])
  const { feed, batches } = feeding({ reread: true })
  for (const tx of all) feed.transaction(tx)
  feed.incident(naming(all[0]!))
  feed.flush()
  expect(batches.map(({ table, rereadIds }) => [table, rereadIds])).toEqual([
    ['transactions', all.map(({ id }) => id)],
    ['evidence', [all[0]!.id]],
  ])
})

test('capture quality is what each minute added', () => {
  const { feed, rows } = feeding()
  const totals = (frames: number, kernel: number) => ({
    frames: { in: frames, delivered: frames - kernel, dropped: kernel > 0 ? { kernel } : {} },
    bytes: { in: 0, delivered: 0, dropped: {} },
    messages: { in: 0, delivered: 0, dropped: {} },
    pairs: { in: 0, delivered: 0, dropped: {} },
  })
  const minute = Math.floor(START / MINUTE_US) * MINUTE_US
  const sample = (frames: number, unseenBytes: number) => [
    { ...new SourceTally({ kind: 'pcap', name: 'eth 1' }).sample(), frames, unseenBytes },
  ]
  feed.quality(minute, totals(10, 0), [['tcp.gap', 1]], [], sample(10, 0))
  feed.quality(minute + SECOND_US, totals(15, 5), [['tcp.gap', 1]], [], sample(15, 0))
  feed.quality(minute + MINUTE_US, totals(20, 5), [['tcp.gap', 3]], [['flows.evicted', 2]], sample(20, 700))
  feed.flush()
  feed.flush()
  const seconds = String(minute / SECOND_US)
  const next = String((minute + MINUTE_US) / SECOND_US)
  expect(rows('capture_quality').map(({ minute, stage, name, count }) => [minute, stage, name, count])).toEqual([
    [seconds, 'frames', 'in', '15'],
    [seconds, 'frames', 'delivered', '10'],
    [seconds, 'frames', 'kernel', '5'],
    [seconds, 'weird', 'tcp.gap', '1'],
    [seconds, 'source', 'pcap:eth 1 frames', '15'],
    [next, 'frames', 'in', '5'],
    [next, 'frames', 'delivered', '5'],
    [next, 'weird', 'tcp.gap', '2'],
    [next, 'counter', 'flows.evicted', '2'],
    [next, 'source', 'pcap:eth 1 frames', '5'],
    [next, 'source', 'pcap:eth 1 unseen_bytes', '700'],
  ])
})
