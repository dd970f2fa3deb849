import type { EvictionListener } from '../../daemon/identity/bounded-map.ts'
import type { Place } from './places.ts'

/** In the place of a row where there is none. */
export const NO_ROW = -1
/** Rows to begin with. */
export const FEW_ROWS = 64

/** Whoever has rows. */
export interface RowOwner {
  /** The first; the others follow one another. */
  first: number
}

/**
 * Rows of callers by place, for what is kept in columns by row: those of a caller are a chain, in the order in which they came, and those
 * that are free another. A caller has up to `most`; the one used longest ago makes way.
 *
 * Memory     12 B a row, as many as there were at once
 */
export abstract class PlaceRows<Owner extends RowOwner> implements EvictionListener<Owner> {
  readonly places: (Place | null)[] = []
  readonly #most: number
  /** The row after this one. Apart from what is kept of a row: a caller's chain is gone through each time. */
  #next: Int32Array
  #free = NO_ROW

  constructor(most: number, capacity = FEW_ROWS) {
    this.#most = most
    this.#next = new Int32Array(capacity)
  }

  /** Makes room in the columns for a row, the next one after all there were. */
  protected abstract widen(row: number): void
  /** Gives up what is kept of a row: it reads like a new one. */
  protected abstract clear(row: number): void
  /** When the row was last used. */
  protected abstract lastAt(row: number): number

  next(row: number): number {
    return this.#next[row]!
  }

  /** The row of a place among those of a caller, added if need be. */
  rowOf(caller: Owner, place: Place): number {
    const { places } = this
    const next = this.#next
    for (let row = caller.first; row !== NO_ROW; row = next[row]!) if (places[row] === place) return row
    // Places begin anew when they are too many: the same one is then another object.
    const known = this.find(caller, place.key)
    return known === NO_ROW ? this.add(caller, place) : known
  }

  /** The row of a place by its key; NO_ROW where the caller has none. */
  find({ first }: Owner, key: string): number {
    let row = first
    while (row !== NO_ROW && this.places[row]!.key !== key) row = this.#next[row]!
    return row
  }

  /** Puts a place behind the caller's others. */
  add(caller: Owner, place: Place): number {
    let count = 0
    for (let row = caller.first; row !== NO_ROW; row = this.#next[row]!) count++
    if (count >= this.#most) this.#removeOldest(caller)
    const row = this.#free === NO_ROW ? this.#newRow() : this.#free
    this.#free = this.#next[row]!
    this.#next[row] = NO_ROW
    this.places[row] = place
    let last = caller.first
    if (last === NO_ROW) caller.first = row
    else {
      while (this.#next[last] !== NO_ROW) last = this.#next[last]!
      this.#next[last] = row
    }
    return row
  }

  /** Gives back the rows of a caller that is gone. */
  evicted(caller: Owner): void {
    while (caller.first !== NO_ROW) this.#remove(caller, NO_ROW)
  }

  #newRow(): number {
    const row = this.places.length
    if (row === this.#next.length) {
      const next = new Int32Array(2 * row)
      next.set(this.#next)
      this.#next = next
    }
    this.widen(row)
    this.#next[row] = NO_ROW
    this.places.push(null)
    return row
  }

  #removeOldest(caller: Owner): void {
    let beforeOldest = NO_ROW
    let oldestAt = Number.POSITIVE_INFINITY
    let before = NO_ROW
    for (let row = caller.first; row !== NO_ROW; row = this.#next[row]!) {
      const lastAt = this.lastAt(row)
      if (lastAt < oldestAt) {
        beforeOldest = before
        oldestAt = lastAt
      }
      before = row
    }
    this.#remove(caller, beforeOldest)
  }

  /** Takes the row behind this one out of the caller's; the first behind NO_ROW. */
  #remove(caller: Owner, before: number): void {
    const row = before === NO_ROW ? caller.first : this.#next[before]!
    if (before === NO_ROW) caller.first = this.#next[row]!
    else this.#next[before] = this.#next[row]!
    this.clear(row)
    this.places[row] = null
    this.#next[row] = this.#free
    this.#free = row
  }
}
