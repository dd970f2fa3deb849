import { z } from 'zod'
import { type EventTime, HOUR_US, MINUTE_US, SECOND_US } from '../../../daemon/model/time.ts'
import { amount } from '../../baselines/state.ts'

/** Pauses are told apart by how long they have lasted at least. */
const LEVELS_US = [0, 2, 5, 10, 20, 40, 80, 160, 320].map((seconds) => seconds * SECOND_US)
const BIN_US = 10 * MINUTE_US
const BINS_OF_WEEK = (7 * 24 * HOUR_US) / BIN_US
/** Bins that count as recent: three hours. */
const RECENT = 18
/** Ends of pauses of late that show how soon one ends. */
const LEAST_ENDS = 5
/** Ends that show how pauses of a level go on: an outage or two that nobody told of must not. */
const LEAST_TO_JUDGE = 5
/** Of the ends that a lower level leads to expect, so many make that level one whose pauses go on as longer ones do. */
const ALIKE = 0.75
/** Bins of an hour on earlier days that make it known, and ends in it that show its rate. */
const KNOWN = 3
const LEAST_HOUR_ENDS = 8
/** Where an hour was not seen, traffic may halve in so long: so it goes at the end of a working day. */
const HALVES_US = 30 * MINUTE_US
/** What the last hours said of this day is out of date after so long; then it may be as quiet as so large a part of others: a weekend. */
const STALE_US = 4 * HOUR_US
const STALE_SHARE = 1 / 8
/** What the days before say of this one is worth so many ends; what was not seen at this hour, and what was seen, at most so many. */
const DAY_WEIGHT = 2
const UNSEEN_WEIGHT = 6
const MOST_WEIGHT = 25
/** Days on which an hour was silent from which it is known to be: once may have been an outage. */
const QUIET_DAYS = 1.5
const LONGEST_US = 24 * HOUR_US

/** How a silence looks against what is known. */
export interface Silence {
  /** How often one so long comes within a week by chance. */
  readonly log10P: number
  /** Whether this hour of the day was seen on an earlier day. */
  readonly hourKnown: boolean
  /** Traffic per minute of late. */
  readonly perMinute: number
}

/** Ends of pauses that lasted so long at least, and time in them beyond that, by level. */
interface Pauses {
  readonly ends: number[]
  readonly beyond: number[]
}
interface Known {
  readonly level: number
  readonly share: number
}
interface Bin extends Pauses {
  readonly index: number
  count: number
}
/** An hour of the day, on the days before: older ones count for less. */
interface Hour extends Pauses {
  /** Bins. */
  seen: number
  day: number
  /** Days on which it was silent. */
  quiet: number
}

const Levels = z.array(amount).length(LEVELS_US.length)
/** Bins of late: index, count, ends, beyond. Hours: seen, day, quiet, ends, beyond. */
export const RhythmState = z.tuple([
  z.array(z.tuple([amount, amount, Levels, Levels])).max(RECENT),
  z.array(z.tuple([amount, amount, amount, Levels, Levels])).length(24),
])
export type RhythmState = z.infer<typeof RhythmState>

/**
 * How soon something that pauses comes again, of late and at each hour of the day.
 *
 * Traffic is visits: within one the next request is seconds away, beyond that it takes another visit. So the rest of a pause that has lasted
 * a while is exponential, at the rate of visits: ends of such pauses by the time spent in them. "A while" is the lowest level from which on
 * longer pauses are alike. The chance of a silence is gamma-Poisson: this hour's rate on the days before, times how the last three hours
 * were against theirs on those days (a Sunday, a holiday), as uncertain as the ends are few. Of a week's pauses one may be as long, so the
 * chance is multiplied by their number: it may be looked at any time.
 *
 * Memory     three hours of ten minutes and 24 hours, 18 numbers each
 */
export class Rhythm {
  readonly #leastRecent: number
  #recent: Bin[] = []
  /** What #level tells, until something is learnt. */
  #known: Known | null = null
  readonly #hours: Hour[] = Array.from({ length: 24 }, () => ({ seen: 0, day: 0, quiet: 0, ...noPauses() }))

  /** `warmUpUs`: before anything is said. */
  constructor(warmUpUs: EventTime) {
    this.#leastRecent = Math.ceil(warmUpUs / BIN_US)
  }

  /** So much came at `at`. */
  learnOne(count: number, at: EventTime): void {
    this.#binOf(at).count += count
  }

  /** Nothing came from `from` to `to`, and then something. */
  learnPause(from: EventTime, to: EventTime): void {
    this.#known = null
    for (let at = Math.max(from, to - LONGEST_US); at < to; ) {
      const bin = this.#binOf(at)
      const until = Math.min(to, (bin.index + 1) * BIN_US)
      for (const [level, least] of LEVELS_US.entries()) {
        const beyond = until - Math.max(at, from + least)
        if (beyond <= 0) break
        bin.beyond[level]! += beyond
        if (until === to) bin.ends[level]!++
      }
      at = until
    }
  }

  /** From when on a silence that began at `from` counts: hours that are known to be silent do not. */
  countsFrom(from: EventTime, now: EventTime): EventTime {
    for (let at = Math.floor(now / HOUR_US) * HOUR_US; at + HOUR_US > from; at -= HOUR_US) {
      if (this.#hourOf(at).quiet >= QUIET_DAYS) return Math.min(now, Math.max(from, at + HOUR_US))
      if (now - at > 24 * HOUR_US) break
    }
    return from
  }

  /** Of a silence from `from` to `now`; null while nothing can be said. */
  silence(from: EventTime, now: EventTime): Silence | null {
    const recent = this.#recent
    this.#known ??= this.#level()
    const known = recent.length < this.#leastRecent ? null : this.#known
    if (known === null) return null
    const { level, share } = known
    const ends = sum(recent, (bin) => bin.ends[level]!)
    const beyond = sum(recent, (bin) => bin.beyond[level]!)
    const lately = ends / beyond
    // What those hours would have had, were this day like those before.
    const usual = sum(recent, (bin) => bin.beyond[level]! * (rateOf(this.#hourOf(bin.index * BIN_US), level) ?? lately))
    const factor = Math.min(1, (DAY_WEIGHT + ends) / (DAY_WEIGHT + usual))
    let weight = Math.min(MOST_WEIGHT, DAY_WEIGHT + ends)
    let expected = 0
    for (let at = from + LEVELS_US[level]!; at < now; ) {
      const until = Math.min(now, (Math.floor(at / BIN_US) + 1) * BIN_US)
      const hour = this.#hourOf(at)
      const rate = rateOf(hour, level)
      const isStale = at - from > STALE_US
      const seen = hour.seen >= KNOWN
      if (isStale || !seen) weight = Math.min(weight, UNSEEN_WEIGHT)
      else if (rate !== null) weight = Math.min(weight, hour.ends[level]!)
      if (hour.quiet < QUIET_DAYS) {
        const today = isStale ? Math.min(factor, STALE_SHARE) : factor
        const going = seen ? Math.min(lately, mostOf(hour, level)) : lately * 2 ** ((from - at) / HALVES_US)
        expected += share * (until - at) * (rate === null ? going * (isStale ? STALE_SHARE : 1) : rate * today)
      }
      at = until
    }
    const pauses = (ends / recent.length) * BINS_OF_WEEK
    const log10P = Math.log10(pauses) - weight * Math.log10(1 + expected / weight)
    return {
      log10P: Math.min(0, Math.max(-300, log10P)),
      hourKnown: this.#hourOf(now).seen >= KNOWN,
      perMinute: (sum(recent, ({ count }) => count) * MINUTE_US) / (recent.length * BIN_US),
    }
  }

  /**
   * The lowest level from which on longer pauses are alike, or the highest one below it that had ends of late; and how many of the ends that
   * it leads to expect longer pauses had.
   */
  #level(): Known | null {
    let top = LEVELS_US.length - 1
    while (top > 0 && this.#endsAt(top) < LEAST_TO_JUDGE) top--
    const shares = LEVELS_US.map((_, level) => {
      let share = 1
      for (let above = level + 1; above <= top; above++) share = Math.min(share, this.#alike(level, above))
      return share
    })
    let level = Math.min(
      top,
      shares.findIndex((share) => share >= ALIKE),
    )
    while (level >= 0 && sum(this.#recent, ({ ends }) => ends[level]!) < LEAST_ENDS) level--
    return level < 0 ? null : { level, share: shares[level]! }
  }

  #endsAt(level: number): number {
    return sum(this.#hours, ({ ends }) => ends[level]!) + sum(this.#recent, ({ ends }) => ends[level]!)
  }

  /** Of the ends that pauses of level `above` would have had at the rate of those of `level`, the share that they had. */
  #alike(level: number, above: number): number {
    let ends = 1
    let expected = 1
    for (const pauses of [...this.#hours, ...this.#recent]) {
      if (pauses.beyond[above] === 0) continue
      expected += (pauses.beyond[above]! * pauses.ends[level]!) / pauses.beyond[level]!
      ends += pauses.ends[above]!
    }
    return ends / expected
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
    this.#recent = []
  }

  toState(): RhythmState {
    return [
      this.#recent.map(({ index, count, ends, beyond }) => [index, count, [...ends], [...beyond]]),
      this.#hours.map(({ seen, day, quiet, ends, beyond }) => [seen, day, quiet, [...ends], [...beyond]]),
    ]
  }

  /** Goes on as it stood; it has learnt nothing yet. */
  restore([recent, hours]: RhythmState): this {
    this.#recent = recent.map(([index, count, ends, beyond]) => ({ index, count, ends, beyond }))
    for (const [i, [seen, day, quiet, ends, beyond]] of hours.entries()) {
      this.#hours[i] = { seen, day, quiet, ends, beyond }
    }
    return this
  }

  #binOf(at: EventTime): Bin {
    const index = Math.floor(at / BIN_US)
    const recent = this.#recent
    const last = recent.at(-1)
    if (last !== undefined && last.index >= index) return last
    if (last !== undefined && hourOf(last.index) !== hourOf(index)) this.#learnHour(hourOf(last.index))
    if (recent.length >= RECENT) recent.shift()
    const bin = { index, count: 0, ...noPauses() }
    recent.push(bin)
    return bin
  }

  /** An hour is over. */
  #learnHour(whole: number): void {
    const hour = this.#hours[whole % 24]!
    const day = Math.floor(whole / 24)
    if (hour.day !== day) {
      // A week ago counts for half.
      hour.seen *= 0.9
      for (const numbers of [hour.ends, hour.beyond]) for (const level of numbers.keys()) numbers[level]! *= 0.9
      hour.day = day
    }
    let active = 0
    for (const bin of this.#recent) {
      if (hourOf(bin.index) !== whole) continue
      hour.seen++
      if (bin.count > 0) active++
      for (const level of LEVELS_US.keys()) {
        hour.ends[level]! += bin.ends[level]!
        hour.beyond[level]! += bin.beyond[level]!
      }
    }
    // Half an hour of it: the hour is not silent today.
    if (active >= KNOWN) hour.quiet *= 0.7
  }

  #hourOf(at: EventTime): Hour {
    return this.#hours[Math.floor(at / HOUR_US) % 24]!
  }
}

function noPauses(): Pauses {
  return { ends: LEVELS_US.map(() => 0), beyond: LEVELS_US.map(() => 0) }
}

/** Ends per microsecond of a pause that has lasted this level, on the days before; null where they do not tell. */
function rateOf({ seen, ends, beyond }: Hour, level: number): number | null {
  return seen < KNOWN || ends[level]! < LEAST_HOUR_ENDS ? null : ends[level]! / beyond[level]!
}

/** The highest rate that an hour with few ends may have: a quiet one ends few. */
function mostOf({ ends, beyond }: Hour, level: number): number {
  return beyond[level] === 0 ? Number.POSITIVE_INFINITY : (ends[level]! + 1) / beyond[level]!
}

function hourOf(bin: number): number {
  return Math.floor((bin * BIN_US) / HOUR_US)
}

function sum<Each>(all: readonly Each[], of: (each: Each) => number): number {
  return all.reduce((total, each) => total + of(each), 0)
}
