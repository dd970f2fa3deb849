import type { Lack } from './mapping.ts'
import type { Undecodable } from './record.ts'

/** What came of the records, and what they said: what `offpath tap explain` prints, and what operators watch. */
export interface TapCoverage {
  records: number
  transactions: number
  readonly undecodable: Map<Undecodable, number>
  /** Fields that stood there and could not be read, by name. */
  readonly badFields: Map<string, number>
  /** Transactions in which each of these was known. */
  readonly known: Map<string, number>
  lacks: readonly Lack[]
}

export function newCoverage(): TapCoverage {
  return { records: 0, transactions: 0, undecodable: new Map(), badFields: new Map(), known: new Map(), lacks: [] }
}

export function count<Name>(counts: Map<Name, number>, name: Name): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
