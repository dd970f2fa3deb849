import { z } from 'zod'
import type { Severity, Signal } from '../../daemon/model/signal.ts'
import { type EventTime, HOUR_US, MINUTE_US } from '../../daemon/model/time.ts'
import type { Principal, Transaction } from '../../daemon/model/transaction.ts'
import { ADMISSION_DEFAULTS, Admission } from '../baselines/admission.ts'
import { DistinctCounter } from '../baselines/distinct-counter.ts'
import { FirstTouch } from '../baselines/first-touch.ts'
import { GuardedRate } from '../baselines/guarded-rate.ts'
import { KeyedTable } from '../baselines/keyed-table.ts'
import { hashText } from '../baselines/lookup-hash.ts'
import { PopulationTail } from '../baselines/population-tail.ts'
import { principalKey, voteKey } from '../baselines/principal-key.ts'
import { SequentialTest } from '../baselines/sequential-test.ts'
import { WindowHistory } from '../baselines/window-history.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { EvidenceTrail, percentText, shownAs, signalOf, spanText } from '../finding.ts'

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
const HALF_LIFE_US = 2 * HOUR_US
const MAX_REACHES_PER_CALLER = 24
const MAX_COHORTS = 8
const RECENT_IDS = 64
/** Ids this close to one another are neighbours; also what a shuffled walk over a dense range keeps meeting. */
const NEIGHBOUR = 2
const REFUSED_RATE = 0.5
const NEIGHBOUR_RATE = 0.8
const FOREIGN_RATE = 0.9
/** Windows of one's own past before it can excuse anything. */
const OWN_WINDOWS = 3
/** A single line of evidence is heard from here; two must be heard. */
const HEARD = Math.log(100)

/** Populations of one endpoint: everybody's, and per cohort (role, or kind of caller). */
class Endpoint {
  readonly short: PopulationTail
  readonly long: PopulationTail
  readonly cohorts = new Map<string, { readonly short: PopulationTail; readonly long: PopulationTail }>()
  readonly refusals = new GuardedRate(1, 19, 0.4)
  readonly neighbours = new GuardedRate(1, 9, 0.7)
  readonly foreign = new GuardedRate(2, 8, 0.6)
  readonly scope: number

  constructor(scope: number, matureVotes: number) {
    this.scope = scope
    this.short = new PopulationTail(matureVotes)
    this.long = new PopulationTail(matureVotes)
  }
}

const NOTHING = { trials: 0, refused: 0, neighbours: 0, foreign: 0 }

/** What one caller reached at one endpoint. */
class Reach {
  readonly service: string
  readonly template: string
  /** Of the endpoint. */
  readonly key: string
  /** Ids of the long window, and answered ids of the short one: a habit is as large in its first window after midnight as in any. */
  seen = new DistinctCounter()
  shortSeen = new DistinctCounter()
  readonly refusedWalk = new SequentialTest()
  readonly neighbourWalk = new SequentialTest()
  readonly foreignWalk = new SequentialTest()
  readonly recent: number[] = []
  lastStep = 0
  lastIds: readonly string[] = []
  since: EventTime = 0
  lastAt: EventTime = 0
  /** Distinct ids in the short and the long window, by outcome. */
  shortAnswered = 0
  /** Short windows of the present long one in which something was answered. */
  activeWindows = 0
  answered = 0
  denied = 0
  missing = 0
  foreign = 0
  foreignAnswered = 0
  neighbours = 0
  /** The counts when the present short window began. */
  marks = { ...NOTHING }
  /** Past windows of this caller that were admitted. */
  readonly ownShort = new WindowHistory()
  readonly ownLong = new WindowHistory()
  ownTrials = 0
  ownRefused = 0
  ownNeighbours = 0
  ownForeign = 0
  signalled = false
  /** Whether no short window of the present long one had a signal. */
  longClean = true
  readonly trail = new EvidenceTrail()

  constructor(service: string, template: string) {
    this.service = service
    this.template = template
    this.key = `${service} ${template}`
  }

  get total(): number {
    return this.answered + this.denied + this.missing
  }
}

class CallerState {
  principal: Principal | null = null
  /** Role, or kind of caller. */
  cohort = ''
  /** Whether the cohort says what a caller is for, so that others are no measure for it. */
  distinctive = false
  hash = 0
  readonly reaches: Reach[] = []
}

interface WindowSummary {
  readonly scale: 'short' | 'long'
  readonly endpoint: string
  readonly cohort: string
  readonly answered: number
  readonly trials: number
  readonly refused: number
  readonly neighbours: number
  readonly foreign: number
}

interface Evidence {
  readonly tail: number
  readonly expected: { readonly median: number; readonly high: number; readonly windowUs: number } | null
  readonly refused: number
  readonly neighbour: number
  readonly foreign: number
  readonly combined: number
  readonly lines: number
}

class ObjectEnumeration implements Detector {
  readonly #options: EnumerationOptions
  readonly #shortUs: number
  readonly #longUs: number
  readonly #report: number
  readonly #callers: KeyedTable<CallerState>
  readonly #endpoints: KeyedTable<Endpoint>
  readonly #admission: Admission<WindowSummary>
  readonly #firstTouch: FirstTouch
  readonly #shown = new Map<string, string>()
  #scopes = 0
  #shortWindow = 0
  #longWindow = 0

  constructor(options: EnumerationOptions) {
    this.#options = options
    this.#shortUs = options.shortMinutes * MINUTE_US
    this.#longUs = options.longHours * HOUR_US
    this.#report = -Math.log(options.report)
    this.#callers = new KeyedTable(options.maxCallers, () => new CallerState())
    this.#endpoints = new KeyedTable(options.maxEndpoints, () => new Endpoint(++this.#scopes, options.matureVotes))
    this.#admission = new Admission(ADMISSION_DEFAULTS, (summary, weight, now, caller) =>
      this.#learn(summary, weight, now, caller),
    )
    this.#firstTouch = new FirstTouch(options.firstTouchPlaces)
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { status, objectIds } = tx
    if (tx.endpoint === null || objectIds.length === 0 || status === null) return null
    // A 429 or 5xx was not an answer about the object; a redirect is one about where it lives.
    if (status >= 500 || status === 429 || (status >= 300 && status < 400 && status !== 304)) return null
    const state = this.#callers.use(principalKey(tx.principal))
    if (state.principal !== tx.principal) {
      state.principal = tx.principal
      // The newest token decides: a role can be granted.
      const role = tx.claims?.role[0]
      state.cohort = role ?? tx.principal.kind
      state.distinctive = role !== undefined || tx.principal.kind === 'api_key' || tx.principal.kind === 'consumer'
      if (state.hash === 0) state.hash = hashText(principalKey(tx.principal))
    }
    const reach = this.#reachOf(state, tx.service ?? '', tx.endpoint)
    const id = objectIds.length === 1 ? hashText(objectIds[0]!) : hashText(objectIds.join('/'))
    if (status < 400) reach.shortAnswered += reach.shortSeen.add(id)
    const grown = reach.seen.add(id)
    if (grown === 0) return this.#repeated(tx, reach)
    return this.#reached(tx, state, reach, id, grown, now)
  }

  tick(now: EventTime): void {
    this.#admission.release(now)
    const shortWindow = Math.floor(now / this.#shortUs)
    if (shortWindow === this.#shortWindow) return
    this.#shortWindow = shortWindow
    const longWindow = Math.floor(now / this.#longUs)
    const closeLong = longWindow !== this.#longWindow
    this.#longWindow = longWindow
    this.#callers.forEach((state) => {
      for (const reach of state.reaches) this.#closeWindows(state, reach, closeLong, now)
    })
  }

  suspect(subject: { readonly kind: string; readonly value: string }, open: boolean, now: EventTime): void {
    const text = `${subject.kind}:${subject.value}`
    const key = this.#shown.get(text) ?? subject.value
    this.#admission.suspect(key, open, now)
    if (open) return
    // The attack is over or was none: what comes next is judged anew.
    for (const reach of this.#callers.peek(key)?.reaches ?? []) reach.signalled = false
  }

  sizes() {
    return {
      callers: { entries: this.#callers.size, limit: this.#callers.limit, evicted: this.#callers.evicted },
      endpoints: { entries: this.#endpoints.size, limit: this.#endpoints.limit, evicted: this.#endpoints.evicted },
      first_touch: {
        entries: this.#firstTouch.entries,
        limit: this.#firstTouch.limit,
        evicted: this.#firstTouch.evicted,
      },
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
    this.#endpoints.forEach((endpoint) => {
      sum += endpoint.short.maturity
      count++
    })
    return count === 0 ? 0 : sum / count
  }

  #reachOf(state: CallerState, service: string, template: string): Reach {
    const { reaches } = state
    for (let i = 0; i < reaches.length; i++) {
      const reach = reaches[i]!
      if (reach.template === template && reach.service === service) return reach
    }
    if (reaches.length >= MAX_REACHES_PER_CALLER) {
      let oldest = 0
      for (let i = 1; i < reaches.length; i++) if (reaches[i]!.lastAt < reaches[oldest]!.lastAt) oldest = i
      reaches.splice(oldest, 1)
    }
    const reach = new Reach(service, template)
    reaches.push(reach)
    return reach
  }

  /** An id counted before: no evidence, but part of the attack's trail, and past 64 ids the sketch cannot always tell. */
  #repeated(tx: Transaction, reach: Reach): null {
    if (reach.signalled) reach.trail.add(tx)
    return null
  }

  #reached(
    tx: Transaction,
    state: CallerState,
    reach: Reach,
    id: number,
    grown: number,
    now: EventTime,
  ): Signal | null {
    const status = tx.status!
    const endpoint = this.#endpoints.use(reach.key)
    if (reach.total === 0) reach.since = now
    reach.lastAt = now
    const answered = status < 400
    if (answered) {
      reach.answered += grown
    } else if (status === 404 || status === 410) reach.missing += grown
    else if (status === 401 || status === 403) reach.denied += grown
    else return null
    const claim = answered && !reach.signalled
    const foreign = this.#firstTouch.touch(endpoint.scope, id, state.hash, claim) === 'foreign'
    if (foreign) {
      reach.foreign += grown
      if (answered) reach.foreignAnswered += grown
    }
    const neighbour = isNeighbour(reach, tx.objectIds)
    if (neighbour === true) reach.neighbours += grown

    // A habit excuses what stays within the habit's size.
    const own = ownUpper(reach, 'short')
    const trials = own !== null && reach.shortAnswered <= own ? reach.ownTrials : 0
    step(reach.refusedWalk, !answered, now, endpoint.refusals, REFUSED_RATE, reach.ownRefused, trials)
    step(reach.foreignWalk, foreign, now, endpoint.foreign, FOREIGN_RATE, reach.ownForeign, trials)
    if (neighbour !== null) {
      step(reach.neighbourWalk, neighbour, now, endpoint.neighbours, NEIGHBOUR_RATE, reach.ownNeighbours, trials)
    }
    if (reach.total < LEAST_IDS) {
      if (reach.total >= 2) reach.trail.add(tx)
      return null
    }
    const evidence = this.#weigh(state, reach, endpoint)
    if (evidence.lines < 2 || evidence.combined < this.#report) {
      reach.trail.add(tx)
      return null
    }
    return this.#signal(tx, reach, endpoint, evidence, now)
  }

  #weigh(state: CallerState, reach: Reach, endpoint: Endpoint): Evidence {
    let tail = 0
    let expected: Evidence['expected'] = null
    const cohort = endpoint.cohorts.get(state.cohort)
    // Staff and machines are no customers: until enough of their kind were seen, only their own past speaks about how much they
    // reach and whose it is.
    const judged = !state.distinctive || cohort?.short.maturity === 1 || ownUpper(reach, 'short') !== null
    for (const scale of ['short', 'long'] as const) {
      const value = scale === 'short' ? reach.shortAnswered : reach.answered
      const everyone = endpoint[scale]
      const alike = cohort?.[scale]
      const isMature = alike !== undefined && alike.maturity >= 1
      const own = ownUpper(reach, scale)
      if (!judged) continue
      const population = isMature ? alike : everyone
      let p = population.tail(value)
      if (p === null) continue
      // Within what this caller's own past shows, nothing is unusual, whatever others do.
      if (own !== null) p = Math.max(p, value <= own ? 1 : 0.1 * (value / own) ** -2.5)
      const evidence = calibrated(p)
      if (expected === null || evidence > tail) {
        expected = { ...population.usual, windowUs: scale === 'short' ? this.#shortUs : this.#longUs }
      }
      tail = Math.max(tail, evidence)
    }
    const refused = reach.refusedWalk.evidence
    const neighbour = reach.neighbourWalk.evidence
    const foreign = judged ? reach.foreignWalk.evidence : 0
    // The lines are not independent of one another: the strongest counts whole, the others by half.
    const strongest = Math.max(tail, refused, neighbour, foreign)
    const combined = strongest + (tail + refused + neighbour + foreign - strongest) / 2
    const mature = endpoint.short.maturity >= 1 && judged
    let lines = 0
    if (refused >= HEARD) lines++
    if (neighbour >= HEARD) lines++
    if (mature && tail >= calibrated(0.005)) lines++
    if (mature && foreign >= HEARD) lines++
    return { tail, expected, refused, neighbour, foreign, combined, lines }
  }

  #signal(tx: Transaction, reach: Reach, endpoint: Endpoint, evidence: Evidence, now: EventTime): Signal {
    reach.signalled = true
    const key = principalKey(tx.principal)
    if (this.#shown.size >= 4096) this.#shown.clear()
    this.#shown.set(`${tx.principal.kind}:${shownAs(tx.principal)}`, key)
    const exposed = Math.round(reach.answered)
    const share = reach.total === 0 ? 0 : reach.answered / reach.total
    const usual = evidence.expected
    const usualText =
      usual === null
        ? 'too few callers yet to say what is usual'
        : `usual ${rangeText(usual)} in ${spanText(usual.windowUs)}`
    const noun = nounOf(tx.endpoint!)
    const answered = Math.round(reach.answered)
    const foreign = Math.round(reach.foreignAnswered)
    const refusedCount = Math.round(reach.denied + reach.missing)
    const about = reach.seen.exact ? '' : 'about '
    const known = foreign > 0 ? ` (${foreign} known to be of other users)` : ''
    const span = spanText(now - reach.since)
    const parts =
      refusedCount > answered
        ? [
            `${answered + refusedCount} different ${noun} tried in ${span}, ${refusedCount} of them refused or not found`,
          ]
        : [
            foreign > 0 && foreign >= 0.9 * answered
              ? `${foreign} ${noun} of other users in ${span}`
              : `${about}${answered} different ${noun} answered${known} in ${span}`,
          ]
    if (refusedCount > 0 && refusedCount <= answered) parts.push(`${refusedCount} more refused or not found`)
    if (evidence.neighbour >= HEARD) parts.push('ids taken one after the other')
    return signalOf('object.enumeration', tx, now, {
      log10P: -evidence.combined / Math.LN10,
      maturity: Math.max(0.3, endpoint.short.maturity),
      severity: severityOf(exposed, share),
      why: `${parts.join(', ')}; ${usualText}`,
      expected: usual === null ? null : `${rangeText(usual)} different ${noun} in ${spanText(usual.windowUs)}`,
      observed: Math.round(reach.total),
      evidence: {
        distinct_answered: Math.round(reach.answered),
        distinct_denied: Math.round(reach.denied),
        distinct_not_found: Math.round(reach.missing),
        used_by_others_before: Math.round(reach.foreign),
        neighbouring_ids: Math.round(reach.neighbours),
        usual_refused: percentText(endpoint.refusals.mean),
        llr_tail: Number(evidence.tail.toFixed(2)),
        llr_refused: Number(evidence.refused.toFixed(2)),
        llr_neighbours: Number(evidence.neighbour.toFixed(2)),
        llr_foreign: Number(evidence.foreign.toFixed(2)),
      },
      subject: { kind: tx.principal.kind, value: tx.principal.id },
      outcome: {
        answered: Math.round(reach.answered),
        refused: refusedCount,
        objectsExposed: exposed,
        accounts: [],
        pSuccess: exposed === 0 ? 0.02 : Math.min(0.95, 0.3 + 0.65 * Math.min(1, exposed / 10)),
      },
      evidenceBefore: reach.trail.take(),
    })
  }

  #closeWindows(state: CallerState, reach: Reach, closeLong: boolean, now: EventTime): void {
    const principal = state.principal
    if (principal === null) return
    const key = principalKey(principal)
    // A window with a signal in it does not teach; the next one may, unless an incident came of it.
    const suspect = this.#admission.isSuspect(key, now)
    const clean = !reach.signalled && !suspect
    reach.longClean &&= clean
    if (!suspect) reach.signalled = false
    const endpoint = this.#endpoints.peek(reach.key)
    const mature = endpoint !== undefined && endpoint.short.maturity >= 1
    const voter = voteKey(principal)
    const { marks } = reach
    if (clean && (reach.shortAnswered > 0 || reach.total > marks.trials)) {
      const summary: WindowSummary = {
        scale: 'short',
        endpoint: reach.key,
        cohort: state.cohort,
        answered: reach.shortAnswered,
        trials: reach.total - marks.trials,
        refused: reach.denied + reach.missing - marks.refused,
        neighbours: reach.neighbours - marks.neighbours,
        foreign: reach.foreign - marks.foreign,
      }
      this.#admission.offer(key, voter, summary, mature, now)
    }
    if (reach.shortAnswered > 0) {
      reach.activeWindows++
      reach.shortSeen = new DistinctCounter()
    }
    reach.shortAnswered = 0
    marks.trials = reach.total
    marks.refused = reach.denied + reach.missing
    marks.neighbours = reach.neighbours
    marks.foreign = reach.foreign
    if (!closeLong || reach.total === 0) return
    if (reach.longClean) {
      const { key: endpoint, answered } = reach
      const summary = { scale: 'long', endpoint, cohort: state.cohort, answered, ...NOTHING } as const
      this.#admission.offer(key, voter, summary, mature, now)
    }
    reach.seen = new DistinctCounter()
    reach.activeWindows = 0
    reach.longClean = true
    reach.answered = 0
    reach.denied = 0
    reach.missing = 0
    reach.foreign = 0
    reach.foreignAnswered = 0
    reach.neighbours = 0
    reach.marks = { ...NOTHING }
  }

  #learn(summary: WindowSummary, weight: number, now: EventTime, caller: string): void {
    const endpoint = this.#endpoints.peek(summary.endpoint)
    if (endpoint === undefined) return
    let cohort = endpoint.cohorts.get(summary.cohort)
    if (cohort === undefined && endpoint.cohorts.size < MAX_COHORTS) {
      const needed = this.#options.matureVotes
      cohort = { short: new PopulationTail(needed), long: new PopulationTail(needed) }
      endpoint.cohorts.set(summary.cohort, cohort)
    }
    if (summary.answered > 0) {
      endpoint[summary.scale].learnOne(summary.answered, weight, now)
      cohort?.[summary.scale].learnOne(summary.answered, weight, now)
    }
    const own = this.#callers.peek(caller)?.reaches.find((reach) => reach.key === summary.endpoint)
    if (summary.scale === 'long') {
      own?.ownLong.learnOne(summary.answered, now)
      return
    }
    const { trials, refused, neighbours, foreign } = summary
    endpoint.refusals.learnOne(refused, trials, weight, now)
    endpoint.neighbours.learnOne(neighbours, trials, weight, now)
    endpoint.foreign.learnOne(foreign, trials, weight, now)
    if (own === undefined) return
    own.ownShort.learnOne(summary.answered, now)
    if (own.ownShort.count === OWN_WINDOWS && !own.signalled) {
      // From here on the habit is judged by itself; what it gathered while it was nobody's habit yet is void, once.
      own.refusedWalk.reset()
      own.neighbourWalk.reset()
      own.foreignWalk.reset()
    }
    own.ownTrials += trials
    own.ownRefused += refused
    own.ownNeighbours += neighbours
    own.ownForeign += foreign
  }
}

/**
 * The most that this caller's own past makes ordinary, or null without enough of it. While too few long windows have closed, a
 * long window may hold as many times the short limit as it has had active short windows.
 */
function ownUpper(reach: Reach, scale: 'short' | 'long'): number | null {
  const short = reach.ownShort.upper(OWN_WINDOWS)
  if (scale === 'short') return short
  const long = reach.ownLong.upper(OWN_WINDOWS)
  return long ?? (short === null ? null : short * (reach.activeWindows + 1))
}

/** One step of a walk, under the endpoint's population or the caller's own past, whichever finds it less surprising. */
function step(
  walk: SequentialTest,
  hit: boolean,
  now: EventTime,
  usual: GuardedRate,
  attackRate: number,
  ownHits: number,
  ownTrials: number,
): void {
  // Never less than one in (1 + beta): what nobody has done yet somebody may do tomorrow.
  let alpha = Math.max(usual.alpha, 1)
  let beta = usual.beta
  if (ownTrials >= 10) {
    // The own past speaks with the weight of the population's prior strength, so that it can excuse a habit.
    const strength = alpha + beta
    const rate = Math.min(0.95, ownHits / ownTrials)
    if (rate > alpha / strength) {
      alpha = rate * strength
      beta = strength - alpha
    }
  }
  if (alpha / (alpha + beta) >= attackRate) {
    walk.reset()
    return
  }
  walk.observe(hit, now, alpha, beta, attackRate, HALF_LIFE_US)
}

/**
 * ln of an e-value made of a p-value by the mixture calibrator (1 - p + p ln p) / (p ln² p): its mean under H0 is 1, whatever the
 * test p comes from (Vovk and Wang 2021). Below 1 it says nothing.
 */
function calibrated(p: number): number {
  if (p >= 0.3) return 0
  const log = Math.log(p)
  return Math.max(0, Math.log((1 - p + p * log) / (log * log)) - log)
}

/**
 * Whether an id lies next to one asked for before, or continues an even stride. Null when it is no number. Of several ids
 * in a path the first that differs from the request before is the one that moves.
 */
function isNeighbour(reach: Reach, ids: readonly string[]): boolean | null {
  let moving = ids.length - 1
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] !== reach.lastIds[i]) {
      moving = i
      break
    }
  }
  reach.lastIds = ids
  const text = ids[moving]!
  if (text.length > 15) return null
  const value = Number(text)
  if (!Number.isSafeInteger(value)) return null
  const { recent } = reach
  let near = false
  for (let i = recent.length - 1; i >= 0 && !near; i--) {
    const distance = Math.abs(recent[i]! - value)
    near = distance > 0 && distance <= NEIGHBOUR
  }
  const last = recent[recent.length - 1]
  const stride = last === undefined ? 0 : value - last
  if (stride !== 0 && stride === reach.lastStep) near = true
  reach.lastStep = stride
  if (recent.length >= RECENT_IDS) recent.shift()
  recent.push(value)
  return recent.length === 1 ? null : near
}

/** Refused throughout: low. From there the number of objects that came out decides. */
function severityOf(exposed: number, share: number): Severity {
  if (exposed < 1) return 'low'
  if (exposed < 5 || share < 0.02) return 'medium'
  return 'high'
}

function rangeText(usual: { readonly median: number; readonly high: number }): string {
  const low = Math.max(0, Math.round(usual.median))
  const high = Math.max(low, Math.round(usual.high))
  return low === high ? `0-${high}` : `${low}-${high}`
}

/** What the template calls its objects: the last literal segment before a variable one. */
function nounOf(endpoint: string): string {
  const segments = endpoint.slice(endpoint.indexOf(' ') + 1).split('/')
  let noun = 'objects'
  for (let i = 1; i < segments.length; i++) {
    if (segments[i]!.startsWith('{') && segments[i - 1] !== '' && !segments[i - 1]!.startsWith('{'))
      noun = segments[i - 1]!
  }
  return noun.slice(0, 40)
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
      "Per caller and endpoint, distinct ids by outcome. Four lines of evidence: (a) how many were answered, against the population of this endpoint and role (sketch up to the 90th percentile, Pareto tail beyond) and against the caller's own past; (b) a sequential test on the share refused or not found; (c) one on ids next to each other or in an even stride; (d) one on objects another caller was seen with first. Two must speak; the strongest counts whole, the others by half.",
    memory:
      'maxCallers callers x 24 endpoints, about 0.6 KiB per reach and 1 KiB more past 64 ids; maxEndpoints populations of about 5 KiB per cohort; firstTouchPlaces x 12 B. Evictions are counted.',
    warmUp:
      'Until an endpoint has matureVotes votes from admitted windows (15 minutes of quarantine), (a) and (d) answer nothing and only (b) with (c) can fire.',
    traps:
      "Export jobs and support staff (their own past and their role's population excuse them), lists that open fifty items (their own objects), retries (an id counts once per long window), shared catalogues (others' objects are usual there), a walk over random ids that all answer (only (a) speaks: silent).",
    tuning: 'report; the windows; matureVotes. A known export account is learnt after three windows, not configured.',
  },
  options: Options,
  create: (options) => new ObjectEnumeration(options),
})
