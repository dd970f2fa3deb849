import type { SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import type { TopicCover } from '../model/topic-cover.ts'
import type { Transaction } from '../model/transaction.ts'
import { KafkaSource } from '../sources/kafka/kafka-source.ts'
import { RecordQueue } from '../sources/kafka/record-queue.ts'
import { type Position, partitionKey, type UnreadableRange } from '../sources/kafka/record-source.ts'
import type { Assembly } from './assemble.ts'
import type { EngineKafka, FromEngine, KafkaPosition, KafkaStatus } from './engine-protocol.ts'
import { KafkaCover } from './kafka-cover.ts'
import { type DeadLetter, KafkaFeed } from './kafka-feed.ts'
import { KafkaProgress } from './kafka-progress.ts'
import type { RowStage } from './row-stage.ts'

export interface KafkaSessionOptions {
  readonly input: EngineKafka
  readonly assembly: Assembly
  readonly hostClock: () => EventTime
  /** Null while nothing is stored. */
  rows(): RowStage | null
  tell(message: FromEngine): void
  /** What may be stored already has changed. */
  doubtChanged(): void
}

/** What of topics was learnt, and is in the inventory, as an earlier life kept them. */
export interface KeptCovers {
  readonly learnt: readonly TopicCover[]
  readonly listed: readonly TopicCover[]
}

/** Told of one by one; the rest are counted. */
const MAX_LETTERS = 100
/** Checkpoints that wait for their rows; the newest takes the place of the last one. */
const MAX_PENDING = 60
const QUEUE_BYTES = 64 * 1024 * 1024
const QUEUE_RECORDS = 50_000
const KEPT_MS = 3000

/**
 * One Kafka source in the engine. An offset is committed when the rows of every record before it are sealed and control has
 * noted the position on disk, in this order; so the group is never ahead of the store. What lies between the noted position
 * and the highest offset whose rows may have been sealed is in doubt after a kill: rows of these are compared with what is
 * stored.
 */
export class KafkaSession {
  readonly #options: KafkaSessionOptions
  readonly #progress = new KafkaProgress()
  readonly #queue: RecordQueue
  readonly #source: KafkaSource
  readonly #feed: KafkaFeed
  #assigned = new Set<string>()
  /** By partition: the offset below which rows may be stored already. */
  readonly #doubt = new Map<string, number>()
  readonly #kept = new Map<string, Position>()
  /** What is in baselines already, and in the inventory. */
  readonly #learnt: KafkaCover
  readonly #listed: KafkaCover
  #pending: { readonly until: number; readonly positions: readonly Position[] }[] = []
  #told = ''
  #letters: DeadLetter[] = []
  #shedRows: number
  #onKept: () => void = () => undefined

  constructor(options: KafkaSessionOptions) {
    this.#options = options
    const { input, assembly, tell, hostClock } = options
    const { counters } = assembly.telemetry
    const info: SourceInfo = { kind: 'kafka', name: input.name }
    this.#learnt = new KafkaCover(input.options.groupId)
    this.#listed = new KafkaCover(input.options.groupId)
    for (const entry of input.kept) {
      this.#kept.set(partitionKey(entry), entry)
      if (entry.reach > entry.next) this.#doubt.set(partitionKey(entry), entry.reach)
    }
    this.#shedRows = counters.get(SHED)
    this.#source = new KafkaSource({
      options: input.options,
      kept: input.kept,
      counters,
      events: {
        records: (batch) => this.#queue.push(batch),
        assigned: (places) => this.#onAssigned(places),
        restarted: (place) => this.#onRestarted(place),
        unreadable: (range) => this.#onUnreadable(range),
        warn: (message) => tell({ kind: 'warning', message }),
      },
    })
    this.#queue = new RecordQueue({
      maxBytes: QUEUE_BYTES,
      maxRecords: QUEUE_RECORDS,
      pause: () => this.#source.pause(),
      resume: () => this.#source.resume(),
    })
    this.#feed = new KafkaFeed({
      assembly,
      info,
      queue: this.#queue,
      progress: this.#progress,
      hostClock,
      format: input.format,
      warn: (message) => tell({ kind: 'warning', message }),
      deadLetter: (letter) => this.#lay(letter),
      room: () => options.rows()?.room(),
    })
  }

  /** Whether rows that are made now may be stored already. */
  get inDoubt(): boolean {
    const done = new Map(this.#progress.done().map((position) => [partitionKey(position), position.next]))
    for (const [key, reach] of this.#doubt) {
      if (!this.#assigned.has(key)) continue
      if ((done.get(key) ?? 0) < reach) return true
      this.#doubt.delete(key)
    }
    return false
  }

  /** Reads until `stop`, and stays in the group until `finish`. */
  async run(stop: AbortSignal): Promise<void> {
    this.#source.subscribe()
    await this.#feed.run(stop)
    this.#source.pause()
    this.#feed.close()
  }

  /** What was learnt, and listed, in an earlier life. Before `run`. */
  resume({ learnt, listed }: KeptCovers): void {
    this.#learnt.resume(learnt)
    this.#listed.resume(listed)
  }

  /** Whether what this transaction was made from is learnt already. Before `emitted`. */
  isLearnt(transaction: Transaction): boolean {
    return this.#isIn(this.#learnt, transaction)
  }

  /** Whether it is in the inventory already. Before `emitted`. */
  isListed(transaction: Transaction): boolean {
    return this.#isIn(this.#listed, transaction)
  }

  /** How far its records are learnt now. */
  learnt(): TopicCover[] {
    return this.#learnt.topics(this.#progress.covered())
  }

  /** How far they are in the inventory. */
  listed(): TopicCover[] {
    return this.#listed.topics(this.#progress.covered())
  }

  emitted(transaction: Transaction): void {
    this.#progress.emitted(transaction)
  }

  /** Every second, before rows leave. */
  tick(): void {
    this.#feed.tick()
    const letters = this.#letters
    this.#letters = []
    if (letters.length > 0) this.#options.tell({ kind: 'dead_letters', letters })
  }

  /** Every second, when the rows of what is analysed have left. */
  checkpoint(): void {
    this.#options.doubtChanged()
    const shed = this.#options.assembly.telemetry.counters.get(SHED)
    if (shed > this.#shedRows) {
      this.#shedRows = shed
      this.lost()
      return
    }
    const positions = this.#progress.done()
    this.#learnt.passed(positions)
    this.#listed.passed(positions)
    const told = JSON.stringify(positions)
    if (told !== this.#told) {
      this.#told = told
      if (this.#pending.length === MAX_PENDING) this.#pending.pop()
      this.#pending.push({ until: this.#options.rows()?.sent ?? 0, positions })
    }
    this.settled()
  }

  /** Rows were sealed: the positions that waited for them are noted. */
  settled(): void {
    const sealed = this.#options.rows()?.oldestUnsettled ?? Number.POSITIVE_INFINITY
    let last: readonly Position[] | null = null
    while (this.#pending.length > 0 && this.#pending[0]!.until <= sealed) last = this.#pending.shift()!.positions
    if (last !== null) this.#options.tell({ kind: 'positions', positions: this.#named(last) })
  }

  /** Control has them on disk. */
  async kept(positions: readonly KafkaPosition[]): Promise<void> {
    const own = positions.filter(({ group }) => group === this.#options.input.options.groupId)
    for (const position of own) this.#kept.set(partitionKey(position), position)
    await this.#source.commit(own)
    this.#onKept()
  }

  /** Rows were given up: what they were made from is read again. */
  lost(): void {
    this.#options.assembly.telemetry.counters.add('kafka.read_again')
    for (const { topic, partition, next } of this.#progress.reach()) {
      const key = partitionKey({ topic, partition })
      this.#doubt.set(key, Math.max(next, this.#doubt.get(key) ?? 0))
      this.#feed.forget(topic, partition)
    }
    this.#pending = []
    this.#told = ''
    const done = this.#progress.covered()
    this.#learnt.add(done)
    this.#listed.add(done)
    this.#progress.clear()
    this.#queue.keepOnly(() => false)
    this.#source.rewind([...this.#kept.values()], 'rows were given up, so their records are read again')
    this.#options.doubtChanged()
  }

  /** How far rows may reach that are handed to the store now. */
  reach(): KafkaPosition[] {
    return this.#named(this.#progress.reach())
  }

  status(): KafkaStatus {
    const { state, why } = this.#source
    const { queued, oldestMs } = this.#feed
    const lag = this.#source.lag()
    return {
      name: this.#options.input.name,
      state,
      why,
      partitions: lag.length,
      lag: lag.reduce((sum, each) => sum + each.lag, 0) + queued,
      lags: lag,
      queued,
      starved: this.#starved(),
      queuedSeconds: oldestMs === null ? 0 : Math.max(0, (Date.now() - oldestMs) / 1000),
    }
  }

  #starved(): KafkaStatus['starved'] {
    const { assembly, input } = this.#options
    return assembly.detection?.detectors.starved().find(({ source }) => source === input.name)?.detectors ?? []
  }

  /** Everything is sealed, or never will be: the last positions are noted and committed, and the group is left. */
  async finish(): Promise<void> {
    this.tick()
    const kept = new Promise<void>((resolve) => {
      this.#onKept = resolve
      setTimeout(resolve, KEPT_MS).unref()
    })
    this.checkpoint()
    if (this.#progress.done().some((position) => (this.#kept.get(partitionKey(position))?.next ?? 0) < position.next)) {
      await kept
    }
    await this.#source.close()
  }

  #onAssigned(places: readonly Pick<Position, 'topic' | 'partition'>[]): void {
    const before = this.#assigned
    this.#assigned = new Set(places.map(partitionKey))
    const reach = new Map(this.#progress.reach().map((position) => [partitionKey(position), position.next]))
    for (const key of before) {
      if (this.#assigned.has(key)) continue
      // Should it come back from where it was committed, some of its rows are stored already.
      this.#doubt.set(key, Math.max(reach.get(key) ?? 0, this.#doubt.get(key) ?? 0))
      const at = key.lastIndexOf('/')
      this.#feed.forget(key.slice(0, at), Number(key.slice(at + 1)))
    }
    this.#queue.keepOnly((batch) => this.#assigned.has(partitionKey(batch)))
    this.#progress.keepOnly(places)
    this.#options.doubtChanged()
  }

  #lay(letter: DeadLetter): void {
    if (this.#letters.length < MAX_LETTERS) this.#letters.push(letter)
    else this.#options.assembly.telemetry.counters.add('kafka.dead_letters_not_kept')
  }

  #onUnreadable({ topic, partition, first, last, why }: UnreadableRange): void {
    this.#options.assembly.telemetry.counters.add('kafka.poison.unreadable', last - first + 1)
    this.#lay({ topic, partition, offset: first, last, reason: 'unreadable', why, bytes: 0, head: '' })
  }

  #onRestarted(place: Pick<Position, 'topic' | 'partition'>): void {
    this.#doubt.delete(partitionKey(place))
    this.#kept.delete(partitionKey(place))
    this.#learnt.forget(place)
    this.#listed.forget(place)
    this.#progress.forget(place)
    this.#feed.forget(place.topic, place.partition)
    this.#queue.keepOnly((batch) => partitionKey(batch) !== partitionKey(place))
  }

  #isIn(cover: KafkaCover, transaction: Transaction): boolean {
    if (cover.isEmpty) return false
    const place = this.#progress.placeOf(transaction)
    return place !== null && cover.has(place)
  }

  #named(positions: readonly Position[]): KafkaPosition[] {
    const group = this.#options.input.options.groupId
    return positions.map((position) => ({ group, ...position }))
  }
}

const SHED = 'store.shed_rows'
