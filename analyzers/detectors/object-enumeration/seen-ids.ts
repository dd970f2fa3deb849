import { z } from 'zod'
import { DistinctCounter, DistinctState } from '../../baselines/distinct-counter.ts'
import { type Estimates, IDS, IDS_AT, type ReachColumns, SHORT_ANSWERED } from './reach-columns.ts'

/** Up to so many are kept themselves, as in DistinctCounter. */
const EXACT = 64
/** A number for each id: its hash so many times, and 1 more where it was answered in the short window. */
const SHORT = 2

/** Of the long window, and the answered ones of the short window. */
export const SeenState = z.tuple([DistinctState, DistinctState])
type SeenState = z.infer<typeof SeenState>

/**
 * Which ids were reached in the long window, and which of them were answered in the short one, as two DistinctCounters say it. A
 * habit is as large in its first window after midnight as in any, so the short window counts by itself. Whoever is answered in the short
 * window is seen in the long one, so one list serves both as long as ids are kept.
 */
export class SeenIds {
  readonly #columns: ReachColumns

  constructor(columns: ReachColumns) {
    this.#columns = columns
  }

  /** How much the number of distinct ids of the long window grew. `id`: its hash, of 32 bits. */
  see(row: number, id: number, answered: boolean): number {
    const columns = this.#columns
    const estimates = columns.estimates(row)
    if (estimates !== null) return this.#estimate(row, estimates, id, answered)
    const { lists } = columns
    const length = columns.count(row, IDS)
    const start = columns.word(row, IDS_AT)
    const end = start + length
    const asked = id * SHORT
    let at = start
    while (at < end && lists.numbers[at] !== asked && lists.numbers[at] !== asked + 1) at++
    if (at === end) {
      if (length === EXACT) return this.#estimate(row, this.#spill(row), id, answered)
      columns.setWord(row, IDS_AT, lists.push(start, length, answered ? asked + 1 : asked))
      columns.setCount(row, IDS, length + 1)
      if (answered) columns.setCount(row, SHORT_ANSWERED, columns.count(row, SHORT_ANSWERED) + 1)
      return 1
    }
    if (answered && lists.numbers[at] === asked) {
      lists.numbers[at] = asked + 1
      columns.setCount(row, SHORT_ANSWERED, columns.count(row, SHORT_ANSWERED) + 1)
    }
    return 0
  }

  beginShort(row: number): void {
    const columns = this.#columns
    columns.setCount(row, SHORT_ANSWERED, 0)
    const estimates = columns.estimates(row)
    if (estimates !== null) estimates.short = new DistinctCounter()
    const { numbers } = columns.lists
    const start = columns.word(row, IDS_AT)
    const end = start + columns.count(row, IDS)
    for (let at = start; at < end; at++) numbers[at] = SHORT * Math.floor(numbers[at]! / SHORT)
  }

  /** With the counts of the row. */
  beginLong(row: number): void {
    this.#columns.clearCounts(row)
    this.#clear(row)
  }

  toState(row: number): SeenState {
    const estimates = this.#columns.estimates(row)
    if (estimates !== null) return [estimates.long.toState(), estimates.short.toState()]
    const ids = this.#numbers(row)
    return [ids.map(hashOf), ids.filter((id) => id % SHORT === 1).map(hashOf)]
  }

  /** Of a row that saw nothing yet. */
  restore(row: number, [long, short]: SeenState): void {
    if (typeof long[0] === 'string') {
      this.#columns.estimate(row, DistinctCounter.fromState(long), DistinctCounter.fromState(short))
      return
    }
    const answered = new Set(typeof short[0] === 'string' ? [] : (short as number[]))
    for (const id of long as number[]) this.see(row, id, answered.has(id))
  }

  #estimate(row: number, { long, short }: Estimates, id: number, answered: boolean): number {
    const columns = this.#columns
    if (answered) columns.setCount(row, SHORT_ANSWERED, columns.count(row, SHORT_ANSWERED) + short.learnOne(id))
    return long.learnOne(id)
  }

  #spill(row: number): Estimates {
    const [long, short] = this.toState(row)
    this.#clear(row)
    return this.#columns.estimate(row, DistinctCounter.fromState(long), DistinctCounter.fromState(short))
  }

  #clear(row: number): void {
    const columns = this.#columns
    columns.lists.release(columns.word(row, IDS_AT), columns.count(row, IDS))
    columns.setCount(row, IDS, 0)
  }

  #numbers(row: number): number[] {
    return this.#columns.lists.toArray(this.#columns.word(row, IDS_AT), this.#columns.count(row, IDS))
  }
}

function hashOf(id: number): number {
  return Math.floor(id / SHORT)
}
