import type { EventTime } from '../model/time.ts'
import type { SourceRecord } from '../sources/kafka/record-source.ts'
import { createTapMapper, type TapMapper, type TapMapperSettings } from '../tap/mapper.ts'
import type { Lack } from '../tap/mapping.ts'
import type { MappedRecord } from '../tap/record.ts'
import { OffpathError } from '../telemetry/errors.ts'
import type { PartitionProgress } from './kafka-progress.ts'

export interface KafkaMappingOptions {
  readonly settings: TapMapperSettings
  readonly progress: PartitionProgress
  /** A transaction was made from that record, which is held once more for it. */
  emit(offset: number, record: Record<string, unknown>, time: EventTime): void
  /** A record gave none. */
  poison(offset: number, reason: string, value: Uint8Array | null): void
  warn(message: string): void
  /** The format is known, and what such records do not say. */
  chosen(lacks: readonly Lack[]): void
}

/** Halves of an exchange wait shorter than this for each other. */
const MAX_WAIT_MS = 120_000

/**
 * Records of gateways in one partition, mapped to native ones. The mapper may hold records until it knows their format, and
 * halves until the other comes; so long their offsets are not done.
 */
export class KafkaMapping {
  readonly #options: KafkaMappingOptions
  #mapper: TapMapper | null = null
  /** In the mapper, by when they came, oldest first. */
  readonly #inside = new Map<number, number>()
  #warned = false
  #told = false

  constructor(options: KafkaMappingOptions) {
    this.#options = options
  }

  map({ offset, timestampMs, value }: SourceRecord, nowMs: number): void {
    const { progress, settings } = this.#options
    progress.hold(offset)
    this.#inside.set(offset, nowMs)
    const mapper = this.#mapper ?? createTapMapper(settings)
    this.#mapper = mapper
    const bad = new Map(mapper.coverage.undecodable)
    const partition = { topic: progress.topic, number: progress.partition }
    // A copy: the mapper may keep it, and the value is a view of the whole fetch.
    const copy = Buffer.from(value ?? [])
    this.#call(() => mapper.map({ value: copy, position: offset, partition, timestampMs }, this.#emit))
    // While the format is not known, what is bad shows later, among others.
    for (const [reason, count] of mapper.coverage.undecodable) {
      if (count === (bad.get(reason) ?? 0) + 1) this.#options.poison(offset, reason, value)
    }
    this.#release(nowMs)
  }

  /** Nothing more is there to read now: what is held for the sake of the format goes on. */
  settle(nowMs: number): void {
    const mapper = this.#mapper
    if (mapper === null) return
    this.#call(() => {
      mapper.settle(this.#emit)
      mapper.tick(nowMs * 1000, this.#emit)
    })
    this.#release(nowMs)
  }

  flush(nowMs: number): void {
    const mapper = this.#mapper
    if (mapper === null) return
    this.#call(() => mapper.flush(this.#emit))
    this.#release(nowMs)
  }

  close(): void {
    this.#mapper?.close()
    this.#mapper = null
  }

  readonly #emit = ({ record, time, position }: MappedRecord): void => {
    this.#options.progress.hold(position)
    this.#options.emit(position, record, time)
  }

  #call(act: () => void): void {
    try {
      act()
    } catch (error) {
      if (!(error instanceof OffpathError)) throw error
      const { progress, poison, warn } = this.#options
      if (!this.#warned) warn(`${progress.topic}/${progress.partition}: ${error.message}`)
      this.#warned = true
      for (const offset of this.#inside.keys()) poison(offset, 'no_format', null)
      this.close()
    }
  }

  #tell(): void {
    const format = this.#mapper?.format ?? null
    if (this.#told || format === null) return
    this.#told = true
    this.#options.chosen(format.preset.lacks)
  }

  #release(nowMs: number): void {
    this.#tell()
    const { progress } = this.#options
    const empty = this.#mapper === null || this.#mapper.held === 0
    for (const [offset, atMs] of this.#inside) {
      if (!empty && nowMs - atMs < MAX_WAIT_MS) return
      this.#inside.delete(offset)
      progress.release(offset)
    }
  }
}
