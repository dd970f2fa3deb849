import { type EventTime, HOUR_US, MINUTE_US } from '../daemon/model/time.ts'
import type { PayloadMark, Principal, Transaction } from '../daemon/model/transaction.ts'
import { type AnswerLooks, AnswerSizes, type AnswerSizesState } from './answer-sizes.ts'
import { ADMISSION_DEFAULTS, Admission } from './baselines/admission.ts'
import { DistinctCounter, type DistinctState } from './baselines/distinct-counter.ts'
import { FirstTouch, type FirstTouchState } from './baselines/first-touch.ts'
import { KeyedTable, type Occupancy } from './baselines/keyed-table.ts'
import { hashText } from './baselines/lookup-hash.ts'
import { networkOf, principalKey, voteKey } from './baselines/principal-key.ts'
import { type Accumulated, FaintMarks, type FaintState } from './faint-marks.ts'

const MAX_ENDPOINTS = 4096
/** Fields times rules that fired there in benign traffic. */
const MAX_HABITS = 16_384
const MAX_ESTABLISHED = 65_536
/** Of an endpoint with more than 64 callers one request in eight is asked who sent it: callers come back. */
const SAMPLE = 7
const MAX_SUSPECTS = 4096
/** Services, and endpoints of each, that are found without a joined key. */
const MAX_NEAR = 512
/** A suspicion that nobody took back. */
const SUSPECT_US = 24 * HOUR_US
/** P(an attack of a class trips the rule that its payload trips). */
const P_ATTACK = 0.5
/** Callers that the shipped prior counts for. */
const PRIOR_CALLERS = 20
/** Callers in good standing without whom a rule is never taken for harmless in a field. */
const LEAST_CALM = 5
/** The same where some are suspected for just these payloads: a whole crowd, from several networks, and no small part of all. */
const LEAST_CROWD = 10
const LEAST_NETWORKS = 3
const CROWD_SHARE = 0.05
/** A field in which a rule never fired makes it mean more, by at most e^3. */
const MAX_RISE = 3
/** Natural log-odds from which a mark is a signal about an unknown field, and from which nothing benign looks like it. */
const LEVELS = [7, 9] as const

/** What a field that carried nothing of the kind, or did, makes of a mark. */
export interface Judgement {
  /** Natural log of the odds, by what the field normally carries. */
  readonly logOdds: number
  /** Callers in whose benign requests the rule fired in this field, no less clearly. */
  readonly carried: number
  /** Callers of the endpoint that are known by now. */
  readonly callers: number
}

interface Vote {
  /** Of the endpoint, or of the field and rule. */
  readonly key: string
  readonly of: 'endpoint' | 'habit'
  /** How clearly the rule fired: see LEVELS. */
  readonly level: number
  readonly hash: number
  readonly network: number
}

class Endpoint {
  key = ''
  /** Callers whose vote was offered. */
  readonly seen = new DistinctCounter()
  /** Those whose vote came through quarantine. */
  readonly callers = new DistinctCounter()
  answers = new AnswerSizes()
  last: Principal | null = null
  turn = 0
}

/** Who tripped a rule in a field while all was well. */
class Tally {
  readonly calm = new DistinctCounter()
  /** Also those who are suspected for it, and whence they came. */
  readonly crowd = new DistinctCounter()
  readonly networks = new DistinctCounter()
}

/**
 * A tally for each level, of those who tripped the rule at least so clearly: prose that says "select" does not teach a field
 * to carry `' UNION SELECT`.
 */
class Habit {
  key = ''
  readonly levels: (Tally | null)[] = [null, null, null]

  at(level: number): Tally {
    this.levels[level] ??= new Tally()
    return this.levels[level]
  }
}

/** One value of `snapshot`. */
type Learnt =
  | readonly ['endpoint', key: string, seen: DistinctState, callers: DistinctState, answers: AnswerSizesState]
  | FaintState
  | readonly ['habit', key: string, level: number, calm: DistinctState, crowd: DistinctState, networks: DistinctState]
  | readonly ['established', FirstTouchState]

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
  #endpoints = new KeyedTable<Endpoint>(MAX_ENDPOINTS, () => new Endpoint())
  #habits = new KeyedTable<Habit>(MAX_HABITS, () => new Habit())
  #established = new FirstTouch(MAX_ESTABLISHED)
  readonly #admission: Admission<Vote>
  /** Suspected for payloads only. */
  readonly #suspects = new Map<string, EventTime>()
  /** By service and endpoint: spares the look-up by a joined key, for a minute, so that eviction goes on as it should. */
  readonly #near = new Map<string, Map<string | null, Endpoint>>()
  #nearSince: EventTime = 0
  readonly #faint = new FaintMarks()
  /** Of the answer of the latest transaction that has marks. */
  #looks: AnswerLooks = 'unknown'
  #frozen = false

  constructor() {
    this.#admission = new Admission(ADMISSION_DEFAULTS, (vote, _, now, caller) => this.#learn(vote, caller, now))
  }

  /** Learns from a transaction, by and by. Judge first or after: what it teaches counts a quarantine later. */
  observe(tx: Transaction, now: EventTime): void {
    const { status, service } = tx
    this.#looks = 'unknown'
    if (this.#frozen || status === null || status < 200 || status >= 400 || service === null) return
    const endpoint = this.#endpointOf(service, tx.endpoint)
    if (tx.marks.length > 0) this.#looks = endpoint.answers.looks(tx.responseBodyBytes)
    if (status < 300) endpoint.answers.learn(tx.responseBodyBytes)
    if (endpoint.last !== tx.principal && (endpoint.seen.exact || (++endpoint.turn & SAMPLE) === 0)) {
      endpoint.last = tx.principal
      const hash = hashText(voteKey(tx.principal))
      if (endpoint.seen.learnOne(hash) > 0)
        this.#offer(tx, { key: endpoint.key, of: 'endpoint', level: 0, hash, network: 0 }, now)
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
    if (!forPayload) {
      this.#admission.suspect(caller, open, now)
      return
    }
    this.#suspects.delete(caller)
    if (!open) return
    if (this.#suspects.size >= MAX_SUSPECTS) {
      const oldest = this.#suspects.keys().next()
      if (oldest.done !== true) this.#suspects.delete(oldest.value)
    }
    this.#suspects.set(caller, now)
  }

  freeze(frozen: boolean, now: EventTime): void {
    this.#frozen = frozen
    this.#admission.freeze(frozen, now)
  }

  judge(tx: Transaction, mark: PayloadMark): Judgement {
    const key = endpointKey(tx.service, tx.endpoint)
    const callers = Math.round(this.#endpoints.peek(key)?.callers.count ?? 0)
    const tally = this.#habits.peek(habitKey(key, mark.field, mark.rule))?.levels[levelOf(mark)] ?? null
    const carried = Math.round(tally?.crowd.count ?? 0)
    const votes = tally === null ? 0 : votesOf(tally, callers)
    // Too few to say that it is normal, and too many to say that it never happens.
    if (votes === null) return { logOdds: mark.logOdds, carried, callers }
    const usual = P_ATTACK * Math.exp(-mark.logOdds)
    const p = (votes + PRIOR_CALLERS * usual) / (Math.max(callers, votes) + PRIOR_CALLERS)
    const rise = this.#isForTexts(key, mark.field, callers) ? 0 : MAX_RISE
    const logOdds = Math.min(Math.log(P_ATTACK) - Math.log(p), mark.logOdds + rise)
    return { logOdds, carried, callers }
  }

  /** How the answer of the transaction that was observed last looks beside others of its endpoint. */
  get answerLooks(): AnswerLooks {
    return this.#looks
  }

  /** A mark that is no signal by itself; not null when all that its caller sent of the kind is one together. */
  accumulate(
    tx: Transaction,
    { field, rule }: PayloadMark,
    { logOdds }: Judgement,
    now: EventTime,
  ): Accumulated | null {
    const key = hashText(habitKey(endpointKey(tx.service, tx.endpoint), field, rule))
    return this.#faint.add(principalKey(tx.principal), key, logOdds, now)
  }

  sizes(): Readonly<Record<string, Occupancy>> {
    return {
      endpoints: this.#endpoints.occupancy,
      habits: this.#habits.occupancy,
      established: this.#established.occupancy,
      quarantine: this.#admission.occupancy,
      faint: this.#faint.occupancy,
    }
  }

  /** How much of the traffic's endpoints is known, 0..1. */
  maturity(): number {
    return this.#endpoints.mean(({ callers }) => maturityOf(callers.count))
  }

  /** What it has learnt, as plain JSON values. What waits in quarantine is not part of it. */
  snapshot(): Iterable<unknown> {
    const lines: Learnt[] = [['established', this.#established.toState()]]
    this.#endpoints.forEach(({ key, seen, callers, answers }) => {
      lines.push(['endpoint', key, seen.toState(), callers.toState(), answers.toState()])
    })
    this.#habits.forEach(({ key, levels }) => {
      for (const [level, tally] of levels.entries()) {
        if (tally === null) continue
        const { calm, crowd, networks } = tally
        lines.push(['habit', key, level, calm.toState(), crowd.toState(), networks.toState()])
      }
    })
    lines.push(...this.#faint.snapshot())
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
        endpoint.seen.merge(DistinctCounter.fromState(learnt[2]))
        endpoint.callers.merge(DistinctCounter.fromState(learnt[3]))
        endpoint.answers = AnswerSizes.fromState(learnt[4])
        return
      }
      case 'habit': {
        const habit = this.#habits.use(keyOf(learnt[1]))
        habit.key = learnt[1]
        if (learnt[2] !== 0 && learnt[2] !== 1 && learnt[2] !== 2) throw new TypeError('there are three levels')
        const tally = habit.at(learnt[2])
        tally.calm.merge(DistinctCounter.fromState(learnt[3]))
        tally.crowd.merge(DistinctCounter.fromState(learnt[4]))
        tally.networks.merge(DistinctCounter.fromState(learnt[5]))
        return
      }
      case 'faint':
        this.#faint.restore(learnt)
        return
      default:
        throw new TypeError('not a line of what fields carry')
    }
  }

  /** Forgets what it has learnt. */
  reset(): void {
    this.#near.clear()
    this.#endpoints = new KeyedTable(MAX_ENDPOINTS, () => new Endpoint())
    this.#habits = new KeyedTable(MAX_HABITS, () => new Habit())
    this.#established = new FirstTouch(MAX_ESTABLISHED)
    this.#faint.clear()
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
      endpoint.key = key
      near.set(name, endpoint)
    }
    return endpoint
  }

  #observeMarks(tx: Transaction, now: EventTime): void {
    const marks = tx.marks.filter((mark): mark is PayloadMark => mark.kind === 'payload')
    if (marks.length === 0) return
    // What gave something away after a payload, or took the time that it asked for, was no ordinary request.
    const leaks = marks.filter(isLeak)
    const asked = leaks.length === 0 ? marks : leaks.length === marks.length ? leaks : []
    if (asked.some((mark) => isDelayed(tx, mark))) return
    const hash = hashText(voteKey(tx.principal))
    if (!this.#isEstablished(hash)) return
    const network = hashText(networkOf(tx.forwarded[0] ?? tx.clientIp))
    const endpoint = endpointKey(tx.service, tx.endpoint)
    for (const mark of asked) {
      this.#offerHabit(tx, habitKey(endpoint, mark.field, mark.rule), levelOf(mark), hash, network, now)
      this.#offerHabit(tx, habitKey(endpoint, mark.field, ANY_RULE), 0, hash, network, now)
    }
  }

  #offerHabit(tx: Transaction, key: string, level: number, hash: number, network: number, now: EventTime): void {
    this.#habits.use(key).key = key
    this.#offer(tx, { key, of: 'habit', level, hash, network }, now)
  }

  #isForTexts(endpoint: string, field: string, callers: number): boolean {
    const tally = this.#habits.peek(habitKey(endpoint, field, ANY_RULE))?.levels[0] ?? null
    return tally !== null && votesOf(tally, callers) !== 0
  }

  #offer(tx: Transaction, vote: Vote, now: EventTime): void {
    const caller = principalKey(tx.principal)
    if (this.#admission.isSuspect(caller, now)) return
    this.#admission.offer(caller, voteKey(tx.principal), vote, false, now)
  }

  #learn({ key, of, level, hash, network }: Vote, caller: string, now: EventTime): void {
    if (of === 'endpoint') {
      this.#endpoints.peek(key)?.callers.learnOne(hash)
      this.#established.learnOne(0, hash, 1, true)
      return
    }
    const habit = this.#habits.peek(key)
    if (habit === undefined) return
    const since = this.#suspects.get(caller)
    const isCalm = since === undefined || now - since > SUSPECT_US
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

export function isLeak({ class: name }: PayloadMark): boolean {
  return name.startsWith('leak_')
}

/** Shorter waits happen by themselves. */
const LEAST_DELAY_MS = 900

/** Whether the answer took as long as the payload asked for. */
export function isDelayed({ durationUs }: Transaction, { delayMs }: PayloadMark): boolean {
  return delayMs !== null && delayMs >= LEAST_DELAY_MS && durationUs !== null && durationUs >= delayMs * 980
}

/** Null where they are neither enough nor none. */
function votesOf({ calm, crowd, networks }: Tally, callers: number): number | null {
  const isCrowd = crowd.count >= LEAST_CROWD && networks.count >= LEAST_NETWORKS && crowd.count >= CROWD_SHARE * callers
  if (isCrowd) return crowd.count
  if (calm.count >= LEAST_CALM) return calm.count
  return crowd.count > 0 ? null : 0
}

function endpointKey(service: string | null, endpoint: string | null): string {
  return `${service} ${endpoint ?? ''}`
}

/** Stands for all rules of a field. */
const ANY_RULE = ''

function habitKey(endpoint: string, field: string, rule: string): string {
  return `${endpoint}\n${field}\n${rule}`
}

function levelOf({ logOdds }: PayloadMark): number {
  return logOdds >= LEVELS[1] ? 2 : logOdds >= LEVELS[0] ? 1 : 0
}

function keyOf(key: unknown): string {
  if (typeof key !== 'string') throw new TypeError('a key is a text')
  return key
}
