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
  /** Came after it in its lane, and is no earlier. */
  next: Held<Record> | null
  released: boolean
}

/** Where records come from that are in order among themselves, as a rule: a partition, a file. */
export class OrderLane<Record> {
  last: Held<Record> | null = null
}

/**
 * Sorts what is read from topics by event time, within a minute of it. Bounded by number and bytes: beyond these the
 * earliest goes on at once. What comes later than the slack goes on as it is. Holds records as they came, since parsed
 * ones are objects that the collector would have to carry along.
 *
 * Records of a lane that are in order form a chain, and only the chains are sorted: a record costs nothing more while its
 * lane is in order, and at worst what a heap of all records costs.
 */
export class RecordOrder<Record> {
  readonly #release: (record: Record, clock: EventTime) => void
  /** Binary heap of the first of each chain, earliest first. */
  readonly #heap: Held<Record>[] = []
  #held = 0
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
    return this.#held
  }

  push(record: Record, clock: EventTime, bytes: number, lane: OrderLane<Record>): void {
    if (clock > this.#latest) this.#latest = clock
    this.#bytes += bytes
    this.#held++
    const held: Held<Record> = { record, clock, bytes, number: this.#number++, next: null, released: false }
    const before = lane.last
    lane.last = held
    if (before !== null && !before.released && before.clock <= clock) before.next = held
    else this.#add(held)
    while (
      this.#held > MAX_RECORDS ||
      this.#bytes > MAX_BYTES ||
      (this.#held > 0 && this.#heap[0]!.clock < this.#latest - SLACK_US)
    ) {
      this.#next()
    }
  }

  /** Nothing earlier than `before` comes any more; without it, nothing at all. */
  flush(before: EventTime = Number.POSITIVE_INFINITY): void {
    while (this.#held > 0 && this.#heap[0]!.clock < before) this.#next()
  }

  #next(): void {
    const first = this.#heap[0]!
    first.released = true
    this.#held--
    this.#bytes -= first.bytes
    const { next } = first
    // What is done and not collected yet must not hold what comes after it.
    first.next = null
    if (next !== null) this.#sink(next)
    else {
      const last = this.#heap.pop()!
      if (this.#heap.length > 0) this.#sink(last)
    }
    this.#release(first.record, first.clock)
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

  /** In the place of the first. */
  #sink(held: Held<Record>): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && earlier(heap[child + 1]!, heap[child]!)) child++
      if (!earlier(heap[child]!, held)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = held
  }
}

function earlier(a: Held<unknown>, b: Held<unknown>): boolean {
  return a.clock !== b.clock ? a.clock < b.clock : a.number < b.number
}
