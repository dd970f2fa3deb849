import type { SpooledBatch } from './segment.ts'

/** The batches that wait, by table, oldest first in each, and their sums. */
export class Backlog {
  readonly #queues = new Map<string, Set<SpooledBatch>>()
  /** Those of them that came from an input that may be read again. */
  readonly reread = new Set<SpooledBatch>()
  batches = 0
  rows = 0
  bytes = 0

  add(batch: SpooledBatch): void {
    const { table, rows, rereadIds } = batch.header
    const queue = this.#queues.get(table)
    if (queue === undefined) this.#queues.set(table, new Set([batch]))
    else queue.add(batch)
    if (rereadIds !== null) this.reread.add(batch)
    this.batches++
    this.rows += rows
    this.bytes += batch.bytes
  }

  remove(batch: SpooledBatch): void {
    this.#queues.get(batch.header.table)!.delete(batch)
    this.reread.delete(batch)
    this.batches--
    this.rows -= batch.header.rows
    this.bytes -= batch.bytes
  }

  /** The oldest of the tables that `wanted` accepts. */
  oldest(wanted: (table: string) => boolean): SpooledBatch | null {
    let oldest: SpooledBatch | null = null
    for (const [table, queue] of this.#queues) {
      if (!wanted(table)) continue
      const [first] = queue
      if (first !== undefined && (oldest === null || first.order < oldest.order)) oldest = first
    }
    return oldest
  }

  *[Symbol.iterator](): IterableIterator<SpooledBatch> {
    for (const queue of this.#queues.values()) yield* queue
  }
}
