import { z } from 'zod'
import { SENSITIVE_CLASSES, type SensitiveClass } from '../../daemon/inventory/sensitive.ts'
import type { SharedLearning } from '../../daemon/model/learning.ts'
import type { Severity, Signal } from '../../daemon/model/signal.ts'
import { type EventTime, HOUR_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { DistinctCounter, DistinctState } from '../baselines/distinct-counter.ts'
import { KeyedEntry, KeyedTable } from '../baselines/keyed-table.ts'
import { hashText } from '../baselines/lookup-hash.ts'
import { Others } from '../baselines/others.ts'
import { isAuthenticated, principalKey } from '../baselines/principal-key.ts'
import { amount, flag, time } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { countText, EvidenceTrail, percentText, signalOf, TrailState } from '../finding.ts'
import { endpointSubject, gaveSomething } from './access/answer.ts'
import { bodyShowsCredential, showsCredential } from './access/credentials-shown.ts'
import { EndpointTable } from './access/endpoint-table.ts'
import { personalData, severityOfGiven } from './access/personal-data.ts'

const Options = z.strictObject({
  report: z.number().gt(0).lt(1).default(1e-2).describe('p-value from which a new endpoint is a signal'),
  settledHours: z.number().min(0).default(6).describe('how long a service is watched before anything of it is new'),
  settledRequests: z.int().min(1).default(100).describe('requests to known endpoints before anything is new'),
  leastAnswers: z.int().min(1).default(3).describe('answers with sensitive values before a new endpoint is told'),
  maxServices: z.int().min(1).default(1024).describe('services with state'),
  maxCandidates: z.int().min(16).default(4096).describe('new endpoints under watch'),
})
type ShadowOptions = z.infer<typeof Options>

/** Answers of a new endpoint that are looked into. */
const MAX_LOOKS = 8
/** More new endpoints than this at one place are pages of a site, or names that are not known to vary yet. */
const MAX_SIBLINGS = 8
/** Requests over which the share of new endpoints is counted; then both counts are halved. */
const SHARE_OVER = 20_000

/** Names of what was never meant to stay, or to be seen. */
const FORGOTTEN =
  /\/(?:debug|tests?|testing|dev|staging|stage|internal|private|old|backup|bak|tmp|temp|legacy|deprecated|sandbox|dump|v0)(?:\/|$)|[._-](?:old|bak|test|dev|debug)(?:\/|$)/i

/** Since, early, matched, news, settled. */
const ServiceState = z.tuple([time, amount, amount, amount, flag])
/** Callers, classes, trail; since, looks, sensitive answers, those to strangers, done. */
const NewEndpointState = z.tuple([
  DistinctState,
  z.array(z.enum(SENSITIVE_CLASSES)).max(SENSITIVE_CLASSES.length),
  TrailState,
  z.tuple([time, amount, amount, amount, flag]),
])
const Kept = z.tuple([z.enum(['service', 'candidate', 'place']), KeyedEntry])

/** Since, early, matched, news. */
const ToldState = z.tuple([time, amount, amount, amount])

/** What other analyzers saw of one service. */
class ServiceElsewhere {
  since: EventTime = Number.POSITIVE_INFINITY
  early = 0
  matched = 0
  news = 0

  add(state: unknown): void {
    const [since, early, matched, news] = ToldState.parse(state)
    if (since > 0) this.since = Math.min(this.since, since)
    this.early += early
    this.matched += matched
    this.news += news
  }
}

const NOWHERE: Readonly<ServiceElsewhere> = new ServiceElsewhere()

class Service {
  others = NOWHERE
  since: EventTime = 0
  /** Before it settled. */
  early = 0
  /** Since it settled: requests to known endpoints, and new endpoints. */
  matched = 0
  news = 0
  settled = false

  /** Of requests that find a new endpoint, the one in question left out. */
  get noveltyShare(): number {
    return (Math.max(0, this.news + this.others.news - 1) + 0.5) / (this.matched + this.others.matched + 1)
  }

  match(now: EventTime, { settledRequests, settledHours }: ShadowOptions): void {
    if (!this.settled) {
      const since = Math.min(this.since, this.others.since)
      this.settled = ++this.early + this.others.early >= settledRequests && now - since >= settledHours * HOUR_US
    } else if (++this.matched >= SHARE_OVER) {
      this.matched /= 2
      this.news /= 2
    }
  }

  /** What was seen here, for others. */
  told(): z.infer<typeof ToldState> {
    return [this.since, this.early, this.matched, this.news]
  }

  toState(): z.infer<typeof ServiceState> {
    return [this.since, this.early, this.matched, this.news, this.settled]
  }

  static fromState(state: z.infer<typeof ServiceState>): Service {
    const service = new Service()
    ;[service.since, service.early, service.matched, service.news, service.settled] = state
    return service
  }
}

class NewEndpoint {
  callers = new DistinctCounter()
  classes = new Set<SensitiveClass>()
  trail = new EvidenceTrail()
  since: EventTime = 0
  looks = 0
  sensitive = 0
  toStrangers = 0
  done = false

  toState(): z.infer<typeof NewEndpointState> {
    const { callers, classes, trail, since, looks, sensitive, toStrangers, done } = this
    return [callers.toState(), [...classes], trail.toState(), [since, looks, sensitive, toStrangers, done]]
  }

  static fromState([callers, classes, trail, counts]: z.infer<typeof NewEndpointState>): NewEndpoint {
    const found = new NewEndpoint()
    found.callers = DistinctCounter.fromState(callers)
    found.classes = new Set(classes)
    found.trail = EvidenceTrail.fromState(trail)
    ;[found.since, found.looks, found.sensitive, found.toStrangers, found.done] = counts
    return found
  }
}

class InventoryShadow implements Detector {
  readonly stateVersion = 1
  readonly #options: ShadowOptions
  readonly #services: KeyedTable<Service>
  readonly #others: Others<ServiceElsewhere>
  readonly shared: SharedLearning = {
    version: 1,
    tell: () => this.#services.states((service) => service.told()),
    hear: (lines) => {
      this.#others.hear(lines)
      this.#services.forEach((service, name) => {
        service.others = this.#others.get(name) ?? NOWHERE
      })
    },
  }
  readonly #candidates: EndpointTable<NewEndpoint>
  /** New endpoints by the place under which they differ. */
  readonly #siblings: EndpointTable<{ count: number }>
  #lastName = ''
  #lastService: Service | null = null

  /** While the sensor is blind nothing is learnt. */
  #frozen = false

  constructor(options: ShadowOptions) {
    this.#options = options
    this.#others = new Others(options.maxServices, () => new ServiceElsewhere())
    this.#services = new KeyedTable(options.maxServices, (name) =>
      Object.assign(new Service(), { others: this.#others.get(name) ?? NOWHERE }),
    )
    this.#candidates = new EndpointTable(options.maxCandidates, () => new NewEndpoint())
    this.#siblings = new EndpointTable(options.maxCandidates, () => ({ count: 0 }))
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { service: name, endpoint, status } = tx
    if (this.#frozen || name === null || endpoint === null || status === null || status < 200 || status >= 300)
      return null
    const service = this.#serviceOf(name, now)
    if (tx.knownEndpoint) {
      service.match(now, this.#options)
      return null
    }
    const found = this.#candidates.use(name, endpoint)
    if (found.since === 0) this.#meet(found, service, name, endpoint, now)
    return found.done ? null : this.#judge(tx, found, service, name, endpoint, now)
  }

  tick(now: EventTime): void {
    this.#lastService = null
    this.#candidates.tick(now)
    this.#siblings.tick(now)
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen
  }

  sizes() {
    return {
      services: this.#services.occupancy,
      others: this.#others.occupancy,
      candidates: this.#candidates.occupancy,
      places: this.#siblings.occupancy,
    }
  }

  maturity(): number {
    return this.#services.mean(({ settled, early }) =>
      settled ? 1 : Math.min(0.9, early / this.#options.settledRequests),
    )
  }

  *snapshot(): IterableIterator<z.infer<typeof Kept>> {
    this.#lastService = null
    for (const entry of this.#services.entries((service) => service.toState())) yield ['service', entry]
    for (const entry of this.#candidates.entries((found) => found.toState())) yield ['candidate', entry]
    for (const entry of this.#siblings.entries(({ count }) => count)) yield ['place', entry]
  }

  restore(line: unknown): void {
    const [what, kept] = Kept.parse(line)
    switch (what) {
      case 'service':
        this.#restore(kept)
        return
      case 'candidate':
        this.#candidates.restore(kept, NewEndpoint.fromState(NewEndpointState.parse(kept[4])))
        return
      case 'place':
        this.#siblings.restore(kept, { count: amount.parse(kept[4]) })
        return
    }
  }

  #restore(kept: KeyedEntry): void {
    const service = Service.fromState(ServiceState.parse(kept[4]))
    service.others = this.#others.get(kept[1]) ?? NOWHERE
    this.#services.restore(kept, service)
  }

  #serviceOf(name: string, now: EventTime): Service {
    if (this.#lastService === null || name !== this.#lastName) {
      this.#lastName = name
      this.#lastService = this.#services.use(name)
      if (this.#lastService.since === 0) this.#lastService.since = now
    }
    return this.#lastService
  }

  /** What shows before the service has settled was there all along. */
  #meet(found: NewEndpoint, service: Service, name: string, endpoint: string, now: EventTime): void {
    found.since = now
    found.done = !service.settled
    if (found.done) return
    service.news++
    this.#siblings.use(name, placeOf(endpoint)).count++
  }

  #judge(
    tx: Transaction,
    found: NewEndpoint,
    service: Service,
    name: string,
    endpoint: string,
    now: EventTime,
  ): Signal | null {
    if (found.sensitive < this.#options.leastAnswers && ++found.looks > MAX_LOOKS) found.done = true
    if (this.#siblings.use(name, placeOf(endpoint)).count > MAX_SIBLINGS) found.done = true
    if (found.done || !gaveSomething(tx)) return null
    const classes = personalData(tx.responseBody)
    if (classes.length === 0) return null
    for (const each of classes) found.classes.add(each)
    const isStranger = !isAuthenticated(tx.principal) && !showsCredential(tx) && !bodyShowsCredential(tx)
    if (!isStranger && !FORGOTTEN.test(endpoint)) return null
    found.callers.learnOne(hashText(principalKey(tx.principal)))
    found.sensitive++
    if (isStranger) found.toStrangers++
    const pValue = service.noveltyShare
    if (found.sensitive < this.#options.leastAnswers || pValue > this.#options.report) {
      found.trail.add(tx)
      return null
    }
    return shadowSignal(tx, found, pValue, now)
  }
}

/** `GET /v1/pages/about` stands under `GET /v1/pages`. */
function placeOf(endpoint: string): string {
  return endpoint.slice(0, endpoint.lastIndexOf('/'))
}

function shadowSignal(tx: Transaction, found: NewEndpoint, pValue: number, now: EventTime): Signal {
  const classes = [...found.classes]
  const { sensitive, toStrangers } = found
  const severity: Severity = toStrangers > 0 ? severityOfGiven(classes) : 'medium'
  const who =
    toStrangers > 0 ? `${toStrangers} of them to strangers` : 'though its name says that it is not meant to be there'
  return signalOf('inventory.shadow', tx, now, {
    log10P: Math.log10(pValue),
    maturity: 1,
    severity,
    why: `${tx.endpoint} was never seen before and has given ${countText(sensitive, 'answer')} with ${classes.join(', ').replaceAll('_', ' ')}, ${who}; ${percentText(pValue)} of requests here find something new`,
    expected: `${percentText(pValue)} of requests find a new endpoint`,
    observed: `a new endpoint with ${classes.join(', ')}`,
    evidence: {
      sensitive: classes,
      answers: sensitive,
      to_strangers: toStrangers,
      callers: Math.round(found.callers.count),
    },
    subject: endpointSubject(tx),
    outcome: { answered: sensitive, refused: 0, objectsExposed: sensitive, accounts: [], pSuccess: 0.8 },
    evidenceBefore: found.trail.take(),
  })
}

export const inventoryShadow = defineDetector({
  id: 'inventory.shadow',
  title: 'A new endpoint that gives away personal data',
  owasp: ['API9:2023'],
  attack: [],
  describes: {
    detects:
      'An endpoint nobody called before, of a service that is known, whose answers hold personal data or secrets, and that answers strangers or has a name that was not meant to stay (debug, test, internal, old, v0). Other new endpoints are no incident: `offpath routes drift` lists them.',
    statistic:
      'Per service the share of requests that find a new endpoint is the p-value of finding one: a service whose endpoints still come to light opens nothing. Told from leastAnswers answers with sensitive values (e-mail, phone, card, bank account, identity number, password, token), and only of what was answered with 2xx: never of 404.',
    memory:
      'maxServices services; maxCandidates new endpoints, 0.5 KiB each and 2 KiB with evidence. Evictions are counted.',
    warmUp: 'settledHours and settledRequests requests per service; what shows before counts as known.',
    traps:
      'A release with new endpoints that ask for credentials, also in the body, as those to sign in at do; pages of a site under one place (more than eight new ones are no endpoints); HTML; answers without sensitive values. Missed: what was there from the start; secrets that have no look of their own; bodies over 64 KiB, or none where bodies are off; what becomes an established endpoint (five answers, two callers) before leastAnswers sensitive ones.',
    tuning: 'settledHours and settledRequests; leastAnswers.',
  },
  options: Options,
  create: (options) => new InventoryShadow(options),
})
