import { NativeReader } from '../identity/native-reader.ts'
import { Pseudonyms } from '../identity/pseudonym.ts'
import { TransactionIds } from '../identity/transaction-id.ts'
import type { SourceInfo } from '../model/frame.ts'
import { type EventTime, parseTime, SECOND_US } from '../model/time.ts'
import type { Transaction } from '../model/transaction.ts'
import { type ClockGuard, FileClockGuard } from '../sources/clock-guard.ts'
import type { RecordQueue } from '../sources/kafka/record-queue.ts'
import { partitionKey, type RecordsOfPartition, type SourceRecord } from '../sources/kafka/record-source.ts'
import type { Preset } from '../tap/mapping.ts'
import { OffpathError } from '../telemetry/errors.ts'
import type { Assembly } from './assemble.ts'
import { MAX_RECORD_BYTES } from './kafka-limits.ts'
import { KafkaMapping } from './kafka-mapping.ts'
import type { KafkaProgress } from './kafka-progress.ts'
import { NativeOrder } from './native-order.ts'

/** Between two of them the loop is free for the group and for control. */
const RECORDS_AT_ONCE = 256
const HEAD_BYTES = 16
/** How much later than others a record may come without being late, where there is no backlog. */
const MOMENT_US = 2 * SECOND_US

/** A record that gave no transaction, for the file of dead letters. */
export interface DeadLetter {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly reason: string
  readonly bytes: number
  /** The first bytes, hex: too few for a secret, enough to tell a wrong format. */
  readonly head: string
}

type Unread = 'too_long' | 'bad_json' | 'not_object' | 'no_time'

interface Lane {
  readonly topic: string
  readonly partition: number
  readonly guard: ClockGuard
  /** Read, and waiting for those after it to judge its time by. */
  /** Null: the records are native. */
  readonly mapping: KafkaMapping | null
  waiting: { readonly offset: number; readonly record: Record<string, unknown>; readonly time: EventTime }[]
}

export interface KafkaFeedOptions {
  readonly assembly: Assembly
  readonly info: SourceInfo
  readonly queue: RecordQueue
  readonly progress: KafkaProgress
  readonly hostClock: () => EventTime
  /** What the records are: `auto`, `native`, or a mapping. */
  readonly format: string | Preset
  warn(message: string): void
  deadLetter(letter: DeadLetter): void
  /** Tells a writer that it is full; undefined when there is room. */
  room(): Promise<void> | undefined
}

/**
 * Records of a topic into the chain: judged against the clock by partition, put in order within a minute of event time, and
 * followed to where their rows are made.
 */
export class KafkaFeed {
  readonly #options: KafkaFeedOptions
  readonly #reader: NativeReader
  readonly #ids: TransactionIds
  readonly #pseudonyms: Pseudonyms
  readonly #order: NativeOrder
  readonly #info: Readonly<Record<string, unknown>>
  readonly #lanes = new Map<string, Lane>()
  #place: { lane: Lane; offset: number } | null = null
  #idleSince: EventTime | null = null
  /** The latest event time that had been read two ticks ago, and at the last one. */
  #latest: readonly [EventTime, EventTime] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  /** A record under our key was read. */
  #keyAgrees = false
  #refused: OffpathError | null = null

  constructor(options: KafkaFeedOptions) {
    const { assembly, info } = options
    this.#options = options
    this.#info = { ...info, vlan: null, vni: null }
    this.#pseudonyms = new Pseudonyms(assembly.options.key)
    this.#ids = new TransactionIds(this.#pseudonyms)
    this.#reader = new NativeReader({
      key: assembly.options.key,
      options: assembly.options.identity,
      bodies: assembly.options.bodies,
      telemetry: assembly.telemetry,
      sourceName: info.name,
    })
    this.#order = new NativeOrder({ read: (...args) => this.#read(...args) }, assembly.chain)
  }

  /** Reads what comes until `stop`. Rejects with OFFPATH_E_KEY_MISMATCH when the first records are under another key. */
  async run(stop: AbortSignal): Promise<void> {
    const { queue, room } = this.#options
    while (!stop.aborted) {
      if (this.#refused !== null) throw this.#refused
      const batch = queue.shift()
      if (batch === null) {
        await queue.wait(WAIT_MS)
        continue
      }
      this.#idleSince = null
      for (let at = 0; at < batch.records.length; at += RECORDS_AT_ONCE) {
        for (const record of batch.records.slice(at, at + RECORDS_AT_ONCE)) this.#take(batch, record)
        await room()
        await new Promise((resolve) => setImmediate(resolve))
        if (stop.aborted) return
      }
      this.#options.progress.read(batch, batch.next)
    }
  }

  /**
   * Every second. Without a backlog what is older than a moment goes on: the moment is for producers whose records take
   * different times to come here. When nothing is left at all, event time moves with the host's, so that windows close on
   * an idle topic too.
   */
  tick(): void {
    const { assembly, queue, hostClock } = this.#options
    const { chain } = assembly
    const now = hostClock()
    const oldestMs = queue.oldestMs
    if (oldestMs !== null && oldestMs * 1000 < now - MOMENT_US) return
    if (queue.records === 0) {
      for (const lane of this.#lanes.values()) {
        lane.mapping?.settle(now / 1000)
        this.#judge(lane, lane.waiting.length)
      }
    }
    // What was there two ticks ago has waited long enough also where its producer's clock is ahead.
    this.#order.flush(Math.max(now - MOMENT_US, this.#latest[0] + 1))
    this.#latest = [this.#latest[1], this.#order.latest]
    chain.settle()
    if (queue.records > 0 || this.#order.held > 0) {
      this.#idleSince = null
      return
    }
    if (this.#idleSince !== null && Number.isFinite(chain.now)) {
      const reached = Math.min(chain.now + Math.max(0, now - this.#idleSince), now - MOMENT_US)
      if (reached > chain.now) chain.advance(reached)
    }
    this.#idleSince = now
  }

  /** Another member reads it from now on, or it is read again. */
  forget(topic: string, partition: number): void {
    const key = partitionKey({ topic, partition })
    this.#lanes.get(key)?.mapping?.close()
    this.#lanes.delete(key)
  }

  close(): void {
    for (const lane of this.#lanes.values()) {
      lane.mapping?.flush(this.#options.hostClock() / 1000)
      lane.mapping?.close()
      this.#judge(lane, lane.waiting.length)
    }
    this.#order.flush()
    this.#reader.close()
    this.#pseudonyms.close()
  }

  #take(batch: RecordsOfPartition, source: SourceRecord): void {
    const { offset, value } = source
    const { progress, assembly } = this.#options
    const counters = assembly.telemetry.counters
    progress.read(batch, offset + 1)
    if (value === null) {
      counters.add('kafka.tombstones')
      return
    }
    const lane = this.#lane(batch)
    if (lane.mapping !== null) {
      lane.mapping.map(source, this.#options.hostClock() / 1000)
      return
    }
    const read = readRecord(value)
    if (typeof read === 'string') {
      this.#lay(batch, offset, read, value)
      return
    }
    if (typeof read.record.id !== 'string' || read.record.id === '') {
      read.record.id = this.#ids.ofRecord(partitionKey(batch), offset, read.time)
    }
    progress.hold(batch, offset)
    this.#push(lane, offset, read.record, read.time)
  }

  #push(lane: Lane, offset: number, record: Record<string, unknown>, time: EventTime): void {
    record.source ??= this.#info
    lane.waiting.push({ offset, record, time })
    const ready = lane.waiting.length - lane.guard.lookAhead
    if (ready > 0) this.#judge(lane, ready)
  }

  #judge(lane: Lane, count: number): void {
    const { hostClock } = this.#options
    const waiting = lane.waiting.splice(0, count)
    for (const [index, { offset, record, time }] of waiting.entries()) {
      const after = (distance: number) => (waiting[index + distance] ?? lane.waiting[index + distance - count])?.time
      // With nothing after it a time after a pause is vouched for by the host's clock.
      const honest = lane.guard.admit(time, after(1) ?? hostClock(), after(2) ?? Number.NaN)
      this.#place = { lane, offset }
      this.#order.push({ line: offset, record, clock: lane.guard.clock, bogusTime: !honest })
    }
  }

  #read(...args: Parameters<NativeReader['read']>): ReturnType<NativeReader['read']> {
    const { lane, offset } = this.#place!
    const { progress, assembly } = this.#options
    const [record] = args
    let transaction: ReturnType<NativeReader['read']> = null
    // Which field it lacked is counted by the reader.
    let reason = 'unusable'
    try {
      transaction = this.#reader.read(...args)
    } catch (error) {
      if (!(error instanceof OffpathError)) throw error
      if (!this.#keyAgrees) {
        // Held, and so never committed: the record stays for an analyzer with the right key.
        this.#refused ??= error
        return null
      }
      reason = 'foreign_key'
      if (assembly.telemetry.counters.get('kafka.poison.foreign_key') === 0) this.#options.warn(error.message)
    }
    if (transaction === null) {
      progress.release(lane, offset)
      assembly.telemetry.counters.add(`kafka.poison.${reason}`)
      const { topic, partition } = lane
      this.#options.deadLetter({ topic, partition, offset, reason, bytes: 0, head: '' })
      return null
    }
    if (record.redacted === true) this.#keyAgrees = true
    progress.opened(lane, offset, transaction as Transaction)
    return transaction
  }

  #lay(
    { topic, partition }: Pick<Lane, 'topic' | 'partition'>,
    offset: number,
    reason: string,
    value: Uint8Array,
  ): void {
    this.#options.assembly.telemetry.counters.add(`kafka.poison.${reason}`)
    const head = Buffer.from(value.subarray(0, HEAD_BYTES)).toString('hex')
    this.#options.deadLetter({ topic, partition, offset, reason, bytes: value.length, head })
  }

  #lane({ topic, partition }: RecordsOfPartition): Lane {
    const key = partitionKey({ topic, partition })
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      lane = this.#newLane(topic, partition)
      this.#lanes.set(key, lane)
    }
    return lane
  }

  #newLane(topic: string, partition: number): Lane {
    const { format, assembly, info, progress, warn } = this.#options
    const { key, bodies, http } = assembly.options
    const lane: Lane = {
      topic,
      partition,
      guard: new FileClockGuard(),
      waiting: [],
      mapping:
        format === 'native'
          ? null
          : new KafkaMapping({
              settings: { format, key, bodies, telemetry: assembly.telemetry, source: info, limits: http },
              place: { topic, partition },
              progress,
              emit: (offset, record, time) => this.#push(lane, offset, record, time),
              poison: (offset, reason, value) => this.#lay({ topic, partition }, offset, reason, value ?? NOTHING),
              warn,
            }),
    }
    return lane
  }
}

function readRecord(value: Uint8Array): { record: Record<string, unknown>; time: EventTime } | Unread {
  if (value.length > MAX_RECORD_BYTES) return 'too_long'
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString())
  } catch {
    return 'bad_json'
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return 'not_object'
  const record = parsed as Record<string, unknown>
  const time = timeOf(record.end_ts) ?? timeOf(record.ts)
  return time === null ? 'no_time' : { record, time }
}

function timeOf(value: unknown): EventTime | null {
  return typeof value === 'string' ? parseTime(value) : null
}

const WAIT_MS = 200
const NOTHING = new Uint8Array(0)
