import type { EventTime } from '../model/time.ts'
import { compareTransactions, type Transaction } from '../model/transaction.ts'

/**
 * Puts transactions that became final in the same microsecond into (endTime, id) order. They arrive with a monotone
 * endTime, so only ties are held, until the event clock has moved past them.
 */
export class OrderedOutput {
  readonly #emit: (transaction: Transaction) => void
  readonly #held: Transaction[] = []
  #heldTime: EventTime = Number.NEGATIVE_INFINITY

  constructor(emit: (transaction: Transaction) => void) {
    this.#emit = emit
  }

  get isEmpty(): boolean {
    return this.#held.length === 0
  }

  push(transaction: Transaction): void {
    if (this.#held.length > 0 && transaction.endTime !== this.#heldTime) this.flush()
    this.#heldTime = transaction.endTime
    this.#held.push(transaction)
  }

  /** The event clock has reached `now`: nothing that ends before it can still come. */
  advance(now: EventTime): void {
    if (this.#held.length > 0 && now > this.#heldTime) this.flush()
  }

  flush(): void {
    const held = this.#held
    if (held.length > 1) held.sort(compareTransactions)
    for (let i = 0; i < held.length; i++) this.#emit(held[i]!)
    held.length = 0
  }
}
