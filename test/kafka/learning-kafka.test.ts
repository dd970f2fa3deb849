import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DaemonFolder } from '../integration/daemon-process.ts'
import { ensureBuilt } from '../integration/program.ts'
import { Broker, brokerMissing, transactionLine, until } from './broker.ts'

const missing = brokerMissing()
const broker = new Broker()
const TOPIC = 'learnt'
const PARTITIONS = 3
const RECORDS = 600
/** Rhythms, which go by the host's clock where nothing comes, and so by when each daemon was stopped. */
const LOOSE = new Set(['capture.silent', 'regression.silence'])

beforeAll(async () => {
  ensureBuilt()
  if (missing === null) await broker.start()
}, 180_000)
afterAll(() => broker.remove())

interface Snapshot {
  readonly parts: Map<string, string[]>
  /** Records that are learnt, of all partitions. */
  readonly learnt: number
}

/** Null while there is none. */
function snapshotOf(folder: DaemonFolder): Snapshot | null {
  let text: string
  try {
    text = gunzipSync(readFileSync(join(folder.path, 'offpath-data/state/learning'))).toString()
  } catch {
    return null
  }
  const parts = new Map<string, string[]>()
  let current: string[] = []
  let learnt = 0
  for (const line of text.trimEnd().split('\n')) {
    const read = JSON.parse(line) as unknown
    if (Array.isArray(read)) current.push(line)
    else if ('part' in (read as object)) {
      current = []
      parts.set((read as { part: string }).part, current)
    } else if ('covers' in (read as object)) {
      const { topics } = (read as { covers: { topics: { reach: number; open: number[] }[] } }).covers
      learnt = topics.reduce((sum, { reach, open }) => sum + reach - open.length, 0)
    }
  }
  return { parts, learnt }
}

/** Requests that the inventory counts, of all routes and of all callers; null while there is none. */
function listed(folder: DaemonFolder): { routes: number; callers: number } | null {
  let text: string
  try {
    text = readFileSync(join(folder.path, 'offpath-data/state/inventory'), 'utf8')
  } catch {
    return null
  }
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, { requests: number }>)
  const sum = (name: string) => lines.reduce((total, line) => total + (line[name]?.requests ?? 0), 0)
  return { routes: sum('operation'), callers: sum('client') }
}

function configured(group: string): DaemonFolder {
  const folder = new DaemonFolder()
  const source = {
    kind: 'kafka',
    brokers: [broker.places.plain],
    topics: [TOPIC],
    from: 'beginning',
    format: 'native',
    session_seconds: 1,
    group_id: group,
  }
  folder.configure({ sources: [source], state: { snapshot_seconds: 5 } })
  return folder
}

describe.skipIf(missing !== null)(`learning from a topic${missing === null ? '' : ` (${missing})`}`, () => {
  test('what was learnt and not committed is read again after a kill, and counts once: in baselines, endpoints, inventory', {
    timeout: 120_000,
  }, async () => {
    await broker.createTopic(TOPIC, PARTITIONS)
    const startMs = Date.now() - 3_600_000
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const own = Array.from({ length: RECORDS / PARTITIONS }, (_, i) => i * PARTITIONS + partition)
      await broker.send(
        TOPIC,
        own.map((number) => transactionLine(number, startMs + number * 10)),
        partition,
      )
    }
    const killed = configured('killed')
    const whole = configured('whole')
    try {
      const first = killed.start()
      await until(
        () => first.stderr.includes('the store is up'),
        15_000,
        () => first.stderr,
      )
      // Before the first record is read: nothing is sealed, so nothing is committed, while learning goes on.
      process.kill(first.store, 'SIGSTOP')
      await until(
        () => (snapshotOf(killed)?.learnt ?? 0) === RECORDS,
        60_000,
        () => JSON.stringify(snapshotOf(killed)?.learnt),
      )
      await until(() => (listed(killed)?.callers ?? 0) > 0, 60_000)
      for (const offset of (await broker.committed('killed', TOPIC)).values()) expect(offset).toBeLessThanOrEqual(0)
      process.kill(first.store, 'SIGKILL')
      await first.kill()
      const both = [killed, whole].map((folder) => folder.start())
      for (const daemon of both) await daemon.ready()
      for (const [i, group] of ['killed', 'whole'].entries()) {
        await until(
          async () =>
            [...(await broker.committed(group, TOPIC)).values()].reduce((a, b) => a + Math.max(0, b), 0) === RECORDS,
          40_000,
          () => `${group}: ${both[i]!.stderr.slice(-1000)}`,
        )
      }
      for (const daemon of both) expect(await daemon.stop()).toBe(0)
      const [one, other] = [killed, whole].map((folder) => snapshotOf(folder)!.parts)
      expect(one!.size).toBe(other!.size)
      for (const [name, lines] of other!)
        if (!LOOSE.has(name))
          expect({ name, lines: [...one!.get(name)!].sort() }).toEqual({ name, lines: [...lines].sort() })
      expect(listed(killed)).toEqual({ routes: RECORDS, callers: RECORDS })
      expect(listed(whole)).toEqual(listed(killed))
      // It was not empty: every caller of the ledger has its own line.
      expect(one!.get('object.enumeration')!.length).toBeGreaterThan(200)
    } finally {
      await Promise.all([killed.remove(), whole.remove()])
    }
  })
})
