import type { EventTime } from '../../../daemon/model/time.ts'
import type { Principal, Transaction } from '../../../daemon/model/transaction.ts'
import { SequentialTest } from '../../baselines/sequential-test.ts'
import { EvidenceTrail } from '../../finding.ts'
import type { SensitivePath } from './sensitive-paths.ts'

const MAX_SERVICES_PER_CALLER = 4
const MAX_MISSED = 64
const MAX_NAMES = 5
const MAX_NAMES_WITH_TARGETS = 10

/** Something asked for that is not there, or should not be. */
export interface Miss {
  readonly shape: number
  readonly sensitive: SensitivePath | null
  /** A secret file that was answered. */
  readonly leaked: boolean
}

/** One caller at one service: the walk, and what it rests on. */
export class Visit {
  readonly service: string
  readonly walk = new SequentialTest()
  readonly trail = new EvidenceTrail()
  names: string[] = []
  sensitive = 0
  leaked = 0
  refused = 0
  since: EventTime = 0
  signalled = false
  /** Requests that matched an endpoint. */
  matched = 0
  lastMatch: string | null = null
  lastHitAt: EventTime = 0
  windowHits = 0
  windowMisses = 0
  /** Shapes of the missing paths that counted, with the evidence each brought (0: not to be taken back). */
  #shapes: number[] = []
  #gains: number[] = []

  constructor(service: string) {
    this.service = service
  }

  get missed(): number {
    return this.#shapes.length
  }

  hasMissed(shape: number): boolean {
    return this.#shapes.includes(shape)
  }

  note(tx: Transaction, { shape, sensitive, leaked }: Miss, gained: number, now: EventTime): void {
    if (this.#shapes.length === 0) this.since = now
    if (this.#shapes.length >= MAX_MISSED) {
      this.#shapes.shift()
      this.#gains.shift()
    }
    this.#shapes.push(shape)
    this.#gains.push(sensitive === null ? gained : 0)
    if (this.names.length < (sensitive === null ? MAX_NAMES : MAX_NAMES_WITH_TARGETS)) {
      this.names.push(tx.path!.slice(0, 80))
    }
    if (sensitive !== null) this.sensitive++
    if (leaked) this.leaked++
    else this.refused++
  }

  /** Takes back what the paths brought that have meanwhile turned out to be everyone's. */
  withdraw(isEveryones: (shape: number) => boolean): void {
    for (let i = 0; i < this.#shapes.length; i++) {
      if (this.#gains[i]! <= 0 || !isEveryones(this.#shapes[i]!)) continue
      this.walk.withdraw(this.#gains[i]!)
      this.#gains[i] = 0
    }
  }

  /** The walk is back at its start: what led up to it is void. */
  forget(): void {
    this.#shapes = []
    this.#gains = []
    this.names = []
    this.sensitive = 0
    this.leaked = 0
    this.refused = 0
    this.signalled = false
    this.trail.take()
  }
}

/** One caller, with its visits to up to four services. */
export class Caller {
  principal: Principal | null = null
  readonly visits: Visit[] = []

  at(service: string): Visit {
    const { visits } = this
    for (let i = 0; i < visits.length; i++) if (visits[i]!.service === service) return visits[i]!
    if (visits.length >= MAX_SERVICES_PER_CALLER) visits.shift()
    const visit = new Visit(service)
    visits.push(visit)
    return visit
  }
}
