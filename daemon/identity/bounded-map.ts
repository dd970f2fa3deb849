/**
 * A map that forgets what was used longest ago. `limit` counts entries; `maxWeight`, if given, bounds the sum of the
 * weights callers state. Order of use decides what goes, never the keys themselves, so the content is the same in
 * every run.
 */
export class BoundedMap<Key, Value> {
  readonly #limit: number
  readonly #maxWeight: number
  readonly #entries = new Map<Key, { readonly value: Value; readonly weight: number }>()
  #weight = 0
  /** Entries pushed out since the start. */
  evicted = 0

  constructor(limit: number, maxWeight = Number.POSITIVE_INFINITY) {
    this.#limit = limit
    this.#maxWeight = maxWeight
  }

  get size(): number {
    return this.#entries.size
  }

  get weight(): number {
    return this.#weight
  }

  get limit(): number {
    return this.#limit
  }

  /** The value, now the most recently used, or undefined. */
  get(key: Key): Value | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    // Moving an entry costs two map operations: not worth it while nothing is near eviction.
    if (this.#entries.size * 2 > this.#limit || this.#weight * 2 > this.#maxWeight) {
      this.#entries.delete(key)
      this.#entries.set(key, entry)
    }
    return entry.value
  }

  has(key: Key): boolean {
    return this.#entries.has(key)
  }

  set(key: Key, value: Value, weight = 1): void {
    const former = this.#entries.get(key)
    if (former !== undefined) {
      this.#weight -= former.weight
      this.#entries.delete(key)
    }
    if (weight > this.#maxWeight) return
    this.#entries.set(key, { value, weight })
    this.#weight += weight
    while (this.#entries.size > this.#limit || this.#weight > this.#maxWeight) this.#dropOldest()
  }

  delete(key: Key): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#weight -= entry.weight
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
    this.#weight = 0
  }

  #dropOldest(): void {
    for (const [key, entry] of this.#entries) {
      this.#entries.delete(key)
      this.#weight -= entry.weight
      this.evicted++
      return
    }
  }
}
