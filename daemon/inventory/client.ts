import { DistinctCounter } from '../../analyzers/baselines/distinct-counter.ts'
import type { Behaviour, CallerProfile } from '../callers/profile.ts'
import type { Linked } from '../model/recency-list.ts'
import type { EventTime } from '../model/time.ts'
import type { Principal, PrincipalKind } from '../model/transaction.ts'
import { type CountState, countFrom, countState } from './count-state.ts'

export interface ClientState {
  readonly kind: PrincipalKind
  readonly id: string
  readonly display: string
  readonly via: string
  readonly firstSeen: EventTime
  readonly lastSeen: EventTime
  readonly requests: number
  /** 401, 403, 429. */
  readonly refused: number
  readonly endpoints: CountState
  readonly addresses: CountState
  /** Absent of callers that were seen by an earlier version, or too seldom. */
  readonly behaviour?: Behaviour
}

/** One caller: how much it asks, of how much, from where, and how much of it is refused. */
export class ClientRecord implements Linked<ClientRecord> {
  readonly key: string
  readonly kind: PrincipalKind
  readonly id: string
  readonly display: string
  readonly via: string
  older: ClientRecord | null = null
  newer: ClientRecord | null = null
  firstSeen: EventTime
  lastSeen: EventTime
  requests = 0
  refused = 0
  readonly endpoints = new DistinctCounter()
  readonly addresses = new DistinctCounter()
  profile: CallerProfile | null = null
  /** Of an earlier run, until there is a profile of this one. */
  #behaviour: Behaviour | undefined = undefined

  constructor(key: string, { kind, id, display, via }: Omit<Principal, 'app'>, now: EventTime) {
    this.key = key
    this.kind = kind
    this.id = id
    this.display = display
    this.via = via
    this.firstSeen = now
    this.lastSeen = now
  }

  observe(time: EventTime, status: number | null, endpoint: number | null, address: number): void {
    this.requests++
    if (time < this.firstSeen) this.firstSeen = time
    if (time > this.lastSeen) this.lastSeen = time
    if (status === 401 || status === 403 || status === 429) this.refused++
    if (endpoint !== null) this.endpoints.learnOne(endpoint)
    this.addresses.learnOne(address)
  }

  toState(): ClientState {
    const { kind, id, display, via, firstSeen, lastSeen, requests, refused } = this
    const endpoints = countState(this.endpoints)
    const behaviour = this.profile?.behaviour ?? this.#behaviour
    return {
      kind,
      id,
      display,
      via,
      firstSeen,
      lastSeen,
      requests,
      refused,
      endpoints,
      addresses: countState(this.addresses),
      ...(behaviour === undefined ? {} : { behaviour }),
    }
  }

  static fromState(state: ClientState): ClientRecord {
    const record = new ClientRecord(`${state.kind} ${state.id}`, state, state.firstSeen)
    record.lastSeen = state.lastSeen
    record.requests = state.requests
    record.refused = state.refused
    record.endpoints.merge(countFrom(state.endpoints))
    record.addresses.merge(countFrom(state.addresses))
    record.#behaviour = state.behaviour
    return record
  }
}
