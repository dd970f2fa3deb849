import type { FrameBatch, SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import type { Transaction } from '../model/transaction.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { EventClock } from './event-clock.ts'
import { FlowStage } from './flow-stage.ts'
import type { FlowStageOptions } from './options.ts'
import { OrderedOutput } from './ordered-output.ts'

/** What the records go to, in their total order. */
export interface Analysis {
  /** Whether anybody looks at transactions. */
  readonly watches: boolean
  push(transaction: Transaction): void
  /** Event time has moved on by a second, or more. */
  tick(now: EventTime): void
}

/**
 * The whole pass on one thread: frames or native transactions in, transactions, signals and incidents out to the
 * listeners of the analysis. One event clock drives both halves; on each tick the analysis closes its windows first,
 * then the flow stage fires its timers, so records that become final at the tick come after it.
 */
export class Chain {
  readonly #clock: EventClock
  readonly #flow: FlowStage
  readonly #order: OrderedOutput
  readonly #analysis: Analysis
  readonly #telemetry: Telemetry

  constructor(options: FlowStageOptions, telemetry: Telemetry, analysis: Analysis) {
    this.#telemetry = telemetry
    this.#analysis = analysis
    this.#order = new OrderedOutput((transaction) => analysis.push(transaction))
    const emit = (transaction: Transaction) => this.#order.push(transaction)
    this.#flow = new FlowStage(options, telemetry, analysis.watches ? emit : null)
    this.#clock = new EventClock((now) => this.#tick(now))
  }

  /** Event time reached, or -Infinity before the first record. */
  get now(): EventTime {
    return this.#clock.now
  }

  /** Frames [from, to) of a batch, which stays borrowed. */
  frames(source: SourceInfo, batch: FrameBatch, from: number, to: number): void {
    this.#flow.from(source)
    const clock = this.#clock
    for (let i = from; i < to; i++) {
      const time = batch.clock[i]!
      if (time > clock.now) this.advance(time)
      this.#flow.push(batch, i, clock.now)
    }
  }

  /** A native transaction whose sane time is `time`. */
  transaction(transaction: Transaction, time: EventTime): void {
    const funnel = this.#telemetry.funnel
    funnel.pairs.in++
    if (transaction.method === null || transaction.status === null) funnel.pairs.drop('native_one_sided')
    else funnel.pairs.delivered++
    if (time > this.#clock.now) this.advance(time)
    else if (time < this.#clock.now) this.#telemetry.counters.add('records.late')
    this.#order.push(transaction)
  }

  /** Event time moves on without a record: an idle wire. */
  advance(time: EventTime): void {
    this.#clock.advance(time)
    this.#order.advance(this.#clock.now)
  }

  /** What waits for others of its microsecond goes on: nothing of the input so far comes any more. */
  settle(): void {
    this.#order.flush()
  }

  /** End of input. The event clock stays where the last record put it. */
  close(): void {
    if (this.#clock.started) {
      this.#flow.close(this.#clock.now)
      this.#order.flush()
      this.#analysis.tick(this.#clock.now)
    }
    this.#flow.forget()
  }

  sizes(): ReturnType<FlowStage['sizes']> {
    return this.#flow.sizes()
  }

  #tick(now: EventTime): void {
    this.#order.advance(now)
    this.#analysis.tick(now)
    this.#flow.tick(now)
  }
}
