import type { NativeReader } from '../identity/native-reader.ts'
import { type EventTime, SECOND_US } from '../model/time.ts'
import { compareTransactions, type Transaction } from '../model/transaction.ts'
import type { NativeRecord } from '../sources/native-file.ts'
import type { Chain } from './chain.ts'

/** How far records of one input may be out of order and still be put right. */
const SLACK_US = 60 * SECOND_US
const MAX_HELD = 65_536

interface Held {
  readonly transaction: Transaction
  readonly clock: EventTime
}

/**
 * Sorts the records of one native input by (clock, id) within a minute of event time, then hands them to the chain.
 * Bounded: over MAX_HELD records the earliest goes on at once. What comes later than the slack goes on as it is; the
 * chain counts it as late. Input that is in order already, as Offpath writes it, passes through unchanged.
 */
export class NativeOrder {
  readonly #reader: Pick<NativeReader, 'read'>
  readonly #chain: Chain
  /** Binary heap, earliest first. */
  readonly #heap: Held[] = []
  #latest: EventTime = Number.NEGATIVE_INFINITY

  constructor(reader: Pick<NativeReader, 'read'>, chain: Chain) {
    this.#reader = reader
    this.#chain = chain
  }

  push(record: NativeRecord): void {
    const transaction = this.#reader.read(record.record, record.line, record.clock, record.bogusTime)
    if (transaction === null) return
    this.#latest = Math.max(this.#latest, record.clock)
    this.#add({ transaction, clock: record.clock })
    while (this.#heap.length > MAX_HELD || this.#heap[0]!.clock < this.#latest - SLACK_US) this.#release()
  }

  /** Of what was pushed so far. */
  get latest(): EventTime {
    return this.#latest
  }

  get held(): number {
    return this.#heap.length
  }

  /** Nothing earlier than `before` comes any more; without it, nothing at all. */
  flush(before: EventTime = Number.POSITIVE_INFINITY): void {
    while (this.#heap.length > 0 && this.#heap[0]!.clock < before) this.#release()
  }

  #release(): void {
    const { transaction, clock } = this.#take()
    this.#chain.transaction(transaction, clock)
  }

  #add(held: Held): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(held)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!earlier(held, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = held
  }

  #take(): Held {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && earlier(heap[child + 1]!, heap[child]!)) child++
      if (!earlier(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

function earlier(a: Held, b: Held): boolean {
  return a.clock !== b.clock ? a.clock < b.clock : compareTransactions(a.transaction, b.transaction) < 0
}
