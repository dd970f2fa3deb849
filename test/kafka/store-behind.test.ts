import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DaemonFolder } from '../integration/daemon-process.ts'
import { ensureBuilt } from '../integration/program.ts'
import { Broker, brokerMissing, transactionLine, until } from './broker.ts'

const missing = brokerMissing()
const broker = new Broker()
const [TOPIC, EMPTY] = ['behind', 'empty'] as const
const PARTITIONS = 3
/** A checkpoint is a second, and so is a batch; what was under way when the store stopped may be noted until then. */
const SETTLED_MS = 2000

beforeAll(async () => {
  ensureBuilt()
  if (missing === null) await broker.start()
}, 180_000)
afterAll(() => broker.remove())

const idsOf = (partition: number, upTo: number) =>
  Array.from({ length: upTo }, (_, offset) => JSON.parse(lineOf(partition, offset)).id as string)

const lineOf = (partition: number, offset: number) => transactionLine(offset * PARTITIONS + partition)

function configure(folder: DaemonFolder, topic: string): void {
  const source = { kind: 'kafka', brokers: [broker.places.plain], topics: [topic], from: 'beginning', format: 'native' }
  folder.configure({ sources: [{ ...source, group_id: topic, session_seconds: 1 }] })
}

async function stored(folder: DaemonFolder): Promise<string[]> {
  const { status, stdout, stderr } = await folder.offpath(
    ...['store', 'query', 'SELECT id FROM transactions', '--max-rows', '100000', '-o', 'jsonl'],
  )
  if (status !== 0) throw new Error(stderr)
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { id: string }).id)
}

describe.skipIf(missing !== null)(`a store that is behind${missing === null ? '' : ` (${missing})`}`, () => {
  test('while the store stands still the group is told nothing; of what it was told before, all is stored', {
    timeout: 120_000,
  }, async () => {
    await broker.createTopic(TOPIC, PARTITIONS)
    await broker.createTopic(EMPTY)
    const sent = Array.from({ length: PARTITIONS }, () => 0)
    const produce = async (times: number) => {
      for (let time = 0; time < times; time++) {
        for (let partition = 0; partition < PARTITIONS; partition++) {
          const lines = Array.from({ length: 10 }, () => lineOf(partition, sent[partition]!++))
          await broker.send(TOPIC, lines, partition)
        }
        await sleep(50)
      }
    }
    const committed = async () => {
      const offsets = await broker.committed(TOPIC, TOPIC)
      return sent.map((_, partition) => Math.max(0, offsets.get(partition) ?? 0))
    }
    const folder = new DaemonFolder()
    configure(folder, TOPIC)
    try {
      const first = folder.start()
      await first.ready()
      await produce(20)
      await until(async () => (await committed()).every((next) => next > 0), 40_000)
      process.kill(first.store, 'SIGSTOP')
      await produce(20)
      await sleep(SETTLED_MS)
      const told = await committed()
      await produce(20)
      await sleep(SETTLED_MS)
      expect(await committed()).toEqual(told)
      for (const [partition, next] of told.entries()) expect(next).toBeLessThan(sent[partition]!)
      for (const pid of first.children) process.kill(pid, 'SIGKILL')
      await first.kill()

      // What was sealed is stored without a look at the topic.
      configure(folder, EMPTY)
      const without = folder.start()
      await without.ready()
      expect(await without.stop()).toBe(0)
      const ids = new Set(await stored(folder))
      expect(told.flatMap((next, partition) => idsOf(partition, next)).filter((id) => !ids.has(id))).toEqual([])
      expect(ids.size).toBeLessThan(sent.reduce((sum, each) => sum + each, 0))

      configure(folder, TOPIC)
      const last = folder.start()
      await last.ready()
      await until(
        async () => (await committed()).join() === sent.join(),
        40_000,
        () => last.stderr.slice(-1000),
      )
      expect(await last.stop()).toBe(0)
      const all = sent.flatMap((count, partition) => idsOf(partition, count))
      expect((await stored(folder)).sort()).toEqual(all.sort())
    } finally {
      await folder.remove()
    }
  })
})
