import type { FrameBatch, SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import type { Transaction } from '../model/transaction.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { EventClock } from './event-clock.ts'
import type { FlowSizes, Flows } from './flows.ts'
import { FrameStage } from './frame-stage.ts'

/**
 * The whole pass: frames or native transactions in, transactions, signals and incidents out to the listeners of the
 * analysis. One event clock drives everything; where flows are followed is up to `flows`.
 */
export class Chain {
  readonly #clock: EventClock
  readonly #frames: FrameStage
  readonly #flows: Flows
  readonly #intake: Telemetry

  /** `intake` is where input is counted. */
  constructor(flows: Flows, intake: Telemetry) {
    this.#intake = intake
    this.#flows = flows
    this.#frames = new FrameStage(intake)
    this.#clock = new EventClock((now) => this.#tick(now))
  }

  /** Event time reached, or -Infinity before the first record. The analysis may not be as far yet: see `drained`. */
  get now(): EventTime {
    return this.#clock.now
  }

  /** Frames [from, to) of a batch, which stays borrowed. */
  frames(source: SourceInfo, batch: FrameBatch, from: number, to: number): void {
    const frames = this.#frames
    const flows = this.#flows
    const clock = this.#clock
    frames.from(source)
    flows.from(source)
    for (let i = from; i < to; i++) {
      const time = batch.clock[i]!
      if (time > clock.now) this.advance(time)
      if (frames.decode(batch, i)) flows.segment(frames.segment, batch.time[i]!, clock.now)
    }
  }

  /** Nothing more comes from this source. */
  ended({ kind, name }: SourceInfo): void {
    this.#intake.funnel.sources.of({ kind, name }).ended++
  }

  /** A native transaction whose sane time is `time`. */
  transaction(transaction: Transaction, time: EventTime): void {
    const { pairs } = this.#intake.funnel
    pairs.in++
    if (transaction.method === null || transaction.status === null) pairs.drop('native_one_sided')
    else pairs.delivered++
    if (time > this.#clock.now) this.advance(time)
    else if (time < this.#clock.now) this.#intake.counters.add('records.late')
    this.#flows.transaction(transaction)
  }

  /** Event time moves on without a record: an idle wire. */
  advance(time: EventTime): void {
    this.#clock.advance(time)
    this.#flows.advance(this.#clock.now)
  }

  /** What waits for others of its microsecond goes on: nothing of the input so far comes any more. */
  settle(): void {
    this.#flows.settle()
  }

  /** For inputs that can wait: when there is room for more. */
  room(): Promise<void> | undefined {
    return this.#flows.room()
  }

  /** Resolves when everything so far has been analysed. */
  drained(): Promise<void> {
    return this.#flows.drained()
  }

  /** Rejects when flows can be followed no longer; never resolves. */
  get broken(): Promise<never> {
    return this.#flows.broken
  }

  /** End of input; resolves when all of it has been analysed. The event clock stays where the last record put it. */
  close(): Promise<void> {
    const { started, now } = this.#clock
    if (started) this.#frames.close()
    return this.#flows.end(started ? now : null)
  }

  /** Instead of `close`, after a failure. */
  abandon(): void {
    this.#flows.abandon()
  }

  sizes(): FlowSizes {
    const { flows, heldBytes } = this.#flows.sizes()
    return { flows, heldBytes: heldBytes + this.#frames.heldBytes }
  }

  #tick(now: EventTime): void {
    this.#flows.tick(now)
    this.#frames.tick(now)
  }
}
