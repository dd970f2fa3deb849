import { setTimeout as sleep } from 'node:timers/promises'
import { type Admin, type Consumer, type EachBatchPayload, Kafka } from 'kafkajs'
import type { Counters } from '../../telemetry/counters.ts'
import { recordsOf } from './batch-records.ts'
import { clientSettings, consumerSettings, reasonOf } from './client-settings.ts'
import { registerCodecs } from './codecs.ts'
import { CommitBook } from './commit-book.ts'
import type { KafkaOptions, KafkaPatience } from './kafka-options.ts'
import {
  type PartitionLag,
  type Position,
  partitionKey,
  type RecordSource,
  type RecordSourceEvents,
  type RecordSourceState,
  type UnreadableRange,
} from './record-source.ts'
import { startsOf } from './starts.ts'

export interface KafkaSourceRequest {
  readonly options: KafkaOptions
  /** How far what was read is known to be dealt with: nothing before it is handed out again. */
  readonly kept: readonly Position[]
  readonly counters: Counters
  readonly events: RecordSourceEvents
  readonly patience?: KafkaPatience
}

interface Partition {
  readonly topic: string
  readonly partition: number
  /** Offset after the last one handed out, or the kept position. */
  next: number
  highWatermark: number
  /** By the broker's word, at the last look: how it has grown tells that something was missed. */
  lookedAt: number
  lastBatchMs: number
}

/**
 * kafkajs behind the RecordSource contract; nothing else of the program knows it. It is built anew, after a growing pause,
 * whenever it crashes or falls silent: left to itself it gives up on some errors, and stalls on others.
 *
 * Offsets are the group's; what lies before a kept position is passed over, so that a commit that did not arrive hands out
 * nothing twice. Counters: `kafka.*`.
 */
export class KafkaSource implements RecordSource {
  readonly #request: KafkaSourceRequest
  readonly #counters: Counters
  readonly #stop = new AbortController()
  #state: RecordSourceState = 'starting'
  #why: string | null = null
  #consumer: Consumer | null = null
  #admin: Admin | null = null
  #running: Promise<void> | null = null
  #partitions = new Map<string, Partition>()
  readonly #book: CommitBook
  /** Ends the life of the consumer that runs, with the reason. */
  #end: (why: string) => void = () => undefined
  /** The one that asks to be let into the group. */
  #joining: Consumer | null = null
  #joined = false
  /** Where new partitions start is being asked: nothing of them may come before. */
  #placing = false
  #paused = false
  #pausedAtMs = 0
  #lastFetchMs = 0

  constructor(request: KafkaSourceRequest) {
    registerCodecs()
    this.#request = request
    this.#counters = request.counters
    this.#book = new CommitBook(request.kept)
  }

  get state(): RecordSourceState {
    return this.#state
  }

  get why(): string | null {
    return this.#why
  }

  subscribe(): void {
    this.#running ??= this.#keepGoing()
  }

  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#pausedAtMs = Date.now()
    this.#counters.add('kafka.pauses')
    this.#applyPause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#countPause()
    this.#paused = false
    if (this.#joined && !this.#placing) this.#consumer?.resume(this.#topics())
  }

  async commit(positions: readonly Position[]): Promise<void> {
    const due = this.#book.note(positions.filter((position) => this.#partitions.has(partitionKey(position))))
    const consumer = this.#consumer
    if (due.length === 0 || consumer === null || !this.#joined) return
    try {
      await consumer.commitOffsets(
        due.map(({ topic, partition, next }) => ({ topic, partition, offset: String(next) })),
      )
      this.#book.said(due)
    } catch {
      // The group has moved on, or the broker is away.
      this.#counters.add('kafka.commits_failed')
    }
  }

  rewind(positions: readonly Position[], why: string): void {
    this.#book.rewind(positions)
    this.#partitions = new Map()
    this.#end(why)
  }

  lag(): readonly PartitionLag[] {
    return [...this.#partitions.values()].map(({ topic, partition, next, highWatermark }) => ({
      topic,
      partition,
      lag: Math.max(0, highWatermark - Math.max(0, next)),
    }))
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#end('closed')
    await this.#running
  }

  async #keepGoing(): Promise<void> {
    const { signal } = this.#stop
    let pauseMs = FIRST_PAUSE_MS
    while (!signal.aborted) {
      const startedAt = Date.now()
      const why = await this.#live()
      if (signal.aborted) return
      this.#state = 'down'
      this.#why = why
      this.#counters.add('kafka.restarts')
      if (Date.now() - startedAt > STEADY_MS) pauseMs = FIRST_PAUSE_MS
      this.#request.events.warn(`${this.#name}: ${why}; trying again in ${Math.ceil(pauseMs / 1000)} s`)
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
      pauseMs = Math.min(2 * pauseMs, LAST_PAUSE_MS)
    }
  }

  /** One consumer, from connecting to its end. Resolves with why it ended. */
  async #live(): Promise<string> {
    const ended = new Promise<string>((resolve) => {
      this.#end = resolve
    })
    const settings = clientSettings(this.#request.options)
    const consumer = new Kafka(settings).consumer(consumerSettings(this.#request.options))
    const admin = new Kafka({ ...settings, retry: { retries: ADMIN_RETRIES } }).admin()
    this.#consumer = consumer
    this.#admin = admin
    this.#joined = false
    this.#lastFetchMs = Date.now()
    this.#listen(consumer)
    const started = this.#start(consumer, admin)
    let look: NodeJS.Timeout | undefined
    try {
      look = setInterval(() => this.#watch(), this.#patience.lookMs)
      const failed = new Promise<string>((resolve) => void started.catch((error) => resolve(reasonOf(error))))
      return await Promise.race([ended, failed])
    } finally {
      clearInterval(look)
      // kafkajs says of a commit that it worked also when the consumer crashed under it, so the last ones are repeated.
      this.#book.sayAgain([...this.#partitions.values()])
      this.#joined = false
      this.#consumer = null
      this.#admin = null
      // Who goes in the middle of joining is a member whom nobody hears of again: the group would wait for it, session_seconds.
      if (this.#joining === consumer) await Promise.race([started.catch(() => undefined), sleep(JOIN_MS)])
      // One that hangs is left behind: it commits nothing by itself.
      const gone = Promise.allSettled([consumer.disconnect(), admin.disconnect()])
      await Promise.race([gone, sleep(LEAVE_MS)])
    }
  }

  async #start(consumer: Consumer, admin: Admin): Promise<void> {
    // First, since it is told at once when there is nobody; a consumer tries for ten seconds.
    await admin.connect()
    await consumer.connect()
    // What the brokers have thrown away before it was read leaves the rest, not only what is new: `latest` is seen to below.
    await consumer.subscribe({ topics: [...this.#request.options.topics], fromBeginning: true })
    // Closed meanwhile.
    if (this.#consumer !== consumer) return
    this.#joining = consumer
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: CONCURRENT_PARTITIONS,
      eachBatch: async (payload) => this.#take(consumer, payload),
    })
    if (this.#joining === consumer) this.#joining = null
  }

  #listen(consumer: Consumer): void {
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      if (this.#consumer === consumer) this.#assigned(payload.memberAssignment)
    })
    consumer.on(consumer.events.REBALANCING, () => this.#counters.add('kafka.rebalances'))
    consumer.on(consumer.events.FETCH, () => {
      if (this.#consumer === consumer) this.#lastFetchMs = Date.now()
    })
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (this.#consumer !== consumer) return
      this.#counters.add('kafka.crashes')
      this.#end(reasonOf(payload.error))
    })
  }

  #assigned(assignment: Readonly<Record<string, number[]>>): void {
    this.#joined = true
    this.#state = 'capturing'
    this.#why = null
    this.#lastFetchMs = Date.now()
    const before = this.#partitions
    this.#partitions = new Map()
    for (const [topic, partitions] of Object.entries(assignment)) {
      for (const partition of partitions) {
        const key = partitionKey({ topic, partition })
        // What stays here goes on where it is, though it is fetched again from what is committed.
        this.#partitions.set(key, before.get(key) ?? this.#newPartition(topic, partition, key))
      }
    }
    this.#book.assigned((key) => before.has(key) && this.#partitions.has(key))
    this.#applyPause()
    this.#request.events.assigned([...this.#partitions.values()])
    void this.#place([...this.#partitions.values()].filter((held) => !before.has(partitionKey(held))))
  }

  async #place(fresh: readonly Partition[]): Promise<void> {
    const [consumer, admin, partitions] = [this.#consumer, this.#admin, this.#partitions]
    if (consumer === null || admin === null) return
    this.#placing = true
    try {
      const starts = fresh.length === 0 ? [] : await startsOf(admin, this.#request.options, fresh, this.#book.kept)
      if (this.#partitions !== partitions) return
      for (const start of starts) consumer.seek({ ...start, offset: String(start.next) })
      this.#placing = false
      if (!this.#paused) consumer.resume(this.#topics())
      if (starts.length > 0) await this.commit(starts)
      await this.#lookAtEnds()
    } catch (error) {
      if (this.#partitions === partitions) this.#end(reasonOf(error))
    }
  }

  #newPartition(topic: string, partition: number, key: string): Partition {
    const next = this.#book.kept.get(key) ?? -1
    return { topic, partition, next, highWatermark: -1, lookedAt: -1, lastBatchMs: Date.now() }
  }

  #take(consumer: Consumer, { batch, resolveOffset }: EachBatchPayload): void {
    const held = this.#partitions.get(partitionKey(batch))
    // Another member's by now: it reads this, or has.
    if (held === undefined || this.#consumer !== consumer) {
      this.#counters.add('kafka.stale_batches')
      return
    }
    const { topic, partition } = batch
    this.#book.read(batch, Number(batch.messages[0]?.offset))
    held.highWatermark = Number(batch.highWatermark)
    held.lastBatchMs = Date.now()
    if (held.next > held.highWatermark) this.#restarted(held)
    const next = Number(batch.lastOffset()) + 1
    if (next <= held.next) {
      this.#counters.add('kafka.passed_over', batch.messages.length)
      // Far behind: the group's own offsets are gone, or were never committed.
      if (held.next - next > FAR_BEHIND) consumer.seek({ topic, partition, offset: String(held.next) })
      else resolveOffset(batch.lastOffset())
      return
    }
    const { records, bytes, unreadable, passedOver } = recordsOf(batch, held.next)
    if (passedOver > 0) this.#counters.add('kafka.passed_over', passedOver)
    held.next = next
    resolveOffset(batch.lastOffset())
    for (const range of unreadable) this.#unreadable({ topic, partition, ...range })
    this.#counters.add('kafka.records', records.length)
    this.#counters.add('kafka.bytes', bytes)
    this.#request.events.records({ topic, partition, records, bytes, next })
  }

  #unreadable(range: UnreadableRange): void {
    const { topic, partition, first, last, why } = range
    this.#counters.add('kafka.unreadable_batches')
    this.#request.events.warn(
      `${topic}/${partition}: offsets ${first} to ${last} cannot be unpacked (${why}) and are passed over`,
    )
    this.#request.events.unreadable(range)
  }

  #restarted(held: Partition): void {
    const { topic, partition } = held
    this.#counters.add('kafka.offsets_restarted')
    this.#request.events.warn(
      `${topic}/${partition}: its offsets ended at ${held.highWatermark}, before ${held.next} that was read: the topic was made anew or cut`,
    )
    held.next = -1
    this.#book.forget(held)
    this.#request.events.restarted(held)
  }

  #watch(): void {
    // A long one is seen while it lasts.
    if (this.#paused) this.#countPause()
    const silentMs = Date.now() - this.#lastFetchMs
    if (silentMs > this.#patience.silentMs) {
      this.#counters.add('kafka.silent')
      this.#end(`no answer from the brokers for ${Math.round(silentMs / 1000)} s`)
      return
    }
    const unsaid = this.#book.unsaid()
    if (unsaid.length > 0) void this.commit(unsaid)
    void this.#lookAtEnds()
  }

  /** What the brokers hold, asked beside the consumer: it sees its own lag only when records come. */
  async #lookAtEnds(): Promise<void> {
    const admin = this.#admin
    const topics = new Set([...this.#partitions.values()].map(({ topic }) => topic))
    for (const topic of topics) {
      const ends = await admin?.fetchTopicOffsets(topic).catch(() => [])
      if (this.#admin !== admin) return
      for (const { partition, low, high } of ends ?? []) {
        const held = this.#partitions.get(partitionKey({ topic, partition }))
        if (held === undefined) continue
        this.#compare(held, Number(high))
        if (held.next >= 0 && Number(low) > held.next) this.#expired(held, Number(low))
      }
    }
  }

  #compare(held: Partition, high: number): void {
    const grew = held.lookedAt >= 0 && high > held.lookedAt
    held.lookedAt = high
    held.highWatermark = high
    if (this.#paused || held.next >= high) held.lastBatchMs = Date.now()
    else if (grew && Date.now() - held.lastBatchMs > this.#patience.stalledMs) {
      this.#counters.add('kafka.stalled')
      this.#end(`${held.topic}/${held.partition} grows and nothing of it is delivered`)
    }
  }

  #expired(held: Partition, low: number): void {
    const { topic, partition, next } = held
    this.#counters.add('kafka.expired', low - next)
    this.#request.events.warn(
      `${topic}/${partition}: offsets ${next} to ${low - 1} were thrown away by the brokers before they were read`,
    )
    held.next = low
  }

  #countPause(): void {
    const now = Date.now()
    this.#counters.add('kafka.paused_ms', now - this.#pausedAtMs)
    this.#pausedAtMs = now
  }

  #applyPause(): void {
    if (this.#joined) this.#consumer?.pause(this.#topics())
  }

  #topics(): { topic: string }[] {
    return this.#request.options.topics.map((topic) => ({ topic }))
  }

  get #patience(): KafkaPatience {
    return this.#request.patience ?? PATIENCE
  }

  get #name(): string {
    return this.#request.options.topics.join(', ')
  }
}

const FIRST_PAUSE_MS = 500
const LAST_PAUSE_MS = 30_000
const STEADY_MS = 60_000
const LEAVE_MS = 3000
/** About a second. */
const ADMIN_RETRIES = 2
/** The others come at their next heartbeat. */
const JOIN_MS = 5000
const CONCURRENT_PARTITIONS = 8
const PATIENCE: KafkaPatience = { lookMs: 5000, silentMs: 45_000, stalledMs: 60_000 }
/** Fewer are fetched and passed over: a seek asks the group again. */
const FAR_BEHIND = 100_000
