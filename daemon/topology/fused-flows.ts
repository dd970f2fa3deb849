import type { Segment } from '../decode/segment.ts'
import type { SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import type { Transaction } from '../model/transaction.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { FlowStage } from './flow-stage.ts'
import type { Analysis, FlowSizes, Flows } from './flows.ts'
import type { FlowStageOptions } from './options.ts'
import { OrderedOutput } from './ordered-output.ts'

/**
 * Flows and analysis on one thread, without a hand-over. On each tick the analysis closes its windows first, then the flow
 * stage fires its timers, so records that become final at the tick come after it.
 */
export class FusedFlows implements Flows {
  readonly #flow: FlowStage
  readonly #order: OrderedOutput
  readonly #analysis: Analysis
  readonly broken = new Promise<never>(() => {})

  constructor(options: FlowStageOptions, telemetry: Telemetry, analysis: Analysis) {
    this.#analysis = analysis
    this.#order = new OrderedOutput((transaction) => analysis.push(transaction))
    const emit = (transaction: Transaction) => this.#order.push(transaction)
    this.#flow = new FlowStage(options, telemetry, analysis.watches ? emit : null)
  }

  from(source: SourceInfo): void {
    this.#flow.from(source)
  }

  segment(segment: Segment, time: EventTime, now: EventTime): void {
    this.#flow.push(segment, time, now)
  }

  transaction(transaction: Transaction): void {
    this.#order.push(transaction)
  }

  tick(now: EventTime): void {
    this.#order.advance(now)
    this.#analysis.tick(now)
    this.#flow.tick(now)
  }

  advance(now: EventTime): void {
    this.#order.advance(now)
  }

  settle(): void {
    this.#order.flush()
  }

  room(): undefined {}

  async drained(): Promise<void> {}

  /** They are looked up where they are used. */
  payloadRulesChanged(): void {}

  async end(now: EventTime | null): Promise<void> {
    if (now !== null) {
      this.#flow.close(now)
      this.#order.flush()
      this.#analysis.tick(now)
    }
    this.#flow.forget()
  }

  abandon(): void {
    this.#flow.forget()
  }

  sizes(): FlowSizes {
    return this.#flow.sizes()
  }
}
