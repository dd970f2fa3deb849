import { HttpMessage } from './message.ts'

/** Messages kept for later; what is beyond is left to the collector. */
const MAX_FREE = 4096

/**
 * Messages used again where nobody looks at them: two for each pair, with two dozen fields each, were half of what
 * extraction left to the collector.
 */
export class MessagePool {
  readonly #free: HttpMessage[] = []

  take(): HttpMessage {
    return this.#free.pop() ?? new HttpMessage()
  }

  giveBack(message: HttpMessage): void {
    if (this.#free.length >= MAX_FREE) return
    message.clear()
    this.#free.push(message)
  }
}
