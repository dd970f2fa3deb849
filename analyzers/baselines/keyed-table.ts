/** How full a bounded structure is, for metrics. */
export interface Occupancy {
  readonly entries: number
  readonly limit: number
  readonly evicted: number
}

interface Slot<Value> {
  readonly value: Value
  touched: boolean
  uses: number
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
  readonly #newcomers = new Map<string, Slot<Value>>()
  readonly #residents = new Map<string, Slot<Value>>()
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
    return (this.#residents.get(key) ?? this.#newcomers.get(key))?.value
  }

  /** The value of a key, made if need be; counts as a use. */
  use(key: string): Value {
    const resident = this.#residents.get(key)
    if (resident !== undefined) {
      resident.touched = true
      return resident.value
    }
    const newcomer = this.#newcomers.get(key)
    if (newcomer === undefined) return this.#admit(key)
    if (++newcomer.uses >= PROTECT_AFTER) this.#promote(key, newcomer)
    return newcomer.value
  }

  /** Every value, residents first. */
  forEach(visit: (value: Value) => void): void {
    for (const slot of this.#residents.values()) visit(slot.value)
    for (const slot of this.#newcomers.values()) visit(slot.value)
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
      if (this.#newcomers.size > 0) this.#evictFirst(this.#newcomers)
      else this.#evictResident()
    }
    const slot: Slot<Value> = { value: this.#create(), touched: false, uses: 1 }
    this.#newcomers.set(key, slot)
    return slot.value
  }

  #promote(key: string, slot: Slot<Value>): void {
    this.#newcomers.delete(key)
    if (this.#residents.size >= this.limit - this.#newcomerLimit) this.#evictResident()
    this.#residents.set(key, slot)
  }

  #evictResident(): void {
    for (let tries = 0; tries < 8; tries++) {
      const first = this.#residents.entries().next()
      if (first.done === true) return
      const [key, slot] = first.value
      if (!slot.touched) break
      slot.touched = false
      this.#residents.delete(key)
      this.#residents.set(key, slot)
    }
    this.#evictFirst(this.#residents)
  }

  #evictFirst(part: Map<string, Slot<Value>>): void {
    const first = part.keys().next()
    if (first.done === true) return
    part.delete(first.value)
    this.evicted++
  }
}
