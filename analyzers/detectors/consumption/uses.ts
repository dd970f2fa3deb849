import { z } from 'zod'
import type { EvictionListener } from '../../../daemon/identity/bounded-map.ts'
import { type EventTime, MINUTE_US } from '../../../daemon/model/time.ts'
import type { Place, Places } from '../../baselines/places.ts'
import { amount, flag, text, time } from '../../baselines/state.ts'
import { Heavy, HeavyState } from './heavy.ts'
import { untilMinute } from './sliding-sum.ts'

const MAX_USES_PER_CALLER = 16

/** Service, template; windows (minute, ten); sums; peaks; calls and when the last came; what is kept of a heavy one. */
const UseState = z.tuple([
  text,
  text,
  z.tuple([amount, amount]),
  z.tuple([amount, amount, amount]),
  z.tuple([amount, amount]),
  z.tuple([amount, time]),
  HeavyState.nullable(),
])
/** Key, voter, cohort, whether the hour teaches nothing, calls in ten minutes (window, number, in the window before), uses. */
export const CallerState = z.tuple([
  text,
  text,
  text,
  flag,
  z.tuple([amount, amount, amount]),
  z.array(UseState).max(MAX_USES_PER_CALLER),
])
export type CallerState = z.infer<typeof CallerState>

/** Where the numbers of a use stand in its row. In which minute and ten it was is said by when the last came. */
export const IN_MINUTE = 0
export const IN_TEN = 1
export const IN_HOUR = 2
export const MINUTE_PEAK = 3
export const TEN_PEAK = 4
export const CALLS = 5
export const LAST_AT = 6
export const PER_USE = 7
/** Rows whose numbers stand in one list. Lists are added, not replaced by longer ones: of those a third would be empty. */
const PAGE_BITS = 10
const PAGE_ROWS = 1 << PAGE_BITS
/** Rows to begin with. */
const FEW_ROWS = 64
/** In the place of a row where there is none. */
export const NO_ROW = -1

/** One caller; what it used is kept in rows of `Uses`. */
export class Caller {
  key = ''
  voter = ''
  cohort = ''
  /** What the present hour holds is no lesson. */
  tainted = false
  /** The row of its first use; the others follow one another. */
  first = NO_ROW
  #ten = 0
  /** Of all places, in the window of ten minutes of the last, and in the one before. */
  #callsInTen = 0
  #callsBefore = 0

  call(ten: number): void {
    if (ten !== this.#ten) {
      this.#callsBefore = ten === this.#ten + 1 ? this.#callsInTen : 0
      this.#callsInTen = 0
      this.#ten = ten
    }
    this.#callsInTen++
  }

  /** Of all places, in the ten minutes that end in this one. */
  callsUntil(minute: number): number {
    return untilMinute(this.#callsInTen, this.#callsBefore, minute)
  }

  get callsState(): CallerState[4] {
    return [this.#ten, this.#callsInTen, this.#callsBefore]
  }

  static fromState([key, voter, cohort, tainted, calls]: CallerState): Caller {
    const caller = new Caller()
    caller.key = key
    caller.voter = voter
    caller.cohort = cohort
    caller.tainted = tainted
    ;[caller.#ten, caller.#callsInTen, caller.#callsBefore] = calls
    return caller
  }
}

/**
 * What callers used, up to 16 places each: one row in columns for each use, and those of a caller in a chain. As lists of each caller
 * they were a hundred thousand small arrays, for the garbage collector to copy twice and then to go through again and again.
 *
 * Memory     80 B for each use, as many as there were at once; and what is kept of heavy ones
 */
export class Uses implements EvictionListener<Caller> {
  /** PER_USE for each row, by PAGE_ROWS. */
  readonly #sums: Float64Array[] = []
  readonly places: (Place | null)[] = []
  readonly heavy: (Heavy | null)[] = []
  /** The row after this one of the same caller, or of those that are free. */
  #next = new Int32Array(FEW_ROWS)
  #free = NO_ROW

  next(row: number): number {
    return this.#next[row]!
  }

  /** The numbers of this row and of some others, which stand there for as long as the row does. */
  sumsOf(row: number): Float64Array {
    return this.#sums[row >>> PAGE_BITS]!
  }

  /** Where the row begins among its `sumsOf`. */
  offsetOf(row: number): number {
    return (row & (PAGE_ROWS - 1)) * PER_USE
  }

  /** The row of a place among those of a caller, added if need be. */
  rowOf(caller: Caller, place: Place): number {
    const { places } = this
    const next = this.#next
    const { first } = caller
    for (let row = first; row !== NO_ROW; row = next[row]!) if (places[row] === place) return row
    // Places begin anew when they are too many: the same one is then another object.
    const known = this.find(caller, place.key)
    return known === NO_ROW ? this.#add(caller, place) : known
  }

  /** The row of a place by its key; NO_ROW where the caller has none. */
  find({ first }: Caller, key: string): number {
    let row = first
    while (row !== NO_ROW && this.places[row]!.key !== key) row = this.#next[row]!
    return row
  }

  /** Gives back the rows of a caller that is gone. */
  evicted(caller: Caller): void {
    while (caller.first !== NO_ROW) this.#remove(caller, NO_ROW)
  }

  toState(caller: Caller): CallerState {
    const uses: CallerState[5] = []
    for (let row = caller.first; row !== NO_ROW; row = this.#next[row]!) uses.push(this.#stateOf(row))
    return [caller.key, caller.voter, caller.cohort, caller.tainted, caller.callsState, uses]
  }

  fromState(state: CallerState, places: Places): Caller {
    const caller = Caller.fromState(state)
    for (const [service, template, , sums, peaks, rest, heavy] of state[5]) {
      const row = this.#add(caller, places.of(service, template))
      this.sumsOf(row).set([...sums, ...peaks, ...rest], this.offsetOf(row))
      this.heavy[row] = heavy === null ? null : Heavy.fromState(heavy)
    }
    return caller
  }

  #stateOf(row: number): z.infer<typeof UseState> {
    const { service, template } = this.places[row]!
    const of = (which: number) => this.sumsOf(row)[this.offsetOf(row) + which]!
    const lastAt: EventTime = of(LAST_AT)
    return [
      service,
      template,
      [Math.floor(lastAt / MINUTE_US), Math.floor(lastAt / (10 * MINUTE_US))],
      [of(IN_MINUTE), of(IN_TEN), of(IN_HOUR)],
      [of(MINUTE_PEAK), of(TEN_PEAK)],
      [of(CALLS), lastAt],
      this.heavy[row]?.toState() ?? null,
    ]
  }

  /** Behind the caller's others, of which the one used longest ago makes way if they are too many. */
  #add(caller: Caller, place: Place): number {
    let count = 0
    for (let row = caller.first; row !== NO_ROW; row = this.#next[row]!) count++
    if (count >= MAX_USES_PER_CALLER) this.#removeOldest(caller)
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

  #newRow(): number {
    const row = this.places.length
    if (row === this.#next.length) {
      const next = new Int32Array(2 * row)
      next.set(this.#next)
      this.#next = next
    }
    if ((row & (PAGE_ROWS - 1)) === 0) this.#sums.push(new Float64Array(PAGE_ROWS * PER_USE))
    this.#next[row] = NO_ROW
    this.places.push(null)
    this.heavy.push(null)
    return row
  }

  #removeOldest(caller: Caller): void {
    let beforeOldest = NO_ROW
    let oldestAt = Number.POSITIVE_INFINITY
    let before = NO_ROW
    for (let row = caller.first; row !== NO_ROW; row = this.#next[row]!) {
      const lastAt = this.sumsOf(row)[this.offsetOf(row) + LAST_AT]!
      if (lastAt < oldestAt) {
        beforeOldest = before
        oldestAt = lastAt
      }
      before = row
    }
    this.#remove(caller, beforeOldest)
  }

  /** Takes the row behind this one out of the caller's; the first behind NO_ROW. */
  #remove(caller: Caller, before: number): void {
    const row = before === NO_ROW ? caller.first : this.#next[before]!
    if (before === NO_ROW) caller.first = this.#next[row]!
    else this.#next[before] = this.#next[row]!
    this.sumsOf(row).fill(0, this.offsetOf(row), this.offsetOf(row) + PER_USE)
    this.places[row] = null
    this.heavy[row] = null
    this.#next[row] = this.#free
    this.#free = row
  }
}
