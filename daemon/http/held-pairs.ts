import type { EventTime } from '../model/time.ts'
import type { HttpMessage, Waiter } from './message.ts'
import type { TimerQueue } from './timer-queue.ts'

/** Pairs in lockstep, one after the other, that must agree before they are believed while the flow goes on. */
const AGREEMENTS_NEEDED = 16
/**
 * A pause this long before the request, and an answer that comes in a quarter of it, say that nothing else was outstanding:
 * a server does not sit on one request for a second and then answer it right after the next arrives.
 */
const QUIET_US = 1_000_000
const QUIET_RATIO = 4

/** Who gets the pairs that were held, each by its response. */
export interface HeldOwner extends Waiter {
  believed(response: HttpMessage, now: EventTime): void
  refused(response: HttpMessage, now: EventTime): void
}

/** The pairs of one connection that were found in lockstep after a loss and wait for evidence (pairing.ts), oldest first. */
export class HeldPairs {
  readonly #owner: HeldOwner
  readonly #timers: TimerQueue
  #responses: HttpMessage[] = []
  /** Enough of them agreed, and nothing was refused since: the next pair needs no others beside it. */
  #believed = false

  constructor(owner: HeldOwner, timers: TimerQueue) {
    this.#owner = owner
    this.#timers = timers
  }

  /** The response of the last pair held. */
  get last(): HttpMessage | null {
    return this.#responses.at(-1) ?? null
  }

  get believed(): boolean {
    return this.#believed
  }

  add(response: HttpMessage): void {
    this.#responses.push(response)
  }

  /** The last one is released when nothing speaks against it for long enough. */
  wait(response: HttpMessage, now: EventTime): void {
    this.#timers.add(response, this.#owner, now)
  }

  /**
   * The request after them: had the client all of the last answer, and nothing more, when it sent this? `against`: something else
   * speaks against them. Returns whether it shows that the client had asked before it had the last answer.
   */
  judge(next: HttpMessage, against: boolean, now: EventTime): boolean {
    const response = this.last!
    this.#timers.remove(response)
    if (next.breakBefore || next.acked !== response.end || against) {
      this.refuse(now)
      return next.acked >= 0 && next.acked < response.end
    }
    if (this.#responses.length >= AGREEMENTS_NEEDED) this.#believed = true
    if (this.#believed || this.#wasQuiet(response)) this.release(now)
    return false
  }

  release(now: EventTime): void {
    for (const response of this.#taken()) this.#owner.believed(response, now)
  }

  refuse(now: EventTime): void {
    this.#believed = false
    for (const response of this.#taken()) this.#owner.refused(response, now)
  }

  #taken(): HttpMessage[] {
    const held = this.#responses
    if (held.length === 0) return held
    this.#responses = []
    for (const response of held) this.#timers.remove(response)
    return held
  }

  #wasQuiet(response: HttpMessage): boolean {
    const request = response.partner!
    const before = this.#responses.at(-2)
    if (before === undefined) return false
    const pause = request.firstByte - before.lastByte
    const latency = response.firstByte - request.lastByte
    return pause >= QUIET_US && latency >= 0 && latency * QUIET_RATIO <= pause
  }
}
