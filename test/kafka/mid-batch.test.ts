import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { assemble } from '../../daemon/topology/assemble.ts'
import { KafkaSession } from '../../daemon/topology/kafka-session.ts'
import type { RowStage } from '../../daemon/topology/row-stage.ts'
import { Broker, brokerMissing, transactionLine, until } from './broker.ts'

const missing = brokerMissing()
const broker = new Broker()
const GROUP = 'group'
/**
 * The member that was first divides: partitions in the order of its topics, to members in the order of their names, which begin with
 * the client's. So the first topic goes to `a`, the second stays with `offpath`. (Partitions of one topic come in an order of the
 * broker's own.)
 */
const [LOST, STAYS] = ['lost', 'stays'] as const
const BEFORE_OFFPATH = 'a'
const TOPICS = [LOST, STAYS] as const
const RECORDS = 3000

beforeAll(async () => {
  if (missing === null) await broker.start()
}, 180_000)
afterAll(() => broker.remove())

/** What one engine does with topics, without rows: it stands still whenever its gate is shut. */
class Member {
  readonly session: KafkaSession
  /** Offsets of the records that it analysed, in that order. */
  readonly analysed = { [LOST]: [] as number[], [STAYS]: [] as number[] }
  /** Times that it stood at its gate. */
  waited = 0
  readonly #stop = new AbortController()
  readonly #running: Promise<void>
  readonly #beat: NodeJS.Timeout
  #gate: Promise<void> | undefined
  #open: () => void = () => undefined

  constructor() {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve
    })
    const assembly = assemble({
      config: effectiveConfig(CONFIG_SCHEMA, null).config,
      key: TEST_KEY,
      bodies: true,
      detect: null,
      listeners: {
        transaction: (transaction) => {
          const number = Number(transaction.path!.split('/').at(-1))
          this.analysed[TOPICS[number % 2]!].push(number >> 1)
          this.session.emitted(transaction)
        },
      },
      detectorFailed: (detector) => {
        throw new Error(detector)
      },
    })
    const rows = { room: () => this.#room(), sent: 0, oldestUnsettled: Number.POSITIVE_INFINITY }
    const options = {
      brokers: [broker.places.plain],
      topics: TOPICS,
      groupId: GROUP,
      sessionMs: 10_000,
      from: 'beginning',
      sasl: null,
      tls: null,
    } as const
    this.session = new KafkaSession({
      input: { kind: 'kafka', name: GROUP, options, format: 'native', kept: [] },
      assembly,
      hostClock: () => Date.now() * 1000,
      rows: () => rows as unknown as RowStage,
      tell: (message) => {
        if (message.kind === 'positions') void this.session.kept(message.positions)
      },
      doubtChanged: () => undefined,
    })
    this.#running = this.session.run(this.#stop.signal)
    this.#beat = setInterval(() => this.beat(), 200)
  }

  /** Topics, of one partition each, that are its own. */
  get topics(): string[] {
    return this.session.status().lags.map(({ topic }) => topic)
  }

  beat(): void {
    this.session.tick()
    this.session.checkpoint()
  }

  open(): void {
    this.#gate = undefined
    this.#open()
  }

  async close(): Promise<void> {
    this.open()
    this.#stop.abort()
    await this.#running
    clearInterval(this.#beat)
    await this.session.finish()
  }

  #room(): Promise<void> | undefined {
    if (this.#gate !== undefined) this.waited++
    return this.#gate
  }
}

/** Another program of the group, that goes by a name of its own. */
class Other {
  /** Of the lost topic. */
  firstRead: number | null = null
  readonly #consumer = new Kafka({
    clientId: BEFORE_OFFPATH,
    brokers: [broker.places.plain],
    logLevel: logLevel.NOTHING,
  }).consumer({ groupId: GROUP, maxWaitTimeInMs: 500 })

  async join(): Promise<void> {
    await this.#consumer.connect()
    await this.#consumer.subscribe({ topics: [...TOPICS] })
    await this.#consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch: { topic, messages } }) => {
        if (topic === LOST) this.firstRead ??= Number(messages[0]!.offset)
      },
    })
  }

  commit(next: number): Promise<void> {
    return this.#consumer.commitOffsets([{ topic: LOST, partition: 0, offset: String(next) }])
  }

  leave(): Promise<void> {
    return this.#consumer.disconnect()
  }
}

const sorted = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)
const upTo = (end: number, from = 0) => Array.from({ length: end - from }, (_, i) => from + i)
const committed = async (topic: string) => (await broker.committed(GROUP, topic)).get(0)!

describe.skipIf(missing !== null)(`two members of a group${missing === null ? '' : ` (${missing})`}`, () => {
  test('a partition that goes to another member in the middle of a batch is analysed no further here, nor committed', async () => {
    for (const topic of TOPICS) await broker.createTopic(topic)
    const startMs = Date.now() - 86_400_000
    const send = (topic: (typeof TOPICS)[number]) => {
      const numbers = upTo(RECORDS).map((i) => 2 * i + TOPICS.indexOf(topic))
      // A second apart: what is a minute old is analysed while the batch is still read.
      return broker.send(
        topic,
        numbers.map((number) => transactionLine(number, startMs + number * 1000)),
      )
    }
    const member = new Member()
    const other = new Other()
    try {
      await send(LOST)
      await until(() => member.waited > 0 && member.analysed[LOST].length > 0, 30_000)
      await until(async () => (await committed(LOST)) > 0, 20_000)
      // It waits behind the batch that is read.
      await send(STAYS)
      await until(() => member.session.status().queued > RECORDS, 20_000)

      await other.join()
      await until(() => member.topics.join() === STAYS && other.firstRead !== null, 30_000)
      const before = [...member.analysed[LOST]]
      expect(before.length).toBeLessThan(RECORDS)
      expect(before).toEqual(upTo(before.length))
      // What was not committed is read again there.
      const left = await committed(LOST)
      expect(left).toBeLessThanOrEqual(before.length)
      expect(other.firstRead).toBe(left)
      const taken = RECORDS / 2
      await other.commit(taken)

      member.open()
      await until(() => member.analysed[STAYS].length >= RECORDS, 30_000)
      await until(async () => (await committed(STAYS)) === RECORDS, 20_000)
      expect(sorted(member.analysed[STAYS])).toEqual(upTo(RECORDS))
      const after = [...member.analysed[LOST]]
      // One may have waited for others of its microsecond.
      expect(after.length).toBeLessThanOrEqual(before.length + 1)
      expect(after).toEqual(upTo(after.length))
      expect(await committed(LOST)).toBe(taken)

      await other.leave()
      await until(async () => (await committed(LOST)) === RECORDS, 30_000)
      expect(sorted(member.analysed[LOST].slice(after.length))).toEqual(upTo(RECORDS, taken))
      expect(member.analysed[STAYS].length).toBe(RECORDS)
    } finally {
      await other.leave()
      await member.close()
    }
  })
})
