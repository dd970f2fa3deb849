import { z } from 'zod'
import type { Occupancy } from './keyed-table.ts'
import { mix } from './lookup-hash.ts'
import { amount, hash32, packed, unpackInto } from './state.ts'

const WAYS = 4
/** Places that go into one part of a snapshot. */
const CHUNK = 2048

/** Index of the first place, then the columns, packed. */
const ChunkState = z.tuple([hash32], z.string())
type ChunkState = z.infer<typeof ChunkState>
/** Clock, evictions, places; a part of them. */
export const PlacesState = z.tuple([hash32, amount, hash32, z.array(ChunkState)])
export type PlacesState = z.infer<typeof PlacesState>

/** How many, keys, owners, packed. */
export const PairsState = z.tuple([z.int().min(1).max(CHUNK), z.string(), z.string()])
export type PairsState = z.infer<typeof PairsState>

/**
 * A table of fixed size from keys of 32 bits to an owner each, with columns beside: sets of four places, of which the
 * one written longest ago is overwritten (counted).
 *
 * Promise    two keys are confused with a chance of about 4 / 2^32 per look-up
 * Memory     12 B per place, and the columns beside
 */
export class PlaceTable {
  readonly owners: Uint32Array
  readonly #keys: Uint32Array
  readonly #ages: Uint32Array
  readonly #columns: readonly (Uint32Array | Uint8Array)[]
  readonly #mask: number
  #clock = 0
  #entries = 0
  #evicted = 0

  /** `places` as `placesFor` gives them; `beside`: further columns of as many. */
  constructor(places: number, beside: readonly Uint8Array[] = []) {
    this.#keys = new Uint32Array(places)
    this.owners = new Uint32Array(places)
    this.#ages = new Uint32Array(places)
    this.#columns = [this.#keys, this.owners, this.#ages, ...beside]
    this.#mask = places / WAYS - 1
  }

  get occupancy(): Occupancy {
    return { entries: this.#entries, limit: this.#keys.length, evicted: this.#evicted }
  }

  /** The place of a key, or -1 - the place that it would take. */
  find(key: number): number {
    const set = (mix(key) & this.#mask) * WAYS
    let oldest = set
    for (let i = set; i < set + WAYS; i++) {
      if (this.#keys[i] === key) return i
      if (this.#ages[i]! < this.#ages[oldest]!) oldest = i
    }
    return -1 - oldest
  }

  /** Puts a key where `find` said. */
  put(key: number, place: number, owner: number): void {
    if (this.#keys[place] === 0) this.#entries++
    else this.#evicted++
    this.#keys[place] = key
    this.give(place, owner)
  }

  /** The place changes hands, and is as young as can be. */
  give(place: number, owner: number): void {
    this.owners[place] = owner
    this.#ages[place] = ++this.#clock >>> 0
  }

  toState(): PlacesState {
    return this.#stateOf([...this.#chunks()])
  }

  /** The same as several states, each of one part: the whole is too much to make at once. */
  *parts(): IterableIterator<PlacesState> {
    for (const chunk of this.#chunks()) yield this.#stateOf([chunk])
  }

  /** Keys and owners of the places that are `told`, packed, so many at a time. */
  *pairs(told: (place: number) => boolean): IterableIterator<PairsState> {
    for (let first = 0; first < this.#keys.length; first += CHUNK) {
      const places: number[] = []
      const end = Math.min(first + CHUNK, this.#keys.length)
      for (let i = first; i < end; i++) if (this.#keys[i] !== 0 && told(i)) places.push(i)
      if (places.length === 0) continue
      const of = (column: Uint32Array) => packed(Uint32Array.from(places, (place) => column[place]!))
      yield [places.length, of(this.#keys), of(this.owners)]
    }
  }

  /** Puts pairs beside those that are there; of a key that is known the owner stays. */
  addPairs([count, keys, owners]: PairsState): void {
    const columns = [new Uint32Array(count), new Uint32Array(count)] as const
    unpackInto(columns[0], keys)
    unpackInto(columns[1], owners)
    for (let i = 0; i < count; i++) {
      const key = columns[0][i]!
      const place = this.find(key)
      if (place < 0) this.put(key, -1 - place, columns[1][i]!)
    }
  }

  /** Puts back a state, or one part of it. What was kept for another number of places cannot be found again: it is left out. */
  restore([clock, evicted, places, chunks]: PlacesState): void {
    if (places !== this.#keys.length) return
    this.#clock = clock
    this.#evicted = evicted
    for (const [first, ...columns] of chunks) {
      const length = Math.min(CHUNK, places)
      if (first % length !== 0 || first + length > places) throw new Error('places beyond the end')
      if (columns.length !== this.#columns.length) throw new Error('places with other columns')
      const end = first + length
      for (const [i, column] of this.#columns.entries()) unpackInto(column.subarray(first, end), columns[i]!)
      for (let i = first; i < end; i++) if (this.#keys[i] !== 0) this.#entries++
    }
  }

  #stateOf(chunks: ChunkState[]): PlacesState {
    return [this.#clock, this.#evicted, this.#keys.length, chunks]
  }

  *#chunks(): IterableIterator<ChunkState> {
    for (let first = 0; first < this.#keys.length; first += CHUNK) {
      const end = Math.min(first + CHUNK, this.#keys.length)
      if (this.#keys.subarray(first, end).every((key) => key === 0)) continue
      yield [first, ...this.#columns.map((column) => packed(column.subarray(first, end)))]
    }
  }
}

/** `places` rounded up to a power of two, and at least one set. */
export function placesFor(places: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(places, WAYS)))
}

/** A key of 32 bits, never 0, of a value within a scope: values of other scopes are other keys. */
export function placeKey(scope: number, value: number): number {
  return (mix(value ^ Math.imul(scope + 1, 0x9e3779b1)) | 1) >>> 0
}
