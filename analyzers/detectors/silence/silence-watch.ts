import { z } from 'zod'
import { type EventTime, HOUR_US, MINUTE_US, SECOND_US } from '../../../daemon/model/time.ts'
import { amount, time } from '../../baselines/state.ts'
import { type Rhythm, RhythmState, type Silence } from './rhythm.ts'

/** What is recent is so no more when nobody looked for longer. */
const RECENT_FOR_US = 15 * MINUTE_US
/** Who looks again within it has missed nothing: event time goes on by a second at a time. */
const UNBROKEN_US = 2 * SECOND_US
/** A silence of a day is how it is now. */
const ACCEPTED_AFTER_US = 24 * HOUR_US

/**
 * Rhythm, last slot; of a silence that was told: begin of it, last traffic, when it was told; of the slot that is being filled: what came in it,
 * empty ones before it, last traffic, last look.
 */
export const SilenceState = z.tuple([
  RhythmState,
  time,
  z.tuple([time, time, time]).nullable(),
  z.tuple([amount, amount, time, time]),
])
export type SilenceState = z.infer<typeof SilenceState>

export interface SilenceLimits {
  /** Shortest silences, in seconds: at an hour that was seen on an earlier day, and at one that was not. */
  readonly silentSeconds: number
  readonly unknownHourSeconds: number
  /** p-value from which a silence is one. */
  readonly report: number
  /** How many times as long as the longest of late a silence must be. */
  readonly timesLongest: number
}

/** A silence, and how long it lasts. */
export interface Fallen extends Silence {
  readonly silentUs: EventTime
}

/**
 * Watches whether something that came steadily goes on coming, in slots of event time.
 *
 * Memory     that of its rhythm
 */
export class SilenceWatch {
  readonly #rhythm: Rhythm
  /** Of the slot that is being filled. */
  #slotAt: EventTime
  #slotCount = 0
  /** Slots that stayed empty, not learnt yet: they teach when something comes, unless they were told as a silence. */
  #empty = 0
  #activeAt: EventTime
  #lookedAt: EventTime
  /** Begin of the silence that was told. */
  #silentFrom: EventTime
  #toldAt: EventTime | null = null

  constructor(now: EventTime, rhythm: Rhythm) {
    this.#rhythm = rhythm
    this.#slotAt = this.#slotOf(now)
    this.#activeAt = now
    this.#lookedAt = now
    this.#silentFrom = now
  }

  /** When it was last told that nothing comes; null while something does. */
  get toldAt(): EventTime | null {
    return this.#toldAt
  }

  /** Brings the slots up to `now`, with what came since the last time. Whether something came. */
  count(added: number, now: EventTime): boolean {
    const slot = this.#slotOf(now)
    const { slotUs } = this.#rhythm
    this.#lookedAt = now
    if (slot > this.#slotAt) {
      if (this.#slotCount > 0) this.#rhythm.learnOne(this.#slotCount, this.#slotAt)
      const passed = (slot - this.#slotAt) / slotUs
      this.#empty += passed - (this.#slotCount > 0 ? 1 : 0)
      this.#slotAt = slot
      this.#slotCount = 0
    }
    if (added <= 0) return false
    // A silence that was told is no lesson; an ordinary pause is one. Beyond an hour of it nothing is remembered anyway.
    if (this.#toldAt === null) {
      const pause = Math.min(this.#empty, HOUR_US / slotUs)
      for (let back = pause; back > 0; back--) this.#rhythm.learnOne(0, slot - back * slotUs)
    }
    this.#empty = 0
    this.#slotCount += added
    this.#activeAt = now
    return true
  }

  /** What there is to say of a silence, if it is one. Said again it is counted from its beginning. */
  fallen({ silentSeconds, unknownHourSeconds, report, timesLongest }: SilenceLimits, now: EventTime): Fallen | null {
    const silentUs = now - this.#rhythm.countsFrom(this.#activeAt, now)
    if (silentUs < silentSeconds * SECOND_US || this.#slotCount > 0) return null
    const silence = this.#rhythm.silence(Math.floor(silentUs / this.#rhythm.slotUs), now)
    if (silence === null || silence.log10P > Math.log10(report)) return null
    if (silentUs < timesLongest * silence.longestUs) return null
    if (!silence.hourKnown && silentUs < unknownHourSeconds * SECOND_US) return null
    this.#silentFrom = this.#activeAt
    return { ...silence, silentUs }
  }

  told(now: EventTime): void {
    this.#toldAt = now
  }

  /** It was silent for a day, and that was told. */
  isAccepted(now: EventTime): boolean {
    return this.#toldAt !== null && now - this.#activeAt >= ACCEPTED_AFTER_US
  }

  /** What was told is over. `learns`: nothing was down meanwhile, so that this hour may be a silent one. */
  over(learns: boolean, now: EventTime): void {
    if (learns) this.#rhythm.learnSilence(this.#silentFrom, now)
    this.#toldAt = null
    this.#empty = 0
  }

  /** How it is now is how it is. */
  accept(): void {
    this.#rhythm.forget()
  }

  toState(): SilenceState {
    const told: SilenceState[2] = this.#toldAt === null ? null : [this.#silentFrom, this.#activeAt, this.#toldAt]
    return [this.#rhythm.toState(), this.#slotAt, told, [this.#slotCount, this.#empty, this.#activeAt, this.#lookedAt]]
  }

  /**
   * With a rhythm that has learnt nothing. What was not seen while nobody looked teaches nothing, nor does the slot that was cut short by it; a
   * silence that was told goes on.
   */
  static fromState(
    [rhythmState, slotAt, told, [slotCount, empty, activeAt, lookedAt]]: SilenceState,
    rhythm: Rhythm,
    now: EventTime,
  ): SilenceWatch {
    rhythm.restore(rhythmState)
    if (now - slotAt > RECENT_FOR_US) rhythm.forget()
    const watch = new SilenceWatch(now, rhythm)
    if (now - lookedAt <= UNBROKEN_US) {
      watch.#slotAt = slotAt
      watch.#slotCount = slotCount
      watch.#empty = empty
      watch.#activeAt = activeAt
    }
    if (told !== null) [watch.#silentFrom, watch.#activeAt, watch.#toldAt] = told
    return watch
  }

  #slotOf(at: EventTime): EventTime {
    const { slotUs } = this.#rhythm
    return Math.floor(at / slotUs) * slotUs
  }
}
