import { z } from 'zod'
import type { Severity, Signal } from '../../daemon/model/signal.ts'
import type { EventTime } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { CallerIndex } from '../baselines/caller-index.ts'
import { DistinctCounter, DistinctState } from '../baselines/distinct-counter.ts'
import { KeyedEntry, KeyedTable } from '../baselines/keyed-table.ts'
import type { Places } from '../baselines/places.ts'
import { amount } from '../baselines/state.ts'
import { Suspects, SuspectsState } from '../baselines/suspects.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { countText, shownAs, signalOf } from '../finding.ts'
import { type JsonName, JsonNames, jsonNames, valueText } from './property/json-names.ts'
import { KnownNames, KnownNamesState } from './property/known-names.ts'
import { givesPrivilege } from './property/telling-names.ts'

const Options = z.strictObject({
  report: z.number().gt(0).lt(1).default(2e-3).describe('p-value from which a new field is a signal'),
  leastRequests: z.int().min(5).default(10).describe('requests of an endpoint before a field of it can be new'),
  leastCallers: z.int().min(2).default(5).describe('callers of it before'),
  maxEndpoints: z.int().min(16).default(2048).describe('endpoints with state'),
})
type AssignmentOptions = z.infer<typeof Options>

/** Of endpoints that take bodies, how many take a field that gives privilege and that most callers leave out. */
const TAKES_PRIVILEGE = 0.1
/** Of new fields, how many have a name that gives privilege, and how many a name that answers had before. */
const PRIVILEGED = 0.05
const READ_ONLY = 0.3
/** Endpoints whose answers are read for names: so many of them. */
const ANSWERS_READ = 32
const MAX_TOLD = 8

const EndpointState = z.tuple([KnownNamesState, KnownNamesState, DistinctState, amount])
type EndpointState = z.infer<typeof EndpointState>

const Kept = z.union([z.tuple([z.literal('suspects'), SuspectsState]), z.tuple([z.literal('endpoint'), KeyedEntry])])
type Kept = z.infer<typeof Kept>

class Endpoint {
  /** Of requests, and of answers. */
  written = new KnownNames()
  read = new KnownNames()
  callers = new DistinctCounter()
  answersRead = 0

  toState(): EndpointState {
    return [this.written.toState(), this.read.toState(), this.callers.toState(), this.answersRead]
  }

  static fromState([written, read, callers, answersRead]: EndpointState): Endpoint {
    return Object.assign(new Endpoint(), {
      written: KnownNames.fromState(written),
      read: KnownNames.fromState(read),
      callers: DistinctCounter.fromState(callers),
      answersRead,
    })
  }
}

/** A field that this caller should not write. */
interface Odd {
  readonly field: JsonName
  readonly privileged: boolean
  readonly taken: boolean
}

class MassAssignment implements Detector {
  readonly stateVersion = 2
  readonly #options: AssignmentOptions
  readonly #index: CallerIndex
  readonly #places: Places
  readonly #endpoints: KeyedTable<Endpoint>
  readonly #suspects = new Suspects()
  /** Of the request that is looked at. */
  readonly #names = new JsonNames()
  #frozen = false

  constructor(options: AssignmentOptions, callers = new CallerIndex()) {
    this.#index = callers
    this.#places = callers.places
    this.#options = options
    this.#endpoints = new KeyedTable(options.maxEndpoints, () => new Endpoint(), callers.places)
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { method, service, endpoint, status, requestBodyBytes } = tx
    if (requestBodyBytes < 2 || service === null || endpoint === null || status === null || !tx.knownEndpoint)
      return null
    if (method !== 'POST' && method !== 'PUT' && method !== 'PATCH') return null
    const names = this.#names.read(tx.requestBody)
    if (names.length === 0) return null
    const { key, hash: caller } = this.#index.of(tx.principal)
    const known = this.#endpoints.useOf(this.#places.of(service, endpoint))
    const odd = this.#oddOf(tx, known, names, caller)
    if (odd.length > 0) {
      const signal = this.#judge(tx, known, odd, caller, now)
      if (signal !== null) return signal
    }
    // What was refused is no part of the interface, whoever sent it.
    if (status < 300 && !this.#frozen && !this.#suspects.has(key, now)) this.#learn(tx, known, names, caller)
    return null
  }

  tick(): void {}

  suspect(caller: string, open: boolean, now: EventTime): void {
    this.#suspects.set(caller, open, now)
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen
  }

  *snapshot(): IterableIterator<Kept> {
    yield ['suspects', this.#suspects.toState()]
    for (const entry of this.#endpoints.entries((known) => known.toState())) yield ['endpoint', entry]
  }

  restore(line: unknown): void {
    const kept = Kept.parse(line)
    if (kept[0] === 'suspects') {
      this.#suspects.restore(kept[1])
      return
    }
    const [, entry] = kept
    this.#endpoints.restore(entry, Endpoint.fromState(EndpointState.parse(entry[4])))
  }

  sizes() {
    return { endpoints: this.#endpoints.occupancy }
  }

  maturity(): number {
    return this.#endpoints.mean(({ written }) => Math.min(1, written.messages / 200))
  }

  #oddOf(tx: Transaction, known: Endpoint, names: JsonNames, caller: number): readonly Odd[] {
    const { leastRequests, leastCallers } = this.#options
    if (known.written.messages < leastRequests || known.callers.count < leastCallers) return NONE
    let odd: Odd[] | null = null
    for (let i = 0; i < names.length; i++) {
      const hash = names.hash(i)
      // Part of the interface, whatever its name: so are most, and only of the others the name is needed.
      if (known.written.isCommon(hash)) continue
      const field = names.at(i)
      const privileged = givesPrivilege(field.name)
      // One who tried a privilege before anything was known has not made it part of the interface.
      if (!privileged && (known.written.knows(hash, caller) || !known.read.isCommon(hash))) continue
      odd ??= []
      odd.push({ field, privileged, taken: isTaken(tx, field) })
    }
    return odd ?? NONE
  }

  #judge(tx: Transaction, known: Endpoint, odd: readonly Odd[], caller: number, now: EventTime): Signal | null {
    const pValue = odd.some(({ privileged }) => privileged)
      ? firstPrivilege(known, caller)
      : READ_ONLY * known.written.rareShare
    if (pValue > this.#options.report) return null
    return assignmentSignal(tx, known, odd, Math.log10(pValue), now)
  }

  #learn(tx: Transaction, known: Endpoint, names: JsonNames, caller: number): void {
    known.written.messages++
    known.callers.learnOne(caller)
    for (let i = 0; i < names.length; i++) known.written.learnOne(names.hash(i), caller)
    if (known.answersRead >= ANSWERS_READ) return
    known.answersRead++
    for (const { hash } of jsonNames(tx.responseBody)) known.read.learnOne(hash, caller)
  }
}

const NONE: readonly Odd[] = []

/**
 * How likely it is that an honest caller is the first to send a field that gives privilege, after n who did not: the endpoint takes
 * such a one, and a share of callers sends it of which nothing is known (after Laplace: 1/(n+1) that none of n did, 1/(n+2) that the
 * next does); or it is one of the new fields that callers here bring, each caller counted once whatever they bring.
 */
function firstPrivilege({ written, callers }: Endpoint, caller: number): number {
  const { count } = callers
  return TAKES_PRIVILEGE / ((count + 1) * (count + 2)) + (PRIVILEGED * written.rareSenders(caller)) / (count + 2)
}

/** Whether the answer says that the field now has the value that was sent. */
function isTaken(tx: Transaction, field: JsonName): boolean {
  const { requestBody, responseBody, status } = tx
  if (requestBody === undefined || responseBody === undefined || status === null || status >= 300) return false
  const sent = valueText(requestBody, field)
  if (sent === '') return false
  const answered = jsonNames(responseBody).find(({ hash }) => hash === field.hash)
  return answered !== undefined && valueText(responseBody, answered) === sent
}

function assignmentSignal(
  tx: Transaction,
  known: Endpoint,
  odd: readonly Odd[],
  log10P: number,
  now: EventTime,
): Signal {
  const told = odd.slice(0, MAX_TOLD).map(({ field }) => field.name)
  const taken = odd.filter((each) => each.taken)
  const refused = tx.status! >= 400
  const privileged = odd.some((each) => each.privileged)
  const outcome = refused
    ? `refused (${tx.status})`
    : taken.length > 0
      ? `and the answer has ${taken.length === 1 ? 'it' : 'them'} as sent`
      : `answered ${tx.status}, with no sign that it was taken`
  return signalOf('property.mass_assignment', tx, now, {
    log10P,
    maturity: Math.min(1, known.written.messages / 200),
    severity: severityOf(refused, taken.length > 0, privileged),
    why: `${shownAs(tx.principal)} sent ${told.join(', ')} to ${tx.endpoint}, which no other of ${countText(known.callers.count, 'caller')} did in ${countText(known.written.messages, 'request')}: ${outcome}`,
    expected: 'fields that callers send',
    observed: told.join(', '),
    evidence: {
      fields: told,
      privileged,
      taken: taken.map(({ field }) => field.name).slice(0, MAX_TOLD),
      callers: Math.round(known.callers.count),
      requests: known.written.messages,
    },
    subject: { kind: tx.principal.kind, value: shownAs(tx.principal) },
    outcome: {
      answered: refused ? 0 : 1,
      refused: refused ? 1 : 0,
      objectsExposed: 0,
      accounts: [],
      pSuccess: refused ? 0.02 : taken.length > 0 ? 0.9 : 0.3,
    },
    evidenceBefore: [],
  })
}

function severityOf(refused: boolean, taken: boolean, privileged: boolean): Severity {
  if (refused) return 'low'
  if (taken) return privileged ? 'high' : 'medium'
  return privileged ? 'medium' : 'low'
}

export const propertyMassAssignment = defineDetector({
  id: 'property.mass_assignment',
  title: 'Fields that nobody should write',
  owasp: ['API3:2023'],
  attack: ['T1190'],
  describes: {
    detects:
      'A request that sets a field which no other caller of the endpoint sets: one whose name gives power, money or trust (role, is_admin, balance, verified, tenant_id), or one that answers have had and requests never.',
    statistic:
      'For a name that gives privilege: one endpoint in ten takes such a one from some of its callers, and that none of n sent it before the next one does is 1/((n+1)(n+2)) (after Laplace); to which come the callers who brought any name that fewer than three have sent, each counted once, as a share of all, times 0.05. For a name of answers: how often a request has a name that fewer than three callers have sent (after Good and Turing), times 0.3. Whether it worked is read from the answer: the same field with the same value is high, refused is low.',
    memory:
      'maxEndpoints endpoints with 256 names of requests and of answers, at most 32 KiB each; evictions are counted.',
    warmUp:
      'leastRequests requests of leastCallers callers; seven callers for names that give privilege, some 150 requests for names of answers.',
    traps:
      'A client that brings new fields (their names give no privilege, and answers do not have them before), administrators whose endpoint takes roles (others send them, too), a caller who repeats what only he sends teaches one vote. Missed: bodies that are no JSON, fields with names of another kind (say so in a policy of your own), what is sent in queries.',
    tuning: 'leastRequests and report.',
  },
  options: Options,
  create: (options, _, callers) => new MassAssignment(options, callers),
})
