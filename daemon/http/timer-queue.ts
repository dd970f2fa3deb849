import type { EventTime } from '../model/time.ts'
import type { HttpMessage, Waiter } from './message.ts'

const FIRST_PLACES = 64

/**
 * Messages that wait the same length of time, oldest first: a ring in which each message knows its place. Since the event
 * clock never goes back, the front is always the next to expire. Entering costs O(1), and so does leaving, which only empties
 * the place: a list through the messages themselves would fetch both neighbours, long cold, for each answer.
 *
 * Emptied places before the front are given up at once, those behind it when the ring is full; it grows only when more than
 * half of it waits.
 */
export class TimerQueue {
  readonly #waitUs: number
  #messages: (HttpMessage | null)[] = new Array<HttpMessage | null>(FIRST_PLACES).fill(null)
  #deadlines = new Float64Array(FIRST_PLACES)
  /** Of the oldest place in use; it and `#back` count on and on, and are taken modulo the ring's length. */
  #front = 0
  /** Of the next place. */
  #back = 0
  size = 0

  constructor(waitUs: number) {
    this.#waitUs = waitUs
  }

  add(message: HttpMessage, waiter: Waiter, now: EventTime): void {
    if (this.size === 0) {
      this.#front = 0
      this.#back = 0
    } else if (this.#back - this.#front === this.#messages.length) this.#makeRoom()
    const place = this.#back++ & (this.#messages.length - 1)
    this.#messages[place] = message
    this.#deadlines[place] = now + this.#waitUs
    message.timerPlace = place
    message.waiter = waiter
    this.size++
  }

  /** Does nothing for a message that does not wait. */
  remove(message: HttpMessage): void {
    if (message.waiter === null) return
    message.waiter = null
    this.#messages[message.timerPlace] = null
    this.size--
    this.#passEmpty()
  }

  expire(now: EventTime): void {
    while (this.size > 0) {
      const place = this.#front & (this.#messages.length - 1)
      if (this.#deadlines[place]! > now) return
      const message = this.#messages[place]!
      const { waiter } = message
      this.remove(message)
      waiter?.expired(message, now)
    }
  }

  /** After this the front is in use, unless nothing waits. */
  #passEmpty(): void {
    const messages = this.#messages
    const mask = messages.length - 1
    while (this.#front < this.#back && messages[this.#front & mask] === null) this.#front++
  }

  /** The ring is full: those that wait move together, and it gets twice the length when they are more than half of it. */
  #makeRoom(): void {
    this.#closeRanks()
    const { length } = this.#messages
    if (this.size <= length / 2) return
    const messages = new Array<HttpMessage | null>(length * 2).fill(null)
    const deadlines = new Float64Array(length * 2)
    for (let at = this.#front; at < this.#back; at++) {
      const place = at & (length - 1)
      const message = this.#messages[place]!
      message.timerPlace = at & (length * 2 - 1)
      messages[message.timerPlace] = message
      deadlines[message.timerPlace] = this.#deadlines[place]!
    }
    this.#messages = messages
    this.#deadlines = deadlines
  }

  /** After this no place in use is empty. */
  #closeRanks(): void {
    const messages = this.#messages
    const deadlines = this.#deadlines
    const mask = messages.length - 1
    let next = this.#front
    for (let at = next; at < this.#back; at++) {
      const message = messages[at & mask]!
      if (message === null) continue
      const place = next++ & mask
      messages[at & mask] = null
      messages[place] = message
      deadlines[place] = deadlines[at & mask]!
      message.timerPlace = place
    }
    this.#back = next
  }
}
