import { ACK, type Segment, SYN } from '../decode/segment.ts'
import type { RecordBytes } from '../identity/record-reader.ts'
import type { SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import type { Transaction } from '../model/transaction.ts'
import { shardOf, shareOf } from '../reassembly/flow-hash.ts'
import { SHARDS } from '../reassembly/limits.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import type { FlowThread, StartFlowThread } from './flow-thread.ts'
import type { FromFlowWorker } from './flow-worker.ts'
import type { Analysis, FlowSizes, Flows } from './flows.ts'
import type { FlowStageOptions } from './options.ts'
import { OrderedOutput } from './ordered-output.ts'
import { BATCH_BYTES, END, type EntryKind, MARK_BYTES, SETTLE, SegmentBatch, TICK } from './segment-batch.ts'
import { addDelta, DeltaTaker, type TelemetryDelta } from './telemetry-delta.ts'
import { type Unsharded, UnshardedQueue } from './unsharded.ts'
import { WorkerLane } from './worker-lane.ts'

export interface ShardedFlowsOptions {
  readonly flow: FlowStageOptions
  readonly workers: number
  /** Where everything is counted in the end, in the order of the input. */
  readonly telemetry: Telemetry
  /** Where whoever reads the input counts; moves over to `telemetry` in the same order. */
  readonly intake: Telemetry
  readonly analysis: Analysis
  readonly start: StartFlowThread
}

/** Files wait while a worker has this much to do: some batches, so that it never runs dry. */
const ROOM_BYTES = 6 * BATCH_BYTES
const ROOM_UNSHARDED = 65_536
/** Of live sources, flows are shed from the first on, all of them at the second. */
const SHED_BYTES = 12 * BATCH_BYTES
const SHED_ALL_BYTES = 32 * BATCH_BYTES
/** Share of the flows of a worker that is shed, in 64ths. */
const SHED_ALL = 64
const SHED_STEP = 4
const MAX_FREE = 32
/** Batches that keep a worker busy while the next one fills. */
const ENOUGH = 2

interface Lane {
  readonly thread: FlowThread
  readonly done: Int32Array
  readonly incoming: WorkerLane
  batch: SegmentBatch | null
  /** Bytes of each batch that the analysis does not have the records of yet. */
  readonly underWay: number[]
  underWayBytes: number
  /** Buffers of records that go back with the next batch. */
  spare: ArrayBuffer[]
  /** The worker was told of everything before this key. */
  told: number
  shed: number
  sizes: FlowSizes
}

/**
 * Flows over worker threads, by virtual shard:
 *
 *     segments --> batch per worker --> reassembly, http, redaction --> written records --\
 *     ticks, native records -------------------------------------------------------------- merged by key --> analysis
 *
 * Each thing that comes in gets the next key. What a worker makes of a segment has the segment's key, so putting records
 * into the order of their keys gives the very calls that FusedFlows makes: same order, same ticks between them, and what was
 * counted up to each tick, no more. Nothing of a key is taken before every worker has passed it.
 *
 * Batches leave full, or when the loop has nothing else to do and the worker neither. Bounded: files wait for `room`; of live traffic whole flows
 * are shed, by a hash of the connection (`flows.shed` counts those that began so, the funnel their frames); a worker
 * whose records nobody takes waits.
 */
export class ShardedFlows implements Flows {
  readonly broken: Promise<never>
  readonly #options: ShardedFlowsOptions
  readonly #order: OrderedOutput
  readonly #intake: DeltaTaker
  readonly #lanes: Lane[] = []
  readonly #laneOf: Lane[] = []
  readonly #unsharded: UnshardedQueue
  readonly #sources: SourceInfo[] = []
  #source = 0
  #live = false
  #key = 0
  readonly #free: ArrayBuffer[] = []
  /** Records that were handed on and that nobody keeps. */
  readonly #read: { readonly lane: Lane; readonly records: RecordBytes }[] = []
  #flush: NodeJS.Immediate | null = null
  readonly #waiting: { readonly until: () => boolean; readonly resolve: () => void }[] = []
  /** Everything up to this key is taken. */
  #taken = 0
  #failure: Error | null = null
  #break: (error: Error) => void = () => {}
  readonly #emit: (transaction: Transaction) => void
  readonly #count: (delta: TelemetryDelta) => void

  constructor(options: ShardedFlowsOptions) {
    this.#options = options
    const { analysis, telemetry } = options
    this.#order = new OrderedOutput((transaction) => analysis.push(transaction))
    this.#intake = new DeltaTaker(options.intake)
    this.#emit = (transaction) => this.#order.push(transaction)
    this.#count = (delta) => addDelta(telemetry, delta)
    this.#unsharded = new UnshardedQueue(this.#order, analysis, this.#count)
    this.broken = new Promise((_, reject) => {
      this.#break = reject
    })
    // Heard by whoever waits for it; without one it must not end the process.
    this.broken.catch(() => undefined)
  }

  from(source: SourceInfo): void {
    let number = this.#sources.indexOf(source)
    if (number < 0) {
      number = this.#sources.push(source) - 1
      for (const { thread } of this.#lanes) thread.post({ kind: 'source', info: source }, [])
    }
    this.#source = number
    this.#live = source.kind !== 'file'
    if (this.#live) for (const lane of this.#lanes) lane.shed = shedShare(lane)
  }

  segment(segment: Segment, time: EventTime, now: EventTime): void {
    if (this.#lanes.length === 0) this.#start()
    const lane = this.#laneOf[shardOf(segment)]!
    if (lane.shed > 0 && this.#live && shareOf(segment) < lane.shed) {
      const { funnel, counters } = this.#options.intake
      funnel.frames.drop('shed')
      if ((segment.flags & (SYN | ACK)) === SYN) counters.add('flows.shed')
      return
    }
    const batch = this.#batchFor(lane, SegmentBatch.sizeOf(segment))
    batch.segment(segment, this.#source, this.#key++, time, now)
    this.#flush ??= setImmediate(this.#flushAll)
  }

  transaction(transaction: Transaction): void {
    this.#keep({ kind: 'transaction', key: this.#key++, transaction })
  }

  tick(now: EventTime): void {
    this.#mark(TICK, now)
    this.#keep({ kind: 'tick', key: this.#key++, now })
  }

  advance(now: EventTime): void {
    // With workers the records say how far event time is.
    if (this.#lanes.length === 0 && this.#unsharded.length === 0) this.#order.advance(now)
  }

  settle(): void {
    this.#mark(SETTLE, Number.NEGATIVE_INFINITY)
    this.#keep({ kind: 'settle', key: this.#key++ })
  }

  room(): Promise<void> | undefined {
    if (this.#hasRoom()) return undefined
    return this.#until(() => this.#hasRoom())
  }

  drained(): Promise<void> {
    const key = this.#key
    this.#flushAll()
    return this.#until(() => this.#taken >= key)
  }

  async end(now: EventTime | null): Promise<void> {
    if (now !== null) {
      this.#mark(END, now)
      this.#keep({ kind: 'end', key: this.#key++, now })
      await this.drained()
    }
    this.abandon()
  }

  payloadRulesChanged(): void {
    const { rules } = this.#options.flow.payloadRules
    for (const { thread } of this.#lanes) thread.post({ kind: 'payload_rules', rules }, [])
  }

  abandon(): void {
    if (this.#flush !== null) clearImmediate(this.#flush)
    for (const { thread } of this.#lanes) thread.terminate()
  }

  sizes(): FlowSizes {
    let flows = 0
    let heldBytes = 0
    for (const { sizes } of this.#lanes) {
      flows += sizes.flows
      heldBytes += sizes.heldBytes
    }
    return { flows, heldBytes }
  }

  #start(): void {
    const { workers, flow, analysis, start } = this.#options
    for (let index = 0; index < workers; index++) {
      const done = new Int32Array(new SharedArrayBuffer(4))
      const lane: Lane = {
        thread: start(
          { options: flow, watched: analysis.watches, contents: analysis.readsContents, done },
          { message: (message) => this.#take(lane, message), failed: (error) => this.#fail(error) },
        ),
        done,
        incoming: new WorkerLane(flow.key.id, this.#key, (message, records) => this.#finished(lane, message, records)),
        batch: null,
        underWay: [],
        underWayBytes: 0,
        spare: [],
        told: this.#key,
        shed: 0,
        sizes: { flows: 0, heldBytes: 0 },
      }
      for (const info of this.#sources) lane.thread.post({ kind: 'source', info }, [])
      this.#lanes.push(lane)
    }
    for (let shard = 0; shard < SHARDS; shard++) this.#laneOf.push(this.#lanes[shard % workers]!)
  }

  /** The batch of the lane, with room for `bytes` more. */
  #batchFor(lane: Lane, bytes: number): SegmentBatch {
    if (lane.batch?.fits(bytes)) return lane.batch
    if (this.#failure !== null) throw this.#failure
    if (lane.batch !== null) this.#send(lane)
    const buffer = bytes <= BATCH_BYTES ? this.#free.pop() : undefined
    lane.batch = new SegmentBatch(buffer ?? new ArrayBuffer(Math.max(bytes, BATCH_BYTES)))
    return lane.batch
  }

  #send(lane: Lane): void {
    const { batch } = lane
    const length = batch?.length ?? 0
    lane.batch = null
    lane.told = this.#key
    // A message without a batch comes back as well.
    lane.underWay.push(length)
    lane.underWayBytes += length
    const buffer = batch?.buffer ?? null
    const { spare } = lane
    lane.spare = []
    const transfer = buffer === null ? spare : [...spare, buffer]
    lane.thread.post({ kind: 'batch', batch: buffer, length, upTo: this.#key, spare }, transfer)
  }

  /** What is not full yet goes as well, but not to a worker that has enough to do: its batch may still grow. */
  readonly #flushAll = (): void => {
    if (this.#flush !== null) clearImmediate(this.#flush)
    this.#flush = null
    for (const lane of this.#lanes) if (this.#isDue(lane)) this.#send(lane)
    if (this.#lanes.length === 0) this.#merge()
  }

  /**
   * Of all workers, the one that has come least far has had all its records taken, so none ever waits for another that waits
   * for it.
   */
  #isDue(lane: Lane): boolean {
    return lane.told < this.#key && lane.underWay.length < ENOUGH
  }

  /** An entry for every worker, behind what was counted by then on the way in. */
  #mark(kind: EntryKind, now: EventTime): void {
    const key = this.#key++
    this.#keep({ kind: 'delta', key, delta: this.#intake.take() })
    for (const lane of this.#lanes) this.#batchFor(lane, MARK_BYTES).mark(kind, key, now)
  }

  #keep(one: Unsharded): void {
    this.#unsharded.push(one)
    this.#flush ??= setImmediate(this.#flushAll)
  }

  #take(lane: Lane, message: FromFlowWorker): void {
    lane.sizes = message
    if (message.batch != null && message.batch.byteLength === BATCH_BYTES && this.#free.length < MAX_FREE) {
      this.#free.push(message.batch)
    }
    lane.incoming.push(message)
    this.#merge()
    // What one sent may have let the records of another go.
    if (this.#failure === null && this.#lanes.some((each) => this.#isDue(each))) {
      this.#flush ??= setImmediate(this.#flushAll)
    }
  }

  #finished(lane: Lane, message: FromFlowWorker, records: RecordBytes | null): void {
    const { analysis } = this.#options
    if (records !== null && lane.spare.length + this.#read.length < MAX_FREE) {
      if (!analysis.readsContents || !analysis.keepsContents) this.#read.push({ lane, records })
    }
    if (message.batch !== undefined) lane.underWayBytes -= lane.underWay.shift()!
    Atomics.add(lane.done, 0, 1)
    Atomics.notify(lane.done, 0)
  }

  /** Hands on what nothing can come before any more. */
  #merge(): void {
    try {
      this.#handOn()
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)))
      return
    }
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const { until, resolve } = this.#waiting[i]!
      if (!until()) continue
      this.#waiting.splice(i, 1)
      resolve()
    }
  }

  #handOn(): void {
    const lanes = this.#lanes
    let limit = this.#key
    let now = Number.POSITIVE_INFINITY
    for (let i = 0; i < lanes.length; i++) {
      const { incoming } = lanes[i]!
      if (incoming.upTo < limit) limit = incoming.upTo
      if (incoming.now < now) now = incoming.now
    }
    for (;;) {
      let { key } = this.#unsharded
      let first: WorkerLane | null = null
      for (let i = 0; i < lanes.length; i++) {
        const { incoming } = lanes[i]!
        if (incoming.key >= key) continue
        key = incoming.key
        first = incoming
      }
      if (key > limit || key === Number.POSITIVE_INFINITY) break
      if (first !== null) first.take(this.#count, this.#emit)
      else this.#unsharded.take()
    }
    if (now !== Number.POSITIVE_INFINITY) this.#order.advance(now)
    this.#taken = limit
    // A record that waits for others of its microsecond is still to be read.
    if (this.#read.length === 0 || !this.#order.isEmpty) return
    for (const { lane, records } of this.#read) {
      records.gone = true
      lane.spare.push(records.bytes.buffer as ArrayBuffer)
    }
    this.#read.length = 0
  }

  #hasRoom(): boolean {
    if (this.#unsharded.length > ROOM_UNSHARDED) return false
    return this.#lanes.every((lane) => lane.underWayBytes < ROOM_BYTES)
  }

  #until(until: () => boolean): Promise<void> {
    if (this.#failure === null && until()) return Promise.resolve()
    const met = new Promise<void>((resolve) => this.#waiting.push({ until, resolve }))
    return Promise.race([met, this.broken])
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return
    this.#failure = error
    this.abandon()
    this.#break(error)
  }
}

/** More while the worker falls behind, less, slowly, when it has caught up. */
function shedShare({ shed, underWayBytes }: Lane): number {
  if (underWayBytes >= SHED_ALL_BYTES) return SHED_ALL
  if (underWayBytes >= SHED_BYTES) return Math.min(SHED_ALL, shed + SHED_STEP)
  return underWayBytes < ROOM_BYTES ? Math.max(0, shed - 1) : shed
}
