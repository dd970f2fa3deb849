import type { Baseline } from '../baseline.ts'
import type { Occupancy } from './keyed-table.ts'
import { PlacesState, PlaceTable, placeKey, placesFor } from './place-table.ts'

const SHARED = 0xffffffff

/** `own`: nobody else was seen with it; `foreign`: another caller had it first; `unknown`: never seen (or forgotten). */
type Provenance = 'own' | 'foreign' | 'unknown'

type Touch = [scope: number, object: number, caller: number, claim: boolean]

export const FirstTouchState = PlacesState
export type FirstTouchState = PlacesState

/**
 * Which caller was first seen with which object: the cheap half of provenance, without bodies. Fixed memory (place-table.ts).
 *
 * Promise    a remembered object is never given to a second caller; two objects or callers are confused with a chance of about
 *            4 / 2^32 per look-up
 * Memory     12 B per place
 */
export class FirstTouch implements Baseline<Touch, FirstTouchState> {
  readonly #places: PlaceTable

  /** `places` is rounded up to a power of two. */
  constructor(places: number) {
    this.#places = new PlaceTable(placesFor(places))
  }

  get occupancy(): Occupancy {
    return this.#places.occupancy
  }

  /** Looks an object up and, if nobody had it and `claim` is set, notes this caller as its first. */
  learnOne(scope: number, object: number, caller: number, claim: boolean): Provenance {
    const key = placeKey(scope, object)
    const owner = caller === 0 || caller === SHARED ? 1 : caller
    const place = this.#places.find(key)
    if (place >= 0) return this.#places.owners[place] === owner ? 'own' : 'foreign'
    if (claim) this.#places.put(key, -1 - place, owner)
    return 'unknown'
  }

  toState(): FirstTouchState {
    return this.#places.toState()
  }

  parts(): IterableIterator<FirstTouchState> {
    return this.#places.parts()
  }

  restore(state: FirstTouchState): void {
    this.#places.restore(state)
  }

  /** `places` as given to the constructor. */
  static fromState(state: FirstTouchState, places: number): FirstTouch {
    const touch = new FirstTouch(places)
    touch.restore(state)
    return touch
  }
}
