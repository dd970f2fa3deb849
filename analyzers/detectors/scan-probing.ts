import { z } from 'zod'
import type { Severity, Signal } from '../../daemon/model/signal.ts'
import { type EventTime, MINUTE_US } from '../../daemon/model/time.ts'
import type { Principal, Transaction } from '../../daemon/model/transaction.ts'
import { ADMISSION_DEFAULTS, Admission } from '../baselines/admission.ts'
import { DistinctCounter } from '../baselines/distinct-counter.ts'
import { GuardedRate } from '../baselines/guarded-rate.ts'
import { KeyedTable } from '../baselines/keyed-table.ts'
import { hashText } from '../baselines/lookup-hash.ts'
import { isAuthenticated, networkOf, principalKey, voteKey } from '../baselines/principal-key.ts'
import { SequentialTest } from '../baselines/sequential-test.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { countText, EvidenceTrail, percentText, shownAs, signalOf, spanText } from '../finding.ts'
import { shapeOf } from './path-shape.ts'
import { isInnocent, type SensitivePath, sensitivePath } from './sensitive-paths.ts'

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
  brokenShare: z.number().gt(0).lt(1).default(0.02).describe('the same as a share of the established callers'),
})
type ScanOptions = z.infer<typeof Options>

const WINDOW_US = 15 * MINUTE_US
/** Requests that matched an endpoint before a caller counts as established at a service. */
const ESTABLISHED_HITS = 5
/** Matched requests of a service before 401 and 403 on an unknown path say anything: until then it may just not be known yet. */
const INVENTORY_HITS = 200
const MAX_SERVICES_PER_CALLER = 4
const MAX_MISSED = 64
const BROKEN_NETWORKS = 3
const MATURE_VOTES = 30

/** One caller at one service. */
class Caller {
  readonly service: string
  readonly walk = new SequentialTest()
  readonly trail = new EvidenceTrail()
  /** Shapes of the missing paths that counted, with the evidence each brought. */
  missed: number[] = []
  gains: number[] = []
  names: string[] = []
  sensitive = 0
  answeredSensitive = 0
  answered = 0
  refused = 0
  since: EventTime = 0
  signalled = false
  matched = 0
  lastMatch: string | null = null
  lastHitAt: EventTime = 0
  windowHits = 0
  windowMisses = 0

  constructor(service: string) {
    this.service = service
  }

  forget(): void {
    this.missed = []
    this.gains = []
    this.names = []
    this.sensitive = 0
    this.answeredSensitive = 0
    this.answered = 0
    this.refused = 0
    this.signalled = false
    this.trail.take()
  }
}

class CallerState {
  principal: Principal | null = null
  readonly services: Caller[] = []
}

interface MissingPath {
  readonly callers: DistinctCounter
  readonly networks: string[]
}

/** What a service's callers do, and what its catch-all answers look like. */
class Service {
  readonly anonymous = new GuardedRate(1, 19, 0.4)
  readonly authenticated = new GuardedRate(1, 29, 0.4)
  readonly established = new DistinctCounter()
  readonly missing: KeyedTable<MissingPath>
  matched = 0
  /** Sizes of 2xx answers to unknown paths: a page served for everything has one size. */
  readonly #catchAll: { size: number; shape: number; shapes: number }[] = []

  constructor(maxMissingPaths: number) {
    this.missing = new KeyedTable<MissingPath>(maxMissingPaths, () => ({
      callers: new DistinctCounter(),
      networks: [],
    }))
  }

  noteAnswer(size: number, shape: number): void {
    for (const seen of this.#catchAll) {
      if (seen.size !== size) continue
      if (seen.shape !== shape) seen.shapes++
      return
    }
    if (this.#catchAll.length >= 16) this.#catchAll.shift()
    this.#catchAll.push({ size, shape, shapes: 1 })
  }

  isCatchAll(size: number, shape: number): boolean {
    return this.#catchAll.some((seen) => seen.size === size && (seen.shapes > 1 || seen.shape !== shape))
  }
}

interface WindowSummary {
  readonly service: string
  readonly authenticated: boolean
  readonly hits: number
  readonly misses: number
}

class ScanProbing implements Detector {
  readonly #options: ScanOptions
  readonly #halfLifeUs: number
  readonly #reportEvidence: number
  readonly #callers: KeyedTable<CallerState>
  readonly #services: KeyedTable<Service>
  readonly #admission: Admission<WindowSummary>
  readonly #shown = new Map<string, string>()
  #window = 0
  #lastName = ''
  #lastService: Service | null = null

  constructor(options: ScanOptions) {
    this.#options = options
    this.#halfLifeUs = options.halfLifeMinutes * MINUTE_US
    this.#reportEvidence = -Math.log(options.report)
    this.#callers = new KeyedTable(options.maxCallers, () => new CallerState())
    this.#services = new KeyedTable(options.maxServices, () => new Service(options.maxMissingPaths))
    this.#admission = new Admission(ADMISSION_DEFAULTS, (summary, weight, now) => this.#learn(summary, weight, now))
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { service: name, path, status } = tx
    if (name === null || path === null || status === null || tx.method === 'OPTIONS') return null
    const service = this.#serviceOf(name)
    const caller = this.#callerAt(tx.principal, name)
    if (tx.knownEndpoint) {
      service.matched++
      if (path === '/' && status < 300) service.noteAnswer(tx.responseBodyBytes, 0)
      this.#matched(tx, caller, service, tx.endpoint, now)
      return null
    }
    if (isInnocent(path)) return null
    const sensitive = sensitivePath(path)
    const shape = shapeOf(path)
    if (status < 400) return this.#unknownAnswered(tx, caller, service, sensitive, shape, now)
    if (!isMiss(status, sensitive, service)) return null
    return this.#missed(tx, caller, service, sensitive, shape, false, now)
  }

  tick(now: EventTime): void {
    this.#lastService = null
    this.#admission.release(now)
    const window = Math.floor(now / WINDOW_US)
    if (window === this.#window) return
    this.#window = window
    this.#callers.forEach((state) => {
      for (const caller of state.services) this.#closeWindow(state, caller, now)
    })
  }

  suspect(subject: { readonly kind: string; readonly value: string }, open: boolean, now: EventTime): void {
    const text = `${subject.kind}:${subject.value}`
    this.#admission.suspect(this.#shown.get(text) ?? subject.value, open, now)
  }

  sizes() {
    return {
      callers: { entries: this.#callers.size, limit: this.#callers.limit, evicted: this.#callers.evicted },
      services: { entries: this.#services.size, limit: this.#services.limit, evicted: this.#services.evicted },
      quarantine: {
        entries: this.#admission.held,
        limit: ADMISSION_DEFAULTS.maxHeld,
        evicted: this.#admission.evicted,
      },
    }
  }

  maturity(): number {
    let sum = 0
    let count = 0
    this.#services.forEach((service) => {
      sum += maturityOf(service)
      count++
    })
    return count === 0 ? 0 : sum / count
  }

  /** Most traffic goes to the service it went to before; the tick ends the shortcut, so that eviction goes on as it should. */
  #serviceOf(name: string): Service {
    if (this.#lastService === null || name !== this.#lastName) {
      this.#lastName = name
      this.#lastService = this.#services.use(name)
    }
    return this.#lastService
  }

  #callerAt(principal: Principal, service: string): Caller {
    const state = this.#callers.use(principalKey(principal))
    state.principal = principal
    const held = state.services
    for (let i = 0; i < held.length; i++) if (held[i]!.service === service) return held[i]!
    if (held.length >= MAX_SERVICES_PER_CALLER) held.shift()
    const caller = new Caller(service)
    held.push(caller)
    return caller
  }

  /** A request that found an endpoint: evidence for an ordinary caller, but the same one over and over counts once a minute. */
  #matched(tx: Transaction, caller: Caller, service: Service, what: string | null, now: EventTime): void {
    if (++caller.matched === ESTABLISHED_HITS) service.established.add(hashText(principalKey(tx.principal)))
    if (what === caller.lastMatch && now - caller.lastHitAt < MINUTE_US) return
    caller.lastMatch = what
    caller.lastHitAt = now
    caller.windowHits++
    if (caller.walk.evidence <= 0) return
    const usual = this.#usual(tx.principal, service)
    const { alpha, beta } = usual
    if (caller.walk.observe(false, now, alpha, beta, this.#options.attackRate, this.#halfLifeUs) === 0) caller.forget()
  }

  #unknownAnswered(
    tx: Transaction,
    caller: Caller,
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
      this.#matched(tx, caller, service, tx.path, now)
      return null
    }
    const leaked = tx.status! < 300 && sensitive.secret && size > 0 && !catchAll
    // Not known yet, answered, and no secret in itself: it may be somebody's real log-in page.
    if (!leaked && !catchAll) return null
    return this.#missed(tx, caller, service, sensitive, shape, leaked, now)
  }

  #missed(
    tx: Transaction,
    caller: Caller,
    service: Service,
    sensitive: SensitivePath | null,
    shape: number,
    leaked: boolean,
    now: EventTime,
  ): Signal | null {
    const { walk } = caller
    const repeated = caller.missed.includes(shape)
    if (repeated && !leaked) {
      if (!caller.signalled) return null
      caller.refused++
      caller.trail.add(tx)
      return null
    }
    if (this.#isBroken(tx.principal, tx.forwarded[0] ?? tx.clientIp, caller, service, shape) && sensitive === null)
      return null
    caller.windowMisses++
    const usual = this.#usual(tx.principal, service)
    if (caller.missed.length === 0) caller.since = now
    const before = walk.evidence
    const { alpha, beta } = usual
    walk.observe(true, now, alpha, beta, this.#options.attackRate, this.#halfLifeUs)
    if (sensitive !== null) {
      walk.evidence += leaked ? 2 * sensitive.weight : sensitive.weight
      caller.sensitive++
    }
    if (caller.missed.length >= MAX_MISSED) {
      caller.missed.shift()
      caller.gains.shift()
    }
    caller.missed.push(shape)
    caller.gains.push(sensitive === null ? walk.evidence - before : 0)
    if (caller.names.length < 5 || (sensitive !== null && caller.names.length < 10))
      caller.names.push(tx.path!.slice(0, 80))
    if (leaked) {
      caller.answeredSensitive++
      caller.answered++
    } else caller.refused++
    if (walk.evidence < this.#reportEvidence) {
      caller.trail.add(tx)
      return null
    }
    if (!caller.signalled && !this.#standsWithoutBroken(caller, service)) {
      caller.trail.add(tx)
      return null
    }
    return this.#signal(tx, caller, service, usual.mean, now)
  }

  #signal(tx: Transaction, caller: Caller, service: Service, usual: number, now: EventTime): Signal {
    caller.signalled = true
    const key = principalKey(tx.principal)
    const shown = shownAs(tx.principal)
    if (this.#shown.size >= 4096) this.#shown.clear()
    this.#shown.set(`${tx.principal.kind}:${shown}`, key)
    const tried = Math.max(caller.missed.length, Math.round(caller.walk.hits))
    const total = caller.walk.hits + caller.walk.misses
    const leaked = caller.answeredSensitive
    const severity: Severity = leaked > 0 ? 'high' : 'low'
    const outcomeText =
      leaked > 0 ? `, ${countText(leaked, 'sensitive file')} answered` : ', every one refused or not found'
    const sensitiveText =
      caller.sensitive > 0
        ? ` (${caller.sensitive} of them known targets such as ${caller.names.find((name) => sensitivePath(name) !== null) ?? caller.names[0]})`
        : ''
    return signalOf('scan.probing', tx, now, {
      log10P: caller.walk.log10P,
      maturity: maturityOf(service),
      severity,
      why: `${countText(tried, 'different missing path')}${sensitiveText} asked for in ${spanText(now - caller.since)}${outcomeText}; usual callers miss ${percentText(usual)} of the time`,
      expected: `${percentText(usual)} of requests miss`,
      observed: `${tried} distinct missing paths, ${percentText(total === 0 ? 1 : caller.walk.hits / total)} of counted requests`,
      evidence: {
        distinct_missing_paths: tried,
        sensitive_paths: caller.sensitive,
        sensitive_answered: leaked,
        examples: caller.names.slice(0, 10),
        log_likelihood_ratio: Number(caller.walk.evidence.toFixed(2)),
      },
      subject: { kind: tx.principal.kind, value: tx.principal.id },
      outcome: {
        answered: caller.answered,
        refused: caller.refused,
        objectsExposed: leaked,
        accounts: [],
        pSuccess: leaked > 0 ? 0.9 : 0.02,
      },
      evidenceBefore: caller.trail.take(),
    })
  }

  #usual(principal: Principal, service: Service): GuardedRate {
    return isAuthenticated(principal) ? service.authenticated : service.anonymous
  }

  /** A path many established callers from several networks ask for and do not get: a removed route or a broken release. */
  #isBroken(principal: Principal, address: string, caller: Caller, service: Service, shape: number): boolean {
    const key = String(shape)
    // Only established callers make an entry, so that a scanner's paths do not push out the ones worth watching.
    if (caller.matched < ESTABLISHED_HITS) {
      const known = service.missing.peek(key)
      return known !== undefined && this.#crowded(known, service)
    }
    const missing = service.missing.use(key)
    missing.callers.add(hashText(principalKey(principal)))
    if (missing.networks.length < BROKEN_NETWORKS) {
      const network = networkOf(address)
      if (!missing.networks.includes(network)) missing.networks.push(network)
    }
    return this.#crowded(missing, service)
  }

  #crowded(missing: MissingPath, service: Service): boolean {
    const needed = Math.max(this.#options.brokenCallers, this.#options.brokenShare * service.established.count)
    return missing.callers.count >= needed && missing.networks.length >= BROKEN_NETWORKS
  }

  /** Before the first signal: paths that have meanwhile turned out to be everyone's leave the walk. */
  #standsWithoutBroken(caller: Caller, service: Service): boolean {
    for (let i = 0; i < caller.missed.length; i++) {
      if (caller.gains[i]! <= 0) continue
      const missing = service.missing.peek(String(caller.missed[i]!))
      if (missing === undefined || !this.#crowded(missing, service)) continue
      caller.walk.withdraw(caller.gains[i]!)
      caller.gains[i] = 0
    }
    return caller.walk.evidence >= this.#reportEvidence
  }

  #closeWindow(state: CallerState, caller: Caller, now: EventTime): void {
    const { windowHits: hits, windowMisses: misses } = caller
    caller.windowHits = 0
    caller.windowMisses = 0
    if (hits + misses < 3 || state.principal === null || caller.signalled) return
    const key = principalKey(state.principal)
    if (this.#admission.isSuspect(key, now)) return
    const service = this.#services.peek(caller.service)
    if (service === undefined) return
    const summary = { service: caller.service, authenticated: isAuthenticated(state.principal), hits, misses }
    this.#admission.offer(key, voteKey(state.principal), summary, maturityOf(service) >= 1, now)
  }

  #learn(summary: WindowSummary, weight: number, now: EventTime): void {
    const service = this.#services.peek(summary.service)
    if (service === undefined) return
    const model = summary.authenticated ? service.authenticated : service.anonymous
    model.learnOne(summary.misses, summary.hits + summary.misses, weight, now)
  }
}

function maturityOf(service: Service): number {
  return (
    Math.min(1, (service.anonymous.voters + service.authenticated.voters) / MATURE_VOTES) *
    Math.min(1, service.matched / INVENTORY_HITS)
  )
}

/** Refusals of an unknown path. 401 and 403 only once the inventory can be trusted; 429 and 5xx say nothing about the path. */
function isMiss(status: number, sensitive: SensitivePath | null, service: Service): boolean {
  if (status === 404 || status === 405 || status === 410 || status === 400 || status === 501) return true
  if (status !== 401 && status !== 403) return false
  return sensitive !== null || service.matched >= INVENTORY_HITS
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
      'A sequential test per caller and service on distinct missing paths (repeats, and ids within one path, count once) against requests that matched an endpoint (the same one once a minute). H0: the miss rate of this kind of caller (signed in or not) at this service, a beta-binomial learnt from admitted traffic over a shipped prior of 1 in 20 (1 in 30 signed in), capped at 0.4. H1: 0.8. Known targets such as /.env carry extra weight.',
    memory:
      'maxCallers callers x 4 services, about 300 B each and more only for callers with misses; maxServices services with maxMissingPaths watched paths each. Newcomers push out newcomers, never busy callers; evictions are counted.',
    warmUp:
      'Works from the first request on the shipped prior. 401 and 403 on an unknown path count only after 200 requests of the service matched an endpoint.',
    traps:
      'A release that calls a removed route: a path missed by max(10, 2 %) of the established callers from 3 networks leaves every walk, except known targets. Repeats of one dead link, deleted objects under one path, favicon and friends, a single-page application that answers 200 to everything.',
    tuning:
      "report lowers or raises what becomes a signal; brokenCallers and brokenShare say when a missing path is everybody's. Not an address list: a caller behind a shared address without an account is judged as that address.",
  },
  options: Options,
  create: (options) => new ScanProbing(options),
})
