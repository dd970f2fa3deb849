import { DAY_US, type EventTime } from '../model/time.ts'
import type { Principal } from '../model/transaction.ts'

/** Persons that make an address shared, and how long what was seen of one counts. */
const SHARED_BY = 4
const MEMORY_US = DAY_US

/** What is known of an address that callers come from: one IPv4 address, or an IPv6 /64. */
export class CallerAddress {
  readonly principal: Principal
  /** Credentials that were accepted from here in the last day and have not come a second time. */
  young = 0
  #youngSince: EventTime = 0
  /** Until when several people are known to be behind it (NAT, an office, a carrier). */
  sharedUntil: EventTime = 0
  /** Made when somebody is at home: a flood of addresses brings none. */
  #people: { id: string; time: EventTime }[] | null = null

  constructor(principal: Principal) {
    this.principal = principal
  }

  /** A credential was accepted from here, of which nothing else is known. */
  admit(time: EventTime): void {
    if (time > this.#youngSince + MEMORY_US) {
      this.#youngSince = time
      this.young = 0
    }
    this.young++
  }

  /** One of them came again. */
  confirm(): void {
    if (this.young > 0) this.young--
  }

  /** Who is at home here, and when they were last noted. */
  people(): readonly (readonly [id: string, time: EventTime])[] {
    return (this.#people ?? []).map(({ id, time }) => [id, time])
  }

  restore(sharedUntil: EventTime, people: readonly (readonly [id: string, time: EventTime])[]): void {
    this.sharedUntil = sharedUntil
    this.#people = people.slice(0, SHARED_BY).map(([id, time]) => ({ id, time }))
  }

  /** Somebody at home here: a caller with a credential of their own that was accepted again and again. */
  note(id: string, time: EventTime): void {
    this.#people ??= []
    const people = this.#people
    const known = people.findIndex((each) => each.id === id)
    if (known >= 0) people.splice(known, 1)
    else if (people.length >= SHARED_BY) people.shift()
    people.push({ id, time })
    if (people.length === SHARED_BY) this.sharedUntil = people[0]!.time + MEMORY_US
  }
}
