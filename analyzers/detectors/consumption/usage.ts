import { z } from 'zod'
import { withOneMore } from '../../../daemon/model/small-list.ts'
import { type EventTime, HOUR_US, MINUTE_US } from '../../../daemon/model/time.ts'
import type { Place, Places } from '../../baselines/places.ts'
import { amount, flag, text, time } from '../../baselines/state.ts'
import { WindowHistory, WindowHistoryState } from '../../baselines/window-history.ts'
import { EvidenceTrail, TrailState } from '../../finding.ts'
import { SlidingState, SlidingSum, untilMinute } from './sliding-sum.ts'

/** Windows that use is added up in: a minute, ten, an hour. */
export const SCALES_US = [MINUTE_US, 10 * MINUTE_US, HOUR_US] as const
export const MINUTE = 0
export const TEN = 1
export const HOUR = 2
/** One number for each of SCALES_US. */
export type ByScale<T> = readonly [minute: T, ten: T, hour: T]

const MAX_USAGES_PER_CALLER = 16
/** Hours of one's own past before it can excuse anything. */
const OWN_HOURS = 3
/** What is as much above the most that is usual for oneself is still one's own. */
const OWN_SLACK = 1.5

/** Since, the most while nobody was known, own past, what was told, whether this hour, trail, the last ten minutes. */
const HeavyState = z.tuple([
  time,
  amount,
  z.array(WindowHistoryState.nullable()).length(SCALES_US.length),
  amount,
  flag,
  TrailState,
  SlidingState,
])
/** Service, template; windows (minute, ten); sums; peaks; calls and when the last came; what is kept of a heavy one. */
const UsageState = z.tuple([
  text,
  text,
  z.tuple([amount, amount]),
  z.tuple([amount, amount, amount]),
  z.tuple([amount, amount]),
  z.tuple([amount, time]),
  HeavyState.nullable(),
])
/** Key, voter, whether the hour teaches nothing, calls in ten minutes (window, number, in the window before), usages. */
export const CallerState = z.tuple([
  text,
  text,
  text,
  flag,
  z.tuple([amount, amount, amount]),
  z.array(UsageState).max(MAX_USAGES_PER_CALLER),
])
export type CallerState = z.infer<typeof CallerState>

/** What is kept only of a use that came near to much. */
export class Heavy {
  readonly since: EventTime
  /** Times the floor, at most, while there were no others to compare it with. */
  early = 0
  /** The hours in which it was so, by scale. */
  readonly own: (WindowHistory | null)[] = SCALES_US.map(() => null)
  /** How many times the floor was told of in this hour; 0 while nothing was. */
  told = 0
  /** This hour. */
  active = true
  trail = new EvidenceTrail()
  /** Any ten minutes: what lies across two windows is as much. */
  ten = new SlidingSum()

  constructor(since: EventTime) {
    this.since = since
  }

  learnOwn(values: ByScale<number>, now: EventTime): void {
    for (let scale = 0; scale < values.length; scale++) {
      const history = this.own[scale] ?? new WindowHistory()
      history.learnOne(values[scale]!, now)
      this.own[scale] = history
    }
  }

  /** The most that this caller's own past explains; null while it has too little of one. */
  explains(scale: number): number | null {
    const upper = this.own[scale]?.upper(OWN_HOURS) ?? null
    return upper === null ? null : upper * OWN_SLACK
  }

  toState(): z.infer<typeof HeavyState> {
    const { since, early, own, told, active, trail, ten } = this
    return [since, early, own.map((each) => each?.toState() ?? null), told, active, trail.toState(), ten.toState()]
  }

  static fromState([since, early, own, told, active, trail, ten]: z.infer<typeof HeavyState>): Heavy {
    const heavy = new Heavy(since)
    heavy.early = early
    for (const [scale, each] of own.entries()) heavy.own[scale] = each === null ? null : WindowHistory.fromState(each)
    heavy.told = told
    heavy.active = active
    heavy.trail = EvidenceTrail.fromState(trail)
    heavy.ten = SlidingSum.fromState(ten)
    return heavy
  }
}

/** Where the numbers of a use stand among those of its caller. In which minute and ten it was is said by when the last came. */
const IN_MINUTE = 0
const IN_TEN = 1
const IN_HOUR = 2
const MINUTE_PEAK = 3
const TEN_PEAK = 4
const CALLS = 5
const LAST_AT = 6
const PER_USAGE = 7
/** Uses that a caller's list has room for, when it has none left: lists that grew one by one were a fifth of all garbage that got old. */
const ROOM = [1, 2, 4, 6, 8, 12, MAX_USAGES_PER_CALLER]
/** A number that is no whole one, so that V8 keeps lists that begin as a copy of it unboxed. */
const UNUSED: number[] = []
while (UNUSED.length < MAX_USAGES_PER_CALLER * PER_USAGE) UNUSED.push(0.5)
const NOTHING_USED: readonly number[] = new Array<number>(PER_USAGE).fill(0)
const NO_PLACES: Place[] = []
const NO_SUMS: number[] = []
const NO_HEAVY: (Heavy | null)[] = []

/**
 * What one caller used at one place in the present minute, ten minutes and hour: a view of the numbers that the caller keeps.
 * *Borrowed*: the next `at` moves it.
 */
export class Usage {
  #caller: Caller = NOBODY
  #index = 0

  at(caller: Caller, index: number): this {
    this.#caller = caller
    this.#index = index
    return this
  }

  get place(): Place {
    return this.#caller.places[this.#index]!
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

  get lastAt(): EventTime {
    return this.#get(LAST_AT)
  }

  get idle(): boolean {
    return this.#get(LAST_AT) === 0
  }

  get heavy(): Heavy | null {
    return this.#caller.heavyOf(this.#index)
  }

  /** What is kept of a heavy use, from now on. */
  watch(minute: number, now: EventTime): Heavy {
    const known = this.heavy
    if (known !== null) return known
    const heavy = this.#caller.addHeavy(this.#index, new Heavy(now))
    // In which minutes of the window it was before is not known.
    const first = minute - (minute % 10)
    for (let at = first; at < minute; at++) heavy.ten.add((this.inTen - this.inMinute) / (minute - first), at)
    heavy.ten.add(this.inMinute, minute)
    return heavy
  }

  add(used: number, largest: boolean, minute: number, now: EventTime): void {
    const { sums } = this.#caller
    const at = this.#index * PER_USAGE
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
    this.#caller.sums[this.#index * PER_USAGE + CALLS]! += 1
  }

  /** The busiest minute, the busiest ten, the hour; and begins a new hour. */
  close(): ByScale<number> {
    const { sums } = this.#caller
    const at = this.#index * PER_USAGE
    const { heavy } = this
    const tenPeak = Math.max(sums[at + TEN_PEAK]!, heavy?.ten.takePeak() ?? 0)
    const values: ByScale<number> = [sums[at + MINUTE_PEAK]!, tenPeak, sums[at + IN_HOUR]!]
    sums.fill(0, at, at + PER_USAGE)
    if (heavy !== null) {
      heavy.told = 0
      heavy.active = false
      heavy.trail.clear()
    }
    return values
  }

  toState(): z.infer<typeof UsageState> {
    const { place, heavy } = this
    const number = (which: number) => this.#get(which)
    return [
      place.service,
      place.template,
      [Math.floor(this.lastAt / MINUTE_US), Math.floor(this.lastAt / (10 * MINUTE_US))],
      [number(IN_MINUTE), number(IN_TEN), number(IN_HOUR)],
      [number(MINUTE_PEAK), number(TEN_PEAK)],
      [number(CALLS), number(LAST_AT)],
      heavy === null ? null : heavy.toState(),
    ]
  }

  #get(which: number): number {
    return this.#caller.sums[this.#index * PER_USAGE + which]!
  }
}

/**
 * One caller, with what was used at up to 16 places. Numbers of all places stand in one list: an object for each, with a boxed
 * number for each time and sum, took 220 bytes and five cache misses a request instead of 56 and two.
 */
export class Caller {
  key = ''
  voter = ''
  cohort = ''
  /** What the present hour holds is no lesson. */
  tainted = false
  #ten = 0
  /** Of all places, in the window of ten minutes of the last, and in the one before. */
  #callsInTen = 0
  #callsBefore = 0
  places: Place[] = NO_PLACES
  /** PER_USAGE for each place, and room for some more. */
  sums: number[] = NO_SUMS
  /** For each place; empty while there is none. */
  #heavy: (Heavy | null)[] = NO_HEAVY

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

  /** The index of a place among its places, added if need be. */
  indexOf(place: Place): number {
    const { places } = this
    for (let i = 0; i < places.length; i++) if (places[i] === place) return i
    // Places begin anew when they are too many: the same one is then another object.
    for (let i = 0; i < places.length; i++) if (places[i]!.key === place.key) return i
    if (places.length >= MAX_USAGES_PER_CALLER) this.#removeOldest()
    return this.#add(place, NOTHING_USED, null)
  }

  heavyOf(index: number): Heavy | null {
    return this.#heavy[index] ?? null
  }

  addHeavy(index: number, heavy: Heavy): Heavy {
    if (this.#heavy.length === 0) this.#heavy = this.places.map(() => null)
    this.#heavy[index] = heavy
    return heavy
  }

  toState(): CallerState {
    const { key, voter, cohort, tainted, places } = this
    const usage = new Usage()
    const usages = places.map((_, index) => usage.at(this, index).toState())
    return [key, voter, cohort, tainted, [this.#ten, this.#callsInTen, this.#callsBefore], usages]
  }

  static fromState([key, voter, cohort, tainted, calls, usages]: CallerState, places: Places): Caller {
    const caller = Object.assign(new Caller(), { key, voter, cohort, tainted })
    ;[caller.#ten, caller.#callsInTen, caller.#callsBefore] = calls
    for (const [service, template, , sums, peaks, rest, heavy] of usages) {
      const numbers = [...sums, ...peaks, ...rest]
      caller.#add(places.of(service, template), numbers, heavy === null ? null : Heavy.fromState(heavy))
    }
    return caller
  }

  #add(place: Place, numbers: readonly number[], heavy: Heavy | null): number {
    const index = this.places.length
    this.places = withOneMore(this.places, place)
    const at = index * PER_USAGE
    if (at >= this.sums.length) this.#makeRoom(index)
    for (let i = 0; i < PER_USAGE; i++) this.sums[at + i] = numbers[i]!
    if (heavy !== null) this.addHeavy(index, heavy)
    else if (this.#heavy.length > 0) this.#heavy.push(null)
    return index
  }

  /** For a use more than there are; what is pushed to would keep room for half as many and two more. */
  #makeRoom(count: number): void {
    const room = ROOM.find((each) => each > count)!
    const sums = UNUSED.slice(0, room * PER_USAGE)
    for (let i = 0; i < count * PER_USAGE; i++) sums[i] = this.sums[i]!
    this.sums = sums
  }

  #removeOldest(): void {
    const { sums } = this
    let oldest = 0
    for (let i = 1; i < this.places.length; i++) {
      if (sums[i * PER_USAGE + LAST_AT]! < sums[oldest * PER_USAGE + LAST_AT]!) oldest = i
    }
    this.places.splice(oldest, 1)
    // By hand: `copyWithin` asks of each element whether it is there.
    const end = this.places.length * PER_USAGE
    for (let i = oldest * PER_USAGE; i < end; i++) sums[i] = sums[i + PER_USAGE]!
    if (this.#heavy.length > 0) this.#heavy.splice(oldest, 1)
  }
}

const NOBODY = new Caller()
