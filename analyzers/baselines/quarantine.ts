import type { EventTime } from '../../daemon/model/time.ts'

/** One summary that waits. */
export interface Held<Summary> {
  readonly caller: string
  readonly voter: string
  readonly at: EventTime
  readonly summary: Summary
}

/** In the place of a row where there is none. */
const NO_ROW = -1
/** Rows to begin with. */
const FEW_ROWS = 64
/** Where the neighbours of a row stand: in the order in which all came, and in that of its caller. */
const OLDER = 0
const NEWER = 1
const OLDER_OF_CALLER = 2
const NEWER_OF_CALLER = 3
const PER_ROW = 4

/**
 * Summaries in the order in which they came, at most `limit`: the oldest leaves. All of one caller go at the cost of their number,
 * since whoever provokes incidents would otherwise have everything that waits searched for each of them.
 *
 * Memory     48 B for each, as many as there were at once, beside the summary; in columns, since fifty thousand objects that live
 *            for a quarter of an hour are what a garbage collector of generations is worst at
 */
export class Quarantine<Summary> {
  readonly #limit: number
  readonly #callers: string[] = []
  readonly #voters: string[] = []
  readonly #summaries: (Summary | null)[] = []
  #at = new Float64Array(FEW_ROWS)
  /** PER_ROW for each row. Those that are free are a chain of NEWER. */
  #links = new Int32Array(FEW_ROWS * PER_ROW)
  #oldest = NO_ROW
  #newest = NO_ROW
  #free = NO_ROW
  /** The newest row of each caller. */
  readonly #newestOf = new Map<string, number>()
  length = 0
  evicted = 0

  constructor(limit: number) {
    this.#limit = Math.max(1, limit)
  }

  push(caller: string, voter: string, at: EventTime, summary: Summary): void {
    if (this.length >= this.#limit) {
      this.#remove(this.#oldest)
      this.evicted++
    }
    const row = this.#newRow()
    this.#callers[row] = caller
    this.#voters[row] = voter
    this.#summaries[row] = summary
    this.#at[row] = at
    const olderOfCaller = this.#newestOf.get(caller) ?? NO_ROW
    this.#newestOf.set(caller, row)
    this.#link(olderOfCaller, row, OLDER_OF_CALLER)
    this.#link(row, NO_ROW, OLDER_OF_CALLER)
    this.#link(this.#newest, row, OLDER)
    this.#link(row, NO_ROW, OLDER)
    if (this.#oldest === NO_ROW) this.#oldest = row
    this.#newest = row
    this.length++
  }

  /** When the oldest came; null where nothing waits. */
  get oldestAt(): EventTime | null {
    return this.#oldest === NO_ROW ? null : this.#at[this.#oldest]!
  }

  /** Takes out the oldest. */
  shift(): Held<Summary> | null {
    return this.#oldest === NO_ROW ? null : this.#take(this.#oldest)
  }

  *[Symbol.iterator](): IterableIterator<Held<Summary>> {
    for (let row = this.#oldest; row !== NO_ROW; row = this.#links[row * PER_ROW + NEWER]!) yield this.#heldAt(row)
  }

  /** Drops what came at `since` or later; returns how many. */
  dropSince(since: EventTime): number {
    const before = this.length
    while (this.#newest !== NO_ROW && this.#at[this.#newest]! >= since) this.#remove(this.#newest)
    return before - this.length
  }

  /** Takes out all of this caller, oldest first. */
  takeCaller(caller: string): Held<Summary>[] {
    const taken: Held<Summary>[] = []
    for (let row = this.#newestOf.get(caller); row !== undefined; row = this.#newestOf.get(caller)) {
      taken.push(this.#take(row))
    }
    return taken.reverse()
  }

  #heldAt(row: number): Held<Summary> {
    return {
      caller: this.#callers[row]!,
      voter: this.#voters[row]!,
      at: this.#at[row]!,
      summary: this.#summaries[row]!,
    }
  }

  #take(row: number): Held<Summary> {
    const held = this.#heldAt(row)
    this.#remove(row)
    return held
  }

  #remove(row: number): void {
    const at = row * PER_ROW
    const older = this.#links[at + OLDER]!
    const newer = this.#links[at + NEWER]!
    if (older === NO_ROW) this.#oldest = newer
    if (newer === NO_ROW) this.#newest = older
    this.#link(older, newer, OLDER)
    const olderOfCaller = this.#links[at + OLDER_OF_CALLER]!
    const newerOfCaller = this.#links[at + NEWER_OF_CALLER]!
    if (newerOfCaller === NO_ROW) {
      const caller = this.#callers[row]!
      if (olderOfCaller === NO_ROW) this.#newestOf.delete(caller)
      else this.#newestOf.set(caller, olderOfCaller)
    }
    this.#link(olderOfCaller, newerOfCaller, OLDER_OF_CALLER)
    this.#callers[row] = ''
    this.#voters[row] = ''
    this.#summaries[row] = null
    this.#links[at + NEWER] = this.#free
    this.#free = row
    this.length--
  }

  /** Makes two rows neighbours, in the order of OLDER or OLDER_OF_CALLER. */
  #link(older: number, newer: number, order: number): void {
    if (older !== NO_ROW) this.#links[older * PER_ROW + order + 1] = newer
    if (newer !== NO_ROW) this.#links[newer * PER_ROW + order] = older
  }

  #newRow(): number {
    const free = this.#free
    if (free !== NO_ROW) {
      this.#free = this.#links[free * PER_ROW + NEWER]!
      return free
    }
    const row = this.#callers.length
    if (row === this.#at.length) {
      const room = Math.min(2 * row, this.#limit)
      const at = new Float64Array(room)
      at.set(this.#at)
      this.#at = at
      const links = new Int32Array(room * PER_ROW)
      links.set(this.#links)
      this.#links = links
    }
    return row
  }
}
