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
  readonly #onEvict: ((key: string, value: Value) => void) | undefined
  evicted = 0

  constructor(limit: number, create: () => Value, onEvict?: (key: string, value: Value) => void) {
    this.limit = limit
    this.#newcomerLimit = Math.max(1, Math.floor(limit * NEWCOMERS))
    this.#create = create
    this.#onEvict = onEvict
  }

  get size(): number {
    return this.#newcomers.size + this.#residents.size
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

  delete(key: string): boolean {
    return this.#newcomers.delete(key) || this.#residents.delete(key)
  }

  /** Every key and value, residents first. The visitor may delete the key it is given. */
  forEach(visit: (value: Value, key: string) => void): void {
    for (const [key, slot] of this.#residents) visit(slot.value, key)
    for (const [key, slot] of this.#newcomers) visit(slot.value, key)
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
    const first = part.entries().next()
    if (first.done === true) return
    part.delete(first.value[0])
    this.evicted++
    this.#onEvict?.(first.value[0], first.value[1].value)
  }
}
