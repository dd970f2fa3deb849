import { z } from 'zod'
import { SENSITIVE_CLASSES, type SensitiveClass } from '../../daemon/inventory/sensitive.ts'
import type { DeployMark } from '../../daemon/model/deploy.ts'
import type { SharedLearning } from '../../daemon/model/learning.ts'
import type { Severity, Signal } from '../../daemon/model/signal.ts'
import { type EventTime, HOUR_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { CallerIndex } from '../baselines/caller-index.ts'
import { DistinctCounter, DistinctState } from '../baselines/distinct-counter.ts'
import { KeyedEntry, KeyedTable } from '../baselines/keyed-table.ts'
import { Others } from '../baselines/others.ts'
import type { Places } from '../baselines/places.ts'
import { amount, hash32, text, time } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { countText, signalOf } from '../finding.ts'
import { endpointSubject } from './access/answer.ts'
import { bodyFacts } from './access/body-facts.ts'
import { jsonNames } from './property/json-names.ts'
import { KnownNames, KnownNamesState, MAX_NAMES } from './property/known-names.ts'
import { tellsTooMuch } from './property/telling-names.ts'
import {
  LOOK_EVERY_US,
  type Release,
  Releases,
  ReleasesState,
  releaseEvidence,
  sinceRelease,
} from './regression/releases.ts'

const Options = z.strictObject({
  report: z.number().gt(0).lt(1).default(1e-2).describe('p-value from which something new is a signal'),
  leastAnswers: z.int().min(5).default(40).describe('answers of an endpoint that are looked at before anything is new'),
  leastCallers: z.int().min(2).default(5).describe('callers of it before'),
  callersShown: z.int().min(1).default(3).describe('callers who are given something new before it is told'),
  maxEndpoints: z.int().min(16).default(4096).describe('endpoints with state'),
})
type ExposureOptions = z.infer<typeof Options>

/** Of an endpoint that is known, one answer in so long is looked at. */
const LOOK_AT_US = 2 * SECOND_US
const AFTER_RELEASE_US = 24 * HOUR_US
const REPEAT_US = HOUR_US
/** What was told for a day is part of the interface. */
const ACCEPTED_AFTER_US = 24 * HOUR_US
/** What was not told for so long was gone in between, since what lasts is told every hour: coming back it is new again. */
const GONE_US = 12 * HOUR_US
const MAX_NEW = 16

const FoundState = z.tuple([text, time, time, DistinctState, amount])
const EndpointState = z.tuple([
  KnownNamesState,
  DistinctState,
  z.array(z.enum(SENSITIVE_CLASSES)).max(SENSITIVE_CLASSES.length),
  time,
  z.array(FoundState).max(MAX_NEW),
])
type EndpointState = z.infer<typeof EndpointState>
const Kept = z.union([z.tuple([z.literal('endpoint'), KeyedEntry]), ReleasesState])
type Kept = z.infer<typeof Kept>

/** Something that answers did not have before. */
interface Found {
  readonly since: EventTime
  toldAt: EventTime
  readonly callers: DistinctCounter
  answers: number
}

class Endpoint {
  names = new KnownNames()
  callers = new DistinctCounter()
  classes = new Set<SensitiveClass>()
  lookedAt: EventTime = 0
  /** By field name, or `class email`. */
  readonly news = new Map<string, Found>()
  others: GivenElsewhere | null = null

  /** Answers that were looked at, here and by other analyzers. */
  get messages(): number {
    return this.names.messages + (this.others?.messages ?? 0)
  }

  knowsName(hash: number): boolean {
    return this.names.has(hash) || this.others?.names.has(hash) === true
  }

  knowsClass(kind: SensitiveClass): boolean {
    return this.classes.has(kind) || this.others?.classes.has(kind) === true
  }

  /** A caller who moved from one analyzer to another is one. */
  hasCallers(leastCallers: number): boolean {
    if (this.callers.count >= leastCallers) return true
    if (this.others === null) return false
    const all = DistinctCounter.fromState(this.callers.toState())
    all.merge(this.others.callers)
    return all.count >= leastCallers
  }

  given(): Given {
    return [[...this.names.names()], this.callers.toState(), [...this.classes], this.names.messages]
  }
}

/** Names, callers, classes, answers. */
const GivenState = z.tuple([
  z.array(hash32).max(MAX_NAMES),
  DistinctState,
  z.array(z.enum(SENSITIVE_CLASSES)).max(SENSITIVE_CLASSES.length),
  amount,
])
type Given = z.infer<typeof GivenState>

/** What other analyzers saw that an endpoint gives. */
class GivenElsewhere {
  readonly names = new Set<number>()
  readonly callers = new DistinctCounter()
  readonly classes = new Set<SensitiveClass>()
  messages = 0

  add(state: unknown): void {
    const [names, callers, classes, messages] = GivenState.parse(state)
    for (const name of names) if (this.names.size < 2 * MAX_NAMES) this.names.add(name)
    this.callers.merge(DistinctCounter.fromState(callers))
    for (const kind of classes) this.classes.add(kind)
    this.messages += messages
  }
}

class PropertyExposure implements Detector {
  readonly stateVersion = 1
  readonly #options: ExposureOptions
  readonly #index: CallerIndex
  readonly #places: Places
  readonly #endpoints: KeyedTable<Endpoint>
  readonly #others: Others<GivenElsewhere>
  readonly shared: SharedLearning = {
    version: 1,
    tell: () => this.#endpoints.states((known) => known.given()),
    hear: (lines) => {
      this.#others.hear(lines)
      this.#endpoints.forEach((known, key) => {
        known.others = this.#others.get(key)
      })
    },
  }
  readonly #releases: Releases
  #lookedAt: EventTime = 0
  #frozen = false

  constructor(options: ExposureOptions, callers = new CallerIndex()) {
    this.#index = callers
    this.#places = callers.places
    this.#options = options
    this.#others = new Others(options.maxEndpoints, () => new GivenElsewhere())
    this.#endpoints = new KeyedTable(
      options.maxEndpoints,
      (key) => Object.assign(new Endpoint(), { others: this.#others.get(key) }),
      callers.places,
    )
    this.#releases = new Releases(options.maxEndpoints)
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { service, endpoint, status } = tx
    if (service === null || endpoint === null || status === null || status < 200 || status >= 300) return null
    if (tx.responseBodyBytes < 2 || !tx.knownEndpoint) return null
    const known = this.#endpoints.useOf(this.#places.of(service, endpoint))
    if (now - known.lookedAt < LOOK_AT_US && this.#isSettled(known) && known.news.size === 0) return null
    known.lookedAt = now
    if (now - this.#lookedAt >= LOOK_EVERY_US) {
      this.#lookedAt = now
      this.#releases.look(tx, service, now)
    }
    return this.#look(tx, service, known, now)
  }

  tick(): void {}

  deployed(mark: DeployMark): void {
    this.#releases.mark(mark)
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen
  }

  *snapshot(): IterableIterator<Kept> {
    const toState = ({ names, callers, classes, lookedAt, news }: Endpoint): EndpointState => [
      names.toState(),
      callers.toState(),
      [...classes],
      lookedAt,
      [...news].map(([name, found]) => [name, found.since, found.toldAt, found.callers.toState(), found.answers]),
    ]
    for (const entry of this.#endpoints.entries(toState)) yield ['endpoint', entry]
    yield* this.#releases.snapshot()
  }

  restore(line: unknown): void {
    const kept = Kept.parse(line)
    if (kept[0] === 'release') {
      this.#releases.restore(kept)
      return
    }
    const [names, callers, classes, lookedAt, news] = EndpointState.parse(kept[1][4])
    const known = Object.assign(new Endpoint(), {
      names: KnownNames.fromState(names),
      callers: DistinctCounter.fromState(callers),
      classes: new Set(classes),
      lookedAt,
      others: this.#others.get(kept[1][1]),
    })
    for (const [name, since, toldAt, seenBy, answers] of news) {
      known.news.set(name, { since, toldAt, callers: DistinctCounter.fromState(seenBy), answers })
    }
    this.#endpoints.restore(kept[1], known)
  }

  sizes() {
    return {
      endpoints: this.#endpoints.occupancy,
      others: this.#others.occupancy,
      releases: this.#releases.occupancy,
    }
  }

  maturity(): number {
    return this.#endpoints.mean(({ messages }) => Math.min(1, messages / 200))
  }

  #isSettled(known: Endpoint): boolean {
    return known.messages >= this.#options.leastAnswers && known.hasCallers(this.#options.leastCallers)
  }

  #look(tx: Transaction, service: string, known: Endpoint, now: EventTime): Signal | null {
    const facts = bodyFacts(tx.responseBody)
    // Of an answer that is cut off, the names up to there.
    const fields = facts === null ? jsonNames(tx.responseBody) : facts.names
    if (fields.length === 0) return null
    const caller = this.#index.of(tx.principal).hash
    const classes = facts === null ? NO_CLASSES : facts.classes
    if (!this.#isSettled(known)) {
      if (!this.#frozen) {
        for (const { hash } of fields) known.names.learnOne(hash, caller)
        for (const kind of classes) known.classes.add(kind)
        known.names.messages++
        known.callers.learnOne(caller)
      }
      return null
    }
    let signal: Signal | null = null
    for (const { name, hash } of fields) {
      if (known.knowsName(hash)) continue
      // What tells nothing is a release like any other.
      if (!tellsTooMuch(name)) known.names.learnOne(hash, caller)
      else signal ??= this.#news(tx, service, known, name, 'medium', caller, now)
    }
    for (const kind of classes) {
      if (known.knowsClass(kind)) continue
      signal ??= this.#news(tx, service, known, `${CLASS}${kind}`, severityOf(kind), caller, now)
    }
    if (!this.#frozen && known.news.size === 0) known.names.messages++
    return signal
  }

  /** Something new is in an answer: counted, and told once enough callers were given it. */
  #news(
    tx: Transaction,
    service: string,
    known: Endpoint,
    what: string,
    severity: Severity,
    caller: number,
    now: EventTime,
  ): Signal | null {
    let found = known.news.get(what)
    const isBack = found !== undefined && found.toldAt > 0 && now - found.toldAt >= GONE_US
    if (found === undefined || isBack) {
      if (!isBack && known.news.size >= MAX_NEW) return null
      found = { since: now, toldAt: 0, callers: new DistinctCounter(), answers: 0 }
      known.news.set(what, found)
    }
    found.answers++
    found.callers.learnOne(caller)
    if (now - found.since >= ACCEPTED_AFTER_US) {
      known.news.delete(what)
      if (what.startsWith(CLASS)) known.classes.add(what.slice(CLASS.length) as SensitiveClass)
      else
        for (const { name, hash } of jsonNames(tx.responseBody)) if (name === what) known.names.learnOne(hash, caller)
      return null
    }
    if (found.callers.count < this.#options.callersShown) return null
    if (log10Of(found, known) > Math.log10(this.#options.report)) return null
    if (found.toldAt > 0 && now - found.toldAt < REPEAT_US) return null
    found.toldAt = now
    const latest = this.#releases.latest(service, now, AFTER_RELEASE_US)
    const release = latest !== null && latest.at <= found.since + HOUR_US ? latest : null
    return exposureSignal(tx, known, what, found, severity, release, now)
  }
}

const CLASS = 'class '
const NO_CLASSES: readonly SensitiveClass[] = []

const GRAVE: ReadonlySet<SensitiveClass> = new Set(['card', 'iban', 'national_id', 'password', 'token'])

function severityOf(kind: SensitiveClass): Severity {
  return GRAVE.has(kind) ? 'high' : 'medium'
}

/** Each caller who is given it, and did not get it before, says so anew; the first three count. */
function log10Of({ callers }: Found, { messages }: Endpoint): number {
  return Math.min(3, callers.count) * Math.log10(1 / (messages + 2))
}

function exposureSignal(
  tx: Transaction,
  known: Endpoint,
  what: string,
  found: Found,
  severity: Severity,
  release: Release | null,
  now: EventTime,
): Signal {
  const { callers, answers } = found
  const isClass = what.startsWith(CLASS)
  const named = isClass ? `values of the class ${what.slice(CLASS.length).replaceAll('_', ' ')}` : `the field ${what}`
  const before = known.messages
  return signalOf('property.exposure', tx, now, {
    log10P: log10Of(found, known),
    maturity: Math.min(1, before / 200),
    severity,
    why: `${tx.endpoint} now gives ${named}, to ${countText(callers.count, 'caller')} so far; none of ${countText(before, 'answer')} looked at before had it${sinceRelease(release)}`,
    expected: 'not there',
    observed: countText(answers, 'answer'),
    evidence: {
      what: isClass ? what.slice(CLASS.length) : what,
      is_class: isClass,
      answers,
      callers: Math.round(callers.count),
      answers_before: before,
      ...releaseEvidence(release),
    },
    subject: endpointSubject(tx),
    outcome: { answered: answers, refused: 0, objectsExposed: Math.round(callers.count), accounts: [], pSuccess: 0.9 },
    evidenceBefore: [],
  })
}

export const propertyExposure = defineDetector({
  id: 'property.exposure',
  title: 'Answers give more than before',
  owasp: ['API3:2023'],
  attack: ['T1213'],
  describes: {
    detects:
      'Answers of an endpoint that begin to give what is sensitive: values of a class that none had before (e-mail, phone, card, bank, identity numbers, passwords, tokens), or fields whose name says that callers are not meant to have them (password_hash, internal_score, birth_date). A release that was marked (offpath deploy mark) or that a version header shows is named.',
    statistic:
      'Names and classes of the answers of each endpoint, one answer in two seconds once it is known. Something new counts once callersShown callers were given it; each of them takes a factor of 1 / (answers before + 2) into the p-value.',
    memory: 'maxEndpoints endpoints with 256 names, at most 18 KiB each; evictions are counted.',
    warmUp: 'leastAnswers answers to leastCallers callers.',
    traps:
      'A release with new fields that tell nothing, lists of one caller, optional fields that are seldom there (three callers in whose answers it was not before). Missed: what was there from the start (offpath sensitive list has it), fields with harmless names and values, answers that are no JSON. What is told for a day is taken as how it is now; what was gone for half a day is new when it comes back.',
    tuning: 'callersShown; leastAnswers for endpoints with many optional fields.',
  },
  options: Options,
  create: (options, _, callers) => new PropertyExposure(options, callers),
})
