import { execFileSync } from 'node:child_process'
import { createWriteStream, mkdtempSync, readFileSync, rmSync, type WriteStream } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseKey } from '../../daemon/identity/privacy-key.ts'
import { Gateway } from '../clickhouse/gateway.ts'
import { DaemonFolder, type DaemonProcess } from '../integration/daemon-process.ts'
import { ensureBuilt, ROOT } from '../integration/program.ts'
import { Broker, brokerMissing, until } from './broker.ts'

const missing = brokerMissing()
const broker = new Broker()
const PARTITIONS = 4
const CAPTURE = join(ROOT, 'demo/scene.pcap.gz')
const TRANSACTIONS = 1428
const capture = gunzipSync(readFileSync(CAPTURE))

beforeAll(async () => {
  ensureBuilt()
  if (missing === null) await broker.start()
}, 180_000)
afterAll(() => broker.remove())

interface Status {
  readonly funnel: { readonly pairs: { readonly in: number } }
  readonly counters: Record<string, number>
  readonly tables: Record<string, { readonly entries: number }>
  readonly publisher?: { readonly state: string; readonly why: string | null; readonly queued: number }
}

/** What a person would call the same incidents. */
function named(daemon: DaemonProcess): string[] {
  return [...new Set(daemon.incidents.map(({ line }) => `${line.id} ${line.detector}`))].sort()
}

async function inTopic(topic: string): Promise<number> {
  const admin = broker.client().admin()
  await admin.connect()
  const offsets = await admin.fetchTopicOffsets(topic)
  await admin.disconnect()
  return offsets.reduce((sum, { high }) => sum + Number(high), 0)
}

async function idsIn(topic: string, count: number): Promise<string[]> {
  const ids: string[] = []
  const consumer = broker.client().consumer({ groupId: `ids-${topic}` })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      ids.push((JSON.parse(message.value!.toString()) as { id: string }).id)
    },
  })
  await until(
    () => ids.length >= count,
    20_000,
    () => `${ids.length} of ${count}`,
  )
  await consumer.disconnect()
  return ids
}

function configured(): DaemonFolder {
  const folder = new DaemonFolder()
  folder.configure({})
  return folder
}

/** A sensor of what is written to `writer`. */
function sensorOf(folder: DaemonFolder, topic: string): { sensor: DaemonProcess; writer: WriteStream } {
  const fifo = join(folder.path, 'capture')
  execFileSync('mkfifo', [fifo])
  const sensor = folder.start('--role', 'sensor', ...flags(topic), '--file', fifo)
  return { sensor, writer: createWriteStream(fifo) }
}

const flags = (topic: string) => ['--kafka', broker.places.plain, '--topic', topic]

describe.skipIf(missing !== null)(`offpath run --role${missing === null ? '' : ` (${missing})`}`, () => {
  test('sensor, topic and analyzer together find what one daemon finds', async () => {
    const topic = 'roles'
    await broker.createTopic(topic, PARTITIONS)
    const folders = { sensor: configured(), analyzer: configured(), whole: configured() }
    try {
      const sensor = folders.sensor.start('--role', 'sensor', ...flags(topic), '--file', CAPTURE)
      expect(await sensor.ended).toBe(0)
      expect(await inTopic(topic)).toBe(TRANSACTIONS)
      const analyzer = folders.analyzer.start('--role', 'analyzer', ...flags(topic), '--from', 'beginning')
      await analyzer.ready()
      await until(
        async () => (await folders.analyzer.json<Status>('status')).funnel.pairs.in === TRANSACTIONS,
        30_000,
        () => analyzer.stderr.slice(-1000),
      )
      expect(await analyzer.stop()).toBe(0)
      const whole = folders.whole.start('--store', 'none', '--file', CAPTURE)
      expect(await whole.ended).toBe(0)
      expect(named(analyzer)).toEqual(named(whole))
      expect(named(whole).length).toBeGreaterThan(3)
      const rows = await folders.analyzer.offpath('store', 'query', 'SELECT count() FROM transactions', '-o', 'jsonl')
      expect(rows.stdout).toContain(String(TRANSACTIONS))
    } finally {
      await Promise.all(Object.values(folders).map((folder) => folder.remove()))
    }
  })

  test('what one analyzer learnt another of its group knows, by way of the ClickHouse server that they share', {
    timeout: 90_000,
  }, async () => {
    const topic = 'learnt'
    await broker.createTopic(topic, PARTITIONS)
    const server = mkdtempSync(join(tmpdir(), 'offpath-learnt-'))
    const gateway = new Gateway({ folder: server, user: 'offpath', password: 'p' })
    const folders = [configured(), new DaemonFolder(), new DaemonFolder()] as const
    try {
      await gateway.start()
      const [sensing, ...analyzing] = folders
      expect(await sensing.start('--role', 'sensor', ...flags(topic), '--file', CAPTURE).ended).toBe(0)
      for (const folder of analyzing) {
        folder.environment.OFFPATH_CLICKHOUSE_PASSWORD = 'p'
        folder.configure({ sinks: { clickhouse: { url: gateway.url, user: 'offpath' } } })
      }
      const [first, second] = analyzing
      const begin = ['--role', 'analyzer', ...flags(topic), '--from', 'beginning']
      const one = first!.start(...begin)
      await one.ready()
      await until(
        async () => (await first!.json<Status>('status')).funnel.pairs.in === TRANSACTIONS,
        30_000,
        () => one.stderr.slice(-1000),
      )
      // Its end is orderly: it tells what it learnt.
      expect(await one.stop()).toBe(0)
      const other = second!.start(...begin)
      await other.ready()
      const known = async () =>
        (await second!.json<Status>('status')).tables['endpoints/endpoints_of_others']?.entries ?? 0
      await until(
        async () => (await known()) > 10,
        30_000,
        () => other.stderr.slice(-1000),
      )
      const { counters, funnel } = await second!.json<Status>('status')
      expect(funnel.pairs.in, 'the group has read it').toBe(0)
      expect(Object.keys(counters).filter((name) => name.startsWith('learning.peers_refused'))).toEqual([])
      expect(await other.stop()).toBe(0)
    } finally {
      await Promise.all(folders.map((folder) => folder.remove()))
      await gateway.stop()
      rmSync(server, { recursive: true, force: true })
    }
  })

  test('records under another key are refused and stay for who has it, or are taken as of the key before', async () => {
    const topic = 'foreign'
    await broker.createTopic(topic)
    const folder = configured()
    try {
      const sensor = folder.start('--role', 'sensor', ...flags(topic), '--file', CAPTURE)
      expect(await sensor.ended).toBe(0)
      const keyBefore = parseKey(folder.environment.OFFPATH_PRIVACY_KEY!)!.id
      folder.environment.OFFPATH_PRIVACY_KEY = '6b'.repeat(32)
      const analyzer = folder.start('--role', 'analyzer', ...flags(topic), '--from', 'beginning', '--store', 'none')
      expect(await analyzer.ended).toBe(1)
      expect(analyzer.stderr).toContain('OFFPATH_E_KEY_MISMATCH')
      expect(analyzer.stderr).toContain('privacy.key_file')
      expect((await broker.committed('offpath', topic)).get(0)).toBeLessThanOrEqual(0)
      folder.configure({ privacy: { previous_key_ids: [keyBefore] } })
      // A group of its own: the broker waits half a minute for the member that ended.
      const changed = folder.start(
        ...['--role', 'analyzer', ...flags(topic), '--group', 'changed', '--from', 'beginning', '--store', 'none'],
      )
      await changed.ready()
      await until(
        async () => (await folder.json<Status>('status')).funnel.pairs.in === TRANSACTIONS,
        30_000,
        () => changed.stderr.slice(-1000),
      )
      expect(await changed.stop()).toBe(0)
    } finally {
      await folder.remove()
    }
  })

  test('a sensor that finds no broker keeps what it sees, says so, and hands it on once', {
    timeout: 90_000,
  }, async () => {
    const topic = 'away'
    await broker.createTopic(topic, PARTITIONS)
    const folder = configured()
    try {
      await broker.stop()
      const { sensor, writer } = sensorOf(folder, topic)
      writer.write(capture)
      await sensor.ready()
      const status = () => folder.json<Status>('status')
      await until(
        async () => (await status()).publisher?.state === 'down',
        20_000,
        () => sensor.stderr.slice(-1000),
      )
      const { publisher } = await status()
      expect(publisher?.why).toMatch(/ECONNREFUSED|[Cc]onnection|broker/)
      expect(publisher?.queued).toBeGreaterThan(1000)
      await broker.start()
      await until(
        async () => (await status()).publisher?.state === 'publishing' && (await status()).publisher?.queued === 0,
        30_000,
        () => sensor.stderr.slice(-1000),
      )
      writer.end()
      expect(await sensor.ended).toBe(0)
      const ids = await idsIn(topic, TRANSACTIONS)
      expect(new Set(ids).size).toBe(TRANSACTIONS)
      expect(ids).toHaveLength(TRANSACTIONS)
    } finally {
      await folder.remove()
    }
  })

  test('a broker that goes away in between costs nothing', { timeout: 90_000 }, async () => {
    const topic = 'between'
    await broker.createTopic(topic, PARTITIONS)
    const folder = configured()
    try {
      const { sensor, writer } = sensorOf(folder, topic)
      const half = capture.length >> 1
      writer.write(capture.subarray(0, half))
      await until(
        async () => (await inTopic(topic)) > 0,
        20_000,
        () => sensor.stderr.slice(-1000),
      )
      await broker.stop()
      writer.write(capture.subarray(half))
      await broker.start()
      writer.end()
      expect(await sensor.ended).toBe(0)
      const ids = await idsIn(topic, TRANSACTIONS)
      expect(new Set(ids).size).toBe(TRANSACTIONS)
      expect(ids).toHaveLength(TRANSACTIONS)
    } finally {
      await folder.remove()
    }
  })
})
