import { z } from 'zod'
import type { Baseline } from '../baseline.ts'
import type { Occupancy } from './keyed-table.ts'
import { mix } from './lookup-hash.ts'
import { amount, hash32, packed, unpackInto } from './state.ts'

const WAYS = 4
/** Sightings after which a value is held to be its caller's. */
const SETTLED = 2
const MOST_SIGHTINGS = 255

/**
 * `own`: this caller's, settled or not; `foreign`: settled with another; `unknown`: nobody's, or another's who was seen with it once.
 */
export type Ownership = 'own' | 'foreign' | 'unknown'

type Sighting = [scope: number, value: number, caller: number, claim: boolean]

/** Places that go into one part of a snapshot. */
const CHUNK = 2048

/** Index of the first place, then keys, owners, ages and sightings, packed. */
const ChunkState = z.tuple([hash32, z.string(), z.string(), z.string(), z.string()])
/** Clock, evictions, places; a part of them. */
export const ValueOwnersState = z.tuple([hash32, amount, hash32, z.array(ChunkState)])
export type ValueOwnersState = z.infer<typeof ValueOwnersState>

/**
 * Which caller a value (a customer number, an account) goes with: the one who was seen with it twice, alone. Fixed memory: sets of
 * four places, the one written longest ago is overwritten (counted).
 *
 * Promise    a settled value never changes hands while it is remembered; two values or callers are confused with a chance of about
 *            4 / 2^32 per look-up
 * Memory     13 B per place
 */
export class ValueOwners implements Baseline<Sighting, ValueOwnersState> {
  readonly #keys: Uint32Array
  readonly #owners: Uint32Array
  readonly #ages: Uint32Array
  readonly #sightings: Uint8Array
  readonly #mask: number
  #clock = 0
  #entries = 0
  #evicted = 0

  /** `places` is rounded up to a power of two. */
  constructor(places: number) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(places, WAYS)))
    this.#keys = new Uint32Array(size)
    this.#owners = new Uint32Array(size)
    this.#ages = new Uint32Array(size)
    this.#sightings = new Uint8Array(size)
    this.#mask = size / WAYS - 1
  }

  get occupancy(): Occupancy {
    return { entries: this.#entries, limit: this.#keys.length, evicted: this.#evicted }
  }

  /** Whose the value is and, with `claim`, that this caller was seen with it. `scope`: values of others are other values. */
  learnOne(scope: number, value: number, caller: number, claim: boolean): Ownership {
    const key = (mix(value ^ Math.imul(scope + 1, 0x9e3779b1)) | 1) >>> 0
    const set = (mix(key) & this.#mask) * WAYS
    let oldest = set
    for (let i = set; i < set + WAYS; i++) {
      if (this.#keys[i] === key) return this.#met(i, caller, claim)
      if (this.#ages[i]! < this.#ages[oldest]!) oldest = i
    }
    if (!claim) return 'unknown'
    if (this.#keys[oldest] === 0) this.#entries++
    else this.#evicted++
    this.#keys[oldest] = key
    this.#give(oldest, caller)
    return 'unknown'
  }

  #met(place: number, caller: number, claim: boolean): Ownership {
    const sightings = this.#sightings[place]!
    if (this.#owners[place] === caller) {
      if (claim && sightings < MOST_SIGHTINGS) this.#sightings[place] = sightings + 1
      return 'own'
    }
    if (sightings >= SETTLED) return 'foreign'
    // Whoever comes back to it settles it: a thief who was first sees each only once.
    if (claim) this.#give(place, caller)
    return 'unknown'
  }

  #give(place: number, caller: number): void {
    this.#owners[place] = caller
    this.#sightings[place] = 1
    this.#ages[place] = ++this.#clock >>> 0
  }

  toState(): ValueOwnersState {
    return [this.#clock, this.#evicted, this.#keys.length, [...this.#chunks()]]
  }

  /** The same as several states, each of one part: the whole is too much to make at once. */
  *parts(): IterableIterator<ValueOwnersState> {
    for (const chunk of this.#chunks()) yield [this.#clock, this.#evicted, this.#keys.length, [chunk]]
  }

  /** Puts back a state, or one part of it. What was kept for another number of places cannot be found again: it is left out. */
  restore([clock, evicted, places, chunks]: ValueOwnersState): void {
    if (places !== this.#keys.length) return
    this.#clock = clock
    this.#evicted = evicted
    for (const [first, keys, owners, ages, sightings] of chunks) {
      const length = Math.min(CHUNK, places)
      if (first % length !== 0 || first + length > places) throw new Error('places beyond the end')
      const end = first + length
      unpackInto(this.#keys.subarray(first, end), keys)
      unpackInto(this.#owners.subarray(first, end), owners)
      unpackInto(this.#ages.subarray(first, end), ages)
      unpackInto(this.#sightings.subarray(first, end), sightings)
      for (let i = first; i < end; i++) if (this.#keys[i] !== 0) this.#entries++
    }
  }

  /** `places` as given to the constructor. */
  static fromState(state: ValueOwnersState, places: number): ValueOwners {
    const owners = new ValueOwners(places)
    owners.restore(state)
    return owners
  }

  *#chunks(): IterableIterator<z.infer<typeof ChunkState>> {
    for (let first = 0; first < this.#keys.length; first += CHUNK) {
      const end = Math.min(first + CHUNK, this.#keys.length)
      const keys = this.#keys.subarray(first, end)
      if (keys.every((key) => key === 0)) continue
      yield [
        first,
        packed(keys),
        packed(this.#owners.subarray(first, end)),
        packed(this.#ages.subarray(first, end)),
        packed(this.#sightings.subarray(first, end)),
      ]
    }
  }
}
