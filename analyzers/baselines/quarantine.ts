import { type Linked, RecencyList } from '../../daemon/model/recency-list.ts'
import type { EventTime } from '../../daemon/model/time.ts'

/** One summary that waits, between those before and after it, and between the others of its caller. */
export class Held<Summary> implements Linked<Held<Summary>> {
  readonly caller: string
  readonly voter: string
  readonly at: EventTime
  readonly summary: Summary
  older: Held<Summary> | null = null
  newer: Held<Summary> | null = null
  olderOfCaller: Held<Summary> | null = null
  newerOfCaller: Held<Summary> | null = null

  constructor(caller: string, voter: string, at: EventTime, summary: Summary) {
    this.caller = caller
    this.voter = voter
    this.at = at
    this.summary = summary
  }
}

/**
 * Summaries in the order in which they came, at most `limit`: the oldest leaves. All of one caller go at the cost of their number,
 * since whoever provokes incidents would otherwise have everything that waits searched for each of them.
 */
export class Quarantine<Summary> {
  readonly #limit: number
  readonly #order = new RecencyList<Held<Summary>>()
  /** The newest of each caller. */
  readonly #newest = new Map<string, Held<Summary>>()
  length = 0
  evicted = 0

  constructor(limit: number) {
    this.#limit = Math.max(1, limit)
  }

  push(held: Held<Summary>): void {
    if (this.length >= this.#limit) {
      this.shift()
      this.evicted++
    }
    const before = this.#newest.get(held.caller) ?? null
    held.olderOfCaller = before
    if (before !== null) before.newerOfCaller = held
    this.#newest.set(held.caller, held)
    this.#order.append(held)
    this.length++
  }

  get oldest(): Held<Summary> | null {
    return this.#order.oldest
  }

  shift(): void {
    const { oldest } = this.#order
    if (oldest !== null) this.#remove(oldest)
  }

  *[Symbol.iterator](): IterableIterator<Held<Summary>> {
    for (let held = this.oldest; held !== null; held = held.newer) yield held
  }

  /** Drops what came at `since` or later; returns how many. */
  dropSince(since: EventTime): number {
    const before = this.length
    for (let held = this.#order.newest; held !== null && held.at >= since; held = this.#order.newest) this.#remove(held)
    return before - this.length
  }

  /** Takes out all of this caller, oldest first. */
  takeCaller(caller: string): Held<Summary>[] {
    const taken: Held<Summary>[] = []
    for (let held = this.#newest.get(caller); held !== undefined; held = this.#newest.get(caller)) {
      this.#remove(held)
      taken.push(held)
    }
    return taken.reverse()
  }

  #remove(held: Held<Summary>): void {
    const { caller, olderOfCaller, newerOfCaller } = held
    if (olderOfCaller !== null) olderOfCaller.newerOfCaller = newerOfCaller
    if (newerOfCaller !== null) newerOfCaller.olderOfCaller = olderOfCaller
    else if (olderOfCaller !== null) this.#newest.set(caller, olderOfCaller)
    else this.#newest.delete(caller)
    this.#order.remove(held)
    this.length--
  }
}
