import type { DistinctCounter } from '../../baselines/distinct-counter.ts'
import { NumberLists } from '../../baselines/number-lists.ts'
import { FEW_ROWS, PlaceRows, type RowOwner } from '../../baselines/place-rows.ts'
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

export const MAX_REACHES_PER_CALLER = 24

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
export class ReachColumns extends PlaceRows<RowOwner> {
  readonly lists = new NumberLists()
  readonly details: (ReachDetails | null)[] = []
  #doubles: Float64Array
  #words: Int32Array
  #bytes: Uint8Array

  constructor(capacity = FEW_ROWS) {
    super(MAX_REACHES_PER_CALLER, capacity)
    const rows = new ArrayBuffer(capacity * ROW)
    this.#doubles = new Float64Array(rows)
    this.#words = new Int32Array(rows)
    this.#bytes = new Uint8Array(rows)
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

  protected lastAt(row: number): number {
    return this.time(row, LAST_AT)
  }

  protected clear(row: number): void {
    this.lists.release(this.word(row, IDS_AT), this.#bytes[row * ROW + COUNTS + IDS]!)
    this.lists.release(this.word(row, RECENT_AT), this.#bytes[row * ROW + COUNTS + RECENT]!)
    this.lists.release(this.word(row, REFS_AT), this.word(row, REFS) * PER_REF)
    this.#bytes.fill(0, row * ROW, (row + 1) * ROW)
    this.details[row] = null
  }

  protected widen(row: number): void {
    this.details.push(null)
    if (row * ROW < this.#bytes.length) return
    const rows = new ArrayBuffer(2 * row * ROW)
    const bytes = new Uint8Array(rows)
    bytes.set(this.#bytes)
    this.#bytes = bytes
    this.#doubles = new Float64Array(rows)
    this.#words = new Int32Array(rows)
  }
}
