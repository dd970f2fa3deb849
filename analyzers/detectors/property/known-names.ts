import { z } from 'zod'
import { amount, hash32 } from '../../baselines/state.ts'

export const MAX_NAMES = 256
/** Callers that a name is told apart by. */
const ENOUGH = 3

const NameState = z.tuple([hash32, z.array(hash32).max(ENOUGH)])
export const KnownNamesState = z.tuple([z.array(NameState).max(MAX_NAMES), amount, amount])
export type KnownNamesState = z.infer<typeof KnownNamesState>

/**
 * The names of fields that messages of one endpoint have had, each with the first three callers.
 *
 * Memory     256 names, 60 B each
 */
export class KnownNames {
  #names = new Map<number, readonly number[]>()
  /** Messages that were learnt. */
  messages = 0
  /** Names that did not fit. */
  refused = 0

  /** A caller who is the only one to have sent it does not know it better for that. */
  knows(name: number, caller: number): boolean {
    const callers = this.#names.get(name)
    return callers !== undefined && (callers.length > 1 || callers[0] !== caller)
  }

  /** Whether so many callers have sent it that it is part of the interface. */
  isCommon(name: number): boolean {
    return (this.#names.get(name)?.length ?? 0) >= ENOUGH
  }

  has(name: number): boolean {
    return this.#names.has(name)
  }

  /** All of them. */
  names(): readonly number[] {
    return [...this.#names.keys()]
  }

  learnOne(name: number, caller: number): void {
    const callers = this.#names.get(name)
    if (callers === undefined) {
      if (this.#names.size < MAX_NAMES) this.#names.set(name, [caller])
      else this.refused++
    } else if (callers.length < ENOUGH && !callers.includes(caller)) this.#names.set(name, [...callers, caller])
  }

  /** How often a message has a name that hardly anybody had before, by those who sent names that are not common (Good and Turing 1953). */
  get rareShare(): number {
    let rare = 0
    for (const { length } of this.#names.values()) if (length < ENOUGH) rare += length
    return Math.min(1, (rare + 1) / (this.messages + 2))
  }

  /** How many others than this caller brought names that hardly anybody has sent. */
  rareSenders(caller: number): number {
    const senders = new Set<number>()
    for (const callers of this.#names.values()) {
      if (callers.length < ENOUGH) for (const each of callers) if (each !== caller) senders.add(each)
    }
    return senders.size
  }

  toState(): KnownNamesState {
    return [[...this.#names].map(([name, callers]) => [name, [...callers]]), this.messages, this.refused]
  }

  static fromState([names, messages, refused]: KnownNamesState): KnownNames {
    const known = new KnownNames()
    known.#names = new Map(names)
    known.messages = messages
    known.refused = refused
    return known
  }
}
