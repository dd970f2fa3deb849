import type { HttpMessage } from './message.ts'

/** Messages of one direction, oldest first, linked through themselves: most connections have one at a time, or none. */
export class MessageQueue {
  first: HttpMessage | null = null
  #last: HttpMessage | null = null
  length = 0

  clear(): void {
    this.first = null
    this.#last = null
    this.length = 0
  }

  push(message: HttpMessage): void {
    message.following = null
    if (this.#last === null) this.first = message
    else this.#last.following = message
    this.#last = message
    this.length++
  }

  shift(): HttpMessage {
    const message = this.first!
    this.first = message.following
    message.following = null
    if (this.first === null) this.#last = null
    this.length--
    return message
  }
}
