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
const TOPIC = 'shared'
const RECORDS = 3000
/** Which of two members gets which partition is up to the group. */
const MAX_TRIES = 12

beforeAll(async () => {
  if (missing === null) await broker.start()
}, 180_000)
afterAll(() => broker.remove())

/** What one engine does with a topic, without rows: it stands still whenever its gate is shut. */
class Member {
  readonly session: KafkaSession
  /** Numbers of the records that it analysed, in that order. */
  readonly analysed: number[] = []
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
          this.analysed.push(Number(transaction.path!.split('/').at(-1)))
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
      topics: [TOPIC],
      groupId: 'group',
      sessionMs: 10_000,
      from: 'beginning',
      sasl: null,
      tls: null,
    } as const
    this.session = new KafkaSession({
      input: { kind: 'kafka', name: TOPIC, options, format: 'native', kept: [] },
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

  get partitions(): number[] {
    return this.session
      .status()
      .lags.map(({ partition }) => partition)
      .sort()
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

const partitionOf = (number: number) => number % 2
const numbersOf = (partition: number) => Array.from({ length: RECORDS }, (_, i) => 2 * i + partition)
const sorted = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)
const committed = () => broker.committed('group', TOPIC)

describe.skipIf(missing !== null)(`two analyzers of a topic${missing === null ? '' : ` (${missing})`}`, () => {
  test('a partition that goes to another member in the middle of a batch is analysed no further here, nor committed', {
    timeout: 120_000,
  }, async () => {
    await broker.createTopic(TOPIC, 2)
    const startMs = Date.now() - 86_400_000
    for (const partition of [0, 1]) {
      // A second apart: what is a minute old is analysed while the batch is still read.
      const lines = numbersOf(partition).map((number) => transactionLine(number, startMs + number * 1000))
      await broker.send(TOPIC, lines, partition)
    }
    const first = new Member()
    let second: Member | null = null
    /** By those who came and got the other partition, and have said so. */
    const done: number[] = []
    try {
      await until(() => first.waited > 0 && first.analysed.length > 0, 30_000)
      const middle = partitionOf(first.analysed[0]!)
      for (let tries = 0; second === null || first.partitions.includes(middle); tries++) {
        await second?.close()
        done.push(...(second?.analysed ?? []))
        expect(tries).toBeLessThan(MAX_TRIES)
        second = new Member()
        // The first may still hold what it held beside the one before: together they have both.
        await until(() => sorted([...first.partitions, ...second!.partitions]).join() === '0,1', 30_000)
      }
      const before = first.analysed.filter((number) => partitionOf(number) === middle)
      expect(before.length).toBeLessThan(RECORDS)
      await until(() => second!.waited > 0, 30_000)
      // What the second has analysed so far it may commit, and nobody else.
      const from = partitionOf(second.analysed[0]!) === middle ? numbersOf(middle).indexOf(second.analysed[0]!) : -1
      expect(from).toBeGreaterThanOrEqual(0)
      const kept = from + second.analysed.length
      await until(async () => (await committed()).get(middle) === kept, 20_000)

      first.open()
      const other = () => sorted([...done, ...first.analysed].filter((number) => partitionOf(number) !== middle))
      await until(() => other().length >= RECORDS, 30_000)
      expect(other()).toEqual(numbersOf(1 - middle))
      for (let i = 0; i < 3; i++) first.beat()
      // One waited for others of its microsecond.
      const after = first.analysed.filter((number) => partitionOf(number) === middle)
      expect(after.slice(0, before.length)).toEqual(before)
      expect(after.length).toBeLessThanOrEqual(before.length + 1)
      await until(async () => (await committed()).get(1 - middle) === RECORDS, 20_000)
      expect((await committed()).get(middle)).toBe(kept)

      second.open()
      const rest = numbersOf(middle).slice(from)
      await until(() => second!.analysed.length >= rest.length, 30_000)
      expect(sorted(second.analysed)).toEqual(rest)
      await until(async () => (await committed()).get(middle) === RECORDS, 20_000)
    } finally {
      await second?.close()
      await first.close()
    }
  })
})
