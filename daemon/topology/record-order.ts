import { type EventTime, SECOND_US } from '../model/time.ts'

/** How far records may be out of order and still be put right. */
const SLACK_US = 60 * SECOND_US
const MAX_RECORDS = 65_536
const MAX_BYTES = 128 * 1024 * 1024

interface Held<Record> {
  readonly record: Record
  readonly clock: EventTime
  readonly bytes: number
  /** Of arrival: among equal times the first comes first. */
  readonly number: number
}

/**
 * Sorts what is read from topics by event time, within a minute of it. Bounded by number and bytes: beyond these the
 * earliest goes on at once. What comes later than the slack goes on as it is. Holds records as they came, since parsed
 * ones are objects that the collector would have to carry along.
 */
export class RecordOrder<Record> {
  readonly #release: (record: Record, clock: EventTime) => void
  /** Binary heap, earliest first. */
  readonly #heap: Held<Record>[] = []
  #bytes = 0
  #number = 0
  #latest: EventTime = Number.NEGATIVE_INFINITY

  constructor(release: (record: Record, clock: EventTime) => void) {
    this.#release = release
  }

  /** Of what was pushed so far. */
  get latest(): EventTime {
    return this.#latest
  }

  get held(): number {
    return this.#heap.length
  }

  push(record: Record, clock: EventTime, bytes: number): void {
    this.#latest = Math.max(this.#latest, clock)
    this.#bytes += bytes
    this.#add({ record, clock, bytes, number: this.#number++ })
    const heap = this.#heap
    while (heap.length > MAX_RECORDS || this.#bytes > MAX_BYTES || heap[0]!.clock < this.#latest - SLACK_US) {
      this.#next()
      if (heap.length === 0) return
    }
  }

  /** Nothing earlier than `before` comes any more; without it, nothing at all. */
  flush(before: EventTime = Number.POSITIVE_INFINITY): void {
    while (this.#heap.length > 0 && this.#heap[0]!.clock < before) this.#next()
  }

  #next(): void {
    const { record, clock, bytes } = this.#take()
    this.#bytes -= bytes
    this.#release(record, clock)
  }

  #add(held: Held<Record>): void {
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

  #take(): Held<Record> {
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

function earlier(a: Held<unknown>, b: Held<unknown>): boolean {
  return a.clock !== b.clock ? a.clock < b.clock : a.number < b.number
}
