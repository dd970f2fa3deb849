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

interface Counted {
  readonly operation: Operation
  count: number
  /** What it took over from the one before. */
  error: number
}

export const MOST_CALLS = 8
const LEAST_SHARE = 0.05

/**
 * The operations that make up most of what one caller asks, by Space-Saving (Metwally, Agrawal and El Abbadi, 2005): eight places, in
 * which a new operation takes over the count of the rarest. What may be another's is not told.
 */
export class MainCalls {
  readonly #places: Counted[] = []
  #all = 0

  add(operation: Operation): void {
    this.#all++
    let least: Counted | null = null
    for (const place of this.#places) {
      if (place.operation.hash === operation.hash) {
        place.count++
        return
      }
      if (least === null || place.count < least.count) least = place
    }
    if (least === null || this.#places.length < MOST_CALLS) this.#places.push({ operation, count: 1, error: 0 })
    else this.#places[this.#places.indexOf(least)] = { operation, count: least.count + 1, error: least.count }
  }

  /** The most frequent first. */
  list(): Call[] {
    return this.#places
      .map(({ operation: { service, endpoint }, count, error }) => ({
        service,
        endpoint,
        share: (count - error) / this.#all,
      }))
      .filter(({ share }) => share >= LEAST_SHARE)
      .sort((a, b) => b.share - a.share || (a.endpoint < b.endpoint ? -1 : 1))
  }

  toState(): [all: number, places: CallState[]] {
    const places = this.#places.map(
      ({ operation: { service, endpoint }, count, error }): CallState => [service, endpoint, count, error],
    )
    return [this.#all, places]
  }

  /** `operationOf`: the object that stands for an operation. */
  restore(
    [all, places]: readonly [number, readonly CallState[]],
    operationOf: (service: string, endpoint: string) => Operation,
  ): void {
    this.#all = all
    for (const [service, endpoint, count, error] of places.slice(0, MOST_CALLS))
      this.#places.push({ operation: operationOf(service, endpoint), count, error })
  }
}
