import { z } from 'zod'
import { mix } from '../../baselines/lookup-hash.ts'
import { hash32, packed, unpackInto } from '../../baselines/state.ts'

/** Places that go into one part of a snapshot. */
const CHUNK = 4096

/** Index of the first place, places, packed. */
export const PairsState = z.tuple([hash32, hash32, z.string()])
type PairsState = z.infer<typeof PairsState>

/**
 * Objects that were found to be their callers' own, so that their answers need not be read each time. One place per pair, the last
 * who came has it.
 *
 * Promise    two pairs are taken for one with a chance of 2^-32
 * Memory     4 B per place
 */
export class KnownPairs {
  readonly #marks: Uint32Array

  /** `places` is rounded up to a power of two. */
  constructor(places: number) {
    this.#marks = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(places, CHUNK))))
  }

  has(scope: number, object: number, caller: number): boolean {
    const mark = markOf(scope, object, caller)
    return this.#marks[mix(mark) & (this.#marks.length - 1)] === mark
  }

  add(scope: number, object: number, caller: number): void {
    const mark = markOf(scope, object, caller)
    this.#marks[mix(mark) & (this.#marks.length - 1)] = mark
  }

  *parts(): IterableIterator<PairsState> {
    const places = this.#marks.length
    for (let first = 0; first < places; first += CHUNK) {
      const chunk = this.#marks.subarray(first, first + CHUNK)
      if (chunk.some((mark) => mark !== 0)) yield [first, places, packed(chunk)]
    }
  }

  /** One part. What was kept for another number of places cannot be found again: it is left out. */
  restore([first, places, marks]: PairsState): void {
    if (places !== this.#marks.length) return
    if (first % CHUNK !== 0 || first + CHUNK > places) throw new Error('places beyond the end')
    unpackInto(this.#marks.subarray(first, first + CHUNK), marks)
  }
}

function markOf(scope: number, object: number, caller: number): number {
  return (mix(object ^ Math.imul(scope + 1, 0x9e3779b1) ^ Math.imul(caller, 0x85ebca6b)) | 1) >>> 0
}
