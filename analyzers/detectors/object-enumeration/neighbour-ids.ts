import { z } from 'zod'
import { hashText } from '../../baselines/lookup-hash.ts'
import { amount, hash32 } from '../../baselines/state.ts'
import { RECENT, RECENT_AT, type ReachColumns } from './reach-columns.ts'

const RECENT_IDS = 64
/** Ids this close to one another are neighbours; also what a shuffled walk over a dense range keeps meeting. */
const NEIGHBOUR = 2
/** More digits are no safe integer. */
const MAX_DIGITS = 15

const MAX_IDS_OF_PATH = 256

/** Recent ids, last step, hashes of the last ids. */
export const NeighbourState = z.tuple([z.array(z.int()).max(RECENT_IDS), amount, z.array(hash32).max(MAX_IDS_OF_PATH)])

/** The last numeric ids of each caller at each endpoint, to tell a walk over numbers from visits. */
export class NeighbourIds {
  readonly #columns: ReachColumns

  constructor(columns: ReachColumns) {
    this.#columns = columns
  }

  /**
   * Whether an id lies next to one asked for before, or continues an even stride. Null when it is no number, or the first.
   * Of several ids in a path the first that differs from the request before is the one that moves.
   */
  add(row: number, ids: readonly string[]): boolean | null {
    const text = ids.length === 1 ? ids[0]! : ids[this.#moving(row, ids)]!
    if (text.length > MAX_DIGITS) return null
    const value = Number(text)
    if (!Number.isSafeInteger(value)) return null
    const columns = this.#columns
    const { lists } = columns
    const { numbers } = lists
    const length = columns.count(row, RECENT)
    const start = columns.word(row, RECENT_AT)
    const last = start + length - 1
    let near = false
    for (let at = last; at >= start && !near; at--) {
      const distance = Math.abs(numbers[at]! - value)
      near = distance > 0 && distance <= NEIGHBOUR
    }
    const stride = length === 0 ? 0 : value - numbers[last]!
    if (stride !== 0 && stride === this.#lastStep(row)) near = true
    if (length >= RECENT_IDS) lists.shift(start, length, value)
    else {
      columns.setWord(row, RECENT_AT, lists.push(start, length, value))
      columns.setCount(row, RECENT, length + 1)
    }
    return length === 0 ? null : near
  }

  #lastStep(row: number): number {
    const length = this.#columns.count(row, RECENT)
    if (length < 2) return 0
    const { numbers } = this.#columns.lists
    const last = this.#columns.word(row, RECENT_AT) + length - 1
    return numbers[last]! - numbers[last - 1]!
  }

  #moving(row: number, ids: readonly string[]): number {
    const hashes = ids.map(hashText)
    const details = this.#columns.detailsOf(row)
    const last = details.lastIds
    details.lastIds = hashes
    for (let i = 0; i < hashes.length; i++) if (hashes[i] !== last[i]) return i
    return ids.length - 1
  }

  toState(row: number): z.infer<typeof NeighbourState> {
    const columns = this.#columns
    const recent = columns.lists.toArray(columns.word(row, RECENT_AT), columns.count(row, RECENT))
    const lastIds = columns.details[row]?.lastIds ?? []
    return [recent, this.#lastStep(row), lastIds.slice(0, MAX_IDS_OF_PATH)]
  }

  /** Of a row that has none yet. */
  restore(row: number, [recent, , lastIds]: z.infer<typeof NeighbourState>): void {
    const columns = this.#columns
    for (const [length, value] of recent.entries()) {
      columns.setWord(row, RECENT_AT, columns.lists.push(columns.word(row, RECENT_AT), length, value))
    }
    columns.setCount(row, RECENT, recent.length)
    if (lastIds.length > 0) columns.detailsOf(row).lastIds = lastIds
  }
}
