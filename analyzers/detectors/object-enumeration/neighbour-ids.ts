import { z } from 'zod'
import { withOneMore } from '../../../daemon/model/small-list.ts'
import { hashText } from '../../baselines/lookup-hash.ts'
import { amount, hash32 } from '../../baselines/state.ts'

const RECENT_IDS = 64
/** Ids this close to one another are neighbours; also what a shuffled walk over a dense range keeps meeting. */
const NEIGHBOUR = 2
/** More digits are no safe integer. */
const MAX_DIGITS = 15

const MAX_IDS_OF_PATH = 256
/** The first is put into a list of its own (small-list.ts). */
const NO_IDS: number[] = []

/** Recent ids, last step, hashes of the last ids. */
export const NeighbourState = z.tuple([z.array(z.int()).max(RECENT_IDS), amount, z.array(hash32).max(MAX_IDS_OF_PATH)])

/** Whether any of these requests' ids could be a neighbour of others: a single one may be no number. */
export function mayBeNumber(ids: readonly string[]): boolean {
  return ids.length > 1 || (ids[0]!.length <= MAX_DIGITS && Number.isSafeInteger(Number(ids[0])))
}

/** The last numeric ids of one caller at one endpoint, to tell a walk over numbers from visits. */
export class NeighbourIds {
  #recent: number[] = NO_IDS
  /** Hashes, and only where there are several: the texts would keep the whole target they were cut from. */
  #lastIds: readonly number[] = NO_IDS

  /**
   * Whether an id lies next to one asked for before, or continues an even stride. Null when it is no number, or the first.
   * Of several ids in a path the first that differs from the request before is the one that moves.
   */
  add(ids: readonly string[]): boolean | null {
    const text = ids.length === 1 ? ids[0]! : ids[this.#moving(ids)]!
    if (text.length > MAX_DIGITS) return null
    const value = Number(text)
    if (!Number.isSafeInteger(value)) return null
    const recent = this.#recent
    let near = false
    for (let i = recent.length - 1; i >= 0 && !near; i--) {
      const distance = Math.abs(recent[i]! - value)
      near = distance > 0 && distance <= NEIGHBOUR
    }
    const last = recent[recent.length - 1]
    const stride = last === undefined ? 0 : value - last
    if (stride !== 0 && stride === this.#lastStep) near = true
    if (recent.length >= RECENT_IDS) recent.shift()
    this.#recent = withOneMore(recent, value)
    return this.#recent.length === 1 ? null : near
  }

  get #lastStep(): number {
    const recent = this.#recent
    return recent.length < 2 ? 0 : recent[recent.length - 1]! - recent[recent.length - 2]!
  }

  #moving(ids: readonly string[]): number {
    const hashes = ids.map(hashText)
    const last = this.#lastIds
    this.#lastIds = hashes
    for (let i = 0; i < hashes.length; i++) if (hashes[i] !== last[i]) return i
    return ids.length - 1
  }

  toState(): z.infer<typeof NeighbourState> {
    return [[...this.#recent], this.#lastStep, this.#lastIds.slice(0, MAX_IDS_OF_PATH)]
  }

  static fromState([recent, , lastIds]: z.infer<typeof NeighbourState>): NeighbourIds {
    const ids = new NeighbourIds()
    ids.#recent = recent
    ids.#lastIds = lastIds
    return ids
  }
}
