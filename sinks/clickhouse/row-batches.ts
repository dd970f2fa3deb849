import type { RowBatch } from '../../daemon/model/row-batch.ts'
import { DAY_US, type EventTime, formatTime } from '../../daemon/model/time.ts'
import { MAX_TIME, TsvText } from './tsv-text.ts'

export const MAX_BATCH_ROWS = 10_000
/** Rows with long texts fill a batch by their bytes. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024
/** A day is left and not come back to; but a bogus clock can name any. */
const MAX_OPEN_DAYS = 4
const FIRST_BYTES = 16 * 1024

interface OpenBatch {
  readonly day: number
  readonly text: TsvText
  readonly ids: string[] | null
  rows: number
}

/** Rows of one table on their way to the spool: one batch under way for each day, at most four. */
export class RowBatches {
  readonly #table: string
  readonly #columns: readonly string[]
  #reread: boolean
  readonly #emit: (batch: RowBatch) => void
  #open: OpenBatch[] = []
  #firstBytes = FIRST_BYTES

  /** `reread`: batches carry the ids of their rows. */
  constructor(table: string, columns: readonly string[], reread: boolean, emit: (batch: RowBatch) => void) {
    this.#table = table
    this.#columns = columns
    this.#reread = reread
    this.#emit = emit
  }

  /** Where a row of that time is written: exactly one, then `added`. */
  at(time: EventTime): TsvText {
    const day = time > 0 ? Math.floor(Math.min(time, MAX_TIME) / DAY_US) : 0
    const first = this.#open[0]
    if (first !== undefined && first.day === day) return first.text
    const index = this.#open.findIndex((batch) => batch.day === day)
    if (index >= 0) {
      this.#open.unshift(...this.#open.splice(index, 1))
    } else {
      if (this.#open.length === MAX_OPEN_DAYS) this.#send(this.#open.pop()!)
      this.#open.unshift({ day, text: new TsvText(this.#firstBytes), ids: this.#reread ? [] : null, rows: 0 })
    }
    return this.#open[0]!.text
  }

  /** The row that `at` gave the place for is complete. */
  added(id: string | null): void {
    const batch = this.#open[0]!
    batch.rows++
    if (id !== null) batch.ids?.push(id)
    if (batch.rows < MAX_BATCH_ROWS && batch.text.length < MAX_BATCH_BYTES) return
    this.#open.shift()
    // The next one is of that size too.
    this.#firstBytes = batch.text.length
    this.#send(batch)
  }

  /** Sends what is under way, and carries ids from now on, or not. */
  reread(may: boolean): void {
    this.flush()
    this.#reread = may
  }

  /** Sends what is under way. */
  flush(): void {
    const open = this.#open
    this.#open = []
    const largest = open.reduce((most, { text }) => Math.max(most, text.length), FIRST_BYTES)
    this.#firstBytes = Math.min(this.#firstBytes, largest)
    for (const batch of open) this.#send(batch)
  }

  #send({ day, text, ids, rows }: OpenBatch): void {
    if (rows === 0) return
    this.#emit({
      table: this.#table,
      day: formatTime(day * DAY_US).slice(0, 10),
      columns: this.#columns,
      format: 'TabSeparated',
      rows,
      bytes: text.bytes.subarray(0, text.length),
      rereadIds: ids,
    })
  }
}
