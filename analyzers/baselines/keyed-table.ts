import { z } from 'zod'
import type { EvictionListener } from '../../daemon/identity/bounded-map.ts'
import { type Linked, RecencyList } from '../../daemon/model/recency-list.ts'
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

class Slot<Value> implements Linked<Slot<Value>> {
  readonly key: string
  /** Undefined once it is held no more. */
  value: Value | undefined
  /** Where the value is at hand, too. */
  row: TableRow | null = null
  isResident = false
  touched = false
  uses = 0
  older: Slot<Value> | null = null
  newer: Slot<Value> | null = null

  constructor(key: string, value: Value) {
    this.key = key
    this.value = value
  }
}

/** One part of the table, in the order in which its slots came or were last spared. */
class Part<Value> {
  readonly order = new RecencyList<Slot<Value>>()
  size = 0

  add(slot: Slot<Value>): void {
    this.order.append(slot)
    this.size++
  }

  remove(slot: Slot<Value>): void {
    this.order.remove(slot)
    this.size--
  }

  inOrder(): Slot<Value>[] {
    const slots: Slot<Value>[] = []
    for (let slot = this.order.oldest; slot !== null; slot = slot.newer) slots.push(slot)
    return slots
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
 * Memory     limit x (about 100 B + the value)
 */
export class KeyedTable<Value> {
  readonly limit: number
  readonly #newcomerLimit: number
  readonly #create: (key: string) => Value
  readonly #owner: EvictionListener<Value> | null
  readonly #slots = new Map<string, Slot<Value>>()
  readonly #newcomers = new Part<Value>()
  readonly #residents = new Part<Value>()
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
    return this.#slots.size
  }

  get occupancy(): Occupancy {
    return { entries: this.size, limit: this.limit, evicted: this.evicted }
  }

  /** The value of a key, if it is held; counts as no use. */
  peek(key: string): Value | undefined {
    return this.#slots.get(key)?.value
  }

  /** The value of a key, made if need be; counts as a use. */
  use(key: string): Value {
    return this.#used(this.#slots.get(key) ?? this.#admit(key))
  }

  /**
   * The value of a row, as `use` of its key gives it. Only of a table that was made with the index of the row. At hand are the
   * residents that were touched: a further use of them changes nothing, so that not even their slot is read.
   */
  useOf(row: TableRow): Value {
    const atHand = row.values[this.#number] as Value | null | undefined
    if (atHand !== null && atHand !== undefined) return atHand
    const slot = this.#slots.get(row.key) ?? this.#admit(row.key)
    const value = this.#used(slot)
    if (slot.isResident && slot.touched) {
      this.#takeBack(slot)
      row.values[this.#number] = value
      slot.row = row
    }
    return value
  }

  /** Every value, residents first, those that would leave first before the others. */
  forEach(visit: (value: Value, key: string) => void): void {
    for (let slot = this.#residents.order.oldest; slot !== null; slot = slot.newer) visit(slot.value!, slot.key)
    for (let slot = this.#newcomers.order.oldest; slot !== null; slot = slot.newer) visit(slot.value!, slot.key)
  }

  /** What is held now, in the order of `forEach`; each state is made when it is asked for. */
  *entries(toState: (value: Value) => unknown): IterableIterator<KeyedEntry> {
    for (const [isResident, part] of [
      [true, this.#residents],
      [false, this.#newcomers],
    ] as const) {
      for (const { key, uses, touched, value } of part.inOrder()) {
        // It may have left since the first was asked for.
        if (value !== undefined) yield [isResident, key, uses, touched, toState(value)]
      }
    }
  }

  /** Keys and what is made of their values, as `entries`. */
  *states<State>(toState: (value: Value) => State): IterableIterator<[key: string, state: State]> {
    for (const [, key, , , state] of this.entries(toState)) yield [key, state as State]
  }

  /** Puts an entry back behind those put back before; beyond the limit it is left out. */
  restore([isResident, key, uses, touched]: KeyedEntry, value: Value): void {
    if (this.size >= this.limit || this.#slots.has(key)) {
      this.evicted++
      this.#owner?.evicted(value)
      return
    }
    const slot = new Slot(key, value)
    slot.uses = uses
    slot.touched = touched
    slot.isResident = isResident && this.#residents.size < this.limit - this.#newcomerLimit
    this.#partOf(slot).add(slot)
    this.#slots.set(key, slot)
  }

  /** Mean over all values, 0 of none. */
  mean(of: (value: Value) => number): number {
    let sum = 0
    this.forEach((value) => {
      sum += of(value)
    })
    return this.size === 0 ? 0 : sum / this.size
  }

  #used(slot: Slot<Value>): Value {
    if (slot.isResident) slot.touched = true
    else if (++slot.uses >= PROTECT_AFTER) this.#promote(slot)
    return slot.value!
  }

  /** A newcomer that was not used yet. */
  #admit(key: string): Slot<Value> {
    // While the table is not full, newcomers may use the whole of it.
    if (this.size >= this.limit) {
      if (this.#newcomers.size > 0) this.#evict(this.#newcomers)
      else this.#evictResident()
    }
    const slot = new Slot(key, this.#create(key))
    this.#newcomers.add(slot)
    this.#slots.set(key, slot)
    return slot
  }

  #partOf({ isResident }: Slot<Value>): Part<Value> {
    return isResident ? this.#residents : this.#newcomers
  }

  #promote(slot: Slot<Value>): void {
    this.#newcomers.remove(slot)
    if (this.#residents.size >= this.limit - this.#newcomerLimit) this.#evictResident()
    slot.isResident = true
    this.#residents.add(slot)
  }

  #evictResident(): void {
    for (let tries = 0; tries < 8; tries++) {
      const first = this.#residents.order.oldest
      if (first === null || !first.touched) break
      first.touched = false
      this.#takeBack(first)
      this.#residents.order.refresh(first)
    }
    this.#evict(this.#residents)
  }

  #evict(part: Part<Value>): void {
    const first = part.order.oldest
    if (first === null) return
    part.remove(first)
    this.#slots.delete(first.key)
    this.#takeBack(first)
    this.#owner?.evicted(first.value!)
    first.value = undefined
    this.evicted++
  }

  /** The value is at hand no more. */
  #takeBack(slot: Slot<Value>): void {
    if (slot.row === null) return
    const { values } = slot.row
    // Nothing is at hand in a row of an index that has started over.
    if (this.#number < values.length) values[this.#number] = null
    slot.row = null
  }
}
