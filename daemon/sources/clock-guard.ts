import { FRAME_BOGUS_TIME } from '../model/frame.ts'
import { type EventTime, HOUR_US, SECOND_US } from '../model/time.ts'

/**
 * Tells honest timestamps of one source from bogus ones, so that a single bad one cannot move the event clock.
 * Call `admit` once per record, in order; `clock` is then the time that record stands at.
 */
export interface ClockGuard {
  /** How many records after the judged one must be known before it is judged (unless the input has ended). */
  readonly lookAhead: number
  /** Latest honest time so far, NaN before the first. */
  readonly watermark: EventTime
  /** The clock of the record last admitted: its own time, or for a bogus one the watermark. */
  readonly clock: EventTime
  /** Whether `time` is honest. `next` and `second` are the times of the two records after it, NaN past the end of input. */
  admit(time: EventTime, next: EventTime, second: EventTime): boolean
}

/**
 * Files: a jump of over an hour, either way, is bogus unless what follows agrees with it.
 *
 * ```
 *  record     10:00 10:01 03:00 10:02      jump, and the next one is back where we were: bogus
 *  record     10:00 10:01 15:00 15:01      jump, and the next one agrees: a real gap in the capture
 *  record     10:00 10:01 15:00 03:00 15:02  jump, the next agrees with nothing, the one after agrees: the next is bogus
 * ```
 *
 * The third case is why two records of look-ahead are needed: with one, a bogus time right after a real gap would
 * condemn the honest record before it. A jump is measured from the last honest record rather than from the maximum, so
 * that a capture whose clock was once set back is judged like any other afterwards.
 */
export class FileClockGuard implements ClockGuard {
  readonly lookAhead = 2
  watermark: EventTime = Number.NaN
  clock: EventTime = Number.NaN
  #last: EventTime = Number.NaN

  admit(time: EventTime, next: EventTime, second: EventTime): boolean {
    const honest = Number.isNaN(this.#last) ? this.#admitFirst(time, next, second) : this.#agrees(time, next, second)
    if (!honest) {
      this.clock = this.watermark
      return false
    }
    this.#last = time
    this.clock = time
    if (!(time <= this.watermark)) this.watermark = time
    return true
  }

  /** Nothing to compare with yet: bogus when the two that follow agree with each other and not with it. */
  #admitFirst(time: EventTime, next: EventTime, second: EventTime): boolean {
    if (near(time, next) || near(time, second) || !near(next, second)) return true
    this.watermark = next
    this.#last = next
    return false
  }

  #agrees(time: EventTime, next: EventTime, second: EventTime): boolean {
    if (near(time, this.#last) || near(time, next)) return true
    return !near(next, this.#last) && near(time, second)
  }
}

/** Live: only a timestamp over a minute ahead of the host's clock is bogus. Nothing is held back. */
export class LiveClockGuard implements ClockGuard {
  readonly lookAhead = 0
  watermark: EventTime = Number.NaN
  clock: EventTime = Number.NaN
  readonly #hostClock: () => EventTime
  /** Up to here a time is honest without asking the host, whose clock only moves on. */
  #limit = Number.NEGATIVE_INFINITY

  constructor(hostClock: () => EventTime) {
    this.#hostClock = hostClock
  }

  admit(time: EventTime): boolean {
    if (time > this.#limit) {
      const host = this.#hostClock()
      this.#limit = host + MAX_AHEAD_US
      if (time > this.#limit) {
        this.clock = Number.isNaN(this.watermark) ? host : this.watermark
        return false
      }
    }
    if (!(time <= this.watermark)) this.watermark = time
    this.clock = time
    return true
  }
}

/** The columns of a batch that a guard reads and fills. */
interface ClockColumns {
  readonly time: Float64Array
  readonly clock: Float64Array
  readonly flags: Uint8Array
}

/** Judges rows 0 to `count`; rows up to `known` are there to look ahead at. */
export function judgeRows(guard: ClockGuard, columns: ClockColumns, count: number, known: number): void {
  const { time, clock, flags } = columns
  for (let row = 0; row < count; row++) {
    const next = row + 1 < known ? time[row + 1]! : Number.NaN
    const second = row + 2 < known ? time[row + 2]! : Number.NaN
    flags[row] = guard.admit(time[row]!, next, second) ? 0 : FRAME_BOGUS_TIME
    clock[row] = guard.clock
  }
}

const MAX_JUMP_US = HOUR_US
const MAX_AHEAD_US = 60 * SECOND_US

/**
 * False when either is NaN. A time that had to be brought down to what can be printed agrees with nothing: any two such
 * would look the same.
 */
function near(a: EventTime, b: EventTime): boolean {
  return Math.abs(a - b) <= MAX_JUMP_US && a < Number.MAX_SAFE_INTEGER && b < Number.MAX_SAFE_INTEGER
}
