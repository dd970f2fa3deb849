import { type EventTime, HOUR_US } from '../../daemon/model/time.ts'
import { KeyedTable, type Occupancy } from '../baselines/keyed-table.ts'

const MAX_CALLERS = 4096
/** Fields of one caller; the oldest makes room. */
const MAX_PROBES = 8

interface Probe {
  readonly field: number
  /** Of the request. */
  readonly length: number
  readonly at: EventTime
}

/**
 * Which fields of an endpoint gave each caller's payload an odd answer within the last hour: who then sends a longer one there has read that
 * answer. Not part of a snapshot: it is about minutes.
 */
export class FollowUps {
  #callers = new KeyedTable<{ probes: Probe[] }>(MAX_CALLERS, () => ({ probes: [] }))

  /**
   * Notes a payload; whether it follows up on one. `field`: a hash of endpoint, field and class; `length` of the request; `odd`: its own answer
   * is not what the endpoint usually gives.
   */
  note(caller: string, field: number, length: number, odd: boolean, now: EventTime): boolean {
    const before = this.#callers.peek(caller)?.probes.find((probe) => probe.field === field)
    const follows = before !== undefined && now - before.at <= HOUR_US && length > before.length
    if (!odd && !follows) return false
    const own = this.#callers.use(caller)
    own.probes = own.probes.filter((probe) => probe.field !== field)
    if (own.probes.length >= MAX_PROBES) own.probes.shift()
    own.probes.push({ field, length, at: now })
    return follows
  }

  get occupancy(): Occupancy {
    return this.#callers.occupancy
  }

  clear(): void {
    this.#callers = new KeyedTable(MAX_CALLERS, () => ({ probes: [] }))
  }
}
