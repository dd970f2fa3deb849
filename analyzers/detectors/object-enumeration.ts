import { z } from 'zod'
import type { SharedLearning } from '../../daemon/model/learning.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import { type EventTime, HOUR_US, MINUTE_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { type BaselineDrift, NotedDrifts, NotedDriftsState } from '../baseline-drift.ts'
import { ADMISSION_DEFAULTS, Admission, AdmissionState } from '../baselines/admission.ts'
import { CallerIndex } from '../baselines/caller-index.ts'
import { FirstTouch, FirstTouchState } from '../baselines/first-touch.ts'
import { KeyedEntry, KeyedTable } from '../baselines/keyed-table.ts'
import { hashText } from '../baselines/lookup-hash.ts'
import { Others } from '../baselines/others.ts'
import { NO_ROW } from '../baselines/place-rows.ts'
import type { Places } from '../baselines/places.ts'
import { amount, hash32, text } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { spanText } from '../finding.ts'
import { Caller, CallerState } from './object-enumeration/caller.ts'
import { EndpointPopulation, PopulationElsewhere, PopulationState } from './object-enumeration/endpoint-population.ts'
import { walkOn, weigh } from './object-enumeration/evidence.ts'
import { reachSignal } from './object-enumeration/finding.ts'
import { Reach, type Scale, type WindowSummary } from './object-enumeration/reach.ts'
import {
  ANSWERED,
  DENIED,
  FOREIGN,
  FOREIGN_ANSWERED,
  KNOWN,
  MISSING,
  NEIGHBOURS,
  ReachColumns,
  SIGNALLED,
} from './object-enumeration/reach-columns.ts'

const Options = z.strictObject({
  report: z.number().gt(0).lt(1).default(1e-3).describe('combined p-value from which a reach is a signal'),
  shortMinutes: z.number().positive().default(10).describe('short window for the population tail'),
  longHours: z.number().positive().default(6).describe('long window; also how long an id counts once'),
  maxCallers: z.int().min(16).default(50_000).describe('callers with state'),
  maxEndpoints: z.int().min(1).default(4096).describe('endpoints with a population of their own'),
  matureVotes: z.int().min(1).default(20).describe('votes before an endpoint has a population'),
  firstTouchPlaces: z.int().min(64).default(262_144).describe('objects whose first caller is remembered'),
})
type EnumerationOptions = z.infer<typeof Options>

/** Distinct ids before anything is judged. Fewer are what anybody looks at in a minute, whatever the odds say. */
const LEAST_IDS = 8

/** Scale, endpoint, cohort, answered, trials, refused, neighbours, foreign, foreign and answered, known. */
const SummaryState = z.tuple([
  z.enum(['short', 'long']),
  text,
  text,
  amount,
  amount,
  amount,
  amount,
  amount,
  amount,
  amount,
])
const Kept = z.union([
  z.tuple([z.literal('windows'), hash32, amount, amount]),
  z.tuple([z.literal('caller'), KeyedEntry]),
  z.tuple([z.literal('endpoint'), KeyedEntry]),
  z.tuple([z.literal('touch'), FirstTouchState]),
  z.tuple([z.literal('admission'), AdmissionState]),
  z.tuple([z.literal('drifts'), amount, NotedDriftsState]),
])

class ObjectEnumeration implements Detector {
  readonly stateVersion = 2
  readonly #shortUs: number
  readonly #matureVotes: number
  readonly #longUs: number
  readonly #report: number
  readonly #index: CallerIndex
  readonly #columns = new ReachColumns()
  readonly #callers: KeyedTable<Caller>
  /** The one at hand, and the one that learns meanwhile. */
  readonly #reach = new Reach(this.#columns)
  readonly #learning = new Reach(this.#columns)
  readonly #endpoints: KeyedTable<EndpointPopulation>
  readonly #others: Others<PopulationElsewhere>
  readonly shared: SharedLearning = {
    version: 1,
    tell: () => this.#endpoints.states((endpoint) => endpoint.told()),
    hear: (lines) => {
      this.#others.hear(lines)
      this.#endpoints.forEach((endpoint, key) => {
        endpoint.hear(this.#others.get(key))
      })
    },
  }
  readonly #admission: Admission<WindowSummary, z.infer<typeof SummaryState>>
  readonly #firstTouch: FirstTouch
  readonly #places: Places
  readonly #drifts = new NotedDrifts('object.enumeration')
  /** When populations were last asked whether they drift. */
  #driftHour = 0
  #scopes = 0
  #shortWindow = 0
  #longWindow = 0

  constructor(options: EnumerationOptions, callers = new CallerIndex()) {
    this.#index = callers
    this.#shortUs = options.shortMinutes * MINUTE_US
    this.#matureVotes = options.matureVotes
    this.#longUs = options.longHours * HOUR_US
    this.#report = -Math.log(options.report)
    this.#callers = new KeyedTable<Caller>(options.maxCallers, () => new Caller(), callers, this.#columns)
    this.#others = new Others(options.maxEndpoints, () => new PopulationElsewhere())
    const newPopulation = (key: string) => {
      const population = new EndpointPopulation(key, ++this.#scopes, options.matureVotes)
      population.hear(this.#others.get(key))
      return population
    }
    this.#endpoints = new KeyedTable(options.maxEndpoints, newPopulation, callers.places)
    this.#admission = new Admission(
      ADMISSION_DEFAULTS,
      (summary, weight, now, caller) => {
        const endpoint = this.#endpoints.peek(summary.endpoint)
        if (endpoint === undefined) return
        endpoint.learnOne(summary, weight, now)
        const known = this.#callers.peek(caller)
        const row = known === undefined ? NO_ROW : this.#columns.find(known, summary.endpoint)
        if (row === NO_ROW) return
        const reach = this.#learning.at(row)
        if (summary.known > 0 && reach.own.known === 0) endpoint.learnOwners(summary, now)
        reach.learnOwn(summary, now)
      },
      { schema: SummaryState, toState: summaryState, fromState: summaryFrom },
    )
    this.#firstTouch = new FirstTouch(options.firstTouchPlaces)
    this.#places = callers.places
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { status, objectIds } = tx
    if (tx.endpoint === null || objectIds.length === 0 || status === null || !isAboutObject(status)) return null
    const row = this.#index.of(tx.principal)
    const caller = this.#callers.useOf(row)
    caller.identify(tx, row)
    const reach = this.#reach.at(this.#columns.rowOf(caller, this.#places.of(tx.service ?? '', tx.endpoint)))
    const id = objectIds.length === 1 ? hashText(objectIds[0]!) : hashText(objectIds.join('/'))
    const grown = reach.see(id, status < 400)
    if (grown > 0) return this.#reached(tx, caller, reach, id, grown, now)
    // An id counted before is no evidence, but part of the attack's trail.
    if (reach.signalled) reach.addEvidence(tx)
    return null
  }

  tick(now: EventTime): void {
    this.#admission.release(now)
    const shortWindow = Math.floor(now / this.#shortUs)
    if (shortWindow === this.#shortWindow) return
    this.#shortWindow = shortWindow
    const longWindow = Math.floor(now / this.#longUs)
    const closeLong = longWindow !== this.#longWindow
    this.#longWindow = longWindow
    this.#callers.forEach((caller) => {
      for (let row = caller.first; row !== NO_ROW; row = this.#columns.next(row)) {
        const reach = this.#reach.at(row)
        if (closeLong || !reach.idle) this.#closeWindows(caller, reach, closeLong, now)
      }
    })
  }

  suspect(caller: string, open: boolean, now: EventTime): void {
    this.#admission.suspect(caller, open, now)
    if (!open) this.#judgeAnew(caller)
  }

  pardon(caller: string, now: EventTime): void {
    this.#admission.pardon(caller, now)
    this.#judgeAnew(caller)
  }

  takeDrifts(now: EventTime): readonly BaselineDrift[] {
    const hour = Math.floor(now / HOUR_US)
    if (hour !== this.#driftHour) {
      this.#driftHour = hour
      this.#endpoints.forEach(({ everyone }, key) => {
        this.#drifts.noteAll(key, this.#whatOf('short'), everyone.short, now)
        this.#drifts.noteAll(key, this.#whatOf('long'), everyone.long, now)
      })
    }
    return this.#drifts.take()
  }

  freeze(frozen: boolean, now: EventTime): void {
    this.#admission.freeze(frozen, now)
  }

  sizes() {
    return {
      callers: this.#callers.occupancy,
      endpoints: this.#endpoints.occupancy,
      others: this.#others.occupancy,
      first_touch: this.#firstTouch.occupancy,
      quarantine: this.#admission.occupancy,
    }
  }

  maturity(): number {
    return this.#endpoints.mean((endpoint) => endpoint.maturity)
  }

  *snapshot(): IterableIterator<z.infer<typeof Kept>> {
    yield ['windows', this.#scopes, this.#shortWindow, this.#longWindow]
    for (const entry of this.#callers.entries((caller) => caller.toState(this.#columns))) yield ['caller', entry]
    for (const entry of this.#endpoints.entries((endpoint) => endpoint.toState())) yield ['endpoint', entry]
    for (const part of this.#firstTouch.parts()) yield ['touch', part]
    for (const state of this.#admission.snapshot()) yield ['admission', state]
    yield ['drifts', this.#driftHour, this.#drifts.toState()]
  }

  restore(line: unknown): void {
    const kept = Kept.parse(line)
    switch (kept[0]) {
      case 'windows':
        ;[, this.#scopes, this.#shortWindow, this.#longWindow] = kept
        return
      case 'caller':
        this.#callers.restore(kept[1], Caller.fromState(CallerState.parse(kept[1][4]), this.#places, this.#columns))
        return
      case 'endpoint': {
        const population = EndpointPopulation.fromState(
          kept[1][1],
          PopulationState.parse(kept[1][4]),
          this.#matureVotes,
        )
        // One that came while the snapshot was made has a number beyond the one that was kept.
        this.#scopes = Math.max(this.#scopes, population.scope)
        population.hear(this.#others.get(kept[1][1]))
        this.#endpoints.restore(kept[1], population)
        return
      }
      case 'touch':
        this.#firstTouch.restore(kept[1])
        return
      case 'admission':
        this.#admission.restore(kept[1])
        return
      case 'drifts':
        this.#driftHour = kept[1]
        this.#drifts.restore(kept[2])
        return
    }
  }

  /** The attack is over or was none: what comes next is judged anew. */
  #judgeAnew(caller: string): void {
    let row = this.#callers.peek(caller)?.first ?? NO_ROW
    for (; row !== NO_ROW; row = this.#columns.next(row)) this.#columns.flag(row, SIGNALLED, false)
  }

  /** An id this caller had not reached in the present window: counted, stepped, weighed. */
  #reached(tx: Transaction, caller: Caller, reach: Reach, id: number, grown: number, now: EventTime): Signal | null {
    const status = tx.status!
    const endpoint = this.#endpoints.useOf(reach.place)
    reach.touch(now)
    const answered = status < 400
    if (answered) reach.raise(ANSWERED, grown)
    else if (status === 404 || status === 410) reach.raise(MISSING, grown)
    else if (status === 401 || status === 403) reach.raise(DENIED, grown)
    else return null
    const claim = answered && !reach.signalled && endpoint.mayOwn(caller.cohort)
    const provenance = this.#firstTouch.learnOne(endpoint.scope, id, caller.hash, claim)
    const foreign = provenance === 'foreign'
    if (provenance !== 'unknown') reach.raise(KNOWN, grown)
    if (foreign) {
      reach.raise(FOREIGN, grown)
      if (answered) reach.raise(FOREIGN_ANSWERED, grown)
    }
    const neighbour = reach.isNeighbour(tx.objectIds)
    if (neighbour === true) reach.raise(NEIGHBOURS, grown)
    walkOn(reach, endpoint, !answered, foreign, neighbour, now)
    if (reach.total < LEAST_IDS) {
      if (reach.total >= 2) reach.addEvidence(tx)
      return null
    }
    if (reach.ownShort !== null && !endpoint.shared) {
      const alike = endpoint.cohort(caller.cohort)?.short
      const population = alike !== undefined && alike.maturity >= 1 ? alike : endpoint.everyone.short
      this.#drifts.noteOwn(tx, this.#whatOf('short'), reach.ownShort, population)
    }
    const evidence = weigh(caller, reach, endpoint)
    if (evidence.lines < 2 || evidence.combined < this.#report) {
      reach.addEvidence(tx)
      return null
    }
    reach.signalled = true
    const windowUs = evidence.expected?.scale === 'long' ? this.#longUs : this.#shortUs
    return reachSignal(tx, reach, endpoint, evidence, windowUs, now)
  }

  #whatOf(scale: Scale): string {
    return `different objects in ${spanText(scale === 'short' ? this.#shortUs : this.#longUs)}`
  }

  #closeWindows(caller: Caller, reach: Reach, closeLong: boolean, now: EventTime): void {
    const { principal, key, voter, cohort } = caller
    if (principal === null) return
    const mature = (this.#endpoints.peek(reach.key)?.maturity ?? 0) >= 1
    const short = reach.closeShort(cohort, this.#admission.isSuspect(key, now))
    if (short !== null) this.#admission.offer(key, voter, short, mature, now)
    const long = closeLong ? reach.closeLong(cohort) : null
    if (long !== null) this.#admission.offer(key, voter, long, mature, now)
  }
}

function summaryState(summary: WindowSummary): z.infer<typeof SummaryState> {
  const { scale, endpoint, cohort, answered, trials, refused, neighbours, foreign, foreignAnswered, known } = summary
  return [scale, endpoint, cohort, answered, trials, refused, neighbours, foreign, foreignAnswered, known]
}

function summaryFrom(state: z.infer<typeof SummaryState>): WindowSummary {
  const [scale, endpoint, cohort, answered, trials, refused, neighbours, foreign, foreignAnswered, known] = state
  return { scale, endpoint, cohort, answered, trials, refused, neighbours, foreign, foreignAnswered, known }
}

/** A 429 or 5xx was no answer about the object; a redirect is one about where it lives. */
function isAboutObject(status: number): boolean {
  return status < 500 && status !== 429 && (status < 300 || status >= 400 || status === 304)
}

export const objectEnumeration = defineDetector({
  id: 'object.enumeration',
  title: 'Objects read one after the other',
  owasp: ['API1:2023'],
  attack: ['T1119', 'T1213'],
  describes: {
    detects:
      'One caller reaching many different objects of an endpoint, as somebody does who walks through ids to find what he may read.',
    statistic:
      "Per caller and endpoint, distinct ids by outcome. Four lines of evidence: (a) how many were answered, against the population of this endpoint and role (sketch up to the 90th percentile, Pareto tail beyond) and against the caller's own past; (b) a sequential test on the share refused or not found, once a quarter of the ids are (half, for machines and staff not known yet); (c) one on ids next to each other or in an even stride; (d) objects another caller was seen with first: a sequential test on their share, and their number against the population's. Two must speak; the strongest counts whole, the others by half. Where nothing is denied or another caller's, 200 ids must have been reached.",
    memory:
      'maxCallers callers x 24 endpoints, about 0.15 KiB per reach, 8 to 16 B for each further id and number up to 64, 24 B for each request that is evidence (at most 32), and 2 KiB past 64 ids; maxEndpoints populations of about 7 KiB, and as much again per cohort (at most 8); firstTouchPlaces x 12 B. Evictions are counted.',
    warmUp:
      'Until an endpoint has matureVotes votes from admitted windows (15 minutes of quarantine), (a) and (d) answer nothing and only (b) with (c) can fire: ids that are all answered go unseen until then.',
    traps:
      "Export jobs and support staff (their own past and their role's population excuse them), lists that open fifty items (their own objects), retries (an id counts once per long window), an album or import of own objects (nobody else's, up to 200), staff who read objects before their owners do (they own nothing), catalogues and the desks of staff (where 15 % of the objects, or most of those that somebody was seen with before, were others' first, only refusals count; a path such as /admin or /internal is taken for a desk until three callers came back to objects of their own; reading one whole is scrape.crawl's). Missed: a machine or role seen for the first time whose ids all answer; ids spread over so many accounts that none stands out; objects that no owner has touched since the start, up to 200; answered ids of an endpoint whose objects many callers share. Told although harmless: staff without a role in their token, in their first three windows; a second account that is given somebody's whole collection.",
    tuning: 'report; the windows; matureVotes. A known export account is learnt after three windows, not configured.',
  },
  options: Options,
  create: (options, _, callers) => new ObjectEnumeration(options, callers),
})
