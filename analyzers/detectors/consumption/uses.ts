import { z } from 'zod'
import { type EventTime, MINUTE_US } from '../../../daemon/model/time.ts'
import { NO_ROW, PlaceRows } from '../../baselines/place-rows.ts'
import type { Places } from '../../baselines/places.ts'
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
export class Uses extends PlaceRows<Caller> {
  /** PER_USE for each row, by PAGE_ROWS. */
  readonly #sums: Float64Array[] = []
  readonly heavy: (Heavy | null)[] = []

  constructor() {
    super(MAX_USES_PER_CALLER)
  }

  /** The numbers of this row and of some others, which stand there for as long as the row does. */
  sumsOf(row: number): Float64Array {
    return this.#sums[row >>> PAGE_BITS]!
  }

  /** Where the row begins among its `sumsOf`. */
  offsetOf(row: number): number {
    return (row & (PAGE_ROWS - 1)) * PER_USE
  }

  toState(caller: Caller): CallerState {
    const uses: CallerState[5] = []
    for (let row = caller.first; row !== NO_ROW; row = this.next(row)) uses.push(this.#stateOf(row))
    return [caller.key, caller.voter, caller.cohort, caller.tainted, caller.callsState, uses]
  }

  fromState(state: CallerState, places: Places): Caller {
    const caller = Caller.fromState(state)
    for (const [service, template, , sums, peaks, rest, heavy] of state[5]) {
      const row = this.add(caller, places.of(service, template))
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

  protected lastAt(row: number): number {
    return this.sumsOf(row)[this.offsetOf(row) + LAST_AT]!
  }

  protected clear(row: number): void {
    this.sumsOf(row).fill(0, this.offsetOf(row), this.offsetOf(row) + PER_USE)
    this.heavy[row] = null
  }

  protected widen(row: number): void {
    if ((row & (PAGE_ROWS - 1)) === 0) this.#sums.push(new Float64Array(PAGE_ROWS * PER_USE))
    this.heavy.push(null)
  }
}
