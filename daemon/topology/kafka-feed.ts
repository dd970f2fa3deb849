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
import type { SourceTally } from '../telemetry/source-tallies.ts'
import type { Assembly } from './assemble.ts'
import { MAX_RECORD_BYTES } from './kafka-limits.ts'
import { KafkaMapping } from './kafka-mapping.ts'
import type { KafkaProgress, PartitionProgress } from './kafka-progress.ts'
import { OrderLane, RecordOrder } from './record-order.ts'

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
  /** Of several that are laid aside together. */
  readonly last?: number
  readonly reason: string
  readonly why?: string
  readonly bytes: number
  /** The first bytes, hex: too few for a secret, enough to tell a wrong format. */
  readonly head: string
}

type Unread = 'too_long' | 'bad_json' | 'not_object' | 'no_time'

/** A record on its way to the chain. */
class Pending {
  readonly lane: Lane
  readonly offset: number
  /** Parsed; or as it came, where its time was seen without parsing. */
  readonly record: Record<string, unknown> | Buffer
  readonly time: EventTime
  honest = true

  constructor(lane: Lane, offset: number, record: Record<string, unknown> | Buffer, time: EventTime) {
    this.lane = lane
    this.offset = offset
    this.record = record
    this.time = time
  }
}

/** One partition, as long as it is this member's. */
interface Lane {
  readonly name: string
  readonly progress: PartitionProgress
  readonly guard: ClockGuard
  readonly order: OrderLane<Pending>
  /** Null: the records are native. */
  readonly mapping: KafkaMapping | null
  /** Read, and waiting for those after it to judge its time by. */
  readonly waiting: Pending[]
  /** Another member's by now, or to be read again: nothing of it is done. */
  gone: boolean
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
  readonly #order: RecordOrder<Pending>
  readonly #info: Readonly<Record<string, unknown>>
  /** Counts what the topic brings. */
  readonly #tally: SourceTally
  readonly #lanes = new Map<string, Lane>()
  /** The batch that is being read, and how many of its records were. */
  #batch: RecordsOfPartition | null = null
  #taken = 0
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
    this.#tally = assembly.intake.funnel.sources.of(info)
    this.#pseudonyms = new Pseudonyms(assembly.options.key)
    this.#ids = new TransactionIds(this.#pseudonyms)
    this.#reader = new NativeReader({
      key: assembly.options.key,
      options: assembly.options.identity,
      bodies: assembly.options.bodies,
      payloads: assembly.options.payloads,
      payloadRules: assembly.options.payloadRules,
      telemetry: assembly.telemetry,
      sourceName: info.name,
    })
    this.#order = new RecordOrder((pending, clock) => this.#release(pending, clock))
  }

  /** Records that were fetched and are not read yet. */
  get queued(): number {
    return this.#options.queue.records + (this.#batch === null ? 0 : this.#batch.records.length - this.#taken)
  }

  /** When the oldest of them was written, milliseconds; null when there is none. */
  get oldestMs(): number | null {
    return this.#batch?.records[this.#taken]?.timestampMs ?? this.#options.queue.oldestMs
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
      const lane = this.#lane(batch)
      const { records } = batch
      this.#batch = batch
      this.#taken = 0
      // Given up on the way, the rest is read by whoever has it now, or again.
      while (this.#taken < records.length && !lane.gone) {
        this.#take(lane, records[this.#taken++]!)
        if (this.#taken % RECORDS_AT_ONCE !== 0 && this.#taken < records.length) continue
        await room()
        await new Promise((resolve) => setImmediate(resolve))
        if (stop.aborted) return
      }
      this.#batch = null
      if (!lane.gone) lane.progress.next = batch.next
    }
  }

  /**
   * Every second. Without a backlog what is older than a moment goes on: the moment is for producers whose records take
   * different times to come here. When nothing is left at all, event time moves with the host's, so that windows close on
   * an idle topic too.
   */
  tick(): void {
    const { assembly, hostClock } = this.#options
    const { chain } = assembly
    const { queued, oldestMs } = this
    const now = hostClock()
    if (oldestMs !== null && oldestMs * 1000 < now - MOMENT_US) return
    if (queued === 0) {
      for (const lane of this.#lanes.values()) {
        lane.mapping?.settle(now / 1000)
        this.#judge(lane, lane.waiting.length)
      }
    }
    // What was there two ticks ago has waited long enough also where its producer's clock is ahead.
    this.#order.flush(Math.max(now - MOMENT_US, this.#latest[0] + 1))
    this.#latest = [this.#latest[1], this.#order.latest]
    chain.settle()
    if (queued > 0 || this.#order.held > 0) {
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
    const lane = this.#lanes.get(key)
    if (lane === undefined) return
    lane.gone = true
    lane.mapping?.close()
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

  #take(lane: Lane, source: SourceRecord): void {
    const { offset, value } = source
    const { progress, mapping } = lane
    progress.next = offset + 1
    if (value === null) {
      this.#options.assembly.telemetry.counters.add('kafka.tombstones')
      return
    }
    if (mapping !== null) {
      mapping.map(source, this.#options.hostClock() / 1000)
      return
    }
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    const seen = value.length > MAX_RECORD_BYTES ? null : timeAtHead(bytes)
    if (seen !== null) {
      progress.hold(offset)
      this.#push(lane, offset, bytes, seen)
      return
    }
    const read = readRecord(bytes)
    if (typeof read === 'string') {
      this.#lay(lane, offset, read, value)
      return
    }
    if (typeof read.record.id !== 'string' || read.record.id === '') {
      read.record.id = this.#ids.ofRecord(lane.name, offset, read.time)
    }
    progress.hold(offset)
    this.#push(lane, offset, read.record, read.time)
  }

  #push(lane: Lane, offset: number, record: Pending['record'], time: EventTime): void {
    this.#tally.records++
    lane.waiting.push(new Pending(lane, offset, record, time))
    const ready = lane.waiting.length - lane.guard.lookAhead
    if (ready > 0) this.#judge(lane, ready)
  }

  #judge({ waiting, guard, order }: Lane, count: number): void {
    for (let i = 0; i < count; i++) {
      const pending = waiting[i]!
      // With nothing after it a time after a pause is vouched for by the host's clock.
      const next = waiting[i + 1]?.time ?? this.#options.hostClock()
      pending.honest = guard.admit(pending.time, next, waiting[i + 2]?.time ?? Number.NaN)
      const { record } = pending
      this.#order.push(pending, guard.clock, Buffer.isBuffer(record) ? record.length : MAPPED_BYTES, order)
    }
    if (count === 1) waiting.shift()
    else waiting.splice(0, count)
  }

  #release({ lane, offset, record, honest }: Pending, clock: EventTime): void {
    if (lane.gone) return
    const read = Buffer.isBuffer(record) ? readRecord(record) : { record }
    if (typeof read === 'string') {
      lane.progress.release(offset)
      this.#lay(lane, offset, read, record as Buffer)
      return
    }
    read.record.source ??= this.#info
    const transaction = this.#read(lane, offset, read.record, clock, honest)
    if (transaction !== null) this.#options.assembly.chain.transaction(transaction, clock)
  }

  #read(
    lane: Lane,
    offset: number,
    record: Record<string, unknown>,
    clock: EventTime,
    honest: boolean,
  ): Transaction | null {
    const { progress, assembly } = this.#options
    let transaction: Transaction | null = null
    // Which field it lacked is counted by the reader.
    let reason = 'unusable'
    try {
      transaction = this.#reader.read(record, offset, clock, !honest)
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
      lane.progress.release(offset)
      this.#lay(lane, offset, reason, NOTHING)
      return null
    }
    if (record.redacted === true) this.#keyAgrees = true
    progress.opened(lane.progress, offset, transaction)
    return transaction
  }

  #lay({ progress: { topic, partition } }: Pick<Lane, 'progress'>, offset: number, reason: string, value: Uint8Array) {
    this.#options.assembly.telemetry.counters.add(`kafka.poison.${reason}`)
    const head = Buffer.from(value.subarray(0, HEAD_BYTES)).toString('hex')
    this.#options.deadLetter({ topic, partition, offset, reason, bytes: value.length, head })
  }

  #lane(place: RecordsOfPartition): Lane {
    const name = partitionKey(place)
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      lane = this.#newLane(name, this.#options.progress.of(place))
      this.#lanes.set(name, lane)
    }
    return lane
  }

  #newLane(name: string, progress: PartitionProgress): Lane {
    const { format, assembly, info, warn } = this.#options
    const { key, bodies, http } = assembly.options
    const lane: Lane = {
      name,
      progress,
      guard: new FileClockGuard(),
      order: new OrderLane(),
      waiting: [],
      gone: false,
      mapping:
        format === 'native'
          ? null
          : new KafkaMapping({
              settings: { format, key, bodies, telemetry: assembly.telemetry, source: info, limits: http },
              progress,
              emit: (offset, record, time) => this.#push(lane, offset, record, time),
              poison: (offset, reason, value) => this.#lay({ progress }, offset, reason, value ?? NOTHING),
              warn,
              chosen: (lacks) => assembly.detection?.detectors.formatOf(info.name, lacks),
            }),
    }
    return lane
  }
}

/** Our own records begin so (native-json.ts): a time can be seen without parsing the rest. */
const HEAD = /^\{"id":"[^"\\]{1,64}","ts":"[^"\\]{1,64}","end_ts":"([^"\\]{1,64})",/
const MAX_HEAD_BYTES = 220
/** About what a record takes that a mapping made. */
const MAPPED_BYTES = 2048

function timeAtHead(value: Buffer): EventTime | null {
  const [, time] = HEAD.exec(value.toString('latin1', 0, MAX_HEAD_BYTES)) ?? []
  return time === undefined ? null : parseTime(time)
}

function readRecord(value: Buffer): { record: Record<string, unknown>; time: EventTime } | Unread {
  if (value.length > MAX_RECORD_BYTES) return 'too_long'
  let parsed: unknown
  try {
    parsed = JSON.parse(value.toString())
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
