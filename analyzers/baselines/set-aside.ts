import { DAY_US, type EventTime } from '../../daemon/model/time.ts'
import type { Held } from './quarantine.ts'

interface Lot<Summary> {
  readonly since: EventTime
  readonly held: Held<Summary>[]
}

/**
 * What suspects would have taught, kept for a day in case a person finds that the suspicion was wrong.
 *
 * Memory     at most `limit` summaries; the caller who was suspected longest ago goes first
 */
export class SetAside<Summary> {
  readonly #limit: number
  readonly #lots = new Map<string, Lot<Summary>>()
  length = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  add(held: Held<Summary>, now: EventTime): void {
    const lot = this.#lots.get(held.caller) ?? { since: now, held: [] }
    if (lot.held.length >= this.#limit) return
    this.#lots.set(held.caller, lot)
    lot.held.push(held)
    this.length++
    while (this.length > this.#limit) this.#drop()
  }

  /** Takes out all of this caller, in the order in which it was added. */
  take(caller: string): readonly Held<Summary>[] {
    const { held } = this.#lots.get(caller) ?? { held: [] }
    this.#lots.delete(caller)
    this.length -= held.length
    return held
  }

  /** Lets go of what nobody asked for within a day. */
  expire(now: EventTime): void {
    if (this.length === 0) return
    for (const { since } of this.#lots.values()) {
      if (now - since <= DAY_US) return
      this.#drop()
    }
  }

  /** In the order in which callers came. */
  *entries(): IterableIterator<readonly [since: EventTime, held: Held<Summary>]> {
    for (const { since, held } of this.#lots.values()) for (const each of held) yield [since, each]
  }

  #drop(): void {
    const oldest = this.#lots.keys().next()
    if (oldest.done !== true) this.take(oldest.value)
  }
}
