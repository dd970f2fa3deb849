import { afterEach, expect, test } from 'vitest'
import { CONFIG_SCHEMA } from '../config/current-schema.ts'
import { effectiveConfig } from '../config/effective.ts'
import { TEST_KEY } from '../identity/privacy-key.ts'
import { formatTime, SECOND_US } from '../model/time.ts'
import { RecordQueue } from '../sources/kafka/record-queue.ts'
import { assemble } from './assemble.ts'
import { KafkaFeed } from './kafka-feed.ts'
import { KafkaProgress } from './kafka-progress.ts'

const NOW = Date.UTC(2026, 10, 22, 12) * 1000
const RECORDS = 600
/** Of a batch: after 256 records, 512, and at its end. */
const ASKS = 3
const stops: AbortController[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort()
})

/** A feed whose records are so far apart, and that stands still in the middle of one batch until its gate is opened. */
function feed(apartUs: number, stillIn: number) {
  const analysed: string[] = []
  const progress = new KafkaProgress()
  const assembly = assemble({
    config: effectiveConfig(CONFIG_SCHEMA, null).config,
    key: TEST_KEY,
    bodies: true,
    detect: null,
    listeners: {
      transaction: (transaction) => {
        analysed.push(transaction.id)
        progress.emitted(transaction)
      },
    },
    detectorFailed: (detector) => {
      throw new Error(detector)
    },
  })
  const queue = new RecordQueue({ maxBytes: 1e9, maxRecords: 1e6, pause: () => {}, resume: () => {} })
  let open: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  let asked = 0
  let arrived: () => void = () => undefined
  const stoodStill = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const made = new KafkaFeed({
    assembly,
    info: { kind: 'kafka', name: 'topic' },
    queue,
    progress,
    hostClock: () => NOW,
    format: 'native',
    warn: () => undefined,
    deadLetter: () => undefined,
    room: () => {
      if (asked++ < stillIn * ASKS) return undefined
      arrived()
      return gate
    },
  })
  const push = (partition: number) => {
    const records = Array.from({ length: RECORDS }, (_, i) => {
      const end = formatTime(NOW - 3600 * SECOND_US + i * apartUs)
      const text = `{"id":"${partition}-${i}","ts":"${end}","end_ts":"${end}","method":"GET","host":"a","path":"/","client_ip":"10.0.0.1","status":200}`
      return { offset: i, timestampMs: NOW / 1000 - 60_000, value: Buffer.from(text) }
    })
    queue.push({ topic: 'topic', partition, records, bytes: 0, next: RECORDS })
  }
  const stop = new AbortController()
  stops.push(stop)
  return {
    made,
    progress,
    analysed,
    counters: assembly.telemetry.counters,
    push,
    stoodStill,
    go: () => void made.run(stop.signal),
    open,
  }
}

const nothingLeft = async (of: KafkaFeed) => {
  while (of.queued > 0) await new Promise((resolve) => setImmediate(resolve))
}

test('what is still to be read of a batch is a backlog: nothing it belongs before goes on', async () => {
  const { made, push, go, stoodStill, open, counters, analysed } = feed(SECOND_US / 20, 1)
  push(0)
  push(1)
  go()
  await stoodStill
  made.tick()
  open()
  await nothingLeft(made)
  made.tick()
  expect(analysed.length).toBeGreaterThan(2 * RECORDS - 10)
  expect(counters.get('records.late')).toBe(0)
})

test('a batch that is given up on the way is read no further, and is nowhere taken for done', async () => {
  const { made, push, go, stoodStill, open, progress, analysed } = feed(SECOND_US, 0)
  push(0)
  go()
  await stoodStill
  made.forget('topic', 0)
  progress.keepOnly([])
  const before = analysed.length
  expect(before).toBeGreaterThan(0)
  open()
  await nothingLeft(made)
  expect(analysed.length).toBe(before)
  expect(progress.reach()).toEqual([])
  // It may come back, and is read from wherever the group has it.
  push(0)
  await nothingLeft(made)
  expect(progress.reach()).toEqual([{ topic: 'topic', partition: 0, next: RECORDS }])
})
