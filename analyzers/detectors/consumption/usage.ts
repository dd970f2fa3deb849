import { z } from 'zod'
import { withOneMore } from '../../../daemon/model/small-list.ts'
import { type EventTime, HOUR_US, MINUTE_US } from '../../../daemon/model/time.ts'
import { amount, flag, text, time } from '../../baselines/state.ts'
import { WindowHistory, WindowHistoryState } from '../../baselines/window-history.ts'
import { EvidenceTrail, TrailState } from '../../finding.ts'
import type { Place, Places } from '../object-enumeration/places.ts'

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

/** Since, the most while nobody was known, own past, what was told, whether this hour, trail. */
const HeavyState = z.tuple([
  time,
  amount,
  z.array(WindowHistoryState.nullable()).length(SCALES_US.length),
  amount,
  flag,
  TrailState,
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
/** Key, voter, whether the hour teaches nothing, calls in ten minutes (window, number), usages. */
export const CallerState = z.tuple([
  text,
  text,
  text,
  flag,
  z.tuple([amount, amount]),
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
}

/** What one caller used at one place in the present minute, ten minutes and hour. */
export class Usage {
  readonly place: Place
  #minute = 0
  #ten = 0
  /** In the windows of the last use. */
  inMinute = 0
  inTen = 0
  inHour = 0
  /** The most in any minute, and any ten, of this hour. */
  #minutePeak = 0
  #tenPeak = 0
  /** In this hour. */
  calls = 0
  lastAt: EventTime = 0
  heavy: Heavy | null = null

  constructor(place: Place) {
    this.place = place
  }

  get idle(): boolean {
    return this.lastAt === 0
  }

  add(used: number, largest: boolean, minute: number, now: EventTime): void {
    if (minute !== this.#minute) {
      this.#minute = minute
      this.inMinute = 0
      const ten = Math.floor(minute / 10)
      if (ten !== this.#ten) {
        this.#ten = ten
        this.inTen = 0
      }
    }
    if (largest) {
      if (used > this.inHour) this.inHour = used
    } else {
      this.inMinute += used
      this.inTen += used
      this.inHour += used
      if (this.inMinute > this.#minutePeak) this.#minutePeak = this.inMinute
      if (this.inTen > this.#tenPeak) this.#tenPeak = this.inTen
    }
    this.lastAt = now
  }

  /** The busiest minute, the busiest ten, the hour; and begins a new hour. */
  close(): ByScale<number> {
    const values: ByScale<number> = [this.#minutePeak, this.#tenPeak, this.inHour]
    this.inMinute = 0
    this.inTen = 0
    this.inHour = 0
    this.#minutePeak = 0
    this.#tenPeak = 0
    this.calls = 0
    this.lastAt = 0
    const { heavy } = this
    if (heavy !== null) {
      heavy.told = 0
      heavy.active = false
      heavy.trail.clear()
    }
    return values
  }

  toState(): z.infer<typeof UsageState> {
    const { place, heavy } = this
    return [
      place.service,
      place.template,
      [this.#minute, this.#ten],
      [this.inMinute, this.inTen, this.inHour],
      [this.#minutePeak, this.#tenPeak],
      [this.calls, this.lastAt],
      heavy === null
        ? null
        : [
            heavy.since,
            heavy.early,
            heavy.own.map((own) => own?.toState() ?? null),
            heavy.told,
            heavy.active,
            heavy.trail.toState(),
          ],
    ]
  }

  static fromState(state: z.infer<typeof UsageState>, places: Places): Usage {
    const [service, template, windows, sums, peaks, rest, kept] = state
    const usage = new Usage(places.of(service, template))
    ;[usage.#minute, usage.#ten] = windows
    ;[usage.inMinute, usage.inTen, usage.inHour] = sums
    ;[usage.#minutePeak, usage.#tenPeak] = peaks
    ;[usage.calls, usage.lastAt] = rest
    if (kept !== null) {
      const [since, early, own, told, active, trail] = kept
      const heavy = new Heavy(since)
      heavy.early = early
      for (const [scale, each] of own.entries()) heavy.own[scale] = each === null ? null : WindowHistory.fromState(each)
      heavy.told = told
      heavy.active = active
      heavy.trail = EvidenceTrail.fromState(trail)
      usage.heavy = heavy
    }
    return usage
  }
}

/** One caller, with what was used at up to 16 places. */
export class Caller {
  key = ''
  voter = ''
  cohort = ''
  /** What the present hour holds is no lesson. */
  tainted = false
  #ten = 0
  /** Of all places, in the ten minutes of the last. */
  callsInTen = 0
  usages: Usage[] = []

  call(ten: number): void {
    if (ten !== this.#ten) {
      this.#ten = ten
      this.callsInTen = 0
    }
    this.callsInTen++
  }

  usageOf(place: Place): Usage {
    const { usages } = this
    for (let i = 0; i < usages.length; i++) {
      const usage = usages[i]!
      if (usage.place === place || usage.place.key === place.key) return usage
    }
    if (usages.length >= MAX_USAGES_PER_CALLER) {
      let oldest = 0
      for (let i = 1; i < usages.length; i++) if (usages[i]!.lastAt < usages[oldest]!.lastAt) oldest = i
      usages.splice(oldest, 1)
    }
    const usage = new Usage(place)
    this.usages = withOneMore(usages, usage)
    return usage
  }

  toState(): CallerState {
    const { key, voter, cohort, tainted, callsInTen, usages } = this
    return [key, voter, cohort, tainted, [this.#ten, callsInTen], usages.map((usage) => usage.toState())]
  }

  static fromState([key, voter, cohort, tainted, [ten, callsInTen], usages]: CallerState, places: Places): Caller {
    const caller = Object.assign(new Caller(), { key, voter, cohort, tainted, callsInTen })
    caller.#ten = ten
    caller.usages = usages.map((usage) => Usage.fromState(usage, places))
    return caller
  }
}
