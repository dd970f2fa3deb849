import type { Transaction } from '../../daemon/model/transaction.ts'

/** What a transaction holds apart from its bodies: heads as captured, fields, what was computed from them; 3.6 KB were measured. */
const RECORD_BYTES = 4 * 1024
/** A body is kept up to a limit of the configuration; beyond this it counts as this. */
const MAX_BODY_BYTES = 128 * 1024
const FIRST_SLOTS = 1024

/**
 * The newest transactions, up to a budget of bytes (an estimate): an incident names transactions that have gone by, and
 * those are to be kept whole.
 */
export class RecentTransactions {
  readonly #maxBytes: number
  // Ring: the oldest stands at #first.
  #slots: (Transaction | null)[] = new Array<Transaction | null>(FIRST_SLOTS).fill(null)
  #first = 0
  #count = 0
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get count(): number {
    return this.#count
  }

  push(tx: Transaction): void {
    if (this.#count === this.#slots.length) this.#grow()
    this.#slots[(this.#first + this.#count) % this.#slots.length] = tx
    this.#count++
    this.#bytes += heldBytes(tx)
    while (this.#bytes > this.#maxBytes && this.#count > 0) this.#dropOldest()
  }

  /**
   * Those of `ids` that are held. Looks from the newest on: what an incident names has mostly just come, so no index is
   * kept on the way of every transaction.
   */
  find(ids: ReadonlySet<string>): Transaction[] {
    const found: Transaction[] = []
    for (let i = this.#count - 1; i >= 0 && found.length < ids.size; i--) {
      const tx = this.#slots[(this.#first + i) % this.#slots.length]!
      if (ids.has(tx.id)) found.push(tx)
    }
    return found
  }

  #dropOldest(): void {
    const tx = this.#slots[this.#first]!
    this.#slots[this.#first] = null
    this.#first = (this.#first + 1) % this.#slots.length
    this.#count--
    this.#bytes -= heldBytes(tx)
  }

  #grow(): void {
    const larger = new Array<Transaction | null>(this.#slots.length * 2).fill(null)
    for (let i = 0; i < this.#count; i++) larger[i] = this.#slots[(this.#first + i) % this.#slots.length]!
    this.#slots = larger
    this.#first = 0
  }
}

function heldBytes(tx: Transaction): number {
  return RECORD_BYTES + Math.min(tx.requestBodyBytes, MAX_BODY_BYTES) + Math.min(tx.responseBodyBytes, MAX_BODY_BYTES)
}
