/**
 * Which batches are sealed already, by token: a batch sent again after a broken channel is not written twice. Those that
 * wait are all known; of those that are stored, the latest MAX_STORED. What is older is told by the database.
 */
export class Tokens {
  /** A promise while it is being sealed. */
  readonly #waiting = new Map<string, Promise<void>>()
  readonly #stored = new Set<string>()

  get(token: string): Promise<void> | undefined {
    return this.#waiting.get(token) ?? (this.#stored.has(token) ? SEALED : undefined)
  }

  sealing(token: string, sealed: Promise<void>): void {
    this.#waiting.set(token, sealed)
  }

  sealed(token: string): void {
    this.#waiting.set(token, SEALED)
  }

  stored(token: string): void {
    this.#waiting.delete(token)
    this.#stored.add(token)
    if (this.#stored.size <= MAX_STORED) return
    const [oldest] = this.#stored
    this.#stored.delete(oldest!)
  }

  forget(token: string): void {
    this.#waiting.delete(token)
  }
}

const SEALED = Promise.resolve()
const MAX_STORED = 10_000
