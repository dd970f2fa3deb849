import type { Baseline } from '../baseline.ts'
import type { Occupancy } from './keyed-table.ts'
import { mix } from './lookup-hash.ts'

const WAYS = 4
const SHARED = 0xffffffff

/** `own`: nobody else was seen with it; `foreign`: another caller had it first; `unknown`: never seen (or forgotten). */
type Provenance = 'own' | 'foreign' | 'unknown'

type Touch = [scope: number, object: number, caller: number, claim: boolean]

/** The places in use: index, key, owner, age. */
export interface FirstTouchState {
  readonly clock: number
  readonly evicted: number
  readonly places: readonly (readonly [number, number, number, number])[]
}

/**
 * Which caller was first seen with which object: the cheap half of provenance, without bodies. Fixed memory: sets of four
 * places, the one written longest ago is overwritten (counted).
 *
 * Promise    a remembered object is never given to a second caller; two objects or callers are confused with a chance of about
 *            4 / 2^32 per look-up
 * Memory     12 B per place
 */
export class FirstTouch implements Baseline<Touch, FirstTouchState> {
  readonly #keys: Uint32Array
  readonly #owners: Uint32Array
  readonly #ages: Uint32Array
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
    this.#mask = size / WAYS - 1
  }

  get occupancy(): Occupancy {
    return { entries: this.#entries, limit: this.#keys.length, evicted: this.#evicted }
  }

  /** Looks an object up and, if nobody had it and `claim` is set, notes this caller as its first. */
  learnOne(scope: number, object: number, caller: number, claim: boolean): Provenance {
    const key = (mix(object ^ Math.imul(scope + 1, 0x9e3779b1)) | 1) >>> 0
    const owner = caller === 0 || caller === SHARED ? 1 : caller
    const set = (mix(key) & this.#mask) * WAYS
    let oldest = set
    for (let i = set; i < set + WAYS; i++) {
      if (this.#keys[i] === key) return this.#owners[i] === owner ? 'own' : 'foreign'
      if (this.#ages[i]! < this.#ages[oldest]!) oldest = i
    }
    if (!claim) return 'unknown'
    if (this.#keys[oldest] === 0) this.#entries++
    else this.#evicted++
    this.#keys[oldest] = key
    this.#owners[oldest] = owner
    this.#ages[oldest] = ++this.#clock >>> 0
    return 'unknown'
  }

  toState(): FirstTouchState {
    const places: [number, number, number, number][] = []
    this.#keys.forEach((key, i) => {
      if (key !== 0) places.push([i, key, this.#owners[i]!, this.#ages[i]!])
    })
    return { clock: this.#clock, evicted: this.#evicted, places }
  }

  /** `places` as given to the constructor; what lies outside is dropped. */
  static fromState(state: FirstTouchState, places: number): FirstTouch {
    const touch = new FirstTouch(places)
    for (const [i, key, owner, age] of state.places) {
      if (!(i < touch.#keys.length)) continue
      touch.#keys[i] = key
      touch.#owners[i] = owner
      touch.#ages[i] = age
      touch.#entries++
    }
    touch.#clock = state.clock
    touch.#evicted = state.evicted
    return touch
  }
}
