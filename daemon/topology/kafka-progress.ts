import type { RecordOrigin, Transaction } from '../model/transaction.ts'
import { type Position, partitionKey } from '../sources/kafka/record-source.ts'
import type { Covered } from './kafka-cover.ts'

type Place = Pick<Position, 'topic' | 'partition'>

/** One partition, until it is given up. */
export class PartitionProgress implements Place {
  readonly topic: string
  readonly partition: number
  /** Everything before it was handed to the decoder. */
  next = 0
  /** Offsets that were read and are still held somewhere, in order, and how often. */
  readonly open = new Map<number, number>()

  constructor({ topic, partition }: Place) {
    this.topic = topic
    this.partition = partition
  }

  /** A record is under way. */
  hold(offset: number): void {
    this.open.set(offset, (this.open.get(offset) ?? 0) + 1)
  }

  /** It gave nothing, or nothing more. */
  release(offset: number): void {
    const times = this.open.get(offset) ?? 0
    if (times > 1) this.open.set(offset, times - 1)
    else this.open.delete(offset)
  }
}

/** Where a transaction under way comes from. */
class UnderWay implements RecordOrigin {
  readonly progress: KafkaProgress
  readonly partitionProgress: PartitionProgress
  readonly offset: number

  constructor(progress: KafkaProgress, partitionProgress: PartitionProgress, offset: number) {
    this.progress = progress
    this.partitionProgress = partitionProgress
    this.offset = offset
  }

  get topic(): string {
    return this.partitionProgress.topic
  }

  get partition(): number {
    return this.partitionProgress.partition
  }
}

/**
 * How far each partition is analysed. Records are put in order of event time on the way, so what is done is not a prefix of
 * what was read: the position is that of the first record that is still under way.
 */
export class KafkaProgress {
  readonly #partitions = new Map<string, PartitionProgress>()

  /** What is known of a partition, from now on if nothing was. */
  of(place: Place): PartitionProgress {
    const key = partitionKey(place)
    let held = this.#partitions.get(key)
    if (held === undefined) {
      held = new PartitionProgress(place)
      this.#partitions.set(key, held)
    }
    return held
  }

  /** A record became this transaction. */
  opened(held: PartitionProgress, offset: number, transaction: Transaction): void {
    // On the transaction: the tables of a map of what is under way would keep each other, and what is in them, from the collector.
    transaction.origin = new UnderWay(this, held, offset)
  }

  /** It has left the analysis; its rows are made. */
  emitted(transaction: Transaction): void {
    const { origin } = transaction
    if (!this.#isOwn(origin)) return
    transaction.origin = null
    origin.partitionProgress.release(origin.offset)
  }

  /** Other members read the rest from now on. */
  keepOnly(places: readonly Place[]): void {
    const kept = new Set(places.map(partitionKey))
    for (const key of this.#partitions.keys()) if (!kept.has(key)) this.#partitions.delete(key)
  }

  forget(place: Place): void {
    this.#partitions.delete(partitionKey(place))
  }

  clear(): void {
    this.#partitions.clear()
  }

  /** Everything before these is done. */
  done(): Position[] {
    return [...this.#partitions.values()].map(({ topic, partition, next, open }) => {
      const [first = next] = open.keys()
      return { topic, partition, next: first }
    })
  }

  /** Nothing from these on was handed to anybody. */
  reach(): Position[] {
    return [...this.#partitions.values()].map(({ topic, partition, next }) => ({ topic, partition, next }))
  }

  /** By partition: what was read and is learnt, and what is not yet. */
  covered(): Covered[] {
    return [...this.#partitions.values()].map(({ topic, partition, next, open }) => ({
      topic,
      partition,
      reach: next,
      open: new Set(open.keys()),
    }))
  }

  /** Where a transaction under way comes from. */
  placeOf(transaction: Transaction): Position | null {
    const { origin } = transaction
    return this.#isOwn(origin) ? { topic: origin.topic, partition: origin.partition, next: origin.offset } : null
  }

  #isOwn(origin: RecordOrigin | null | undefined): origin is UnderWay {
    return origin instanceof UnderWay && origin.progress === this
  }
}
