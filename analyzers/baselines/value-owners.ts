import type { Baseline } from '../baseline.ts'
import type { Occupancy } from './keyed-table.ts'
import { type PairsState, PlacesState, PlaceTable, placeKey, placesFor } from './place-table.ts'

/** Sightings after which a value is held to be its caller's. */
const SETTLED = 2
const MOST_SIGHTINGS = 255

/**
 * `own`: this caller's, settled or not; `foreign`: settled with another; `unknown`: nobody's, or another's who was seen with it once.
 */
export type Ownership = 'own' | 'foreign' | 'unknown'

type Sighting = [scope: number, value: number, caller: number, claim: boolean]

export const ValueOwnersState = PlacesState
export type ValueOwnersState = PlacesState

/**
 * Which caller a value (a customer number, an account) goes with: the one who was seen with it twice, alone. Fixed memory
 * (place-table.ts).
 *
 * Promise    a settled value never changes hands while it is remembered; two values or callers are confused with a chance of about
 *            4 / 2^32 per look-up
 * Memory     13 B per place, and 12 B of what other analyzers know
 */
export class ValueOwners implements Baseline<Sighting, ValueOwnersState> {
  readonly #places: PlaceTable
  readonly #sightings: Uint8Array
  /** What other analyzers know; null while that is nothing. */
  #others: PlaceTable | null = null

  /** `places` is rounded up to a power of two. */
  constructor(places: number) {
    this.#sightings = new Uint8Array(placesFor(places))
    this.#places = new PlaceTable(placesFor(places), [this.#sightings])
  }

  get occupancy(): Occupancy {
    return this.#places.occupancy
  }

  /** Whose the value is and, with `claim`, that this caller was seen with it. `scope`: values of others are other values. */
  learnOne(scope: number, value: number, caller: number, claim: boolean): Ownership {
    const key = placeKey(scope, value)
    const place = this.#places.find(key)
    if (this.#others !== null && !(place >= 0 && this.#sightings[place]! >= SETTLED)) {
      const there = this.#others.find(key)
      // Whose it is there it is not settled with anybody here.
      if (there >= 0 && this.#others.owners[there] !== caller) return 'foreign'
    }
    if (place >= 0) return this.#met(place, caller, claim)
    if (claim) {
      this.#places.put(key, -1 - place, caller)
      this.#sightings[-1 - place] = 1
    }
    return 'unknown'
  }

  /** Who is settled with which value, for other analyzers. */
  told(): IterableIterator<PairsState> {
    return this.#places.pairs((place) => this.#sightings[place]! >= SETTLED)
  }

  /** What other analyzers told, in the place of what they had told before. What they do not agree on is the first one's. */
  hear(told: readonly PairsState[]): void {
    this.#others = told.length === 0 ? null : new PlaceTable(this.#sightings.length)
    for (const pairs of told) this.#others?.addPairs(pairs)
  }

  #met(place: number, caller: number, claim: boolean): Ownership {
    const sightings = this.#sightings[place]!
    if (this.#places.owners[place] === caller) {
      if (claim && sightings < MOST_SIGHTINGS) this.#sightings[place] = sightings + 1
      return 'own'
    }
    if (sightings >= SETTLED) return 'foreign'
    // Whoever comes back to it settles it: a thief who was first sees each only once.
    if (claim) {
      this.#places.give(place, caller)
      this.#sightings[place] = 1
    }
    return 'unknown'
  }

  toState(): ValueOwnersState {
    return this.#places.toState()
  }

  parts(): IterableIterator<ValueOwnersState> {
    return this.#places.parts()
  }

  restore(state: ValueOwnersState): void {
    this.#places.restore(state)
  }

  /** `places` as given to the constructor. */
  static fromState(state: ValueOwnersState, places: number): ValueOwners {
    const owners = new ValueOwners(places)
    owners.restore(state)
    return owners
  }
}
