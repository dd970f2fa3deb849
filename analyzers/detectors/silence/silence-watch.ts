import { z } from 'zod'
import { type EventTime, HOUR_US, MINUTE_US, SECOND_US } from '../../../daemon/model/time.ts'
import { time } from '../../baselines/state.ts'
import { type Rhythm, RhythmState, type Silence } from './rhythm.ts'

/** What is recent is so no more when nobody looked for longer. */
const RECENT_FOR_US = 15 * MINUTE_US
/** Who looks again within it has missed nothing: event time goes on by a second at a time. */
const UNBROKEN_US = 2 * SECOND_US
/** A silence is judged again when it lasts longer by so large a part of it. */
const JUDGED_AGAIN = 1 / 64
/** A silence of a day is how it is now. */
const ACCEPTED_AFTER_US = 24 * HOUR_US

/** Rhythm; of a silence that was told: begin of it, last traffic, when it was told; last traffic, last look, last judgement. */
export const SilenceState = z.tuple([RhythmState, z.tuple([time, time, time]).nullable(), z.tuple([time, time, time])])
export type SilenceState = z.infer<typeof SilenceState>

export interface SilenceLimits {
  /** Shortest silences, in seconds: at an hour that was seen on an earlier day, and at one that was not. */
  readonly silentSeconds: number
  readonly unknownHourSeconds: number
  /** p-value from which a silence is one. */
  readonly report: number
}

/** A silence, and how long it lasts. */
export interface Fallen extends Silence {
  readonly silentUs: EventTime
}

/**
 * Watches whether something that came steadily goes on coming.
 *
 * Memory     that of its rhythm
 */
export class SilenceWatch {
  readonly #rhythm: Rhythm
  #activeAt: EventTime
  #lookedAt: EventTime
  /** When the present silence was judged last. */
  #judgedAt: EventTime = 0
  /** Begin of the silence that was told. */
  #silentFrom: EventTime
  #toldAt: EventTime | null = null

  constructor(now: EventTime, rhythm: Rhythm) {
    this.#rhythm = rhythm
    this.#activeAt = now
    this.#lookedAt = now
    this.#silentFrom = now
  }

  /** When it was last told that nothing comes; null while something does. */
  get toldAt(): EventTime | null {
    return this.#toldAt
  }

  /** What came since the last time. Whether something did. */
  count(added: number, now: EventTime): boolean {
    this.#lookedAt = now
    if (added <= 0) return false
    // A silence that was told is no lesson; an ordinary pause is one.
    if (this.#toldAt === null) this.#rhythm.learnPause(this.#activeAt, now)
    this.#rhythm.learnOne(added, now)
    this.#activeAt = now
    return true
  }

  /** Nobody could see for long whether anything came: a silence begins anew, and that one is no lesson. */
  restart(now: EventTime): void {
    if (this.#toldAt === null) this.#activeAt = now
  }

  /** What there is to say of a silence, if it is one. Said again it is counted from its beginning. */
  fallen({ silentSeconds, unknownHourSeconds, report }: SilenceLimits, now: EventTime): Fallen | null {
    // What counts is no longer than all of it, which is short at most of the looks.
    if (now - this.#activeAt < silentSeconds * SECOND_US) return null
    const silentUs = now - this.#rhythm.countsFrom(this.#activeAt, now)
    if (silentUs < silentSeconds * SECOND_US) return null
    // Judged ever more seldom while it lasts: most pauses are those of services that are hardly used.
    if (this.#judgedAt > this.#activeAt && now - this.#judgedAt < silentUs * JUDGED_AGAIN) return null
    this.#judgedAt = now
    const silence = this.#rhythm.silence(this.#activeAt, now)
    if (silence === null || silence.log10P > Math.log10(report)) return null
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
  }

  /** How it is now is how it is. */
  accept(): void {
    this.#rhythm.forget()
  }

  toState(): SilenceState {
    const told: SilenceState[1] = this.#toldAt === null ? null : [this.#silentFrom, this.#activeAt, this.#toldAt]
    return [this.#rhythm.toState(), told, [this.#activeAt, this.#lookedAt, this.#judgedAt]]
  }

  /**
   * With a rhythm that has learnt nothing. What was not seen while nobody looked teaches nothing; a silence that was told goes on.
   */
  static fromState(
    [rhythmState, told, [activeAt, lookedAt, judgedAt]]: SilenceState,
    rhythm: Rhythm,
    now: EventTime,
  ): SilenceWatch {
    rhythm.restore(rhythmState)
    if (now - lookedAt > RECENT_FOR_US) rhythm.forget()
    const watch = new SilenceWatch(now, rhythm)
    if (now - lookedAt <= UNBROKEN_US) {
      watch.#activeAt = activeAt
      watch.#judgedAt = judgedAt
    }
    if (told !== null) [watch.#silentFrom, watch.#activeAt, watch.#toldAt] = told
    return watch
  }
}

/** `43 answers a minute`, or of what comes more seldom, `20 answers an hour`. */
export function usualText(perMinute: number, nouns: string): string {
  const [count, span] = perMinute >= 2 ? [perMinute, 'a minute'] : [60 * perMinute, 'an hour']
  return `${Math.max(1, Math.round(count)).toLocaleString('en-US')} ${nouns} ${span}`
}
