import { z } from 'zod'
import type { Principal } from '../../../daemon/model/transaction.ts'
import { DistinctCounter, DistinctState } from '../../baselines/distinct-counter.ts'
import { GuardedRate, GuardedRateState } from '../../baselines/guarded-rate.ts'
import { type KeyedEntry, KeyedTable } from '../../baselines/keyed-table.ts'
import { hashText } from '../../baselines/lookup-hash.ts'
import { isAuthenticated, networkOf, principalKey } from '../../baselines/principal-key.ts'
import { amount, flag, hash32, text } from '../../baselines/state.ts'

/** Matched requests before 401 and 403 on an unknown path say anything: until then it may just not be known yet. */
const INVENTORY_HITS = 200
const MATURE_VOTES = 30
const BROKEN_NETWORKS = 3
const CATCH_ALL_SIZES = 16

/** The same of callers nobody knows: they may be many sources of one scanner, so that it only excuses a few paths of each. */
const STRANGERS = 10
const STRANGERS_NETWORKS = 5

/** When a missing path is not a caller's but the release's: this many of the established callers asked for it. */
interface BrokenClients {
  readonly maxMissingPaths: number
  readonly brokenCallers: number
  readonly brokenShare: number
}

const MissingState = z.tuple([DistinctState, z.array(text).max(STRANGERS_NETWORKS), flag])
/** Matched, rates of anonymous and authenticated callers, established callers, catch-all answers. The missing paths come in parts of their own. */
export const ServiceState = z.tuple([
  amount,
  GuardedRateState,
  GuardedRateState,
  DistinctState,
  z.array(z.tuple([amount, hash32, amount])).max(CATCH_ALL_SIZES),
])
export type ServiceState = z.infer<typeof ServiceState>

const ANONYMOUS = [1, 19, 0.4] as const
const AUTHENTICATED = [1, 29, 0.4] as const

interface MissingPath {
  readonly callers: DistinctCounter
  readonly networks: string[]
}

/** What a service's callers do, which paths they all miss, and what its catch-all answers look like. */
export class Service {
  matched = 0
  readonly #broken: BrokenClients
  #anonymous = new GuardedRate(...ANONYMOUS)
  #authenticated = new GuardedRate(...AUTHENTICATED)
  #established = new DistinctCounter()
  readonly #missing: KeyedTable<MissingPath>
  readonly #strangers: KeyedTable<MissingPath>
  /** Sizes of 2xx answers to unknown paths: a page served for everything has one size. */
  #catchAll: { size: number; shape: number; shapes: number }[] = []

  constructor(broken: BrokenClients) {
    this.#broken = broken
    const create = () => ({ callers: new DistinctCounter(), networks: [] })
    this.#missing = new KeyedTable(broken.maxMissingPaths, create)
    this.#strangers = new KeyedTable(broken.maxMissingPaths, create)
  }

  get maturity(): number {
    return (
      Math.min(1, (this.#anonymous.voters + this.#authenticated.voters) / MATURE_VOTES) *
      Math.min(1, this.matched / INVENTORY_HITS)
    )
  }

  /** Misses of such a caller. */
  usual(authenticated: boolean): GuardedRate {
    return authenticated ? this.#authenticated : this.#anonymous
  }

  usualFor(principal: Principal): GuardedRate {
    return this.usual(isAuthenticated(principal))
  }

  /** A caller who has been here and found what was asked for. */
  establish(principal: Principal): void {
    this.#established.learnOne(hashText(principalKey(principal)))
  }

  /** Refusals of an unknown path. 401 and 403 only once the inventory can be trusted; 429 and 5xx say nothing about the path. */
  isMiss(status: number, sensitive: boolean): boolean {
    if (status === 404 || status === 405 || status === 410 || status === 400 || status === 501) return true
    if (status !== 401 && status !== 403) return false
    return sensitive || this.matched >= INVENTORY_HITS
  }

  noteAnswer(size: number, shape: number): void {
    for (const seen of this.#catchAll) {
      if (seen.size !== size) continue
      if (seen.shape !== shape) seen.shapes++
      return
    }
    if (this.#catchAll.length >= CATCH_ALL_SIZES) this.#catchAll.shift()
    this.#catchAll.push({ size, shape, shapes: 1 })
  }

  isCatchAll(size: number, shape: number): boolean {
    return this.#catchAll.some((seen) => seen.size === size && (seen.shapes > 1 || seen.shape !== shape))
  }

  /** An established caller missed this path. Only they make an entry: a scanner's paths must not push out the ones worth watching. */
  noteMissing(principal: Principal, address: string, shape: number): void {
    note(this.#missing.use(String(shape)), principal, address, BROKEN_NETWORKS)
  }

  /** Somebody whom nobody knows missed this path, and few others so far. */
  noteStranger(principal: Principal, address: string, shape: number): void {
    note(this.#strangers.use(String(shape)), principal, address, STRANGERS_NETWORKS)
  }

  /** A path that many strangers from everywhere miss, each among few. */
  isStrangers(shape: number): boolean {
    const missing = this.#strangers.peek(String(shape))
    return missing !== undefined && missing.callers.count >= STRANGERS && missing.networks.length >= STRANGERS_NETWORKS
  }

  /** A path many established callers from several networks ask for and do not get: a removed route or a broken release. */
  isBroken(shape: number): boolean {
    const missing = this.#missing.peek(String(shape))
    if (missing === undefined) return false
    const needed = Math.max(this.#broken.brokenCallers, this.#broken.brokenShare * this.#established.count)
    return missing.callers.count >= needed && missing.networks.length >= BROKEN_NETWORKS
  }

  toState(): ServiceState {
    return [
      this.matched,
      this.#anonymous.toState(),
      this.#authenticated.toState(),
      this.#established.toState(),
      this.#catchAll.map(({ size, shape, shapes }) => [size, shape, shapes]),
    ]
  }

  static fromState(state: ServiceState, broken: BrokenClients): Service {
    const [matched, anonymous, authenticated, established, catchAll] = state
    const service = new Service(broken)
    service.matched = matched
    service.#anonymous = GuardedRate.fromState(anonymous, ...ANONYMOUS)
    service.#authenticated = GuardedRate.fromState(authenticated, ...AUTHENTICATED)
    service.#established = DistinctCounter.fromState(established)
    service.#catchAll = catchAll.map(([size, shape, shapes]) => ({ size, shape, shapes }))
    return service
  }

  *missing(): IterableIterator<KeyedEntry> {
    yield* this.#missing.entries(({ callers, networks }) => [callers.toState(), [...networks], true])
    yield* this.#strangers.entries(({ callers, networks }) => [callers.toState(), [...networks], false])
  }

  restoreMissing(entry: KeyedEntry): void {
    const [callers, networks, established] = MissingState.parse(entry[4])
    const table = established ? this.#missing : this.#strangers
    table.restore(entry, { callers: DistinctCounter.fromState(callers), networks })
  }
}

function note({ callers, networks }: MissingPath, principal: Principal, address: string, most: number): void {
  callers.learnOne(hashText(principalKey(principal)))
  if (networks.length >= most) return
  const network = networkOf(address)
  if (!networks.includes(network)) networks.push(network)
}
