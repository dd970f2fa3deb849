import { type EventTime, MINUTE_US, NO_TIME } from '../../../daemon/model/time.ts'
import { type KeyedEntry, KeyedTable, type Occupancy } from '../../baselines/keyed-table.ts'

/** Endpoints that are found without joining a key. */
const MAX_NEAR = 512

interface Near<Value> {
  readonly service: string
  readonly value: Value
}

/** Something for each endpoint of each service, in a KeyedTable; what was asked for within the last minute is at hand. */
export class EndpointTable<Value> {
  readonly #table: KeyedTable<Value>
  readonly #near = new Map<string, Near<Value>>()
  #since: EventTime = NO_TIME

  constructor(limit: number, create: (key: string) => Value) {
    this.#table = new KeyedTable(limit, create)
  }

  get occupancy(): Occupancy {
    return this.#table.occupancy
  }

  /** Made if need be. */
  use(service: string, endpoint: string): Value {
    const near = this.#near.get(endpoint)
    if (near !== undefined && near.service === service) return near.value
    const value = this.#table.use(keyOf(service, endpoint))
    if (this.#near.size >= MAX_NEAR) this.#near.clear()
    this.#near.set(endpoint, { service, value })
    return value
  }

  peek(service: string, endpoint: string): Value | undefined {
    return this.#table.peek(keyOf(service, endpoint))
  }

  /** What is held now. What is at hand is forgotten with it, so that a table put back goes on alike. */
  entries(toState: (value: Value) => unknown): IterableIterator<KeyedEntry> {
    this.#near.clear()
    this.#since = 0
    return this.#table.entries(toState)
  }

  /** Keys and what is made of their values; what is at hand stays so. */
  states<State>(toState: (value: Value) => State): IterableIterator<[key: string, state: State]> {
    return this.#table.states(toState)
  }

  forEach(visit: (value: Value, key: string) => void): void {
    this.#table.forEach(visit)
  }

  restore(entry: KeyedEntry, value: Value): void {
    this.#table.restore(entry, value)
  }

  mean(of: (value: Value) => number): number {
    return this.#table.mean(of)
  }

  /** What is at hand is forgotten once a minute, so that eviction learns what is in use. */
  tick(now: EventTime): void {
    if (now - this.#since < MINUTE_US) return
    this.#since = now
    this.#near.clear()
  }
}

function keyOf(service: string, endpoint: string): string {
  return `${service} ${endpoint}`
}
