import type { NativeReader } from '../identity/native-reader.ts'
import type { Transaction } from '../model/transaction.ts'
import type { NativeRecord } from '../sources/native-file.ts'
import type { Chain } from './chain.ts'
import { OrderLane, RecordOrder } from './record-order.ts'

/**
 * Sorts the records of one native file by event time, then hands them to the chain; it counts what came later than the
 * slack as late. Input that is in order already, as Offpath writes it, passes through unchanged.
 */
export class NativeOrder {
  readonly #reader: Pick<NativeReader, 'read'>
  readonly #order: RecordOrder<Transaction>
  readonly #lane = new OrderLane<Transaction>()

  constructor(reader: Pick<NativeReader, 'read'>, chain: Chain) {
    this.#reader = reader
    this.#order = new RecordOrder((transaction, clock) => chain.transaction(transaction, clock))
  }

  push({ record, line, clock, bogusTime }: NativeRecord): void {
    const transaction = this.#reader.read(record, line, clock, bogusTime)
    if (transaction !== null) this.#order.push(transaction, clock, 0, this.#lane)
  }

  flush(): void {
    this.#order.flush()
  }
}
