import type { EventTime } from '../model/time.ts'
import { compareTransactions, type Transaction } from '../model/transaction.ts'

/**
 * Puts transactions that became final in the same microsecond into (endTime, id) order. They arrive with a monotone
 * endTime, so only ties are held, until the event clock has moved past them.
 */
export class OrderedOutput {
  readonly #emit: (transaction: Transaction) => void
  /** The one that is held, as hardly ever there are more: a list that is emptied each time is made anew each time. */
  #first: Transaction | null = null
  #ties: Transaction[] = []
  #heldTime: EventTime = Number.NEGATIVE_INFINITY

  constructor(emit: (transaction: Transaction) => void) {
    this.#emit = emit
  }

  get isEmpty(): boolean {
    return this.#first === null
  }

  push(transaction: Transaction): void {
    if (this.#first !== null && transaction.endTime !== this.#heldTime) this.flush()
    this.#heldTime = transaction.endTime
    if (this.#first === null) this.#first = transaction
    else this.#ties.push(transaction)
  }

  /** The event clock has reached `now`: nothing that ends before it can still come. */
  advance(now: EventTime): void {
    if (this.#first !== null && now > this.#heldTime) this.flush()
  }

  flush(): void {
    const first = this.#first
    if (first === null) return
    this.#first = null
    if (this.#ties.length === 0) {
      this.#emit(first)
      return
    }
    const held = [first, ...this.#ties].sort(compareTransactions)
    this.#ties = []
    for (let i = 0; i < held.length; i++) this.#emit(held[i]!)
  }
}
