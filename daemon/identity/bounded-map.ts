import { type Linked, RecencyList } from '../model/recency-list.ts'

/** Where a map keeps a value: whoever holds on to it finds the value again without its key. Only the map reads and writes it. */
export class Place<Key, Value> implements Linked<Place<Key, Value>> {
  /** Null once it is held no more. */
  map: BoundedMap<Key, Value> | null
  readonly key: Key
  /** Undefined once it is held no more, as `map`: a place that somebody holds on to keeps nothing. */
  value: Value | undefined
  readonly weight: number
  older: Place<Key, Value> | null = null
  newer: Place<Key, Value> | null = null
  /** Of BoundedMap.#moves, when it was last put at the end. */
  movedAt: number

  constructor(map: BoundedMap<Key, Value>, key: Key, value: Value, weight: number, movedAt: number) {
    this.map = map
    this.key = key
    this.value = value
    this.weight = weight
    this.movedAt = movedAt
  }
}

/** Holds something for each value of a map that has to be given back. */
export interface EvictionListener<Value> {
  evicted(value: Value): void
}

/** Of its limit, the part that an entry stays where it is among the last used. */
const SETTLED = 8

/**
 * A map that forgets what was used longest ago. `limit` counts entries; `maxWeight`, if given, bounds the sum of the
 * weights callers state. Order of use decides what goes, never the keys themselves, so the content is the same in
 * every run.
 *
 * What is among the last eighth of the limit stays where it is when it is used again: its neighbours, of which it knows nothing, are
 * in no cache (a third of what `get` cost).
 */
export class BoundedMap<Key, Value> {
  readonly #limit: number
  readonly #maxWeight: number
  readonly #owner: EvictionListener<Value> | null
  readonly #entries = new Map<Key, Place<Key, Value>>()
  readonly #order = new RecencyList<Place<Key, Value>>()
  readonly #settled: number
  #moves = 0
  #weight = 0
  /** Entries pushed out since the start. */
  evicted = 0

  /** `owner` is told what was pushed out, not what was deleted or replaced. */
  constructor(limit: number, maxWeight = Number.POSITIVE_INFINITY, owner: EvictionListener<Value> | null = null) {
    this.#limit = limit
    this.#maxWeight = maxWeight
    this.#owner = owner
    // Of a few heavy entries the order counts.
    this.#settled = maxWeight === Number.POSITIVE_INFINITY ? Math.floor(limit / SETTLED) : 0
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

  /** The value, now among the most recently used, or undefined. */
  get(key: Key): Value | undefined {
    const entry = this.#entries.get(key)
    return entry === undefined ? undefined : this.#used(entry)
  }

  /** Where the value of a key is, if it is held; counts as no use. */
  placeOf(key: Key): Place<Key, Value> | undefined {
    return this.#entries.get(key)
  }

  /** What `get` of its key gives, without looking for it; undefined when it is gone, or of another map. */
  again(place: Place<Key, Value>): Value | undefined {
    return place.map === this ? this.#used(place) : undefined
  }

  /** The value; counts as no use. */
  peek(key: Key): Value | undefined {
    return this.#entries.get(key)?.value
  }

  has(key: Key): boolean {
    return this.#entries.has(key)
  }

  set(key: Key, value: Value, weight = 1): void {
    const former = this.#entries.get(key)
    if (former !== undefined) this.#forget(former)
    if (weight > this.#maxWeight) return
    const entry = new Place(this, key, value, weight, ++this.#moves)
    this.#entries.set(key, entry)
    this.#order.append(entry)
    this.#weight += weight
    while (this.#entries.size > this.#limit || this.#weight > this.#maxWeight) {
      const oldest = this.#order.oldest!
      const gone = oldest.value!
      this.#forget(oldest)
      this.evicted++
      this.#owner?.evicted(gone)
    }
  }

  /** What is held, the longest unused first. */
  entries(): [Key, Value][] {
    const found: [Key, Value][] = []
    for (let entry = this.#order.oldest; entry !== null; entry = entry.newer) found.push([entry.key, entry.value!])
    return found
  }

  delete(key: Key): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) this.#forget(entry)
  }

  clear(): void {
    for (const entry of this.#entries.values()) this.#forget(entry)
  }

  #used(entry: Place<Key, Value>): Value | undefined {
    // So few moves ago it was the last: no more than that stand behind it.
    if (this.#moves - entry.movedAt > this.#settled) {
      entry.movedAt = ++this.#moves
      this.#order.refresh(entry)
    }
    return entry.value
  }

  #forget(entry: Place<Key, Value>): void {
    this.#entries.delete(entry.key)
    this.#order.remove(entry)
    this.#weight -= entry.weight
    entry.map = null
    entry.value = undefined
  }
}
