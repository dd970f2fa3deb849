import { z } from 'zod'
import { type EventTime, HOUR_US, MINUTE_US, SECOND_US } from '../../../daemon/model/time.ts'
import { amount } from '../../baselines/state.ts'

/** Pauses are told apart by how long they have lasted at least. */
const LEVELS_US = [0, 2, 5, 10, 20, 40, 80, 160, 320].map((seconds) => seconds * SECOND_US)
const BIN_US = 10 * MINUTE_US
const WEEK_US = 7 * 24 * HOUR_US
/** Bins that count as recent: three hours. */
const RECENT = 18
/** Ends of pauses of late that show how soon one ends. */
const LEAST_ENDS = 40
/** Traffic of this hour is no more than so many times that of the last ones, whatever the days before say: a scan in the night is no visit. */
const RISES = 1.5
/** Of pauses in which so many visits failed to come it is remembered how much longer they went on: how wrong the rates are shows there. */
const LONG = 2
/** What is believed of them before: so many were seen, and they went on for so many visits more. */
const LONG_SEEN = 3
const LONG_MORE = 2
/** So many times that, at most, at a level that is seldom the one. */
const SELDOM_MOST = 4
/** One teaches no more than so many times what the others did: an outage or two that nobody told of must not. */
const LONG_MOST = 8
/** Less time than this says nothing of how many a week has. */
const LEAST_SEEN_US = 6 * HOUR_US
/** Bins of an hour on earlier days that make it known, and ends in it that show its rate. */
const KNOWN = 3
const LEAST_HOUR_ENDS = 8
/** Where an hour was not seen, traffic may halve in so long: so it goes at the end of a working day. */
const HALVES_US = 30 * MINUTE_US
/** What the last hours said of this day is out of date after so long; then it may be as quiet as so large a part of others: a weekend. */
const STALE_US = 4 * HOUR_US
const STALE_SHARE = 1 / 8
/** What the days before say of this one is worth so many ends; what was not seen at this hour at most so many. */
const DAY_WEIGHT = 2
const UNSEEN_WEIGHT = 6
/** Days on which an hour was silent from which it is known to be: once may have been an outage. */
const QUIET_DAYS = 1.5
const LONGEST_US = 24 * HOUR_US
/** A day: a week ago counts for half. */
const FADES = 0.9

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
/** What the last bins say of the next pause: at which level its rate is known, that rate, and how this day is against those before. */
interface Outlook {
  readonly level: number
  readonly lately: number
  readonly factor: number
}
/** Pauses of one level in which more than LONG visits failed to come: how many, and by how many more; in so much time. */
interface Tail {
  count: number
  more: number
  time: number
}
interface Missing {
  /** Visits that should have come. */
  readonly visits: number
  /** How many ends its rates rest on at least. */
  readonly weight: number
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
/** Bins of late: index, count, ends, beyond. Hours: seen, day, quiet, ends, beyond. By level: long pauses, by how much, in how much time. The day these are of. */
export const RhythmState = z.tuple([
  z.array(z.tuple([amount, amount, Levels, Levels])).max(RECENT),
  z.array(z.tuple([amount, amount, amount, Levels, Levels])).length(24),
  z.array(z.tuple([amount, amount, amount])).length(LEVELS_US.length),
  amount,
])
export type RhythmState = z.infer<typeof RhythmState>

/**
 * How soon something that pauses comes again, of late and at each hour of the day.
 *
 * Traffic is visits: within one the next request is seconds away, beyond that it takes another visit. So a silence is told by how many
 * visits failed to come in it, at the rate at which pauses that had lasted a while ended: at this hour on the days before, times how the
 * last three hours were against theirs on those days (a Sunday, a holiday). "A while" is the longest level that ended often enough of late.
 *
 * Such a rate is a guess: visits come in bunches, an hour is not all alike. How good a guess, the pauses before say, each measured in the
 * same way: how often one went beyond LONG visits, and by how much. The chance of the silence is that tail's, a Pareto distribution as
 * heavy as the pauses it rests on are few, times their number in a week: it may be looked at any time.
 *
 * Memory     three hours of ten minutes and 24 hours, 18 numbers each; 9 levels of 3
 */
export class Rhythm {
  readonly #leastRecent: number
  #recent: Bin[] = []
  #outlook: Outlook | null = null
  readonly #tails: readonly Tail[] = LEVELS_US.map(() => ({ count: 0, more: 0, time: 0 }))
  #day = 0
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
    this.#judgeRates(from, to)
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
    // While little is known the bin that is being filled counts as well.
    const outlook = this.#outlook ?? this.#look(from)
    if (outlook === null) return null
    const { visits, weight: ends } = this.#missing(from, now, outlook)
    const tail = this.#tails[outlook.level]!
    const perWeek = ((tail.count + 1) * WEEK_US) / Math.max(tail.time, LEAST_SEEN_US)
    const { seen, more } = this.#belief(outlook.level)
    const weight = Math.min(seen, ends)
    const log10P = Math.log10(perWeek) - weight * Math.log10(1 + Math.max(0, visits - LONG) / (weight * more))
    const recent = this.#recent
    return {
      log10P: Math.min(0, Math.max(-300, log10P)),
      hourKnown: this.#hourOf(now).seen >= KNOWN,
      perMinute: (sum(recent, ({ count }) => count) * MINUTE_US) / (recent.length * BIN_US),
    }
  }

  /** What the bins that are over say of the time from `at` on: null while they are few, or pauses are. */
  #look(at: EventTime): Outlook | null {
    const recent = this.#recent
    if (recent.length < this.#leastRecent) return null
    const ends = LEVELS_US.map((_, level) => sum(recent, (bin) => bin.ends[level]!))
    const tells = (level: number) => ends[level]! >= LEAST_ENDS
    const hour = this.#hourOf(at)
    // One that this hour had on the days before, or of late alone where those do not tell.
    let level = ends.findLastIndex((_, each) => tells(each) && rateOf(hour, each) !== null)
    if (level < 0) level = ends.findLastIndex((_, each) => tells(each))
    if (level < 0) return null
    const lately = ends[level]! / sum(recent, (bin) => bin.beyond[level]!)
    // What those hours would have had, were this day like those before.
    const usual = sum(recent, (bin) => bin.beyond[level]! * (rateOf(this.#hourOf(bin.index * BIN_US), level) ?? lately))
    return { level, lately, factor: Math.min(1, (DAY_WEIGHT + ends[level]!) / (DAY_WEIGHT + usual)) }
  }

  /** How many visits should have come in a pause. */
  #missing(from: EventTime, to: EventTime, { level, lately, factor }: Outlook): Missing {
    let visits = 0
    let weight = Number.POSITIVE_INFINITY
    for (let at = from + LEVELS_US[level]!; at < to; ) {
      const until = Math.min(to, (Math.floor(at / BIN_US) + 1) * BIN_US)
      const hour = this.#hourOf(at)
      const rate = rateOf(hour, level)
      const isStale = at - from > STALE_US
      const seen = hour.seen >= KNOWN
      if (isStale || !seen || rate === null) weight = Math.min(weight, UNSEEN_WEIGHT)
      else weight = Math.min(weight, hour.ends[level]!)
      if (hour.quiet < QUIET_DAYS) {
        const today = isStale ? Math.min(factor, STALE_SHARE) : factor
        const going = seen ? Math.min(lately, mostOf(hour, level)) : lately * 2 ** ((from - at) / HALVES_US)
        visits +=
          (until - at) * (rate === null ? going * (isStale ? STALE_SHARE : 1) : Math.min(rate * today, RISES * lately))
      }
      at = until
    }
    return { visits, weight }
  }

  /** A pause is over: how far it went beyond what the rates lead to expect. */
  #judgeRates(from: EventTime, to: EventTime): void {
    const outlook = this.#outlook
    if (outlook === null || to - from <= LEVELS_US[outlook.level]!) return
    const { visits } = this.#missing(from, to, outlook)
    if (visits <= LONG) return
    const tail = this.#tails[outlook.level]!
    tail.more += Math.min(visits - LONG, LONG_MOST * this.#belief(outlook.level).more)
    tail.count++
  }

  /** On how many long pauses rests what is known of a level, and by how many visits they went on. */
  #belief(level: number): { readonly seen: number; readonly more: number } {
    const { count, more, time } = this.#tails[level]!
    // A level that is seldom the one is that of quiet hours, of which less is known.
    const seldom = sum(this.#tails, (tail) => tail.time) / Math.max(time, BIN_US)
    const seen = count + LONG_SEEN
    return { seen, more: (more + LONG_SEEN * LONG_MORE * Math.min(SELDOM_MOST, Math.max(1, seldom))) / seen }
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
    this.#outlook = null
  }

  toState(): RhythmState {
    return [
      this.#recent.map(({ index, count, ends, beyond }) => [index, count, [...ends], [...beyond]]),
      this.#hours.map(({ seen, day, quiet, ends, beyond }) => [seen, day, quiet, [...ends], [...beyond]]),
      this.#tails.map(({ count, more, time }) => [count, more, time]),
      this.#day,
    ]
  }

  /** Goes on as it stood; it has learnt nothing yet. */
  restore([recent, hours, tails, day]: RhythmState): this {
    this.#day = day
    this.#recent = recent.map(([index, count, ends, beyond]) => ({ index, count, ends, beyond }))
    for (const [i, [seen, day, quiet, ends, beyond]] of hours.entries()) {
      this.#hours[i] = { seen, day, quiet, ends, beyond }
    }
    for (const [i, [count, more, time]] of tails.entries()) Object.assign(this.#tails[i]!, { count, more, time })
    this.#outlook = this.#look(((recent.at(-1)?.[0] ?? 0) + 1) * BIN_US)
    return this
  }

  #binOf(at: EventTime): Bin {
    const index = Math.floor(at / BIN_US)
    const recent = this.#recent
    const last = recent.at(-1)
    if (last !== undefined && last.index >= index) return last
    if (last !== undefined && hourOf(last.index) !== hourOf(index)) this.#learnHour(hourOf(last.index))
    this.#outlook = this.#look(at)
    if (this.#outlook !== null) this.#tails[this.#outlook.level]!.time += BIN_US
    if (recent.length >= RECENT) recent.shift()
    const bin = { index, count: 0, ...noPauses() }
    recent.push(bin)
    return bin
  }

  /** An hour is over. */
  #learnHour(whole: number): void {
    const hour = this.#hours[whole % 24]!
    const day = Math.floor(whole / 24)
    if (this.#day !== day) {
      for (const tail of this.#tails) for (const field of ['count', 'more', 'time'] as const) tail[field] *= FADES
      this.#day = day
    }
    if (hour.day !== day) {
      hour.seen *= FADES
      for (const numbers of [hour.ends, hour.beyond]) for (const level of numbers.keys()) numbers[level]! *= FADES
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
