import { Segment } from '../decode/segment.ts'
import { TransactionRecord } from '../identity/record.ts'
import { RecordBuffer } from '../identity/record-buffer.ts'
import { RecordWriter } from '../identity/record-writer.ts'
import type { SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import type { PayloadRule, RuleBox } from '../payload/rules/rule.ts'
import { Counters, type Telemetry } from '../telemetry/counters.ts'
import { LossFunnel } from '../telemetry/funnel.ts'
import { WeirdCounts } from '../telemetry/weirds.ts'
import { FlowStage } from './flow-stage.ts'
import type { FlowStageOptions } from './options.ts'
import { END, SEGMENT, SETTLE, SegmentBatchReader, TICK } from './segment-batch.ts'
import { DeltaTaker, type TelemetryDelta } from './telemetry-delta.ts'

/** What a flow worker is started with. */
export interface FlowWorkerSettings {
  readonly options: FlowStageOptions
  /** Whether anybody looks at transactions. */
  readonly watched: boolean
  /** Whether anybody looks at their headers and bodies. */
  readonly contents: boolean
  /** Shared: how many messages of this worker are done with. */
  readonly done: Int32Array
}

export type ToFlowWorker =
  /** The operator's rules of payloads were replaced. */
  | { readonly kind: 'payload_rules'; readonly rules: readonly PayloadRule[] }
  /** The next number of a source. */
  | { readonly kind: 'source'; readonly info: SourceInfo }
  /** Everything before `upTo` is in this batch or in one before it; null: nothing for this worker. */
  | {
      readonly kind: 'batch'
      readonly batch: ArrayBuffer | null
      readonly length: number
      readonly upTo: number
      /** Buffers of records that were read, to be used again. */
      readonly spare: readonly ArrayBuffer[]
    }

export interface FromFlowWorker {
  /** Records in the order of their keys; null when there are none. */
  readonly records: ArrayBuffer | null
  readonly length: number
  /** By key: a delta counts before the records of its key. */
  readonly deltas: readonly (readonly [key: number, delta: TelemetryDelta])[]
  /** Nothing before this key comes any more. */
  readonly upTo: number
  /** Event time reached. */
  readonly now: EventTime
  /** The end of a batch, whose buffer goes back; null: there was none, undefined: it goes on. */
  readonly batch: ArrayBuffer | null | undefined
  readonly flows: number
  readonly heldBytes: number
}

type Post = (message: FromFlowWorker, transfer: ArrayBuffer[]) => void

/** Records leave when they are this many bytes, or at the end of a batch. */
const FULL_BYTES = 192 * 1024
/** Messages that may be under way to the analysis. Beyond, the worker waits: it alone may block, nobody waits for its loop. */
const MAX_UNDER_WAY = 8

/**
 * The flow stage for the virtual shards of one thread: batches of decoded segments in, written records out. Everything that
 * decides on output is in the batches, event time included, so which worker has which shards changes nothing.
 */
export class FlowWorker {
  readonly #stage: FlowStage
  readonly #rules: RuleBox
  readonly #telemetry: Telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  readonly #delta = new DeltaTaker(this.#telemetry)
  readonly #writer: RecordWriter
  readonly #out = new RecordBuffer()
  readonly #segment = new Segment()
  readonly #sources: SourceInfo[] = []
  readonly #spare: ArrayBuffer[] = []
  readonly #done: Int32Array
  readonly #post: Post
  #deltas: [number, TelemetryDelta][] = []
  #posted = 0
  #key = 0
  #now: EventTime = Number.NEGATIVE_INFINITY
  #source = -1

  constructor({ options, watched, contents, done }: FlowWorkerSettings, post: Post) {
    this.#post = post
    this.#rules = options.payloadRules
    this.#done = done
    this.#writer = new RecordWriter(contents)
    this.#stage = new FlowStage(
      options,
      this.#telemetry,
      watched
        ? (transaction) => {
            if (transaction instanceof TransactionRecord) this.#emit(transaction)
          }
        : null,
    )
  }

  take(message: ToFlowWorker): void {
    if (message.kind === 'payload_rules') {
      this.#rules.rules = message.rules
      return
    }
    if (message.kind === 'source') {
      this.#sources.push(message.info)
      return
    }
    const { batch, length, upTo, spare } = message
    this.#spare.push(...spare)
    if (batch !== null) this.#read(new SegmentBatchReader(batch, length))
    this.#send(upTo, batch)
  }

  #read(batch: SegmentBatchReader): void {
    while (batch.next()) {
      const { kind, now } = batch
      this.#key = batch.key
      this.#now = now
      if (kind === SEGMENT) {
        if (batch.source !== this.#source) {
          this.#source = batch.source
          this.#stage.from(this.#sources[this.#source]!)
        }
        batch.segment(this.#segment)
        this.#stage.push(this.#segment, batch.time, now)
      } else if (kind === TICK) {
        this.#tell()
        this.#key++
        this.#stage.tick(now)
      } else if (kind === SETTLE) {
        this.#tell()
      } else if (kind === END) {
        this.#stage.close(now)
        this.#tell()
        this.#stage.forget()
      }
    }
  }

  /** What was counted up to here. */
  #tell(): void {
    this.#deltas.push([this.#key, this.#delta.take()])
  }

  #emit(record: TransactionRecord): void {
    this.#writer.write(record, this.#key, this.#out)
    if (this.#out.length >= FULL_BYTES) this.#send(this.#key, undefined)
  }

  #send(upTo: number, batch: ArrayBuffer | null | undefined): void {
    this.#waitForRoom()
    const { length } = this.#out
    const records = length === 0 ? null : this.#out.take(this.#spare.pop())
    const deltas = this.#deltas
    this.#deltas = []
    const transfer: ArrayBuffer[] = []
    if (records !== null) transfer.push(records)
    if (batch != null) transfer.push(batch)
    this.#posted++
    this.#post({ records, length, deltas, upTo, now: this.#now, batch, ...this.#stage.sizes() }, transfer)
  }

  #waitForRoom(): void {
    for (;;) {
      const done = Atomics.load(this.#done, 0)
      if (this.#posted - done < MAX_UNDER_WAY) return
      Atomics.wait(this.#done, 0, done)
    }
  }
}
