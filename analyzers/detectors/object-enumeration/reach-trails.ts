import type { EvidenceRef } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { isWhole, MAX_TRAIL, NO_REFS, type TrailState } from '../../finding.ts'
import { PER_REF, packedRef, packRef, unpackRef } from '../../packed-ref.ts'
import { REFS, REFS_AT, type ReachColumns } from './reach-columns.ts'

/**
 * The run-up to a signal of each caller at each endpoint, as EvidenceTrail: one for every second reach, which as objects were half of
 * what was left of them.
 */
export class ReachTrails {
  readonly #columns: ReachColumns

  constructor(columns: ReachColumns) {
    this.#columns = columns
  }

  add(row: number, tx: Transaction): void {
    this.#keep(row, tx.id, tx.time, tx.status, isWhole(tx))
  }

  /** Hands over what was gathered and starts anew. */
  take(row: number): readonly EvidenceRef[] {
    const columns = this.#columns
    const count = columns.word(row, REFS)
    if (count === 0) return NO_REFS
    const refs = this.#refs(row)
    columns.lists.release(columns.word(row, REFS_AT), count * PER_REF)
    columns.setWord(row, REFS, 0)
    const details = columns.details[row]!
    if (details !== null) details.texts = null
    return refs
  }

  toState(row: number): TrailState {
    return this.#refs(row).map(({ transactionId, time, status, whole }) => [
      transactionId,
      time,
      status,
      whole === true,
    ])
  }

  /** Of a row that has none yet. */
  restore(row: number, state: TrailState): void {
    for (const [id, time, status, whole] of state) this.#keep(row, id, time, status, whole)
  }

  #keep(row: number, id: string, time: EventTime, status: number | null, whole: boolean): void {
    const columns = this.#columns
    const { lists } = columns
    const text = packRef(id, time, status, whole)
    let at = columns.word(row, REFS_AT)
    let count = columns.word(row, REFS)
    if (count === MAX_TRAIL) {
      // The oldest makes way.
      count--
      lists.numbers.copyWithin(at, at + PER_REF, at + MAX_TRAIL * PER_REF)
      lists.numbers.set(packedRef, at + count * PER_REF)
      columns.details[row]?.texts?.shift()
    } else {
      for (let i = 0; i < PER_REF; i++) at = lists.push(at, count * PER_REF + i, packedRef[i]!)
      columns.setWord(row, REFS_AT, at)
      columns.setWord(row, REFS, count + 1)
    }
    if (text !== '') columns.detailsOf(row).texts ??= new Array<string>(count).fill('')
    columns.details[row]?.texts?.push(text)
  }

  #refs(row: number): EvidenceRef[] {
    const columns = this.#columns
    const numbers = columns.lists.toArray(columns.word(row, REFS_AT), columns.word(row, REFS) * PER_REF)
    const texts = columns.details[row]?.texts ?? null
    const refs: EvidenceRef[] = []
    for (let at = 0; at < numbers.length; at += PER_REF) {
      refs.push(unpackRef(numbers[at]!, numbers[at + 1]!, numbers[at + 2]!, texts?.[at / PER_REF] ?? ''))
    }
    return refs
  }
}
