import { z } from 'zod'
import type { EvictionListener } from '../../daemon/identity/bounded-map.ts'
import type { Occupancy } from '../../daemon/telemetry/occupancy.ts'
import { flag, text } from './state.ts'

export type { Occupancy }

/** One key: whether it is a resident, the key, its uses, whether it was touched, and its value. */
export const KeyedEntry = z.tuple([flag, text, z.int().min(0), flag, z.unknown()])
export type KeyedEntry = z.infer<typeof KeyedEntry>

/** A key that is found once a transaction for all tables which are told of it by the same index. */
export interface TableRow {
  readonly key: string
  /** By the number of the table: what it keeps of the key, where a use of that changes nothing. Only who has the number reads and writes it. */
  readonly values: unknown[]
}

/** Numbers the tables that are asked by its rows. */
export interface TableIndex {
  addTable(): number
}

/** In the place of a row where there is none. */
const NO_ROW = -1
/** Rows to begin with. */
const FEW_ROWS = 16
/** What a row says in numbers: its neighbours, how often it was used while a newcomer, and whether it is one, and was touched. */
const OLDER = 0
const NEWER = 1
const USES = 2
const FLAGS = 3
const PER_ROW = 4
/** More than anybody counts, and far from the end of 32 bits. */
const MOST_USES = 1 << 30
const RESIDENT = 1
const TOUCHED = 2

/** One part of the table: its rows in the order in which they came or were last spared. */
class Part {
  oldest = NO_ROW
  newest = NO_ROW
  size = 0

  /** `fields`: of the table's rows. */
  add(row: number, fields: Int32Array): void {
    fields[row * PER_ROW + OLDER] = this.newest
    fields[row * PER_ROW + NEWER] = NO_ROW
    if (this.newest === NO_ROW) this.oldest = row
    else fields[this.newest * PER_ROW + NEWER] = row
    this.newest = row
    this.size++
  }

  remove(row: number, fields: Int32Array): void {
    const older = fields[row * PER_ROW + OLDER]!
    const newer = fields[row * PER_ROW + NEWER]!
    if (older === NO_ROW) this.oldest = newer
    else fields[older * PER_ROW + NEWER] = newer
    if (newer === NO_ROW) this.newest = older
    else fields[newer * PER_ROW + OLDER] = older
    this.size--
  }
}

/** Uses after which a key is worth protecting from newcomers. */
const PROTECT_AFTER = 4
/** Share of the places kept for newcomers. */
const NEWCOMERS = 0.25

/**
 * State by key with a hard limit and admission: newcomers live in a small part of the table and push out each other; a key
 * that keeps coming moves to the protected part, where the least recently used (by the clock algorithm) leaves. A flood of
 * a million new keys therefore costs the busy ones nothing.
 *
 * Promise    never more than `limit` keys; a key used PROTECT_AFTER times outlives any number of single-use keys
 * Memory     limit x (about 70 B + the value); keys stand in columns, since an object for each was a fifth of what lives long
 */
export class KeyedTable<Value> {
  readonly limit: number
  readonly #newcomerLimit: number
  readonly #create: (key: string) => Value
  readonly #owner: EvictionListener<Value> | null
  readonly #rows = new Map<string, number>()
  readonly #keys: string[] = []
  /** Undefined where a row is free. */
  readonly #values: (Value | undefined)[] = []
  /** Where the value is at hand, too. */
  readonly #atHand: (TableRow | null)[] = []
  /** PER_ROW for each row. Those that are free are a chain of NEWER. */
  #fields = new Int32Array(FEW_ROWS * PER_ROW)
  #free = NO_ROW
  readonly #newcomers = new Part()
  readonly #residents = new Part()
  /** Its number in the index of its rows; -1 where there is none. */
  readonly #number: number
  evicted = 0

  /** `owner` is told what was evicted, and what was not put back because the table is full. */
  constructor(
    limit: number,
    create: (key: string) => Value,
    index: TableIndex | null = null,
    owner: EvictionListener<Value> | null = null,
  ) {
    this.limit = limit
    this.#owner = owner
    this.#newcomerLimit = Math.max(1, Math.floor(limit * NEWCOMERS))
    this.#create = create
    this.#number = index === null ? -1 : index.addTable()
  }

  get size(): number {
    return this.#rows.size
  }

  get occupancy(): Occupancy {
    return { entries: this.size, limit: this.limit, evicted: this.evicted }
  }

  /** The value of a key, if it is held; counts as no use. */
  peek(key: string): Value | undefined {
    const row = this.#rows.get(key)
    return row === undefined ? undefined : this.#values[row]
  }

  /** The value of a key, made if need be; counts as a use. */
  use(key: string): Value {
    return this.#used(this.#rows.get(key) ?? this.#admit(key))
  }

  /**
   * The value of a row of the index, as `use` of its key gives it. Only of a table that was made with the index of the row. At hand are
   * the residents that were touched: a further use of them changes nothing, so that not even their key is looked up.
   */
  useOf(of: TableRow): Value {
    const atHand = of.values[this.#number] as Value | null | undefined
    if (atHand !== null && atHand !== undefined) return atHand
    const row = this.#rows.get(of.key) ?? this.#admit(of.key)
    const value = this.#used(row)
    if (this.#fields[row * PER_ROW + FLAGS] === (RESIDENT | TOUCHED)) {
      this.#takeBack(row)
      of.values[this.#number] = value
      this.#atHand[row] = of
    }
    return value
  }

  /** Every value, residents first, those that would leave first before the others. */
  forEach(visit: (value: Value, key: string) => void): void {
    for (const part of [this.#residents, this.#newcomers]) {
      for (let row = part.oldest; row !== NO_ROW; row = this.#fields[row * PER_ROW + NEWER]!) {
        visit(this.#values[row]!, this.#keys[row]!)
      }
    }
  }

  /** What is held now, in the order of `forEach`; each state is made when it is asked for. */
  *entries(toState: (value: Value) => unknown): IterableIterator<KeyedEntry> {
    for (const part of [this.#residents, this.#newcomers]) {
      const rows: number[] = []
      const values: Value[] = []
      for (let row = part.oldest; row !== NO_ROW; row = this.#fields[row * PER_ROW + NEWER]!) {
        rows.push(row)
        values.push(this.#values[row]!)
      }
      for (const [i, row] of rows.entries()) {
        const value = values[i]!
        // It may have left since the first was asked for, and its row been given to another.
        if (this.#values[row] !== value) continue
        const flags = this.#fields[row * PER_ROW + FLAGS]!
        const uses = this.#fields[row * PER_ROW + USES]!
        yield [part === this.#residents, this.#keys[row]!, uses, (flags & TOUCHED) !== 0, toState(value)]
      }
    }
  }

  /** Keys and what is made of their values, as `entries`. */
  *states<State>(toState: (value: Value) => State): IterableIterator<[key: string, state: State]> {
    for (const [, key, , , state] of this.entries(toState)) yield [key, state as State]
  }

  /** Puts an entry back behind those put back before; beyond the limit it is left out. */
  restore([isResident, key, uses, touched]: KeyedEntry, value: Value): void {
    if (this.size >= this.limit || this.#rows.has(key)) {
      this.evicted++
      this.#owner?.evicted(value)
      return
    }
    const stays = isResident && this.#residents.size < this.limit - this.#newcomerLimit
    const row = this.#newRow(key, value)
    this.#fields[row * PER_ROW + USES] = Math.min(uses, MOST_USES)
    this.#fields[row * PER_ROW + FLAGS] = (stays ? RESIDENT : 0) | (touched ? TOUCHED : 0)
    const part = stays ? this.#residents : this.#newcomers
    part.add(row, this.#fields)
  }

  /** Mean over all values, 0 of none. */
  mean(of: (value: Value) => number): number {
    let sum = 0
    this.forEach((value) => {
      sum += of(value)
    })
    return this.size === 0 ? 0 : sum / this.size
  }

  #used(row: number): Value {
    const fields = this.#fields
    const at = row * PER_ROW
    if ((fields[at + FLAGS]! & RESIDENT) !== 0) fields[at + FLAGS]! |= TOUCHED
    else if (++fields[at + USES]! >= PROTECT_AFTER) this.#promote(row)
    return this.#values[row]!
  }

  /** A newcomer that was not used yet. */
  #admit(key: string): number {
    // While the table is not full, newcomers may use the whole of it.
    if (this.size >= this.limit) {
      if (this.#newcomers.size > 0) this.#evict(this.#newcomers)
      else this.#evictResident()
    }
    const value = this.#create(key)
    const row = this.#newRow(key, value)
    this.#newcomers.add(row, this.#fields)
    return row
  }

  #promote(row: number): void {
    this.#newcomers.remove(row, this.#fields)
    if (this.#residents.size >= this.limit - this.#newcomerLimit) this.#evictResident()
    this.#fields[row * PER_ROW + FLAGS]! |= RESIDENT
    this.#residents.add(row, this.#fields)
  }

  #evictResident(): void {
    const fields = this.#fields
    for (let tries = 0; tries < 8; tries++) {
      const first = this.#residents.oldest
      if (first === NO_ROW || (fields[first * PER_ROW + FLAGS]! & TOUCHED) === 0) break
      fields[first * PER_ROW + FLAGS]! &= ~TOUCHED
      this.#takeBack(first)
      this.#residents.remove(first, fields)
      this.#residents.add(first, fields)
    }
    this.#evict(this.#residents)
  }

  #evict(part: Part): void {
    const row = part.oldest
    if (row === NO_ROW) return
    part.remove(row, this.#fields)
    this.#rows.delete(this.#keys[row]!)
    this.#takeBack(row)
    this.#owner?.evicted(this.#values[row]!)
    this.#keys[row] = ''
    this.#values[row] = undefined
    this.#fields[row * PER_ROW + NEWER] = this.#free
    this.#free = row
    this.evicted++
  }

  /** In no part yet, and not used. */
  #newRow(key: string, value: Value): number {
    let row = this.#free
    if (row === NO_ROW) {
      row = this.#keys.length
      this.#keys.push(key)
      this.#values.push(value)
      this.#atHand.push(null)
      if (row * PER_ROW === this.#fields.length) {
        const fields = new Int32Array(Math.min(2 * row, this.limit) * PER_ROW)
        fields.set(this.#fields)
        this.#fields = fields
      }
    } else {
      this.#free = this.#fields[row * PER_ROW + NEWER]!
      this.#keys[row] = key
      this.#values[row] = value
    }
    this.#fields[row * PER_ROW + USES] = 0
    this.#fields[row * PER_ROW + FLAGS] = 0
    this.#rows.set(key, row)
    return row
  }

  /** The value is at hand no more. */
  #takeBack(row: number): void {
    const of = this.#atHand[row]!
    if (of === null) return
    // Nothing is at hand in a row of an index that has started over.
    if (this.#number < of.values.length) of.values[this.#number] = null
    this.#atHand[row] = null
  }
}
