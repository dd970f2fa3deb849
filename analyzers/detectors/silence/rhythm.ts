import { z } from 'zod'
import { type EventTime, HOUR_US, MINUTE_US } from '../../../daemon/model/time.ts'
import { amount } from '../../baselines/state.ts'

/** The most slots that can count as recent. */
const MAX_RECENT = 360
/** Slots before anything is said. */
const LEAST_SLOTS = 90
/** Share of slots with traffic from which it counts as steady. */
const STEADY = 0.8
/** Of the recent slots, the part that shows where they are going. */
const LATE = 1 / 3
/** Of an hour of the day, on earlier days, how much makes it known. */
const KNOWN_SHARE = 0.5
/** Days on which an hour was silent from which it is known to be: once may have been an outage. */
const QUIET_DAYS = 1.5

/** How a silence looks against what is known. */
export interface Silence {
  readonly log10P: number
  /** Whether this hour of the day was seen on an earlier day. */
  readonly hourKnown: boolean
  /** The longest silence of late. */
  readonly longestUs: EventTime
  /** Traffic per minute of the recent slots with traffic. */
  readonly perMinute: number
}

interface Hour {
  slots: number
  active: number
  /** Day on which it was last learnt, and how many slots of that day are in it. */
  day: number
  today: number
  /** Days on which it was silent, older ones counting for less. */
  quiet: number
}

/** Counts of the last slots, and of each hour: slots, active, day, today, quiet. */
export const RhythmState = z.tuple([
  z.array(amount).max(MAX_RECENT),
  z.array(z.tuple([amount, amount, amount, amount, amount])).length(24),
])
export type RhythmState = z.infer<typeof RhythmState>

/**
 * How steadily something comes, in slots of event time: the last of them, and each hour of the day on earlier days. What was often empty of late, or is known to be at this hour, is never silent: night is no outage.
 *
 * Memory     360 bits and 24 hours
 */
export class Rhythm {
  readonly slotUs: EventTime
  /** Slots of an hour that make it known. */
  readonly #known: number
  readonly #mostRecent: number
  /** Counts of the last slots, newest last. */
  #recent: number[] = []
  #hours: Hour[] = Array.from({ length: 24 }, () => ({ slots: 0, active: 0, day: -1, today: 0, quiet: 0 }))

  /** `recent`: so many slots say how it is of late, at most 360. */
  constructor(slotUs: EventTime, recent: number) {
    this.slotUs = slotUs
    this.#mostRecent = Math.min(MAX_RECENT, recent)
    this.#known = (KNOWN_SHARE * HOUR_US) / slotUs
  }

  /** A slot that began at `at` is over. */
  learnOne(count: number, at: EventTime): void {
    if (this.#recent.length >= this.#mostRecent) this.#recent.shift()
    this.#recent.push(count)
    const hour = this.#hourOf(at)
    const day = Math.floor(at / (24 * HOUR_US))
    if (hour.day !== day) {
      // A week ago counts for half.
      hour.slots *= 0.9
      hour.active *= 0.9
      hour.day = day
      hour.today = 0
    }
    // Half an hour of it: the hour is not silent today.
    if (++hour.today === this.#known) hour.quiet *= 0.7
    hour.slots++
    if (count > 0) hour.active++
  }

  /** From when on a silence that began at `from` counts: hours that are known to be silent do not. */
  countsFrom(from: EventTime, now: EventTime): EventTime {
    for (let at = Math.floor(now / HOUR_US) * HOUR_US; at + HOUR_US > from; at -= HOUR_US) {
      if (this.#hourOf(at).quiet >= QUIET_DAYS) return Math.min(now, Math.max(from, at + HOUR_US))
      if (now - at > 24 * HOUR_US) break
    }
    return from
  }

  /** Null while nothing can be said, or where silence is nothing unusual. */
  silence(slots: number, now: EventTime): Silence | null {
    const recent = this.#recent
    if (recent.length < LEAST_SLOTS) return null
    let active = 0
    let sum = 0
    let run = 0
    let longest = 1
    for (const count of recent) {
      sum += count
      if (count > 0) {
        active++
        run = 0
      } else longest = Math.max(longest, ++run)
    }
    if (active < STEADY * recent.length) return null
    // A night is reached step by step: the last third says how far.
    const late = recent.slice(-Math.ceil(recent.length * LATE))
    const share = (slots: readonly number[]) => (slots.filter((count) => count === 0).length + 0.5) / (slots.length + 1)
    let empty = Math.max(share(recent), share(late))
    const hour = this.#hourOf(now)
    const before = hour.slots - hour.today
    const hourKnown = before >= this.#known
    if (hourKnown) {
      if (hour.active / hour.slots < STEADY) return null
      empty = Math.max(empty, (hour.slots - hour.active + 0.5) / (hour.slots + 1))
    }
    // Empty slots come in runs: one run, as long as the longest of late, is one piece of evidence.
    const log10P = (slots / longest) * Math.log10(empty)
    return {
      log10P: Math.max(-300, log10P),
      hourKnown,
      longestUs: longest * this.slotUs,
      perMinute: ((sum / active) * MINUTE_US) / this.slotUs,
    }
  }

  /** Nothing came from `from` to `to`, although nothing was down: a night, perhaps. */
  learnSilence(from: EventTime, to: EventTime): void {
    for (let at = Math.ceil(from / HOUR_US - 0.5) * HOUR_US; at + HOUR_US / 2 <= to; at += HOUR_US) {
      const hour = this.#hourOf(at)
      hour.quiet = hour.quiet * 0.9 + 1
    }
  }

  /** The silence is the new usual: begins anew. */
  forget(): void {
    this.#recent.length = 0
  }

  toState(): RhythmState {
    return [
      [...this.#recent],
      this.#hours.map(({ slots, active, day, today, quiet }) => [slots, active, day, today, quiet]),
    ]
  }

  /** Goes on as it stood; it has learnt nothing yet. */
  restore([recent, hours]: RhythmState): this {
    this.#recent = recent
    this.#hours = hours.map(([slots, active, day, today, quiet]) => ({ slots, active, day, today, quiet }))
    return this
  }

  #hourOf(at: EventTime): Hour {
    return this.#hours[Math.floor(at / HOUR_US) % 24]!
  }
}
