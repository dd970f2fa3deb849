import { type EventTime, HOUR_US } from '../../daemon/model/time.ts'
import { KeyedTable, type Occupancy } from '../baselines/keyed-table.ts'

const MAX_CALLERS = 4096
/** Fields that are told apart of one caller; what comes after them adds no more. */
const MAX_FIELDS = 32
/** After so long what a caller sent counts half. */
const HALF_US = 24 * HOUR_US
/** Evidence of one mark that is what a clumsy finger, or an odd name, explains. */
const BY_CHANCE = 3
/** Sum of what is left, and fields it comes from, from which it is no chance. */
const LEAST_SUM = 9
const LEAST_FIELDS = 4

/** Natural log of the odds that all of it together gives, and in how many fields it was. */
export interface Accumulated {
  readonly logOdds: number
  readonly fields: number
}

export type FaintState = readonly ['faint', key: string, sum: number, at: EventTime, fields: readonly number[]]

class Caller {
  key = ''
  sum = 0
  at: EventTime = 0
  fields: number[] = []
}

/**
 * What each caller sent that is odd and no more: a quote here, a bracket there. Whoever tries every field, low and slow, has no request that
 * is clear by itself. Each field counts once, whatever is tried there: who writes about code trips one rule after the other in the two fields he
 * writes into. It counts by its log-odds less what chance explains; the sum halves in a day.
 */
export class FaintMarks {
  #callers = new KeyedTable<Caller>(MAX_CALLERS, () => new Caller())

  /** Adds a mark; not null when all together is a signal, which starts anew. `field`: a hash of endpoint and field. */
  add(caller: string, field: number, logOdds: number, now: EventTime): Accumulated | null {
    const worth = logOdds - BY_CHANCE
    if (worth <= 0) return null
    const own = this.#callers.use(caller)
    own.key = caller
    if (own.fields.includes(field) || own.fields.length >= MAX_FIELDS) return null
    own.sum = own.sum * 2 ** (-Math.max(0, now - own.at) / HALF_US) + worth
    own.at = Math.max(own.at, now)
    own.fields.push(field)
    if (own.sum < LEAST_SUM || own.fields.length < LEAST_FIELDS) return null
    const found = { logOdds: own.sum, fields: own.fields.length }
    own.sum = 0
    own.fields = []
    return found
  }

  get occupancy(): Occupancy {
    return this.#callers.occupancy
  }

  snapshot(): FaintState[] {
    const lines: FaintState[] = []
    this.#callers.forEach(({ key, sum, at, fields }) => {
      if (sum > 0) lines.push(['faint', key, sum, at, fields])
    })
    return lines
  }

  /** @throws TypeError */
  restore([, key, sum, at, fields]: readonly unknown[]): void {
    if (typeof key !== 'string' || typeof sum !== 'number' || typeof at !== 'number' || !Array.isArray(fields))
      throw new TypeError('not a line of faint marks')
    const own = this.#callers.use(key)
    own.key = key
    own.sum = sum
    own.at = at
    own.fields = fields.filter((field) => Number.isSafeInteger(field)).slice(0, MAX_FIELDS)
  }

  clear(): void {
    this.#callers = new KeyedTable(MAX_CALLERS, () => new Caller())
  }
}
