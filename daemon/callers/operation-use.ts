import { DistinctCounter, type DistinctState } from '../../analyzers/baselines/distinct-counter.ts'
import { hashText } from '../../analyzers/baselines/lookup-hash.ts'
import { BoundedMap } from '../identity/bounded-map.ts'
import type { Operation } from './main-calls.ts'
import type { ProfilesLine } from './state.ts'

/** Users that must be known before an operation can be one that hardly anybody uses. */
const LEAST_USERS = 100
/** And requests of it that were counted: until then anything is seldom used. */
const LEAST_COUNTED = 30
const RARE_SHARE = 0.05

/** One operation, and how many users it has. */
export class OperationUse implements Operation {
  readonly service: string
  readonly endpoint: string
  readonly hash: number
  users = new DistinctCounter()
  counted = 0

  constructor(service: string, endpoint: string) {
    this.service = service
    this.endpoint = endpoint
    this.hash = hashText(`${service} ${endpoint}`)
  }
}

/** Which operations hardly anybody uses: those of a back office, among the others of all services. */
export class OperationUses {
  readonly #uses: BoundedMap<string, BoundedMap<string, OperationUse>>
  readonly #mostEach: number
  /** Everybody who signed in and came often. */
  #users = new DistinctCounter()

  constructor(mostServices: number, mostEach: number) {
    this.#uses = new BoundedMap(mostServices)
    this.#mostEach = mostEach
  }

  of(service: string, endpoint: string): OperationUse {
    let uses = this.#uses.get(service)
    if (uses === undefined) {
      uses = new BoundedMap(this.#mostEach)
      this.#uses.set(service, uses)
    }
    let use = uses.get(endpoint)
    if (use === undefined) {
      use = new OperationUse(service, endpoint)
      uses.set(endpoint, use)
    }
    return use
  }

  /** The same without counting as use of it: one of its own where it is not known any more. */
  named(service: string, endpoint: string): Operation {
    return this.#uses.peek(service)?.peek(endpoint) ?? new OperationUse(service, endpoint)
  }

  /** A user who came often used it. */
  note(use: OperationUse | null, user: number): void {
    this.#users.learnOne(user)
    if (use === null) return
    use.users.learnOne(user)
    use.counted++
  }

  isRare(use: OperationUse): boolean {
    const all = this.#users.count
    return use.counted >= LEAST_COUNTED && all >= LEAST_USERS && use.users.count <= RARE_SHARE * all
  }

  get size(): number {
    return this.#uses.entries().reduce((sum, [, uses]) => sum + uses.size, 0)
  }

  *snapshot(): IterableIterator<ProfilesLine> {
    yield ['users', this.#users.toState()]
    for (const [service, uses] of this.#uses.entries()) {
      for (const [endpoint, { counted, users }] of uses.entries())
        yield ['use', service, endpoint, counted, users.toState()]
    }
  }

  restoreUsers(state: DistinctState): void {
    this.#users = DistinctCounter.fromState(state)
  }

  restoreUse(service: string, endpoint: string, counted: number, users: DistinctState): void {
    const use = this.of(service, endpoint)
    use.counted = counted
    use.users = DistinctCounter.fromState(users)
  }
}
