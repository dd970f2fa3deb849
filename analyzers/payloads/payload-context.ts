import type { SharedLearning } from '../../daemon/model/learning.ts'
import { type EventTime, MINUTE_US, NO_TIME, SECOND_US } from '../../daemon/model/time.ts'
import { callerAddress, type PayloadMark, type Transaction } from '../../daemon/model/transaction.ts'
import { ADMISSION_DEFAULTS, Admission, AdmissionState } from '../baselines/admission.ts'
import { CallerIndex, type CallerRow } from '../baselines/caller-index.ts'
import { DistinctCounter, DistinctState } from '../baselines/distinct-counter.ts'
import { FirstTouch, type FirstTouchState } from '../baselines/first-touch.ts'
import { KeyedTable, type Occupancy } from '../baselines/keyed-table.ts'
import { hashText } from '../baselines/lookup-hash.ts'
import { networkOf } from '../baselines/principal-key.ts'
import { Suspects, SuspectsState } from '../baselines/suspects.ts'
import { type AnswerLooks, AnswerSizes, type AnswerSizesState } from './answer-sizes.ts'
import { type Accumulated, FaintMarks, type FaintState } from './faint-marks.ts'
import { contentOf } from './field-content.ts'
import { FieldContents, type FieldState } from './field-contents.ts'
import { fieldValues } from './field-values.ts'
import { FollowUps } from './follow-ups.ts'
import { HabitsElsewhere, type ToldHabit } from './habits-elsewhere.ts'
import {
  ANY_RULE,
  type Counted,
  countedOf,
  Endpoint,
  endpointKey,
  fieldKey,
  Habit,
  habitKey,
  type Judgement,
  VOTES,
  type Vote,
  type Votes,
  votesOf,
} from './payload-habits.ts'
import { isDelayed, isLeak } from './payload-signs.ts'

const MAX_ENDPOINTS = 4096
/** Fields times rules that fired there in benign traffic. */
const MAX_HABITS = 16_384
const MAX_ESTABLISHED = 65_536
/** Of an endpoint with more than 64 callers one request in eight is asked who sent it: callers come back. */
const SAMPLE = 7
/** Services, and endpoints of each, that are found without a joined key. */
const MAX_NEAR = 512
/** P(an attack of a class trips the rule that its payload trips). */
const P_ATTACK = 0.5
/** Callers that the shipped prior counts for. */
const PRIOR_CALLERS = 20
/** A field in which a rule never fired makes it mean more, by at most e^3. */
const MAX_RISE = 3
/** Natural log-odds from which a mark is a signal about an unknown field, and from which nothing benign looks like it. */
const LEVELS = [7, 9] as const
/** Of what does not belong into a plain field by mistake, the share that a rule fires for: people mistype letters and blanks. */
const P_RULE_BY_MISTAKE = 0.1
/** What the content of a field makes of a faint mark, at most. */
const MOST_BY_CONTENT = 9
/** Requests of an endpoint that are looked into for what fields carry: one in so long, besides the first of each of its first 64 callers. */
const SAMPLE_EVERY_US = 5 * SECOND_US
const NO_VOTES: Votes = { count: 0, enough: false }

/** One value of `snapshot`. */
type Learnt =
  | readonly ['endpoint', key: string, seen: DistinctState, callers: DistinctState, answers: AnswerSizesState]
  | FaintState
  | FieldState
  | readonly ['habit', key: string, level: number, calm: DistinctState, crowd: DistinctState, networks: DistinctState]
  | readonly ['awaited', key: string]
  | readonly ['established', FirstTouchState]
  | readonly ['admission', AdmissionState]
  | readonly ['suspects', SuspectsState]

/**
 * What each field normally carries: how many of an endpoint's callers tripped a rule in it while nothing was wrong. All payload
 * detectors share one. With k of n callers and the rule's shipped p0, p = (k + 20 p0) / (n + 20), so a rule that fires for
 * many callers of a field stops mattering there, and one that never fired for a thousand matters more: unless callers trip
 * other rules there, since then it is a field for texts, in which anything may stand once.
 *
 * Votes     one per caller (per network for addresses), from requests answered 2xx or 3xx without a sign of success, by
 *           callers the service has known for a quarantine; again quarantined. Nobody under suspicion votes, with one exception:
 *           suspicion for payloads alone would let a code editor look like an attack for ever, so a crowd (10 callers from 3
 *           networks, 5 % of all) outvotes it. Fewer than 5 callers count for nothing but an end of the rise.
 * Memory    4,096 callers with faint marks of up to 32 fields; 4,096 endpoints and 16,384 pairs of field and rule, at most 4 KiB each, typically 300 B; 65,536 votes in quarantine
 */
export class PayloadContext {
  readonly #index: CallerIndex
  #endpoints = new KeyedTable<Endpoint>(MAX_ENDPOINTS, () => new Endpoint())
  #habits = new KeyedTable<Habit>(MAX_HABITS, () => new Habit())
  #established = new FirstTouch(MAX_ESTABLISHED)
  #admission = this.#newAdmission()
  /** Suspected for payloads only. */
  readonly #suspects = new Suspects()
  /** By service and endpoint: spares the look-up by a joined key, for a minute, so that eviction goes on as it should. */
  readonly #near = new Map<string, Map<string | null, Endpoint>>()
  #nearSince: EventTime = NO_TIME
  readonly #faint = new FaintMarks()
  readonly #contents = new FieldContents()
  /** Of the answer of the latest transaction that has marks. */
  #looks: AnswerLooks = 'unknown'
  readonly #followUps = new FollowUps()
  /** Marks of the latest transaction that follow up on an oddly answered one. */
  readonly #followed = new Set<PayloadMark>()
  #frozen = false
  readonly #elsewhere = new HabitsElsewhere()
  readonly shared: SharedLearning = { version: 1, tell: () => this.#told(), hear: (lines) => this.#hear(lines) }

  /** Without an index of callers it has its own. */
  constructor(callers = new CallerIndex()) {
    this.#index = callers
  }

  #newAdmission() {
    return new Admission(ADMISSION_DEFAULTS, (vote: Vote, _, now, caller) => this.#learn(vote, caller, now), VOTES)
  }

  /** Learns from a transaction, by and by. Judge first or after: what it teaches counts a quarantine later. */
  observe(tx: Transaction, now: EventTime): void {
    const { status, service } = tx
    this.#looks = 'unknown'
    this.#followed.clear()
    if (status === null || service === null) return
    const isWell = status >= 200 && status < 400
    const endpoint = isWell && !this.#frozen ? this.#endpointOf(service, tx.endpoint) : null
    if (tx.marks.length > 0) {
      if (endpoint !== null) this.#looks = endpoint.answers.looks(tx.responseBodyBytes)
      this.#noteProbes(tx, status, now)
    }
    if (endpoint === null) return
    if (status < 300) endpoint.answers.learn(tx.responseBodyBytes)
    if (endpoint.last !== tx.principal) {
      const isDue = now - endpoint.sampledAt >= SAMPLE_EVERY_US
      const isAsked = endpoint.seen.exact || (++endpoint.turn & SAMPLE) === 0
      if (isAsked || isDue) this.#observeCaller(tx, endpoint, isAsked, isDue, now)
    }
    if (tx.marks.length > 0) this.#observeMarks(tx, now)
  }

  /** Lets in what has waited long enough. */
  tick(now: EventTime): void {
    if (now - this.#nearSince >= MINUTE_US) {
      this.#nearSince = now
      this.#near.clear()
    }
    this.#admission.release(now)
  }

  /** `forPayload`: the suspicion rests on payloads, which a crowd may outvote. */
  suspect(caller: string, open: boolean, forPayload: boolean, now: EventTime): void {
    if (forPayload) this.#suspects.set(caller, open, now)
    else this.#admission.suspect(caller, open, now)
  }

  pardon(caller: string, now: EventTime): void {
    this.#suspects.set(caller, false, now)
    this.#admission.pardon(caller, now)
  }

  freeze(frozen: boolean, now: EventTime): void {
    this.#frozen = frozen
    this.#admission.freeze(frozen, now)
  }

  judge(tx: Transaction, mark: PayloadMark): Judgement {
    const key = placeOf(tx, mark)
    const callers = Math.round(this.#callersOf(key))
    const tally = this.#tallyOf(habitKey(key, mark.field, mark.rule), levelOf(mark))
    const carried = Math.round(tally?.crowd ?? 0)
    const votes = tally === null ? NO_VOTES : votesOf(tally, callers)
    const field = fieldKey(key, mark.field)
    const content = this.#contents.carries(field, this.#elsewhere.carried(field))
    const known = { carried, callers, content }
    const usual = P_ATTACK * Math.exp(-mark.logOdds)
    const p = (votes.count + PRIOR_CALLERS * usual) / (Math.max(callers, votes.count) + PRIOR_CALLERS)
    const rise = isOfText(mark) && this.#isForTexts(key, mark.field) ? 0 : MAX_RISE
    const here = Math.min(Math.log(P_ATTACK) - Math.log(p), mark.logOdds + rise)
    // A few are too few to say that it is normal, however small the endpoint.
    const logOdds = votes.enough || votes.count === 0 ? here : Math.max(here, mark.logOdds)
    if ((tally !== null && tally.crowd > 0) || content?.plain !== true || levelOf(mark) > 0)
      return { logOdds, ...known, unlike: false }
    const byContent = this.#byContent(tx, field, mark.field)
    return { logOdds: Math.max(logOdds, byContent), ...known, unlike: byContent > logOdds }
  }

  /** How the answer of the transaction that was observed last looks beside others of its endpoint. */
  get answerLooks(): AnswerLooks {
    return this.#looks
  }

  /** Whether this mark of the transaction observed last is more of what the same caller got an odd answer for. */
  isFollowUp(mark: PayloadMark): boolean {
    return this.#followed.has(mark)
  }

  /** A mark that is no signal by itself; not null when all that its caller sent of the kind is one together. */
  accumulate(
    tx: Transaction,
    mark: PayloadMark,
    { logOdds }: Pick<Judgement, 'logOdds'>,
    now: EventTime,
  ): Accumulated | null {
    const key = hashText(fieldKey(placeOf(tx, mark), mark.field))
    return this.#faint.add(this.#index.of(tx.principal).key, key, logOdds, now)
  }

  sizes(): Readonly<Record<string, Occupancy>> {
    return {
      endpoints: this.#endpoints.occupancy,
      habits: this.#habits.occupancy,
      established: this.#established.occupancy,
      quarantine: this.#admission.occupancy,
      faint: this.#faint.occupancy,
      fields: this.#contents.occupancy,
      follow_ups: this.#followUps.occupancy,
      elsewhere: { entries: this.#elsewhere.size, limit: this.#elsewhere.limit, evicted: 0 },
    }
  }

  /** How much of the traffic's endpoints is known, 0..1. */
  maturity(): number {
    return this.#endpoints.mean(({ callers }) => maturityOf(callers.count))
  }

  /** What it has learnt, and what waits to be, as plain JSON values. */
  snapshot(): Iterable<unknown> {
    const lines: Learnt[] = [['established', this.#established.toState()]]
    this.#endpoints.forEach(({ key, seen, callers, answers }) => {
      lines.push(['endpoint', key, seen.toState(), callers.toState(), answers.toState()])
    })
    this.#habits.forEach(({ key, levels }) => {
      if (levels.every((tally) => tally === null)) lines.push(['awaited', key])
      for (const [level, tally] of levels.entries()) {
        if (tally === null) continue
        const { calm, crowd, networks } = tally
        lines.push(['habit', key, level, calm.toState(), crowd.toState(), networks.toState()])
      }
    })
    lines.push(...this.#faint.snapshot(), ...this.#contents.snapshot())
    lines.push(['suspects', this.#suspects.toState()])
    for (const state of this.#admission.snapshot()) lines.push(['admission', state])
    return lines
  }

  /** Puts back one value of `snapshot` into one that has learnt nothing. Throws when it is none. */
  restore(line: unknown): void {
    const learnt = line as Learnt
    switch (learnt[0]) {
      case 'established':
        this.#established = FirstTouch.fromState(learnt[1], MAX_ESTABLISHED)
        return
      case 'endpoint': {
        const endpoint = this.#endpoints.use(keyOf(learnt[1]))
        endpoint.key = learnt[1]
        endpoint.seen = DistinctCounter.fromState(DistinctState.parse(learnt[2]))
        endpoint.callers = DistinctCounter.fromState(DistinctState.parse(learnt[3]))
        endpoint.answers = AnswerSizes.fromState(learnt[4])
        endpoint.hear(this.#elsewhere.callers(learnt[1]))
        return
      }
      case 'awaited':
        this.#habits.use(keyOf(learnt[1])).key = learnt[1]
        return
      case 'habit': {
        const habit = this.#habits.use(keyOf(learnt[1]))
        habit.key = learnt[1]
        if (learnt[2] !== 0 && learnt[2] !== 1 && learnt[2] !== 2) throw new TypeError('there are three levels')
        const tally = habit.at(learnt[2])
        tally.calm = DistinctCounter.fromState(DistinctState.parse(learnt[3]))
        tally.crowd = DistinctCounter.fromState(DistinctState.parse(learnt[4]))
        tally.networks = DistinctCounter.fromState(DistinctState.parse(learnt[5]))
        return
      }
      case 'admission':
        this.#restoreAdmission(AdmissionState.parse(learnt[1]))
        return
      case 'suspects':
        this.#suspects.restore(SuspectsState.parse(learnt[1]))
        return
      case 'faint':
        this.#faint.restore(learnt)
        return
      case 'field':
        this.#contents.restore(learnt)
        return
      default:
        throw new TypeError('not a line of what fields carry')
    }
  }

  #restoreAdmission(state: AdmissionState): void {
    if (state[0] === 'stand') this.#frozen = state[1]
    this.#admission.restore(state)
  }

  /** Forgets what it has learnt. */
  reset(): void {
    this.#near.clear()
    this.#endpoints = new KeyedTable(MAX_ENDPOINTS, () => new Endpoint())
    this.#habits = new KeyedTable(MAX_HABITS, () => new Habit())
    this.#established = new FirstTouch(MAX_ESTABLISHED)
    this.#admission = this.#newAdmission()
    this.#suspects.clear()
    this.#faint.clear()
    this.#contents.clear()
    this.#followUps.clear()
  }

  #endpointOf(service: string, name: string | null): Endpoint {
    let near = this.#near.get(service)
    if (near === undefined) {
      if (this.#near.size >= MAX_NEAR) this.#near.clear()
      near = new Map()
      this.#near.set(service, near)
    }
    let endpoint = near.get(name)
    if (endpoint === undefined) {
      if (near.size >= MAX_NEAR) near.clear()
      const key = endpointKey(service, name)
      endpoint = this.#endpoints.use(key)
      if (endpoint.key === '') {
        endpoint.key = key
        endpoint.hear(this.#elsewhere.callers(key))
      }
      near.set(name, endpoint)
      const whole = withoutOperation(name)
      if (whole !== name) endpoint.whole = this.#endpointOf(service, whole)
    }
    return endpoint
  }

  /** `#looks` is of this transaction. */
  #noteProbes(tx: Transaction, status: number, now: EventTime): void {
    const isOdd = status >= 500 || (status < 300 && this.#looks === 'unlike')
    const length = (tx.path?.length ?? 0) + tx.query.length + tx.requestBodyBytes
    for (const mark of tx.marks) {
      if (mark.kind !== 'payload' || isLeak(mark)) continue
      const field = hashText(habitKey(placeOf(tx, mark), mark.field, mark.class))
      if (this.#followUps.note(this.#index.of(tx.principal).key, field, length, isOdd, now)) this.#followed.add(mark)
    }
  }

  #observeCaller(tx: Transaction, endpoint: Endpoint, isAsked: boolean, isDue: boolean, now: EventTime): void {
    endpoint.last = tx.principal
    const row = this.#index.of(tx.principal)
    const hash = row.voterHash
    const isNew = isAsked && endpoint.seen.learnOne(hash) > 0
    if (isNew) this.#offer(row, { key: endpoint.key, of: 'endpoint', level: 0, hash, network: 0 }, now)
    const { whole } = endpoint
    if (isNew && whole !== null && whole.seen.learnOne(hash) > 0) {
      this.#offer(row, { key: whole.key, of: 'endpoint', level: 0, hash, network: 0 }, now)
    }
    if (isDue || (isNew && endpoint.seen.exact)) this.#observeContents(tx, endpoint, row, now)
  }

  /** Looks into a request for what its fields carry: a caller's first value of each field counts. */
  #observeContents(tx: Transaction, endpoint: Endpoint, row: CallerRow, now: EventTime): void {
    endpoint.sampledAt = now
    const hash = row.voterHash
    fieldValues(tx, (field, text) => {
      const key = fieldKey(endpoint.key, field)
      if (!this.#contents.isNew(key, hash)) return
      this.#offer(row, { key, of: 'field', level: 0, hash, network: 0, content: contentOf(text) }, now)
    })
  }

  /** Natural log of the odds of a value of its field that is unlike what callers fill it with; the oddest of several counts. */
  #byContent(tx: Transaction, key: string, name: string): number {
    let p = 1
    fieldValues(tx, (field, text) => {
      if (field === name) p = Math.min(p, this.#contents.oddity(key, contentOf(text), this.#elsewhere.carried(key)))
    })
    return Math.min(MOST_BY_CONTENT, Math.log(P_ATTACK) - Math.log(p * P_RULE_BY_MISTAKE))
  }

  #observeMarks(tx: Transaction, now: EventTime): void {
    const marks = tx.marks.filter((mark): mark is PayloadMark => mark.kind === 'payload')
    if (marks.length === 0) return
    // What gave something away after a payload, or took the time that it asked for, was no ordinary request.
    const leaks = marks.filter(isLeak)
    const asked = leaks.length === 0 ? marks : leaks.length === marks.length ? leaks : []
    if (asked.some((mark) => isDelayed(tx, mark))) return
    const row = this.#index.of(tx.principal)
    const hash = row.voterHash
    if (!this.#isEstablished(hash)) return
    const network = hashText(networkOf(callerAddress(tx)))
    for (const mark of asked) {
      const endpoint = placeOf(tx, mark)
      this.#offerHabit(row, habitKey(endpoint, mark.field, mark.rule), levelOf(mark), network, now)
      this.#offerHabit(row, habitKey(endpoint, mark.field, ANY_RULE), 0, network, now)
    }
  }

  #offerHabit(row: CallerRow, key: string, level: number, network: number, now: EventTime): void {
    this.#habits.use(key).key = key
    this.#offer(row, { key, of: 'habit', level, hash: row.voterHash, network }, now)
  }

  /** Callers of an endpoint, here and at other analyzers. */
  #callersOf(key: string): number {
    const endpoint = this.#endpoints.peek(key)
    if (endpoint === undefined) return this.#elsewhere.callers(key)?.count ?? 0
    return (endpoint.everywhere ?? endpoint.callers).count
  }

  #tallyOf(habit: string, level: number): Counted | null {
    return countedOf(this.#habits.peek(habit)?.levels[level] ?? null, this.#elsewhere.tally(habit, level))
  }

  *#told(): IterableIterator<ToldHabit> {
    for (const [, { key, callers }] of this.#endpoints.states((each) => each)) {
      if (callers.count > 0) yield ['endpoint', key, callers.toState()]
    }
    for (const [, { key, levels }] of this.#habits.states((each) => each)) {
      for (const [level, tally] of levels.entries()) {
        if (tally === null) continue
        const { calm, crowd, networks } = tally
        yield ['habit', key, level, calm.toState(), crowd.toState(), networks.toState()]
      }
    }
    for (const [key, { callers, kinds, classes, longest }] of this.#contents.told()) {
      yield ['field', key, [callers, kinds, classes, longest]]
    }
  }

  #hear(lines: Iterable<unknown>): void {
    this.#elsewhere.hear(lines)
    this.#endpoints.forEach((endpoint) => {
      endpoint.hear(this.#elsewhere.callers(endpoint.key))
    })
  }

  #isForTexts(endpoint: string, field: string): boolean {
    const tally = this.#tallyOf(habitKey(endpoint, field, ANY_RULE), 0)
    return tally !== null && tally.crowd > 0
  }

  #offer({ key, voter }: CallerRow, vote: Vote, now: EventTime): void {
    if (this.#admission.isSuspect(key, now)) return
    this.#admission.offer(key, voter, vote, false, now)
  }

  #learn({ key, of, level, hash, network, content }: Vote, caller: string, now: EventTime): void {
    if (of === 'endpoint') {
      this.#endpoints.peek(key)?.learnCaller(hash)
      this.#established.learnOne(0, hash, 1, true)
      return
    }
    const isCalm = !this.#suspects.has(caller, now)
    if (content !== undefined) {
      if (isCalm) this.#contents.learn(key, content)
      return
    }
    const habit = this.#habits.peek(key)
    if (habit === undefined) return
    for (let each = 0; each <= level; each++) {
      const tally = habit.at(each)
      tally.crowd.learnOne(hash)
      tally.networks.learnOne(network)
      if (isCalm) tally.calm.learnOne(hash)
    }
  }

  #isEstablished(hash: number): boolean {
    return this.#established.learnOne(0, hash, 1, false) !== 'unknown'
  }
}

/** What counts as a caller's share of knowing an endpoint. */
export function maturityOf(callers: number): number {
  return Math.min(1, callers / PRIOR_CALLERS)
}

/** Where the callers of a mark are counted: a schema is asked about in an operation of its own, at a place of many. */
function placeOf({ service, endpoint }: Transaction, { class: name }: PayloadMark): string {
  return endpointKey(service, name === 'graphql' ? withoutOperation(endpoint) : endpoint)
}

/** `POST /graphql` of `POST /graphql#Basket`. */
function withoutOperation(endpoint: string | null): string | null {
  const at = endpoint?.indexOf('#') ?? -1
  return at < 0 ? endpoint : endpoint!.slice(0, at)
}

/** A document's depth and number of aliases are no words that a text may have. */
function isOfText({ class: name }: PayloadMark): boolean {
  return name !== 'graphql'
}

function levelOf({ logOdds }: PayloadMark): number {
  return logOdds >= LEVELS[1] ? 2 : logOdds >= LEVELS[0] ? 1 : 0
}

function keyOf(key: unknown): string {
  if (typeof key !== 'string') throw new TypeError('a key is a text')
  return key
}
