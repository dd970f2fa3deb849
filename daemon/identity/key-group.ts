import type { Principal } from '../model/transaction.ts'
import { BoundedMap } from './bounded-map.ts'

/** Keys of one consumer that are taken for one key and those it was rotated to. More, and the consumer is a group of callers. */
const MOST_KEYS = 3

/** The API keys that a gateway says belong to one consumer. */
export class KeyGroup {
  /** The principal of the key that came first. */
  readonly first: Principal
  /** Ids of its keys, one more at most than may be one caller. */
  readonly keys: string[]

  constructor(first: Principal, keys: readonly string[] = [first.id]) {
    this.first = first
    this.keys = [...keys]
  }

  add(id: string): void {
    if (this.keys.length <= MOST_KEYS && !this.keys.includes(id)) this.keys.push(id)
  }

  /** Whose a key is that stands for `own` by itself. */
  principalOf(own: Principal): Principal {
    return this.keys.length <= MOST_KEYS ? this.first : own
  }
}

/** Rotated keys: the new key of a consumer goes on being the caller that the old one was, also while both are in use. */
export class KeyGroups {
  readonly #consumers: BoundedMap<string, KeyGroup>

  constructor(limit: number) {
    this.#consumers = new BoundedMap(limit)
  }

  /** A key was seen with its consumer for the first time. */
  add(consumer: string, key: Principal): KeyGroup {
    const known = this.#consumers.get(consumer)
    if (known !== undefined) {
      known.add(key.id)
      return known
    }
    const group = new KeyGroup(key)
    this.#consumers.set(consumer, group)
    return group
  }

  sizes() {
    const { size, limit, evicted } = this.#consumers
    return { consumers: { entries: size, limit, evicted } }
  }

  entries(): readonly [string, KeyGroup][] {
    return this.#consumers.entries()
  }

  restore(consumer: string, group: KeyGroup): void {
    this.#consumers.set(consumer, group)
  }

  clear(): void {
    this.#consumers.clear()
  }
}
