import { z } from 'zod'
import type { DescribedApi } from '../../daemon/inventory/described-api.ts'
import { type Described, DescribedLookup } from '../../daemon/inventory/described-lookup.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import { type EventTime, MINUTE_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { KeyedEntry, KeyedTable } from '../baselines/keyed-table.ts'
import { hashText } from '../baselines/lookup-hash.ts'
import { principalKey } from '../baselines/principal-key.ts'
import { flag, hash32, text, time } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { signalOf } from '../finding.ts'
import { EndpointTable } from './access/endpoint-table.ts'

/** Callers that are told apart before an endpoint counts. */
const MAX_CALLERS = 64
/** Endpoints told of one service and kind: a description that lacks more is of something else. */
const MAX_TOLD = 64
const MAX_LISTED = 8

const Options = z.strictObject({
  leastCallers: z
    .int()
    .min(1)
    .max(MAX_CALLERS)
    .default(3)
    .describe('callers that an endpoint answered before it counts'),
  lagMinutes: z
    .number()
    .min(0)
    .max(7 * 24 * 60)
    .default(60)
    .describe('minutes that a description may lag behind what answers; what was there from the start is told at once'),
  maxServices: z.int().min(1).default(1024).describe('services with state'),
  maxEndpoints: z.int().min(16).default(16_384).describe('endpoints with state'),
})
type DriftOptions = z.infer<typeof Options>

const DRIFTS = ['undescribed', 'deprecated'] as const
type Drift = (typeof DRIFTS)[number]

/** Whether an operation of its descriptions was in use; endpoints told, by kind; since when it is watched. */
const ServiceState = z.tuple([flag, z.array(text).max(MAX_TOLD), z.array(text).max(MAX_TOLD), time.nullable()])
/** Since when it differs from its description, callers. */
const EndpointState = z.tuple([time.nullable(), z.array(hash32).max(MAX_CALLERS)])
const Kept = z.tuple([z.enum(['service', 'endpoint']), KeyedEntry])

class Service {
  /** A description none of whose operations is in use is of something else, or of other paths. */
  fits = false
  undescribed: string[] = []
  deprecated: string[] = []
  /** The first answer of it that was compared. */
  since: EventTime | null = null

  toState(): z.infer<typeof ServiceState> {
    return [this.fits, this.undescribed, this.deprecated, this.since]
  }

  static fromState([fits, undescribed, deprecated, since]: z.infer<typeof ServiceState>): Service {
    return Object.assign(new Service(), { fits, undescribed, deprecated, since })
  }
}

class Endpoint {
  /** Of the descriptions by which it was judged. */
  reading = 0
  /** Null: nothing to tell, or told. */
  drift: Drift | null = null
  /** Since when it has one. */
  since: EventTime | null = null
  callers: number[] = []

  toState(): z.infer<typeof EndpointState> {
    return [this.since, this.callers]
  }

  static fromState([since, callers]: z.infer<typeof EndpointState>): Endpoint {
    return Object.assign(new Endpoint(), { since, callers })
  }
}

class InventoryDrift implements Detector {
  readonly stateVersion = 2
  readonly #options: DriftOptions
  readonly #lagUs: number
  readonly #services: KeyedTable<Service>
  readonly #endpoints: EndpointTable<Endpoint>
  /** Null: nothing is described. */
  #apis: DescribedLookup | null = null
  /** How often descriptions were read. */
  #reading = 0
  /** While the sensor is blind nothing is learnt. */
  #frozen = false

  constructor(options: DriftOptions) {
    this.#options = options
    this.#lagUs = options.lagMinutes * MINUTE_US
    this.#services = new KeyedTable(options.maxServices, () => new Service())
    this.#endpoints = new EndpointTable(options.maxEndpoints, () => new Endpoint())
  }

  described(apis: readonly DescribedApi[]): void {
    this.#apis = apis.length === 0 ? null : new DescribedLookup(apis)
    this.#reading++
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { service, endpoint, status } = tx
    if (this.#frozen || this.#apis === null || service === null || endpoint === null || !tx.knownEndpoint) return null
    if (status === null || status < 200 || status >= 300) return null
    const known = this.#endpoints.use(service, endpoint)
    if (known.reading !== this.#reading) this.#look(this.#apis, known, service, operationOf(endpoint), now)
    if (known.drift === null || isPage(tx)) return null
    const caller = hashText(principalKey(tx.principal))
    if (!known.callers.includes(caller) && known.callers.length < MAX_CALLERS) known.callers.push(caller)
    if (known.callers.length < this.#options.leastCallers) return null
    return this.#tell(this.#apis, tx, known, known.drift, service, operationOf(endpoint), now)
  }

  tick(now: EventTime): void {
    this.#endpoints.tick(now)
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen
  }

  sizes() {
    return { services: this.#services.occupancy, endpoints: this.#endpoints.occupancy }
  }

  maturity(): number {
    return this.#apis === null ? 0 : this.#services.mean(({ fits }) => (fits ? 1 : 0))
  }

  *snapshot(): IterableIterator<z.infer<typeof Kept>> {
    for (const entry of this.#services.entries((service) => service.toState())) yield ['service', entry]
    for (const entry of this.#endpoints.entries((endpoint) => endpoint.toState())) yield ['endpoint', entry]
  }

  restore(line: unknown): void {
    const [what, kept] = Kept.parse(line)
    if (what === 'service') this.#services.restore(kept, Service.fromState(ServiceState.parse(kept[4])))
    else this.#endpoints.restore(kept, Endpoint.fromState(EndpointState.parse(kept[4])))
  }

  #look(apis: DescribedLookup, known: Endpoint, name: string, operation: string, now: EventTime): void {
    const described = apis.of(name, operation)
    known.reading = this.#reading
    known.drift = driftOf(described, operation)
    if (described !== null) {
      const service = this.#services.use(name)
      service.since ??= now
      if (described !== 'undescribed') service.fits = true
      if (known.drift !== null && service[known.drift].includes(operation)) known.drift = null
    }
    known.since = known.drift === null ? null : (known.since ?? now)
  }

  /** Whether it may only be that the description lags behind a release: of what was there from the start it is not. */
  #mayLag({ drift, since }: Endpoint, service: Service, now: EventTime): boolean {
    if (drift !== 'undescribed' || since === null || service.since === null) return false
    return now - since < this.#lagUs && since - service.since >= this.#lagUs
  }

  #tell(
    apis: DescribedLookup,
    tx: Transaction,
    known: Endpoint,
    drift: Drift,
    name: string,
    operation: string,
    now: EventTime,
  ): Signal | null {
    const service = this.#services.use(name)
    if (!service.fits || this.#mayLag(known, service, now)) return null
    known.drift = null
    // Some may have been described since they were told.
    for (const each of DRIFTS) service[each] = service[each].filter((told) => apis.of(name, told) === each)
    if (service[drift].length >= MAX_TOLD) return null
    service[drift].push(operation)
    return driftSignal(tx, drift, service, known.callers.length, now)
  }
}

/** Descriptions know one path of all operations of GraphQL: `POST /graphql` of `POST /graphql#Name`. */
function operationOf(endpoint: string): string {
  const hash = endpoint.indexOf('#')
  return hash < 0 ? endpoint : endpoint.slice(0, hash)
}

/** Servers answer HEAD and OPTIONS for what they have without anybody describing it. */
function driftOf(described: Described | null, operation: string): Drift | null {
  if (described === 'deprecated') return described
  return described === 'undescribed' && !/^(?:HEAD|OPTIONS) /.test(operation) ? described : null
}

/** Pages, and what belongs to them or to operating a service, are in no description. */
const PAGE =
  /^(?:text\/(?!csv|json|xml)|(?:image|font|audio|video)\/|application\/(?:x-)?(?:javascript|wasm|manifest))/i

function isPage({ responseHeaders }: Transaction): boolean {
  return responseHeaders.some(([name, value]) => name.toLowerCase() === 'content-type' && PAGE.test(value))
}

function driftSignal(tx: Transaction, drift: Drift, told: Service, callers: number, now: EventTime): Signal {
  const { service } = tx
  const gone = sentence(told.deprecated, 'described as deprecated and still in use')
  const unknown = sentence(told.undescribed, `in use and in no description of ${service}`)
  const said = drift === 'undescribed' ? [unknown, gone] : [gone, unknown]
  return signalOf('inventory.drift', tx, now, {
    log10P: -5,
    maturity: 1,
    severity: 'low',
    why: said.filter((each) => each !== '').join('; '),
    expected: drift === 'undescribed' ? 'described endpoints' : 'no use of what is deprecated',
    observed: `${told[drift].at(-1)}, ${callers} callers`,
    evidence: {
      drift,
      endpoints: newest(told[drift]),
      undescribed: told.undescribed.length,
      deprecated: told.deprecated.length,
      callers,
    },
    subject: { kind: 'service', value: service ?? '' },
    outcome: { answered: callers, refused: 0, objectsExposed: 0, accounts: [], pSuccess: 0 },
    evidenceBefore: [],
  })
}

/** Empty when there are none. */
function sentence(operations: readonly string[], what: string): string {
  if (operations.length === 0) return ''
  const listed = newest(operations)
  const more = operations.length > listed.length ? ` and ${operations.length - listed.length} more` : ''
  return `${listed.join(', ')}${more} ${operations.length === 1 ? 'is' : 'are'} ${what}`
}

function newest(operations: readonly string[]): string[] {
  return operations.slice(-MAX_LISTED).reverse()
}

export const inventoryDrift = defineDetector({
  id: 'inventory.drift',
  title: 'The API is not what its description says',
  owasp: ['API9:2023'],
  attack: [],
  describes: {
    detects:
      'Of a service that `endpoints.descriptions` describes: an endpoint that answers and that no description has, or an operation that is described as deprecated and is still in use. Off while nothing is described.',
    statistic:
      'Deterministic: an established endpoint (five answers, two callers) whose answers of 2xx went to leastCallers callers, the last of them after lagMinutes; what was there when the service was first seen, or is described as deprecated, is told without waiting. Each is told once, low, and all of a service are one incident with a list. Parameters, fields and what is never used are for `offpath routes drift`.',
    memory:
      'maxEndpoints endpoints, 0.2 KiB each; maxServices services with 64 names of each kind. Evictions are counted. Of each description methods, paths and what is deprecated, 10,000 operations.',
    warmUp: 'None, once a described operation of the service was in use.',
    traps:
      'Paths that only fail; one caller alone; pages, scripts, pictures and plain text; HEAD and OPTIONS; a description none of whose operations is in use; what a newer description has; an operation that comes with a release and is described within lagMinutes. Missed: a service that goes by another name than the servers of its description (name it under services); undescribed paths where the description has a parameter.',
    tuning:
      'leastCallers: more where single testers use what is not released yet. lagMinutes: as long as your descriptions take to follow a release.',
  },
  options: Options,
  reads: 'descriptions',
  create: (options) => new InventoryDrift(options),
})
