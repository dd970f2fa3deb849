import { type EventTime, MINUTE_US } from '../../../daemon/model/time.ts'
import type { Place } from '../../baselines/places.ts'
import { Heavy } from './heavy.ts'
import type { ByScale } from './scales.ts'
import { CALLS, IN_HOUR, IN_MINUTE, IN_TEN, LAST_AT, MINUTE_PEAK, PER_USE, TEN_PEAK, type Uses } from './uses.ts'

/**
 * What one caller used at one place in the present minute, ten minutes and hour: a view of a row of `Uses`.
 * *Borrowed*: the next `at` moves it.
 */
export class Usage {
  readonly #uses: Uses
  #row = 0
  #sums: Float64Array = new Float64Array(PER_USE)
  /** Where its numbers begin. */
  #at = 0

  constructor(uses: Uses) {
    this.#uses = uses
  }

  at(row: number): this {
    this.#row = row
    this.#sums = this.#uses.sumsOf(row)
    this.#at = this.#uses.offsetOf(row)
    return this
  }

  get place(): Place {
    return this.#uses.places[this.#row]!
  }

  /** In the windows of the last use. */
  get inMinute(): number {
    return this.#get(IN_MINUTE)
  }

  get inTen(): number {
    return this.#get(IN_TEN)
  }

  get inHour(): number {
    return this.#get(IN_HOUR)
  }

  /** In this hour. */
  get calls(): number {
    return this.#get(CALLS)
  }

  get idle(): boolean {
    return this.#get(LAST_AT) === 0
  }

  get heavy(): Heavy | null {
    return this.#uses.heavy[this.#row]!
  }

  /** What is kept of a heavy use, from now on. */
  watch(minute: number, now: EventTime): Heavy {
    const known = this.heavy
    if (known !== null) return known
    const heavy = new Heavy(now)
    this.#uses.heavy[this.#row] = heavy
    // In which minutes of the window it was before is not known.
    const first = minute - (minute % 10)
    for (let at = first; at < minute; at++) heavy.ten.add((this.inTen - this.inMinute) / (minute - first), at)
    heavy.ten.add(this.inMinute, minute)
    return heavy
  }

  add(used: number, largest: boolean, minute: number, now: EventTime): void {
    const sums = this.#sums
    const at = this.#at
    const before = Math.floor(sums[at + LAST_AT]! / MINUTE_US)
    if (minute !== before) {
      sums[at + IN_MINUTE] = 0
      if (Math.floor(minute / 10) !== Math.floor(before / 10)) sums[at + IN_TEN] = 0
    }
    if (largest) {
      if (used > sums[at + IN_HOUR]!) sums[at + IN_HOUR] = used
    } else {
      const inMinute = sums[at + IN_MINUTE]! + used
      const inTen = sums[at + IN_TEN]! + used
      sums[at + IN_MINUTE] = inMinute
      sums[at + IN_TEN] = inTen
      sums[at + IN_HOUR]! += used
      if (inMinute > sums[at + MINUTE_PEAK]!) sums[at + MINUTE_PEAK] = inMinute
      if (inTen > sums[at + TEN_PEAK]!) sums[at + TEN_PEAK] = inTen
    }
    sums[at + LAST_AT] = now
    this.heavy?.ten.add(used, minute)
  }

  call(): void {
    this.#sums[this.#at + CALLS]! += 1
  }

  /** The busiest minute, the busiest ten, the hour; and begins a new hour. */
  close(): ByScale<number> {
    const sums = this.#sums
    const at = this.#at
    const { heavy } = this
    const tenPeak = Math.max(sums[at + TEN_PEAK]!, heavy?.ten.takePeak() ?? 0)
    const values: ByScale<number> = [sums[at + MINUTE_PEAK]!, tenPeak, sums[at + IN_HOUR]!]
    sums.fill(0, at, at + PER_USE)
    if (heavy !== null) {
      heavy.told = 0
      heavy.active = false
      heavy.trail.clear()
    }
    return values
  }

  #get(which: number): number {
    return this.#sums[this.#at + which]!
  }
}
