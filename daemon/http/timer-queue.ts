import type { EventTime } from '../model/time.ts'
import type { HttpMessage, Waiter } from './message.ts'

/**
 * Messages that wait the same length of time, oldest first: a doubly linked list through the messages themselves.
 * Entering and leaving cost O(1), and since the event clock never goes back the front is always the next to expire.
 */
export class TimerQueue {
  readonly #waitUs: number
  #front: HttpMessage | null = null
  #back: HttpMessage | null = null
  size = 0

  constructor(waitUs: number) {
    this.#waitUs = waitUs
  }

  add(message: HttpMessage, waiter: Waiter, now: EventTime): void {
    message.deadline = now + this.#waitUs
    message.waiter = waiter
    message.timerPrevious = this.#back
    message.timerNext = null
    if (this.#back === null) this.#front = message
    else this.#back.timerNext = message
    this.#back = message
    this.size++
  }

  /** Does nothing for a message that does not wait. */
  remove(message: HttpMessage): void {
    if (message.waiter === null) return
    if (message.timerPrevious === null) this.#front = message.timerNext
    else message.timerPrevious.timerNext = message.timerNext
    if (message.timerNext === null) this.#back = message.timerPrevious
    else message.timerNext.timerPrevious = message.timerPrevious
    message.timerPrevious = null
    message.timerNext = null
    message.waiter = null
    this.size--
  }

  expire(now: EventTime): void {
    let message = this.#front
    while (message !== null && message.deadline <= now) {
      const waiter = message.waiter
      this.remove(message)
      waiter?.expired(message, now)
      message = this.#front
    }
  }
}
