import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DaemonFolder } from '../integration/daemon-process.ts'
import { ensureBuilt } from '../integration/program.ts'
import { Broker, brokerMissing, transactionLine, until } from './broker.ts'

const missing = brokerMissing()
const broker = new Broker()
const PARTITIONS = 3
const KILLS = 20
/** Of a gateway: enough to judge what they say. */
const RECORDS = 220

beforeAll(async () => {
  ensureBuilt()
  if (missing === null) await broker.start()
}, 180_000)
afterAll(() => broker.remove())

function configure(folder: DaemonFolder, topic: string): void {
  const source = {
    kind: 'kafka',
    brokers: [broker.places.plain],
    topics: [topic],
    from: 'beginning',
    session_seconds: 1,
  }
  folder.configure({ sources: [{ ...source, format: 'native', group_id: `group-${topic}` }] })
}

/** As Kong's log plugins write it. */
function gatewayRecord(uri: string, ip: string, status = 200, consumer?: string): string {
  return JSON.stringify({
    request: { uri, method: 'GET', headers: { host: 'api.test' }, size: 100, querystring: {} },
    response: { status, headers: { 'content-type': 'application/json' }, size: 300 },
    latencies: { request: 12, kong: 1, proxy: 11 },
    client_ip: ip,
    started_at: Date.now(),
    service: { name: 'orders' },
    route: { name: 'orders' },
    tries: [],
    upstream_uri: uri,
    ...(consumer === undefined ? {} : { consumer: { id: consumer, username: consumer } }),
  })
}

/** Of forty customers, each with an address of its own, and a stranger who goes through a list of words. */
function kongRecord(number: number): string {
  if (number % 4 === 3)
    return gatewayRecord(`/${WORDS[(number >> 2) % WORDS.length]}${number >> 2}`, '203.0.113.66', 404)
  const customer = number % 40
  const uri = number % 3 === 0 ? `/v1/orders/${(number * 7) % 1000}` : `/v1/items?page=${number % 5}`
  return gatewayRecord(uri, `198.51.100.${customer}`, 200, `customer-${customer}`)
}
const WORDS = [
  'admin',
  'backup',
  '.git/config',
  'wp-login.php',
  'old',
  'test',
  'debug',
  'console',
  'phpinfo.php',
  'dump.sql',
]

interface Status {
  readonly funnel: { readonly pairs: { readonly in: number } }
  readonly sources: readonly object[]
}

interface Kept {
  readonly partition: number
  readonly next: number
  readonly reach: number
}

function positions(folder: DaemonFolder): Kept[] {
  const text = readFileSync(join(folder.path, 'offpath-data/state/positions'), 'utf8')
  // The end may be being written.
  const lines = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1)
  const latest = new Map<string, Kept>()
  for (const line of lines) {
    const { k, v } = JSON.parse(line.slice(9)) as { k: string; v: Kept }
    latest.set(k, v)
  }
  return [...latest.values()]
}

function inDoubt(folder: DaemonFolder): boolean {
  return positions(folder).some(({ next, reach }) => reach > next)
}

function metricsOf(folder: DaemonFolder): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ socketPath: join(folder.path, 'offpath-data/offpath.sock'), path: '/metrics' }, async (answer) => {
      let text = ''
      for await (const part of answer) text += part
      resolve(text)
    }).on('error', reject)
  })
}

async function committedTo(topic: string): Promise<number> {
  const offsets = await broker.committed(`group-${topic}`, topic)
  return [...offsets.values()].reduce((sum, offset) => sum + Math.max(0, offset), 0)
}

async function stored(folder: DaemonFolder, sql: string): Promise<Record<string, string>> {
  const { status, stdout, stderr } = await folder.offpath('store', 'query', sql, '-o', 'jsonl')
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout.split('\n')[0]!) as Record<string, string>
}

describe.skipIf(missing !== null)(`offpath run --kafka${missing === null ? '' : ` (${missing})`}`, () => {
  test('killed again and again: none lost, none doubled, never committed ahead of the store', {
    timeout: 170_000,
  }, async () => {
    const topic = 'killed'
    await broker.createTopic(topic, PARTITIONS)
    const folder = new DaemonFolder()
    configure(folder, topic)
    let sent = 0
    let random = 20_261_122
    const next = () => {
      random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 1
      return random / 2 ** 31
    }
    const produce = async (count: number) => {
      const partition = sent % PARTITIONS
      await broker.send(
        topic,
        Array.from({ length: count }, (_, i) => transactionLine(sent + i)),
        partition,
      )
      sent += count
    }
    try {
      for (let kill = 0; kill < KILLS; kill++) {
        const daemon = folder.start()
        await daemon.ready()
        const endMs = Date.now() + 500 + next() * 2500
        while (Date.now() < endMs) {
          await produce(1 + Math.floor(next() * 100))
          await sleep(30)
        }
        // Where it hurts: rows are being sealed, and how far is not noted yet.
        for (let tries = 0; tries < 1500 && !inDoubt(folder); tries++) await sleep(1)
        await sleep(next() * 10)
        // Every other time the engine and the store are gone in the same moment.
        if (kill % 2 === 1) for (const pid of daemon.children) process.kill(pid, 'SIGKILL')
        await daemon.kill()
        const committed = await broker.committed(`group-${topic}`, topic)
        for (const { partition, next: kept } of positions(folder)) {
          expect(committed.get(partition) ?? -1).toBeLessThanOrEqual(kept)
        }
      }
      const last = folder.start()
      await last.ready()
      await until(
        async () => (await committedTo(topic)) === sent,
        30_000,
        () => `${sent} sent; ${last.stderr.slice(-2000)}`,
      )
      expect(await last.stop()).toBe(0)
      const rows = await stored(folder, 'SELECT count() AS all, uniqExact(id) AS ids FROM transactions')
      expect({ all: Number(rows.all), ids: Number(rows.ids) }).toEqual({ all: sent, ids: sent })
      // Roll-ups count each insert, so one that was sealed twice would show here.
      const minutes = await stored(folder, 'SELECT sum(requests) AS requests FROM endpoint_minute')
      expect(Number(minutes.requests)).toBe(sent)
    } finally {
      await folder.remove()
    }
  })

  test('a topic of Kong logs, no mapping: routes, callers and an incident within a minute', {
    timeout: 90_000,
  }, async () => {
    const topic = 'kong-logs'
    await broker.createTopic(topic, PARTITIONS)
    const folder = new DaemonFolder()
    folder.configure({})
    const startedMs = Date.now()
    try {
      const daemon = folder.start('--kafka', broker.places.plain, '--topic', topic)
      await daemon.ready()
      // A gateway that goes on writing: forty customers, and one that asks for what is not there.
      let number = 0
      const write = async () => {
        const records = Array.from({ length: 60 }, () => kongRecord(number++))
        await broker.send(topic, records, number % PARTITIONS)
        await sleep(200)
      }
      let routes: { endpoint: string }[] = []
      let clients: object[] = []
      while (daemon.incidents.length === 0 || routes.length < 2 || clients.length === 0) {
        expect(Date.now() - startedMs, daemon.stderr.slice(-1000)).toBeLessThan(60_000)
        for (let i = 0; i < 10; i++) await write()
        routes = await folder.json('routes', 'list')
        clients = await folder.json('clients', 'list')
      }
      expect(routes.map(({ endpoint }) => endpoint).sort()).toEqual(['GET /v1/items', 'GET /v1/orders/{id}'])
      const [{ line }] = daemon.incidents as [(typeof daemon.incidents)[0]]
      expect(line).toMatchObject({ detector: 'scan.probing', subject: { kind: 'ip', value: '203.0.113.66' } })
      // It goes on, and says by now what Kong leaves out.
      await until(
        async () => {
          await write()
          const { incident } = await folder.json<{ incident: { why: string } }>('incident', 'show', line.id)
          return /topic kong-logs does not say everything: \d+ detectors are off for it/.test(incident.why)
        },
        40_000,
        () => daemon.stderr.slice(-1000),
      )
      expect(await daemon.stop()).toBe(0)
    } finally {
      await folder.remove()
    }
  })

  test('records of a gateway are told by their shape', async () => {
    const topic = 'gateway'
    await broker.createTopic(topic)
    const folder = new DaemonFolder()
    const source = { kind: 'kafka', brokers: [broker.places.plain], topics: [topic], from: 'beginning' }
    folder.configure({ sources: [source] })
    try {
      await broker.send(topic, [
        ...Array.from({ length: RECORDS }, (_, i) => gatewayRecord(`/v1/orders/${i}`, '10.0.0.9')),
        'not json',
      ])
      const daemon = folder.start('--store', 'none')
      await daemon.ready()
      const committed = async () => (await broker.committed('offpath', topic)).get(0) === RECORDS + 1
      await until(committed, 30_000, () => daemon.stderr.slice(-1000))
      const { funnel, sources } = await folder.json<Status>('status')
      expect(funnel.pairs.in).toBe(RECORDS)
      const lags = [{ topic, partition: 0, lag: 0 }]
      expect(sources).toMatchObject([{ kind: 'kafka', name: topic, state: 'capturing', lags, queued: 0 }])
      // Kong's records have neither bodies nor authorization.
      expect(sources[0]).toMatchObject({
        starved: expect.arrayContaining([
          expect.objectContaining({ detector: 'auth.bruteforce', state: 'starved' }),
          expect.objectContaining({ detector: 'object.enumeration', state: 'weaker' }),
        ]),
      })
      const { stdout } = await folder.offpath('status')
      expect(stdout).toContain(`auth.bruteforce is off for kafka:${topic}`)
      expect(await daemon.stop()).toBe(0)
    } finally {
      await folder.remove()
    }
  })

  test('poison goes to the dead letters and holds nothing up', async () => {
    const topic = 'poisoned'
    await broker.createTopic(topic)
    const folder = new DaemonFolder()
    configure(folder, topic)
    const poison = [
      'not json',
      '[1,2]',
      '{"method":"GET"}',
      Buffer.from([0, 1, 2, 255]),
      '{"ts":"2026-11-22T00:00:00Z"}',
    ]
    try {
      const daemon = folder.start('--store', 'none')
      await daemon.ready()
      await broker.send(topic, [...poison, null, 'x'.repeat(5 * 1024 * 1024), transactionLine(1)])
      await until(async () => (await committedTo(topic)) === 8, 30_000)
      await sleep(100)
      const letters = readFileSync(join(folder.path, 'offpath-data/dead-letters.jsonl'), 'utf8').trimEnd().split('\n')
      const read = letters.map(
        (line) => JSON.parse(line) as { topic: string; partition: number; offset: number; reason: string },
      )
      expect(read.map((each) => [each.topic, each.partition, each.offset, each.reason]).sort()).toEqual([
        [topic, 0, 0, 'bad_json'],
        [topic, 0, 1, 'not_object'],
        [topic, 0, 2, 'no_time'],
        [topic, 0, 3, 'bad_json'],
        [topic, 0, 4, 'unusable'],
        [topic, 0, 6, 'too_long'],
      ])
      const { counters, funnel } = await folder.json<{
        counters: Record<string, number>
        funnel: { pairs: { in: number } }
      }>('status')
      expect(counters['kafka.tombstones']).toBe(1)
      expect(counters['kafka.poison.bad_json']).toBe(2)
      expect(funnel.pairs.in).toBe(1)
      const metrics = await metricsOf(folder)
      expect(metrics).toContain('offpath_counters_total{name="kafka.poison.bad_json"} 2\n')
      expect(metrics).toContain('offpath_counters_total{name="kafka.poison.too_long"} 1\n')
      expect(metrics).toContain(`offpath_source_lag_records{topic="${topic}",partition="0"} 0\n`)
      expect(metrics).toContain(`offpath_source_queued_seconds{name="${topic}"} 0\n`)
      expect(await daemon.stop()).toBe(0)
    } finally {
      await folder.remove()
    }
  })
})
