import { withOneMore } from '../model/small-list.ts'

/** An operation that a caller makes much use of. */
export interface Call {
  readonly service: string
  readonly endpoint: string
  /** Of its requests, at least: 0..1. */
  readonly share: number
}

/** What is counted as one operation: one object each. */
export interface Operation {
  readonly hash: number
  readonly service: string
  readonly endpoint: string
}

/** Service, endpoint, requests, those of them that may be another's. */
export type CallState = [service: string, endpoint: string, count: number, error: number]

/** The numbers of one operation: its hash (signed, so that it stands in a list without a box), its count, and what of that it took over. */
const HASH = 0
const COUNT = 1
const ERROR = 2
const PER_CALL = 3

export const MOST_CALLS = 8
const LEAST_SHARE = 0.05
const NO_OPERATIONS: Operation[] = []
const NO_NUMBERS: number[] = []

/**
 * The operations that make up most of what one caller asks, by Space-Saving (Metwally, Agrawal and El Abbadi, 2005): eight places, in
 * which a new operation takes over the count of the rarest. What may be another's is not told.
 */
export class MainCalls {
  #operations: Operation[] = NO_OPERATIONS
  /** PER_CALL for each operation: to find one reads this list alone, not an object for each. */
  #numbers: number[] = NO_NUMBERS
  #all = 0

  add(operation: Operation): void {
    this.#all++
    const numbers = this.#numbers
    const hash = operation.hash | 0
    let least = 0
    for (let at = 0; at < numbers.length; at += PER_CALL) {
      if (numbers[at + HASH] === hash) {
        numbers[at + COUNT]! += 1
        return
      }
      if (numbers[at + COUNT]! < numbers[least + COUNT]!) least = at
    }
    if (this.#operations.length < MOST_CALLS) {
      this.#keep(operation, 1, 0)
      return
    }
    const count = numbers[least + COUNT]!
    this.#operations[least / PER_CALL] = operation
    numbers[least + HASH] = hash
    numbers[least + COUNT] = count + 1
    numbers[least + ERROR] = count
  }

  /** The most frequent first. */
  list(): Call[] {
    return this.toState()[1]
      .map(([service, endpoint, count, error]) => ({ service, endpoint, share: (count - error) / this.#all }))
      .filter(({ share }) => share >= LEAST_SHARE)
      .sort((a, b) => b.share - a.share || (a.endpoint < b.endpoint ? -1 : 1))
  }

  toState(): [all: number, places: CallState[]] {
    const places = this.#operations.map(({ service, endpoint }, i): CallState => {
      const at = i * PER_CALL
      return [service, endpoint, this.#numbers[at + COUNT]!, this.#numbers[at + ERROR]!]
    })
    return [this.#all, places]
  }

  /** `operationOf`: the object that stands for an operation. */
  restore(
    [all, places]: readonly [number, readonly CallState[]],
    operationOf: (service: string, endpoint: string) => Operation,
  ): void {
    this.#all = all
    for (const [service, endpoint, count, error] of places.slice(0, MOST_CALLS))
      this.#keep(operationOf(service, endpoint), count, error)
  }

  #keep(operation: Operation, count: number, error: number): void {
    this.#operations = withOneMore(this.#operations, operation)
    // A copy of just this length (small-list.ts).
    this.#numbers = this.#numbers.concat([operation.hash | 0, count, error])
  }
}
