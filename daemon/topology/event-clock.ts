import { type EventTime, SECOND_US } from '../model/time.ts'

/** How often stages are ticked, in event time. */
const TICK_US = SECOND_US
/** After this much idle event time every timer of every stage has fired (the longest is the 300 s idle timer). */
const LONGEST_TIMER_US = 400 * SECOND_US

/**
 * The one monotone watermark of a run, merged from all sources, and the ticks that follow from it. Ticks fall on whole
 * event-time seconds, whatever the batches look like, so timers fire at the same instants on every replay. Over a long
 * silence they are given second by second until every timer has fired, then once at the end.
 */
export class EventClock {
  now: EventTime = Number.NEGATIVE_INFINITY
  readonly #tick: (now: EventTime) => void
  #nextTick: EventTime = Number.POSITIVE_INFINITY

  constructor(tick: (now: EventTime) => void) {
    this.#tick = tick
  }

  get started(): boolean {
    return this.now !== Number.NEGATIVE_INFINITY
  }

  /** Moves the watermark to `time` unless that lies behind it, giving every tick on the way before the new time holds. */
  advance(time: EventTime): void {
    if (time <= this.now) return
    if (time >= this.#nextTick) this.#tickUntil(time)
    else if (!this.started) this.#nextTick = Math.floor(time / TICK_US) * TICK_US + TICK_US
    this.now = time
  }

  #tickUntil(time: EventTime): void {
    const last = Math.floor(time / TICK_US) * TICK_US
    const quiet = Math.min(last, this.now + LONGEST_TIMER_US)
    let next = this.#nextTick
    for (; next <= quiet; next += TICK_US) {
      this.now = next
      this.#tick(next)
    }
    if (next <= last) {
      this.now = last
      this.#tick(last)
    }
    this.#nextTick = last + TICK_US
  }
}
