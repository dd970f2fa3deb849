import { z } from 'zod'
import { type Linked, RecencyList } from '../../daemon/model/recency-list.ts'
import type { Occupancy } from '../../daemon/telemetry/occupancy.ts'
import { flag, text } from './state.ts'

export type { Occupancy }

/** One key: whether it is a resident, the key, its uses, whether it was touched, and its value. */
export const KeyedEntry = z.tuple([flag, text, z.int().min(0), flag, z.unknown()])
export type KeyedEntry = z.infer<typeof KeyedEntry>

class Slot<Value> implements Linked<Slot<Value>> {
  readonly key: string
  readonly value: Value
  touched = false
  uses = 1
  older: Slot<Value> | null = null
  newer: Slot<Value> | null = null

  constructor(key: string, value: Value) {
    this.key = key
    this.value = value
  }
}

/** One part of the table: its slots by key, and in the order in which they came or were last spared. */
class Part<Value> {
  readonly slots = new Map<string, Slot<Value>>()
  readonly #order = new RecencyList<Slot<Value>>()

  get size(): number {
    return this.slots.size
  }

  get first(): Slot<Value> | null {
    return this.#order.oldest
  }

  add(slot: Slot<Value>): void {
    this.slots.set(slot.key, slot)
    this.#order.append(slot)
  }

  remove(slot: Slot<Value>): void {
    this.slots.delete(slot.key)
    this.#order.remove(slot)
  }

  spare(slot: Slot<Value>): void {
    this.#order.refresh(slot)
  }

  inOrder(): Slot<Value>[] {
    const slots: Slot<Value>[] = []
    for (let slot = this.#order.oldest; slot !== null; slot = slot.newer) slots.push(slot)
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
  readonly #create: () => Value
  readonly #newcomers = new Part<Value>()
  readonly #residents = new Part<Value>()
  evicted = 0

  constructor(limit: number, create: () => Value) {
    this.limit = limit
    this.#newcomerLimit = Math.max(1, Math.floor(limit * NEWCOMERS))
    this.#create = create
  }

  get size(): number {
    return this.#newcomers.size + this.#residents.size
  }

  get occupancy(): Occupancy {
    return { entries: this.size, limit: this.limit, evicted: this.evicted }
  }

  /** The value of a key, if it is held; counts as no use. */
  peek(key: string): Value | undefined {
    return (this.#residents.slots.get(key) ?? this.#newcomers.slots.get(key))?.value
  }

  /** The value of a key, made if need be; counts as a use. */
  use(key: string): Value {
    const resident = this.#residents.slots.get(key)
    if (resident !== undefined) {
      resident.touched = true
      return resident.value
    }
    const newcomer = this.#newcomers.slots.get(key)
    if (newcomer === undefined) return this.#admit(key)
    if (++newcomer.uses >= PROTECT_AFTER) this.#promote(newcomer)
    return newcomer.value
  }

  /** Every value, residents first, those that would leave first before the others. */
  forEach(visit: (value: Value) => void): void {
    for (let slot = this.#residents.first; slot !== null; slot = slot.newer) visit(slot.value)
    for (let slot = this.#newcomers.first; slot !== null; slot = slot.newer) visit(slot.value)
  }

  /** What is held now, in the order of `forEach`; each state is made when it is asked for. */
  *entries(toState: (value: Value) => unknown): IterableIterator<KeyedEntry> {
    for (const [isResident, part] of [
      [true, this.#residents],
      [false, this.#newcomers],
    ] as const) {
      for (const slot of part.inOrder()) yield [isResident, slot.key, slot.uses, slot.touched, toState(slot.value)]
    }
  }

  /** Puts an entry back behind those put back before; beyond the limit it is left out. */
  restore([isResident, key, uses, touched]: KeyedEntry, value: Value): void {
    if (this.size >= this.limit || this.peek(key) !== undefined) {
      this.evicted++
      return
    }
    const slot = new Slot(key, value)
    slot.uses = uses
    slot.touched = touched
    const part =
      isResident && this.#residents.size < this.limit - this.#newcomerLimit ? this.#residents : this.#newcomers
    part.add(slot)
  }

  /** Mean over all values, 0 of none. */
  mean(of: (value: Value) => number): number {
    let sum = 0
    this.forEach((value) => {
      sum += of(value)
    })
    return this.size === 0 ? 0 : sum / this.size
  }

  #admit(key: string): Value {
    // While the table is not full, newcomers may use the whole of it.
    if (this.size >= this.limit) {
      if (this.#newcomers.size > 0) this.#evict(this.#newcomers)
      else this.#evictResident()
    }
    const slot = new Slot(key, this.#create())
    this.#newcomers.add(slot)
    return slot.value
  }

  #promote(slot: Slot<Value>): void {
    this.#newcomers.remove(slot)
    if (this.#residents.size >= this.limit - this.#newcomerLimit) this.#evictResident()
    this.#residents.add(slot)
  }

  #evictResident(): void {
    for (let tries = 0; tries < 8; tries++) {
      const first = this.#residents.first
      if (first === null || !first.touched) break
      first.touched = false
      this.#residents.spare(first)
    }
    this.#evict(this.#residents)
  }

  #evict(part: Part<Value>): void {
    const first = part.first
    if (first === null) return
    part.remove(first)
    this.evicted++
  }
}
