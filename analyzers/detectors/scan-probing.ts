import { z } from 'zod'
import type { Signal } from '../../daemon/model/signal.ts'
import { type EventTime, MINUTE_US } from '../../daemon/model/time.ts'
import { callerAddress, type Transaction } from '../../daemon/model/transaction.ts'
import { ADMISSION_DEFAULTS, Admission, AdmissionState } from '../baselines/admission.ts'
import { CallerIndex } from '../baselines/caller-index.ts'
import { KeyedEntry, KeyedTable } from '../baselines/keyed-table.ts'
import { hashText } from '../baselines/lookup-hash.ts'
import { isAuthenticated } from '../baselines/principal-key.ts'
import { amount, flag, text } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { showsCredential } from './access/credentials-shown.ts'
import { Caller, CallerState, type Miss, type Visit } from './scan-probing/caller.ts'
import { probingSignal } from './scan-probing/finding.ts'
import { shapeOf } from './scan-probing/path-shape.ts'
import { isInnocent, type SensitivePath, sensitivePath } from './scan-probing/sensitive-paths.ts'
import { Service, ServiceState } from './scan-probing/service.ts'

const Options = z.strictObject({
  report: z.number().gt(0).lt(1).default(1e-3).describe('p-value from which a walk is a signal'),
  attackRate: z.number().gt(0.5).lt(1).default(0.8).describe('share of misses of a scanner (H1)'),
  halfLifeMinutes: z.number().positive().default(360).describe('how fast evidence fades'),
  maxCallers: z.int().min(16).default(50_000).describe('callers with state'),
  maxServices: z.int().min(1).default(256).describe('services with a miss rate of their own'),
  maxMissingPaths: z
    .int()
    .min(16)
    .default(4096)
    .describe('missing paths watched per service for the broken-client guard'),
  brokenCallers: z.int().min(2).default(10).describe('established callers that make a missing path a broken client'),
  handful: z
    .int()
    .min(1)
    .default(8)
    .describe(
      'different missing paths up to which a caller who shows a credential, or misses what many miss, has a broken client',
    ),
  brokenShare: z.number().gt(0).lt(1).default(0.02).describe('the same as a share of the established callers'),
})
type ScanOptions = z.infer<typeof Options>

const WINDOW_US = 15 * MINUTE_US
/** Requests in a window below which a caller's miss rate says nothing. */
const LEAST_REQUESTS = 3
/** Requests that matched an endpoint before a caller counts as established at a service. */
const ESTABLISHED_HITS = 5

interface WindowSummary {
  readonly service: string
  readonly authenticated: boolean
  readonly hits: number
  readonly misses: number
}

const SummaryState = z.tuple([text, flag, amount, amount])
const Kept = z.union([
  z.tuple([z.literal('window'), amount]),
  z.tuple([z.literal('caller'), KeyedEntry]),
  z.tuple([z.literal('service'), KeyedEntry]),
  z.tuple([z.literal('missing'), text, KeyedEntry]),
  z.tuple([z.literal('admission'), AdmissionState]),
])

class ScanProbing implements Detector {
  readonly stateVersion = 2
  readonly #options: ScanOptions
  readonly #attackRate: number
  readonly #halfLifeUs: number
  readonly #report: number
  readonly #index: CallerIndex
  readonly #callers: KeyedTable<Caller>
  readonly #services: KeyedTable<Service>
  readonly #admission: Admission<WindowSummary, z.infer<typeof SummaryState>>
  #window = 0
  #lastName = ''
  #lastService: Service | null = null

  constructor(options: ScanOptions, callers = new CallerIndex()) {
    this.#index = callers
    this.#options = options
    this.#attackRate = options.attackRate
    this.#halfLifeUs = options.halfLifeMinutes * MINUTE_US
    this.#report = -Math.log(options.report)
    this.#callers = new KeyedTable(options.maxCallers, () => new Caller(), callers)
    this.#services = new KeyedTable(options.maxServices, () => new Service(options))
    this.#admission = new Admission(
      ADMISSION_DEFAULTS,
      ({ service, authenticated, hits, misses }, weight, now) => {
        this.#services
          .peek(service)
          ?.usual(authenticated)
          .learnOne(misses, hits + misses, weight, now)
      },
      {
        schema: SummaryState,
        toState: ({ service, authenticated, hits, misses }) => [service, authenticated, hits, misses],
        fromState: ([service, authenticated, hits, misses]) => ({ service, authenticated, hits, misses }),
      },
    )
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { service: name, path, status } = tx
    if (name === null || path === null || status === null || tx.method === 'OPTIONS') return null
    const service = this.#serviceOf(name)
    const row = this.#index.of(tx.principal)
    const caller = this.#callers.useOf(row)
    if (caller.principal !== tx.principal) caller.identify(tx.principal, row)
    const visit = caller.at(name)
    if (tx.knownEndpoint) {
      service.matched++
      if (path === '/' && status < 300) service.noteAnswer(tx.responseBodyBytes, 0)
      this.#matched(tx, visit, service, tx.endpoint, now)
      return null
    }
    if (isInnocent(path)) return null
    const sensitive = sensitivePath(path)
    const shape = shapeOf(path)
    if (status < 400) return this.#answered(tx, visit, service, sensitive, shape, now)
    if (!service.isMiss(status, sensitive !== null)) return null
    return this.#missed(tx, visit, service, { shape, sensitive, leaked: false }, now)
  }

  tick(now: EventTime): void {
    this.#lastService = null
    this.#admission.release(now)
    const window = Math.floor(now / WINDOW_US)
    if (window === this.#window) return
    this.#window = window
    this.#callers.forEach((caller) => {
      for (const visit of caller.visits) this.#closeWindow(caller, visit, now)
    })
  }

  suspect(caller: string, open: boolean, now: EventTime): void {
    this.#admission.suspect(caller, open, now)
  }

  pardon(caller: string, now: EventTime): void {
    this.#admission.pardon(caller, now)
  }

  freeze(frozen: boolean, now: EventTime): void {
    this.#admission.freeze(frozen, now)
  }

  sizes() {
    return {
      callers: this.#callers.occupancy,
      services: this.#services.occupancy,
      quarantine: this.#admission.occupancy,
    }
  }

  maturity(): number {
    return this.#services.mean((service) => service.maturity)
  }

  *snapshot(): IterableIterator<z.infer<typeof Kept>> {
    yield ['window', this.#window]
    for (const entry of this.#callers.entries((caller) => caller.toState())) yield ['caller', entry]
    const services: [string, Service][] = []
    for (const entry of this.#services.entries((service) => service)) {
      const service = entry[4] as Service
      services.push([entry[1], service])
      yield ['service', [entry[0], entry[1], entry[2], entry[3], service.toState()]]
    }
    for (const [name, service] of services) for (const entry of service.missing()) yield ['missing', name, entry]
    for (const state of this.#admission.snapshot()) yield ['admission', state]
  }

  restore(line: unknown): void {
    const kept = Kept.parse(line)
    switch (kept[0]) {
      case 'window':
        this.#window = kept[1]
        return
      case 'caller':
        this.#callers.restore(kept[1], Caller.fromState(CallerState.parse(kept[1][4])))
        return
      case 'service':
        this.#services.restore(kept[1], Service.fromState(ServiceState.parse(kept[1][4]), this.#options))
        return
      case 'missing':
        this.#services.peek(kept[1])?.restoreMissing(kept[2])
        return
      case 'admission':
        this.#admission.restore(kept[1])
        return
    }
  }

  /** Most traffic goes to the service it went to before; the tick ends the shortcut, so that eviction goes on as it should. */
  #serviceOf(name: string): Service {
    if (this.#lastService === null || name !== this.#lastName) {
      this.#lastName = name
      this.#lastService = this.#services.use(name)
    }
    return this.#lastService
  }

  /** A request that found an endpoint: evidence for an ordinary caller, but the same one over and over counts once a minute. */
  #matched(tx: Transaction, visit: Visit, service: Service, what: string | number | null, now: EventTime): void {
    if (++visit.matched === ESTABLISHED_HITS) service.establish(tx.principal)
    if (what === visit.lastMatch && now - visit.lastHitAt < MINUTE_US) return
    visit.lastMatch = what
    visit.lastHitAt = now
    visit.windowHits++
    if (!visit.isWalking || visit.hasMatched(what, now)) return
    const { alpha, beta } = service.usualFor(tx.principal)
    if (visit.walk.learnOne(false, now, alpha, beta, this.#attackRate, this.#halfLifeUs) === 0) visit.forget()
  }

  /** A path that is in no inventory, and was answered. */
  #answered(
    tx: Transaction,
    visit: Visit,
    service: Service,
    sensitive: SensitivePath | null,
    shape: number,
    now: EventTime,
  ): Signal | null {
    const size = tx.responseBodyBytes
    const catchAll = service.isCatchAll(size, shape)
    if (tx.status! < 300) service.noteAnswer(size, shape)
    if (sensitive === null) {
      // Not in the inventory yet, but there: as good as a match, or a first visit to a large site would look like a scan.
      this.#matched(tx, visit, service, hashText(tx.path!), now)
      return null
    }
    const leaked = tx.status! < 300 && sensitive.secret && size > 0 && !catchAll
    // Not known yet, answered, and no secret in itself: it may be somebody's real log-in page.
    if (!leaked && !catchAll) return null
    return this.#missed(tx, visit, service, { shape, sensitive, leaked }, now)
  }

  #missed(tx: Transaction, visit: Visit, service: Service, miss: Miss, now: EventTime): Signal | null {
    const { shape, sensitive, leaked } = miss
    const { handful } = this.#options
    if (visit.hasMissed(shape) && !leaked) {
      if (!visit.signalled) return null
      visit.refused++
      visit.trail.add(tx)
      return null
    }
    if (visit.matched >= ESTABLISHED_HITS) service.noteMissing(tx.principal, callerAddress(tx), shape)
    else if (visit.missed < handful) service.noteStranger(tx.principal, callerAddress(tx), shape)
    if (sensitive === null && service.isBroken(shape)) return null
    if (sensitive === null && visit.missed < handful && service.isStrangers(shape)) {
      // It counts towards the handful, so that a list which many sources share is seen by its length.
      visit.note(tx, miss, 0, now)
      return null
    }
    visit.windowMisses++
    const usual = service.usualFor(tx.principal)
    const { walk } = visit
    const before = walk.evidence
    const after = walk.learnOne(true, now, usual.alpha, usual.beta, this.#attackRate, this.#halfLifeUs)
    if (sensitive !== null) {
      visit.addTarget(leaked ? 2 * sensitive.weight : sensitive.weight, now, this.#halfLifeUs)
    }
    visit.note(tx, miss, after - before, now)
    const targets = visit.targets(now, this.#halfLifeUs)
    if (walk.evidence + targets >= this.#report && !visit.signalled) visit.withdraw((each) => service.isBroken(each))
    const evidence = walk.evidence + targets
    const isHandful = visit.missed <= handful && visit.sensitive === 0
    if (evidence < this.#report || (isHandful && (isAuthenticated(tx.principal) || showsCredential(tx)))) {
      visit.trail.add(tx)
      return null
    }
    visit.signalled = true
    return probingSignal(tx, visit, service, evidence, usual.mean, now)
  }

  #closeWindow({ principal, key, voter }: Caller, visit: Visit, now: EventTime): void {
    const { windowHits: hits, windowMisses: misses } = visit
    visit.windowHits = 0
    visit.windowMisses = 0
    if (hits + misses < LEAST_REQUESTS || principal === null || visit.signalled) return
    const service = this.#services.peek(visit.service)
    if (service === undefined || this.#admission.isSuspect(key, now)) return
    const summary = { service: visit.service, authenticated: isAuthenticated(principal), hits, misses }
    this.#admission.offer(key, voter, summary, service.maturity >= 1, now)
  }
}

export const scanProbing = defineDetector({
  id: 'scan.probing',
  title: 'Probing for paths that do not exist',
  owasp: ['API8:2023'],
  attack: ['T1595.003'],
  describes: {
    detects:
      'A caller trying paths that match no known endpoint of the service: a scanner, a word list, a hunt for forgotten files.',
    statistic:
      'A sequential test per caller and service on distinct missing paths (repeats, and ids within one path, count once) against requests that matched an endpoint (each of the last eight once a minute). H0: the miss rate of this kind of caller (signed in or not) at this service, a beta-binomial learnt from admitted traffic over a shipped prior of 1 in 20 (1 in 30 signed in), capped at 0.4. H1: 0.8. Known targets such as /.env carry extra weight that no good conduct outweighs; all evidence halves in six hours.',
    memory:
      'maxCallers callers x 4 services, about 300 B each and more only for callers with misses; maxServices services with maxMissingPaths watched paths each. Newcomers push out newcomers, never busy callers; evictions are counted.',
    warmUp:
      'Works from the first request on the shipped prior. 401 and 403 on an unknown path count only after 200 requests of the service matched an endpoint.',
    traps:
      'A release that calls a removed route: a path missed by max(10, 2 %) of the established callers from 3 networks leaves every walk, except known targets; before they are so many, and where nobody is established, callers who show a credential, accepted or not, are left alone up to a handful of paths (8), and so is who misses up to a handful that 10 strangers from 5 networks missed, too. Repeats of one dead link, deleted objects under one path, favicon and friends, a single-page application that answers 200 to everything, link checkers. Missed: fewer than five or six ordinary missing paths; word lists at reading speed between many different good pages (one miss in fifty, seconds apart); probing for paths that exist; a handful of paths from each of many sources with a made-up credential, or the same handful from each of many; a service that is first seen while it is broken looks like one whose callers all probe.',
    tuning:
      "report lowers or raises what becomes a signal; brokenCallers and brokenShare say when a missing path is everybody's. Not an address list: a caller behind a shared address without an account is judged as that address.",
  },
  options: Options,
  create: (options, _, callers) => new ScanProbing(options, callers),
})
