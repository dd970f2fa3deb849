import { z } from 'zod'
import type { DeployMark } from '../../../daemon/model/deploy.ts'
import type { SharedLearning } from '../../../daemon/model/learning.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { KeyedEntry, KeyedTable, type Occupancy } from '../../baselines/keyed-table.ts'
import { Others } from '../../baselines/others.ts'
import { LOOK_EVERY_US, type Release, Releases, ReleasesState } from './releases.ts'

const Kept = z.union([z.tuple([z.literal('service'), KeyedEntry]), ReleasesState])
type Kept = z.infer<typeof Kept>

/** What a detector keeps of a service has this beside its own. */
interface Looked {
  /** When its headers were looked at last. */
  lookedAt: EventTime
}

/** How a service is kept over a restart. */
export interface ServiceCodec<Service> {
  toState(service: Service): unknown
  /** Throws when it is none. */
  fromState(state: unknown): Service
}

/** What of a service several analyzers count together. */
export interface ServiceSharing<Service, Elsewhere extends { add(state: unknown): void }> {
  readonly version: number
  /** Of all others together; `add` throws at what none of them tells. */
  create(): Elsewhere
  /** What was learnt here. */
  tell(service: Service): unknown
  hear(service: Service, others: Elsewhere | null): void
}

/** The services that a detector of regressions compares with themselves, and their releases. */
export class WatchedServices<Service extends Looked, Elsewhere extends { add(state: unknown): void }> {
  readonly #services: KeyedTable<Service>
  readonly #releases: Releases
  readonly #codec: ServiceCodec<Service>
  readonly #sharing: ServiceSharing<Service, Elsewhere>
  readonly #others: Others<Elsewhere>
  readonly shared: SharedLearning

  constructor(
    limit: number,
    create: () => Service,
    codec: ServiceCodec<Service>,
    sharing: ServiceSharing<Service, Elsewhere>,
  ) {
    this.#others = new Others(limit, () => sharing.create())
    this.#services = new KeyedTable(limit, (name) => {
      const service = create()
      sharing.hear(service, this.#others.get(name))
      return service
    })
    this.#releases = new Releases(limit)
    this.#codec = codec
    this.#sharing = sharing
    this.shared = {
      version: sharing.version,
      tell: () => this.#services.states((service) => sharing.tell(service)),
      hear: (lines) => {
        this.#others.hear(lines)
        this.#services.forEach((service, name) => {
          sharing.hear(service, this.#others.get(name))
        })
      },
    }
  }

  use(name: string): Service {
    return this.#services.use(name)
  }

  forEach(visit: (service: Service) => void): void {
    this.#services.forEach(visit)
  }

  /** Whether it is time to look at the headers of this answer, once in `everyUs`; then its version header was read. */
  look(tx: Transaction, name: string, service: Service, now: EventTime, everyUs = LOOK_EVERY_US): boolean {
    if (now - service.lookedAt < everyUs) return false
    service.lookedAt = now
    this.#releases.look(tx, name, now)
    return true
  }

  mark(mark: DeployMark): void {
    this.#releases.mark(mark)
  }

  /** The latest release of a service if it is at most `withinUs` old; else null. */
  release(name: string, now: EventTime, withinUs: EventTime): Release | null {
    return this.#releases.latest(name, now, withinUs)
  }

  *snapshot(): IterableIterator<Kept> {
    const { toState } = this.#codec
    for (const entry of this.#services.entries(toState)) yield ['service', entry]
    yield* this.#releases.snapshot()
  }

  restore(line: unknown): void {
    const kept = Kept.parse(line)
    if (kept[0] === 'release') this.#releases.restore(kept)
    else {
      const [, name, , , state] = kept[1]
      const service = this.#codec.fromState(state)
      this.#sharing.hear(service, this.#others.get(name))
      this.#services.restore(kept[1], service)
    }
  }

  sizes(): Readonly<Record<string, Occupancy>> {
    return {
      services: this.#services.occupancy,
      others: this.#others.occupancy,
      releases: this.#releases.occupancy,
    }
  }

  mean(of: (service: Service) => number): number {
    return this.#services.mean(of)
  }
}
