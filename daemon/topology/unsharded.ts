import type { EventTime } from '../model/time.ts'
import type { Transaction } from '../model/transaction.ts'
import type { Analysis } from './flows.ts'
import type { OrderedOutput } from './ordered-output.ts'
import type { TelemetryDelta } from './telemetry-delta.ts'

export type Unsharded =
  | { readonly kind: 'transaction'; readonly key: number; readonly transaction: Transaction }
  | { readonly kind: 'delta'; readonly key: number; readonly delta: TelemetryDelta }
  | { readonly kind: 'tick' | 'end'; readonly key: number; readonly now: EventTime }
  | { readonly kind: 'settle'; readonly key: number }

/** What does not pass a worker, in the order of keys, until everything before it has been handed on. */
export class UnshardedQueue {
  readonly #kept: Unsharded[] = []
  #first = 0
  readonly #order: OrderedOutput
  readonly #analysis: Analysis
  readonly #count: (delta: TelemetryDelta) => void

  constructor(order: OrderedOutput, analysis: Analysis, count: (delta: TelemetryDelta) => void) {
    this.#order = order
    this.#analysis = analysis
    this.#count = count
  }

  push(one: Unsharded): void {
    this.#kept.push(one)
  }

  get length(): number {
    return this.#kept.length - this.#first
  }

  /** Of what comes next; infinite while there is nothing. */
  get key(): number {
    return this.#kept[this.#first]?.key ?? Number.POSITIVE_INFINITY
  }

  /** Hands on what comes next. There must be something. */
  take(): void {
    const one = this.#kept[this.#first]!
    if (++this.#first === this.#kept.length) {
      this.#kept.length = 0
      this.#first = 0
    }
    switch (one.kind) {
      case 'transaction':
        this.#order.push(one.transaction)
        return
      case 'delta':
        this.#count(one.delta)
        return
      case 'tick':
        this.#order.advance(one.now)
        this.#analysis.tick(one.now)
        return
      case 'settle':
        this.#order.flush()
        return
      case 'end':
        this.#order.flush()
        this.#analysis.tick(one.now)
        return
    }
  }
}
