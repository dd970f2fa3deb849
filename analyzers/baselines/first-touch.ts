import { z } from 'zod'
import type { Baseline } from '../baseline.ts'
import type { Occupancy } from './keyed-table.ts'
import { mix } from './lookup-hash.ts'
import { amount, hash32, packed, unpackInto } from './state.ts'

const WAYS = 4
const SHARED = 0xffffffff

/** `own`: nobody else was seen with it; `foreign`: another caller had it first; `unknown`: never seen (or forgotten). */
type Provenance = 'own' | 'foreign' | 'unknown'

type Touch = [scope: number, object: number, caller: number, claim: boolean]

/** Places that go into one part of a snapshot. */
const CHUNK = 2048

/** Clock, evictions, places; a part of them: index of its first, then keys, owners and ages, packed. */
const ChunkState = z.tuple([hash32, z.string(), z.string(), z.string()])
export const FirstTouchState = z.tuple([hash32, amount, hash32, z.array(ChunkState)])
export type FirstTouchState = z.infer<typeof FirstTouchState>

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
    return [this.#clock, this.#evicted, this.#keys.length, [...this.#chunks()]]
  }

  /** The same as several states, each of one part: the whole is too much to make at once. */
  *parts(): IterableIterator<FirstTouchState> {
    for (const chunk of this.#chunks()) yield [this.#clock, this.#evicted, this.#keys.length, [chunk]]
  }

  /** Puts back a state, or one part of it. What was kept for another number of places cannot be found again: it is left out. */
  restore([clock, evicted, places, chunks]: FirstTouchState): void {
    if (places !== this.#keys.length) return
    this.#clock = clock
    this.#evicted = evicted
    for (const [first, keys, owners, ages] of chunks) {
      const length = Math.min(CHUNK, places)
      if (first % length !== 0 || first + length > places) throw new Error('places beyond the end')
      const end = first + length
      unpackInto(this.#keys.subarray(first, end), keys)
      unpackInto(this.#owners.subarray(first, end), owners)
      unpackInto(this.#ages.subarray(first, end), ages)
      for (let i = first; i < end; i++) if (this.#keys[i] !== 0) this.#entries++
    }
  }

  /** `places` as given to the constructor. */
  static fromState(state: FirstTouchState, places: number): FirstTouch {
    const touch = new FirstTouch(places)
    touch.restore(state)
    return touch
  }

  *#chunks(): IterableIterator<z.infer<typeof ChunkState>> {
    for (let first = 0; first < this.#keys.length; first += CHUNK) {
      const end = Math.min(first + CHUNK, this.#keys.length)
      const keys = this.#keys.subarray(first, end)
      if (keys.every((key) => key === 0)) continue
      yield [first, packed(keys), packed(this.#owners.subarray(first, end)), packed(this.#ages.subarray(first, end))]
    }
  }
}
