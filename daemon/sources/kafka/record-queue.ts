import type { RecordsOfPartition } from './record-source.ts'

export interface RecordQueueOptions {
  /** Over it the source is paused; at half of it, resumed. What was being fetched still comes, so it is no hard limit. */
  readonly maxBytes: number
  readonly maxRecords: number
  pause(): void
  resume(): void
}

/** Costs of a record beside its value. */
const RECORD_BYTES = 200

/** What was read and is not analysed yet, in order of arrival. Full, it stops the source, so nothing is given up. */
export class RecordQueue {
  readonly #options: RecordQueueOptions
  #batches: RecordsOfPartition[] = []
  #bytes = 0
  #records = 0
  #paused = false
  #wake: (() => void) | null = null

  constructor(options: RecordQueueOptions) {
    this.#options = options
  }

  get records(): number {
    return this.#records
  }

  /** When the oldest record was written, milliseconds; null when there is none. */
  get oldestMs(): number | null {
    return this.#batches[0]?.records[0]?.timestampMs ?? null
  }

  push(batch: RecordsOfPartition): void {
    this.#batches.push(batch)
    this.#count(batch, 1)
    if (!this.#paused && this.#full(1)) {
      this.#paused = true
      this.#options.pause()
    }
    this.#wake?.()
  }

  shift(): RecordsOfPartition | null {
    const batch = this.#batches.shift() ?? null
    if (batch !== null) this.#count(batch, -1)
    return batch
  }

  /** What does not match is another member's. */
  keepOnly(keep: (batch: RecordsOfPartition) => boolean): void {
    const gone = this.#batches.filter((batch) => !keep(batch))
    this.#batches = this.#batches.filter(keep)
    for (const batch of gone) this.#count(batch, -1)
  }

  /** Resolves when there is a batch, or after `ms`. */
  async wait(ms: number): Promise<void> {
    if (this.#batches.length > 0) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = null
  }

  #count({ records, bytes }: RecordsOfPartition, sign: 1 | -1): void {
    this.#bytes += sign * (bytes + records.length * RECORD_BYTES)
    this.#records += sign * records.length
    if (sign < 0 && this.#paused && !this.#full(2)) {
      this.#paused = false
      this.#options.resume()
    }
  }

  #full(times: number): boolean {
    const { maxBytes, maxRecords } = this.#options
    return this.#bytes * times > maxBytes || this.#records * times > maxRecords
  }
}
