import { z } from 'zod'
import type { Signal } from '../../daemon/model/signal.ts'
import { DAY_US, type EventTime } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { KeyedEntry, KeyedTable } from '../baselines/keyed-table.ts'
import { isAuthenticated } from '../baselines/principal-key.ts'
import { amount, time } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { countText, signalOf } from '../finding.ts'
import { endpointSubject, gaveSomething } from './access/answer.ts'
import { EndpointTable } from './access/endpoint-table.ts'
import { personalData } from './access/personal-data.ts'

const Options = z.strictObject({
  unusedDays: z.number().min(1).default(32).describe('days without use before an endpoint counts as dead'),
  watchedShare: z.number().gt(0).max(1).default(0.7).describe('share of those days on which its service was seen'),
  leastUses: z.int().min(1).default(5).describe('uses before its end that make it an endpoint'),
  maxServices: z.int().min(1).default(1024).describe('services with state'),
  maxEndpoints: z.int().min(16).default(16_384).describe('endpoints with state'),
})
type ZombieOptions = z.infer<typeof Options>

/** What comes back after as long a time as before has a rhythm, such as a report each quarter. */
const SAME_PAUSE = 0.6
/** Answers after the return that are told. */
const MAX_TOLD = 16

const ServiceState = z.tuple([amount, amount])
/** Uses, last, days then, longest pause; after a return the pause and the answers since. */
const EndpointState = z.tuple([amount, time, amount, amount, z.tuple([amount, amount]).nullable()])
const Kept = z.tuple([z.enum(['service', 'endpoint']), KeyedEntry])

class Service {
  /** Days on which it was seen. */
  days = 0
  #day = -1

  see(now: EventTime): void {
    const day = Math.floor(now / DAY_US)
    if (day === this.#day) return
    this.#day = day
    this.days++
  }

  toState(): z.infer<typeof ServiceState> {
    return [this.days, this.#day]
  }

  static fromState([days, day]: z.infer<typeof ServiceState>): Service {
    const service = new Service()
    service.days = days
    service.#day = day
    return service
  }
}

class Endpoint {
  uses = 0
  lastUse: EventTime = 0
  /** Days on which its service had been seen by then. */
  daysThen = 0
  longestPause = 0
  returned: Return | null = null

  toState(): z.infer<typeof EndpointState> {
    const { uses, lastUse, daysThen, longestPause, returned } = this
    return [uses, lastUse, daysThen, longestPause, returned === null ? null : [returned.pauseUs, returned.answers]]
  }

  static fromState([uses, lastUse, daysThen, longestPause, returned]: z.infer<typeof EndpointState>): Endpoint {
    const endpoint = new Endpoint()
    Object.assign(endpoint, { uses, lastUse, daysThen, longestPause })
    if (returned !== null) endpoint.returned = { pauseUs: returned[0], answers: returned[1] }
    return endpoint
  }
}

interface Return {
  readonly pauseUs: number
  answers: number
}

class InventoryZombie implements Detector {
  readonly stateVersion = 1
  readonly #options: ZombieOptions
  readonly #services: KeyedTable<Service>
  readonly #endpoints: EndpointTable<Endpoint>
  #lastName = ''
  #lastService: Service | null = null

  /** While the sensor is blind nothing is learnt. */
  #frozen = false

  constructor(options: ZombieOptions) {
    this.#options = options
    this.#services = new KeyedTable(options.maxServices, () => new Service())
    this.#endpoints = new EndpointTable(options.maxEndpoints, () => new Endpoint())
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { service: name, endpoint, status } = tx
    if (this.#frozen || name === null || endpoint === null || !tx.knownEndpoint) return null
    if (status === null || status < 200 || status >= 300) return null
    const service = this.#serviceOf(name)
    service.see(now)
    const known = this.#endpoints.use(name, endpoint)
    const pause = now - known.lastUse
    if (known.uses > 0 && pause > DAY_US) this.#afterPause(known, service, pause)
    known.uses++
    known.lastUse = now
    known.daysThen = service.days
    return known.returned === null ? null : this.#tell(tx, known, known.returned, now)
  }

  tick(now: EventTime): void {
    this.#lastService = null
    this.#endpoints.tick(now)
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen
  }

  sizes() {
    return { services: this.#services.occupancy, endpoints: this.#endpoints.occupancy }
  }

  maturity(): number {
    return this.#services.mean(({ days }) => Math.min(1, days / this.#options.unusedDays))
  }

  *snapshot(): IterableIterator<z.infer<typeof Kept>> {
    this.#lastService = null
    for (const entry of this.#services.entries((service) => service.toState())) yield ['service', entry]
    for (const entry of this.#endpoints.entries((endpoint) => endpoint.toState())) yield ['endpoint', entry]
  }

  restore(line: unknown): void {
    const [what, kept] = Kept.parse(line)
    if (what === 'service') this.#services.restore(kept, Service.fromState(ServiceState.parse(kept[4])))
    else this.#endpoints.restore(kept, Endpoint.fromState(EndpointState.parse(kept[4])))
  }

  #serviceOf(name: string): Service {
    if (this.#lastService === null || name !== this.#lastName) {
      this.#lastName = name
      this.#lastService = this.#services.use(name)
    }
    return this.#lastService
  }

  #afterPause(known: Endpoint, service: Service, pauseUs: number): void {
    const { unusedDays, watchedShare, leastUses } = this.#options
    const days = pauseUs / DAY_US
    const isDead =
      days >= unusedDays &&
      known.uses >= leastUses &&
      // Where nobody watched, nobody knows.
      service.days - known.daysThen >= watchedShare * days &&
      known.longestPause < SAME_PAUSE * pauseUs
    known.returned = isDead ? { pauseUs, answers: 0 } : null
    known.longestPause = Math.max(known.longestPause, pauseUs)
  }

  #tell(tx: Transaction, known: Endpoint, returned: Return, now: EventTime): Signal | null {
    if (!gaveSomething(tx)) return null
    if (++returned.answers >= MAX_TOLD) known.returned = null
    return zombieSignal(tx, returned, now)
  }
}

function zombieSignal(tx: Transaction, { pauseUs, answers }: Return, now: EventTime): Signal {
  const classes = personalData(tx.responseBody)
  const isStranger = !isAuthenticated(tx.principal)
  const days = Math.floor(pauseUs / DAY_US)
  const given = classes.length === 0 ? '' : `, with ${classes.join(', ').replaceAll('_', ' ')} in the answer`
  return signalOf('inventory.zombie', tx, now, {
    log10P: -5,
    maturity: 1,
    severity: classes.length > 0 ? (isStranger ? 'high' : 'medium') : 'low',
    why: `${tx.endpoint} is in use again after ${countText(days, 'day')} without any${given}`,
    expected: `no use for ${countText(days, 'day')}`,
    observed: countText(answers, 'answer'),
    evidence: { unused_days: days, answers, sensitive: classes, to_stranger: isStranger },
    subject: endpointSubject(tx),
    outcome: { answered: answers, refused: 0, objectsExposed: 0, accounts: [], pSuccess: 0.5 },
    evidenceBefore: [],
  })
}

export const inventoryZombie = defineDetector({
  id: 'inventory.zombie',
  title: 'A dead endpoint is used again',
  owasp: ['API9:2023'],
  attack: [],
  describes: {
    detects:
      'An endpoint that was in use, then was not for more than a month while its service went on, and answers again: a version that should have been switched off, found by somebody.',
    statistic:
      'Deterministic: no 2xx for unusedDays days, leastUses uses before, and the service seen on watchedShare of the days between. Told for the first sixteen answers after its return: low, medium with personal data in the answer, high when a stranger was given it.',
    memory: 'maxEndpoints endpoints, 0.2 KiB each; maxServices services. Evictions are counted.',
    warmUp: 'It has to have watched for unusedDays days.',
    traps:
      'Monthly jobs (the default is longer than a month), a rhythm it has kept once before (a report each quarter is told once), a sensor that was off, refusals and 404, which are no use. Missed: what was dead before the sensor came; an endpoint that some monitor keeps calling.',
    tuning: 'unusedDays; watchedShare for services that rest at weekends.',
  },
  options: Options,
  create: (options) => new InventoryZombie(options),
})
