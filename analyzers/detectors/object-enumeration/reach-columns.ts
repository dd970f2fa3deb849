import type { EvictionListener } from '../../../daemon/identity/bounded-map.ts'
import type { DistinctCounter } from '../../baselines/distinct-counter.ts'
import { NumberLists } from '../../baselines/number-lists.ts'
import type { Place } from '../../baselines/places.ts'
import type { SequentialTest } from '../../baselines/sequential-test.ts'
import type { WindowHistory } from '../../baselines/window-history.ts'
import { PER_REF } from '../../packed-ref.ts'

/** A row is one cache line: two times, words, then bytes. */
const ROW = 64
const DOUBLES = ROW / 8
const WORDS = ROW / 4
/** Among the doubles of a row. */
export const SINCE = 0
export const LAST_AT = 1
/** Among its words. */
const FLAGS = 4
export const ACTIVE_WINDOWS = 5
export const IDS_AT = 6
export const RECENT_AT = 7
/** References of the trail. */
export const REFS_AT = 8
export const REFS = 9
/** Among its bytes. */
const COUNTS = 48

/** Distinct ids of the long window, by outcome, and how many of them were somebody else's, next to another, or seen with anybody before. */
export const ANSWERED = 0
export const DENIED = 1
export const MISSING = 2
export const FOREIGN = 3
export const FOREIGN_ANSWERED = 4
export const NEIGHBOURS = 5
export const KNOWN = 6
/** Distinct answered ids of the short window. */
export const SHORT_ANSWERED = 7
/** Counts when the present short window began: all, refused, next to another, somebody else's, those answered, seen with anybody. */
export const MARKS = 8
export const MARKS_LENGTH = 6
/** Ids that are kept themselves, and recent numbers. */
export const IDS = 14
export const RECENT = 15
/** What past 64 ids is estimated; the lists count what they hold. */
const ESTIMATED_COUNTS = 14

/** Flags. */
export const SIGNALLED = 1
/** A short window of the present long one had a signal. */
export const UNCLEAN = 2
const ESTIMATED = 4

/** In the place of a row where there is none. */
export const NO_ROW = -1
export const MAX_REACHES_PER_CALLER = 24

/** Whoever has reaches. */
export interface Reacher {
  /** The row of its first reach; the others follow one another. */
  first: number
}

/** In the place of ids, once there are too many: what both windows hold, and the counts, which are whole numbers no more. */
export interface Estimates {
  readonly long: DistinctCounter
  short: DistinctCounter
  readonly counts: Float64Array
}

/** What was learnt of this caller's own past windows that were admitted. */
export const NOTHING = { trials: 0, refused: 0, neighbours: 0, foreign: 0, foreignAnswered: 0, known: 0 }

/** What few reaches need. */
export class ReachDetails {
  /** Null: nothing speaks against the caller. */
  refusedWalk: SequentialTest | null = null
  neighbourWalk: SequentialTest | null = null
  foreignWalk: SequentialTest | null = null
  estimates: Estimates | null = null
  /** Hashes, and only where there are several: the texts would keep the whole target they were cut from. */
  lastIds: readonly number[] = NO_IDS
  /** Of the trail: see ReachTrails. */
  texts: string[] | null = null
  ownShort: WindowHistory | null = null
  ownLong: WindowHistory | null = null
  own: Readonly<typeof NOTHING> = NOTHING
}

const NO_IDS: readonly number[] = []

/**
 * What callers reached, a row for each caller and endpoint, and those of a caller in a chain. There are tens of thousands, of which
 * half are seen once: as objects they were 570 bytes each in ten places, all of them moved by the garbage collector.
 *
 * Memory     84 B a row; 16 B of ids and 16 B of numbers, twice as much whenever there is no room; a trail of 24 B a reference; past
 *            64 ids two DistinctCounters; details of some 150 B where they are needed
 */
export class ReachColumns implements EvictionListener<Reacher> {
  readonly lists = new NumberLists()
  readonly places: (Place | null)[] = []
  readonly details: (ReachDetails | null)[] = []
  #doubles: Float64Array
  #words: Int32Array
  #bytes: Uint8Array
  /**
   * The row after this one of the same caller, or of those that are free. Apart from the rows: a caller's chain is gone through each
   * time.
   */
  #next: Int32Array
  #free = NO_ROW

  constructor(capacity = 64) {
    this.#next = new Int32Array(capacity)
    const rows = new ArrayBuffer(capacity * ROW)
    this.#doubles = new Float64Array(rows)
    this.#words = new Int32Array(rows)
    this.#bytes = new Uint8Array(rows)
  }

  next(row: number): number {
    return this.#next[row]!
  }

  /** The row of a place among those of a caller, added if need be: if they are too many, the one that grew longest ago makes way. */
  rowOf(caller: Reacher, place: Place): number {
    const { places } = this
    const next = this.#next
    for (let row = caller.first; row !== NO_ROW; row = next[row]!) if (places[row] === place) return row
    // Places begin anew when they are too many: the same one is then another object.
    const known = this.find(caller, place.key)
    return known === NO_ROW ? this.add(caller, place) : known
  }

  /** The row of a place by its key; NO_ROW where the caller has none. */
  find({ first }: Reacher, key: string): number {
    let row = first
    while (row !== NO_ROW && this.places[row]!.key !== key) row = this.#next[row]!
    return row
  }

  /** Puts a place behind the caller's others. */
  add(caller: Reacher, place: Place): number {
    let count = 0
    let last = NO_ROW
    for (let row = caller.first; row !== NO_ROW; row = this.#next[row]!) {
      last = row
      count++
    }
    if (count >= MAX_REACHES_PER_CALLER) {
      this.#removeOldest(caller)
      return this.add(caller, place)
    }
    const row = this.#free === NO_ROW ? this.#newRow() : this.#free
    this.#free = this.#next[row]!
    this.#next[row] = NO_ROW
    this.places[row] = place
    if (last === NO_ROW) caller.first = row
    else this.#next[last] = row
    return row
  }

  /** Gives back the rows of a caller that is gone. */
  evicted(caller: Reacher): void {
    while (caller.first !== NO_ROW) this.#remove(caller, NO_ROW)
  }

  time(row: number, which: number): number {
    return this.#doubles[row * DOUBLES + which]!
  }

  setTime(row: number, which: number, time: number): void {
    this.#doubles[row * DOUBLES + which] = time
  }

  word(row: number, which: number): number {
    return this.#words[row * WORDS + which]!
  }

  setWord(row: number, which: number, value: number): void {
    this.#words[row * WORDS + which] = value
  }

  has(row: number, flag: number): boolean {
    return (this.#words[row * WORDS + FLAGS]! & flag) !== 0
  }

  flag(row: number, flag: number, on: boolean): void {
    const flags = this.#words[row * WORDS + FLAGS]!
    this.#words[row * WORDS + FLAGS] = on ? flags | flag : flags & ~flag
  }

  count(row: number, which: number): number {
    const estimates = this.estimates(row)
    if (estimates !== null && which < ESTIMATED_COUNTS) return estimates.counts[which]!
    return this.#bytes[row * ROW + COUNTS + which]!
  }

  setCount(row: number, which: number, count: number): void {
    const estimates = this.estimates(row)
    if (estimates !== null && which < ESTIMATED_COUNTS) estimates.counts[which] = count
    else this.#bytes[row * ROW + COUNTS + which] = count
  }

  estimates(row: number): Estimates | null {
    return this.has(row, ESTIMATED) ? this.details[row]!.estimates : null
  }

  /** From now on counts are what they are so far, and may be any number. */
  estimate(row: number, long: DistinctCounter, short: DistinctCounter): Estimates {
    const at = row * ROW + COUNTS
    const estimates = { long, short, counts: Float64Array.from(this.#bytes.subarray(at, at + ESTIMATED_COUNTS)) }
    this.detailsOf(row).estimates = estimates
    this.flag(row, ESTIMATED, true)
    return estimates
  }

  /** Counts and marks are 0, and exact. */
  clearCounts(row: number): void {
    if (this.has(row, ESTIMATED)) {
      this.details[row]!.estimates = null
      this.flag(row, ESTIMATED, false)
    }
    const at = row * ROW + COUNTS
    this.#bytes.fill(0, at, at + ESTIMATED_COUNTS)
  }

  /** Made where there are none. */
  detailsOf(row: number): ReachDetails {
    const known = this.details[row]!
    if (known !== null) return known
    const details = new ReachDetails()
    this.details[row] = details
    return details
  }

  #newRow(): number {
    const row = this.details.length
    if (row === this.#next.length) this.#grow()
    this.#next[row] = NO_ROW
    this.places.push(null)
    this.details.push(null)
    return row
  }

  #grow(): void {
    const capacity = 2 * this.#next.length
    const next = new Int32Array(capacity)
    next.set(this.#next)
    this.#next = next
    const rows = new ArrayBuffer(capacity * ROW)
    const bytes = new Uint8Array(rows)
    bytes.set(this.#bytes)
    this.#bytes = bytes
    this.#doubles = new Float64Array(rows)
    this.#words = new Int32Array(rows)
  }

  #removeOldest(caller: Reacher): void {
    let beforeOldest = NO_ROW
    let oldest = caller.first
    let before = oldest
    for (let row = this.#next[oldest]!; row !== NO_ROW; row = this.#next[row]!) {
      if (this.time(row, LAST_AT) < this.time(oldest, LAST_AT)) {
        beforeOldest = before
        oldest = row
      }
      before = row
    }
    this.#remove(caller, beforeOldest)
  }

  /** Takes the row behind this one out of the caller's; the first behind NO_ROW. */
  #remove(caller: Reacher, before: number): void {
    const row = before === NO_ROW ? caller.first : this.#next[before]!
    if (before === NO_ROW) caller.first = this.#next[row]!
    else this.#next[before] = this.#next[row]!
    this.lists.release(this.word(row, IDS_AT), this.#bytes[row * ROW + COUNTS + IDS]!)
    this.lists.release(this.word(row, RECENT_AT), this.#bytes[row * ROW + COUNTS + RECENT]!)
    this.lists.release(this.word(row, REFS_AT), this.word(row, REFS) * PER_REF)
    this.#bytes.fill(0, row * ROW, (row + 1) * ROW)
    this.places[row] = null
    this.details[row] = null
    this.#next[row] = this.#free
    this.#free = row
  }
}
