import {
  actionRow,
  incidentEventRow,
  incidentRow,
  type SmallRow,
  SmallRows,
  verdictRow,
} from '../../sinks/clickhouse/small-rows.ts'
import type { Action } from '../model/action.ts'
import type { RowSink } from '../model/row-batch.ts'
import type { Verdict } from '../model/verdict.ts'
import type { LedgerChange } from './incident-ledger.ts'

const FLUSH_EVERY_MS = 200

/** The rows of control: incidents, what happened to them, and actions. Each promise resolves when its rows are in the spool. */
export class ControlRows {
  readonly #rows: SmallRows
  readonly #timer: NodeJS.Timeout
  #sealing: Promise<void>[] = []
  #waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []

  constructor(sink: RowSink) {
    this.#rows = new SmallRows({ emit: (batch) => this.#sealing.push(sink.seal(batch)) })
    this.#timer = setInterval(() => void this.#flush(), FLUSH_EVERY_MS)
  }

  incident({ kind, incident, version, history }: LedgerChange): Promise<void> {
    const { at, why } = history.at(-1)!
    return this.#push([incidentRow(incident, version), incidentEventRow(incident, kind, version, at, why)])
  }

  action(action: Action): Promise<void> {
    return this.#push([actionRow(action, action.history.length)])
  }

  verdict(verdict: Verdict): Promise<void> {
    return this.#push([verdictRow(verdict)])
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#flush()
  }

  #push(rows: readonly SmallRow[]): Promise<void> {
    for (const row of rows) this.#rows.push(row)
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  async #flush(): Promise<void> {
    this.#rows.tick()
    const sealing = this.#sealing
    const waiting = this.#waiting
    this.#sealing = []
    this.#waiting = []
    try {
      await Promise.all(sealing)
      for (const { resolve } of waiting) resolve()
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }
}
