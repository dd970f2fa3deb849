import { DistinctCounter } from '../../analyzers/baselines/distinct-counter.ts'
import { hashText } from '../../analyzers/baselines/lookup-hash.ts'
import { networkOf, principalFrom, principalState } from '../../analyzers/baselines/principal-key.ts'
import { TransactionRecord } from '../identity/record.ts'
import { withOneMore } from '../model/small-list.ts'
import { DAY_US, type EventTime, HOUR_US, SECOND_US } from '../model/time.ts'
import {
  type Asn,
  type CallerView,
  callerAddress,
  type Principal,
  type Role,
  type Transaction,
} from '../model/transaction.ts'
import { type AgentClass, deviceOf } from './device.ts'
import { Few, FewHashes } from './few.ts'
import { type Call, MainCalls, type Operation } from './main-calls.ts'
import type { ProfileState } from './state.ts'

const MAX_OPERATIONS = 32
export const MAX_CREDENTIALS = 16
const MAX_NETWORKS = 8
const MAX_ASNS = 4
export const MAX_DEVICES = 8
const MAX_AGENTS = 4
const MAX_CLAIMED = 4
/** Requests whose headers are looked at: making the list costs microseconds, and who comes once costs nothing. */
const LOOK_AT = [8, 128]
const LOOK_AGAIN = 1023
/** Requests that are all looked into; of those after them, one in so many. */
const ALL_OF = 16
const THEN_ONE_IN = 4
/** Weight of the latest pause in their mean. */
const PAUSE_WEIGHT = 0.1
/** Weirds of a request whose caller says for whom it asks, and is not believed. */
const NAMES_OTHERS: readonly string[] = ['forwarded.beyond', 'forwarded.untrusted']
/**
 * Nought in fields for fractions: a floating-point number from the start. Where the first fraction comes later, it changes the
 * shape of all profiles, and all that was compiled for them is compiled again (a fifth of what is, in a replay).
 */
const NOUGHT = -0

const NO_ASNS: Asn[] = []
const NOTHING: readonly string[] = []

/** How long one must have behaved before what one is taken for may change a judgement. */
const SETTLED_US = DAY_US

/** What is shown of a caller beside counts. */
export interface Behaviour {
  readonly role: Role | null
  readonly reasons: readonly string[]
  readonly labels: readonly string[]
  /** The operations that make up most of what it asks. */
  readonly calls: readonly Call[]
  /** /24, for IPv6 /48. */
  readonly networks: readonly string[]
  /** Who announces these; empty without a database of it. */
  readonly asns: readonly Asn[]
  readonly agents: readonly string[]
  /** Different orders of headers, and credentials; where there were more than can be counted, those that were. */
  readonly devices: number
  readonly credentials: number
  /** An address behind which several people are known to be. */
  readonly shared: boolean
}

/**
 * What one caller did, in fixed memory (2.4 KiB, 3.3 with many objects; measured), and which credentials, networks, programs and header
 * orders belong to them. Counts, hashes, /24 networks and names of programs only.
 */
export class CallerProfile implements CallerView {
  principal: Principal
  readonly firstSeen: EventTime
  lastSeen: EventTime
  /** Nothing spoke against them since. */
  quietSince: EventTime
  requests = 0
  reads = 0
  refused = 0
  /** Bytes of bodies of answers. */
  bytes = 0
  /** Requests that were looked into, and those of them to operations that hardly anybody else uses. */
  sampled = 0
  rare = 0
  /** The operation with most of the requests that were looked into, if one has, and how many it had since it was that: 0 while there is none. */
  #top = 0
  #topVotes = 0
  topRequests = 0
  readonly operations = new FewHashes(MAX_OPERATIONS)
  readonly #calls = new MainCalls()
  objects = new DistinctCounter()
  readonly credentials = new FewHashes(MAX_CREDENTIALS)
  readonly networks = new Few<string>(MAX_NETWORKS)
  #asns: Asn[] = NO_ASNS
  readonly devices = new FewHashes(MAX_DEVICES)
  readonly agents = new Few<string>(MAX_AGENTS)
  /** Roles that their tokens name. */
  readonly claimed = new Few<string>(MAX_CLAIMED)
  agentClass: AgentClass = 'none'
  /** Pauses of a second and more: how many, their mean and the mean distance from it, in microseconds. */
  pauses = 0
  pauseMean = NOUGHT
  pauseSpread = NOUGHT
  /** Bit per hour of the day (UTC). */
  hours = 0
  days = 0
  #lastDay = 0
  #address = ''
  #presented: object | null = null

  shared = false
  /** An address that says whom it speaks for, and is not believed. */
  namesOthers = false
  role: Role | null = null
  reasons: readonly string[] = NOTHING
  labels: readonly string[] = NOTHING

  /** Requests from which on CallerProfiles looks at the role again. */
  nextLook: number
  /** From a snapshot: labels may have been changed meanwhile, and reasons are not kept. */
  restored = false

  constructor(principal: Principal, now: EventTime, nextLook: number) {
    this.principal = principal
    this.firstSeen = now
    this.lastSeen = now
    this.quietSince = now
    this.nextLook = nextLook
  }

  /** Counts a request. Whether it is one of those to look into. */
  count(tx: Transaction): boolean {
    const count = ++this.requests
    const { method, status } = tx
    if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') this.reads++
    if (status === 401 || status === 403 || status === 429) this.refused++
    this.bytes += tx.responseBodyBytes
    this.#passTime(tx.endTime)
    return count <= ALL_OF || count % THEN_ONE_IN === 0
  }

  /** Looks into the request that was counted last. `operation`: one object per operation; `rare`: hardly anybody else uses it. */
  lookInto(tx: Transaction, operation: Operation | null, rare: boolean): void {
    const count = this.requests
    this.sampled++
    if (rare) this.rare++
    if (operation !== null) {
      this.operations.add(operation.hash)
      this.#calls.add(operation)
      this.#vote(operation.hash | 0)
    }
    const { objectIds } = tx
    if (objectIds.length > 0) this.objects.learnOne(hashText(objectIds[objectIds.length - 1]!))
    this.shared = tx.sharedAddress === true && tx.principal.kind === 'ip'
    const address = callerAddress(tx)
    if (address !== this.#address) {
      this.#address = address
      this.networks.add(networkOf(address))
    }
    if (tx.asn != null) this.#noteAsn(tx.asn)
    if (tx instanceof TransactionRecord && tx.presented !== this.#presented) this.#notePresented(tx)
    if (LOOK_AT.includes(count) || (count & LOOK_AGAIN) === 0) this.#look(tx)
  }

  /** What one may be taken for: what a day of unsuspicious behaviour says. */
  get cohort(): Role | null {
    return this.lastSeen - this.quietSince >= SETTLED_US ? this.role : null
  }

  /** Share of requests that its most frequent operation has, at least; 0 where none has most. */
  get topShare(): number {
    return this.topRequests / Math.max(1, this.sampled)
  }

  get hoursSeen(): number {
    let count = 0
    for (let bits = this.hours; bits !== 0; bits &= bits - 1) count++
    return count
  }

  /** Mean distance of pauses from their mean, as a share of it: 0 is a clock. */
  get unevenness(): number {
    return this.pauseMean === 0 ? 1 : this.pauseSpread / this.pauseMean
  }

  /** Boyer and Moore's majority vote. `operation`: its hash, signed, which needs no box. */
  #vote(operation: number): void {
    if (operation === this.#top && this.topRequests > 0) {
      this.#topVotes++
      this.topRequests++
    } else if (this.#topVotes > 0) this.#topVotes--
    else {
      this.#top = operation
      this.#topVotes = 1
      this.topRequests = 1
    }
  }

  #passTime(now: EventTime): void {
    const pause = now - this.lastSeen
    if (pause >= SECOND_US) {
      const weight = this.pauses === 0 ? 1 : PAUSE_WEIGHT
      const distance = Math.abs(pause - this.pauseMean)
      if (this.pauses > 0) this.pauseSpread += weight * (distance - this.pauseSpread)
      this.pauseMean += weight * (pause - this.pauseMean)
      this.pauses++
    }
    if (now > this.lastSeen) this.lastSeen = now
    const hour = (now / HOUR_US) | 0
    this.hours |= 1 << (hour % 24)
    const day = (hour / 24) | 0
    if (day > this.#lastDay) {
      this.#lastDay = day
      this.days++
    }
  }

  get asns(): readonly Asn[] {
    return this.#asns
  }

  #noteAsn(asn: Asn): void {
    const asns = this.#asns
    if (asns.length < MAX_ASNS && !asns.some(({ number }) => number === asn.number)) this.#asns = withOneMore(asns, asn)
  }

  #notePresented({ presented, claims }: TransactionRecord): void {
    this.#presented = presented
    const shown = presented.user ?? presented.basic ?? presented.sessions[0] ?? presented.apiKey ?? presented.consumer
    if (shown !== null && shown !== undefined) this.credentials.add(hashText(shown.proof))
    if (claims !== null) for (const role of claims.role) this.claimed.add(role.slice(0, 64))
  }

  #look(tx: Transaction): void {
    const { agent, agentClass, order } = deviceOf(tx.requestHeaders, tx.tls.ja4)
    this.devices.add(order)
    if (agent !== '') this.agents.add(agent)
    this.agentClass = agentClass
    this.namesOthers = tx.ownWeirds?.some((weird) => NAMES_OTHERS.includes(weird)) === true
  }

  get behaviour(): Behaviour {
    const { role, reasons, labels, asns, devices, credentials, shared } = this
    return {
      role,
      reasons,
      labels,
      calls: this.#calls.list(),
      networks: this.networks.values.map((network) => (network.includes(':') ? `${network}::/48` : `${network}.0/24`)),
      asns,
      agents: this.agents.values,
      devices: devices.count,
      credentials: credentials.count,
      shared,
    }
  }

  /** Something speaks against them: what they do is no habit to go by until it has gone on for a day again. */
  disturb(now: EventTime): void {
    if (now > this.quietSince) this.quietSince = now
  }

  toState(): ProfileState {
    return [
      principalState(this.principal),
      [this.firstSeen, this.lastSeen, this.quietSince],
      [
        ...[this.requests, this.reads, this.refused, this.bytes, this.sampled, this.rare, this.topRequests],
        ...[this.#topVotes, this.pauses, this.pauseMean, this.pauseSpread, this.hours, this.days, this.#lastDay],
      ],
      this.topRequests === 0 ? null : this.#top >>> 0,
      this.operations.toState(),
      this.objects.toState(),
      this.credentials.toState(),
      this.networks.toState(),
      this.devices.toState(),
      this.agents.toState(),
      this.claimed.toState(),
      this.agentClass,
      this.role,
      this.#asns.map(({ number, organisation }) => [number, organisation]),
      this.#calls.toState(),
    ]
  }

  /** `operationOf`: see MainCalls. */
  static fromState(
    state: ProfileState,
    operationOf: (service: string, endpoint: string) => Operation,
    nextLook: number,
  ): CallerProfile {
    const [principal, [firstSeen, lastSeen, quietSince], counts, top, operations, objects, credentials] = state
    const [, , , , , , , networks, devices, agents, claimed, agentClass, role, asns, calls] = state
    const profile = new CallerProfile(principalFrom(principal), firstSeen, nextLook)
    profile.restored = true
    profile.lastSeen = lastSeen
    profile.quietSince = quietSince
    const [requests, reads, refused, bytes, sampled, rare, topRequests] = counts as Fourteen
    const [, , , , , , , topVotes, pauses, pauseMean, pauseSpread, hours, days, lastDay] = counts as Fourteen
    Object.assign(profile, { requests, reads, refused, bytes, sampled, rare, topRequests })
    Object.assign(profile, { pauses, pauseMean, pauseSpread, hours, days, agentClass, role })
    profile.#topVotes = topVotes
    profile.#lastDay = lastDay
    profile.#top = (top ?? 0) | 0
    profile.operations.restore(operations)
    profile.objects = DistinctCounter.fromState(objects)
    profile.credentials.restore(credentials)
    profile.networks.restore(networks)
    profile.devices.restore(devices)
    profile.agents.restore(agents)
    profile.claimed.restore(claimed)
    profile.#asns = asns.slice(0, MAX_ASNS).map(([number, organisation]) => ({ number, organisation }))
    profile.#calls.restore(calls, operationOf)
    return profile
  }
}

type N = number
type Fourteen = [N, N, N, N, N, N, N, N, N, N, N, N, N, N]
