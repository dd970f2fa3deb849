import type { RowBatch } from '../model/row-batch.ts'
import type { Counters } from '../telemetry/counters.ts'

const MAX_OUTSTANDING_BYTES = 64 * 1024 * 1024

/**
 * Batches on their way to the spool, bounded. Files wait for room; live traffic cannot, so what does not fit is given up
 * and counted (`store.shed_rows`).
 */
export class RowOutbox {
  readonly #send: (sequence: number, batch: RowBatch) => void
  readonly #counters: Counters
  readonly #maxBytes: number
  readonly #outstanding = new Map<number, number>()
  #bytes = 0
  #sequence = 0
  #waiting: (() => void)[] = []
  #idle: () => void = () => undefined

  /** `send` must answer each sequence number with `sealed` or `lost`. */
  constructor(
    send: (sequence: number, batch: RowBatch) => void,
    counters: Counters,
    maxBytes: number = MAX_OUTSTANDING_BYTES,
  ) {
    this.#send = send
    this.#counters = counters
    this.#maxBytes = maxBytes
  }

  push(batch: RowBatch): void {
    const bytes = batch.bytes.length
    if (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes) {
      this.#counters.add('store.shed_rows', batch.rows)
      return
    }
    const sequence = this.#sequence++
    this.#outstanding.set(sequence, bytes)
    this.#bytes += bytes
    this.#send(sequence, batch)
  }

  /** The batch is in the spool, or was given up by who should have sealed it (who counted it). */
  settled(sequence: number): void {
    this.#bytes -= this.#outstanding.get(sequence) ?? 0
    this.#outstanding.delete(sequence)
    if (this.#outstanding.size === 0) this.#idle()
    if (this.#bytes * 2 > this.#maxBytes) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const resume of waiting) resume()
  }

  /** How many batches were sent: the number of the next. */
  get sent(): number {
    return this.#sequence
  }

  /** Every batch before this one is settled. */
  get oldestUnsettled(): number {
    const [oldest = this.#sequence] = this.#outstanding.keys()
    return oldest
  }

  /** For whoever can wait: undefined when there is room, else a promise of it. */
  room(): Promise<void> | undefined {
    if (this.#bytes * 2 <= this.#maxBytes) return undefined
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  get outstanding(): number {
    return this.#outstanding.size
  }

  /** Resolves when every batch is settled, or after `withinMs`. */
  async settledAll(withinMs: number): Promise<void> {
    if (this.#outstanding.size === 0) return
    await new Promise<void>((resolve) => {
      this.#idle = resolve
      setTimeout(resolve, withinMs).unref()
    })
  }
}
