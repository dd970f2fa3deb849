import { z } from 'zod'
import type { Occupancy } from './keyed-table.ts'
import { text } from './state.ts'

const Line = z.tuple([text, z.unknown()])

/** What is summed up over the other analyzers. */
interface Sum {
  /** Adds what one of them told. Throws when it is none of that. */
  add(state: unknown): void
}

/**
 * What other analyzers learnt of each key (an endpoint, a service), to be counted beside what was learnt here. It is replaced as a
 * whole: whoever tells the same twice counts once.
 *
 * Memory     `limit` sums; keys beyond it are left out, counted
 */
export class Others<Value extends Sum> {
  readonly #limit: number
  readonly #create: () => Value
  #sums: ReadonlyMap<string, Value> = new Map()
  #leftOut = 0

  constructor(limit: number, create: () => Value) {
    this.#limit = limit
    this.#create = create
  }

  get occupancy(): Occupancy {
    return { entries: this.#sums.size, limit: this.#limit, evicted: this.#leftOut }
  }

  /** Null of what nobody else knows. */
  get(key: string): Value | null {
    return this.#sums.get(key) ?? null
  }

  /** Lines of key and state, of all others together. Throws at one that is none, and then nothing has changed. */
  hear(lines: Iterable<unknown>): void {
    const sums = new Map<string, Value>()
    let leftOut = 0
    for (const line of lines) {
      const [key, state] = Line.parse(line)
      let sum = sums.get(key)
      if (sum === undefined) {
        if (sums.size >= this.#limit) {
          leftOut++
          continue
        }
        sum = this.#create()
        sums.set(key, sum)
      }
      sum.add(state)
    }
    this.#sums = sums
    this.#leftOut += leftOut
  }
}
