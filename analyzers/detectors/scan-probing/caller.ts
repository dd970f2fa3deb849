import { z } from 'zod'
import { ownText } from '../../../daemon/model/own-text.ts'
import { withOneMore } from '../../../daemon/model/small-list.ts'
import { type EventTime, MINUTE_US } from '../../../daemon/model/time.ts'
import type { Principal, Transaction } from '../../../daemon/model/transaction.ts'
import type { CallerRow } from '../../baselines/caller-index.ts'
import { PrincipalState, principalFrom, principalKey, principalState, voteKey } from '../../baselines/principal-key.ts'
import { SequentialTest, WalkState } from '../../baselines/sequential-test.ts'
import { amount, flag, hash32, text, time } from '../../baselines/state.ts'
import { EvidenceTrail, TrailState } from '../../finding.ts'
import type { SensitivePath } from './sensitive-paths.ts'

const MAX_SERVICES_PER_CALLER = 4
const MAX_MISSED = 64

/** Something asked for that is not there, or should not be. */
export interface Miss {
  readonly shape: number
  readonly sensitive: SensitivePath | null
  /** A secret file that was answered. */
  readonly leaked: boolean
}

const RECENT_MATCHES = 8

interface CountedMiss extends Miss {
  readonly name: string
  /** Evidence it brought to the walk, until that is taken back. */
  gained: number
}

/** What was matched: an endpoint, or the hash of a path. */
const MatchState = z.union([text, hash32]).nullable()
/** Shape, name, weight and secrecy of a known target, whether it leaked, evidence gained. */
const MissState = z.tuple([hash32, text, z.tuple([amount, flag]).nullable(), flag, amount])
const VisitState = z.tuple([
  text,
  WalkState,
  TrailState,
  z.tuple([amount, amount, time, flag, amount]),
  z.tuple([MatchState, time, amount, amount]),
  z.array(MissState).max(MAX_MISSED),
  z.array(z.tuple([MatchState, time])).max(RECENT_MATCHES),
  z.tuple([amount, time]),
])
export const CallerState = z.tuple([PrincipalState.nullable(), z.array(VisitState).max(MAX_SERVICES_PER_CALLER)])
export type CallerState = z.infer<typeof CallerState>

const NO_WALK = new SequentialTest()

/** One caller at one service: the walk, and what it rests on. */
export class Visit {
  readonly service: string
  /** Most callers never miss: what only those who do need is made when it is needed. */
  #walk: SequentialTest | null = null
  #trail: EvidenceTrail | null = null
  leaked = 0
  refused = 0
  since: EventTime = 0
  signalled = false
  /** Requests that matched an endpoint. */
  matched = 0
  /** An endpoint, or the hash of a path. */
  lastMatch: string | number | null = null
  lastHitAt: EventTime = 0
  windowHits = 0
  windowMisses = 0
  #misses: CountedMiss[] = []
  /** What was matched lately, while the walk is under way: a few good pages in rotation are no more than one of them. */
  #recent: { what: string | number | null; at: EventTime }[] = []
  #targets = 0
  #targetsAt: EventTime = 0

  constructor(service: string) {
    this.service = service
  }

  get walk(): SequentialTest {
    this.#walk ??= new SequentialTest()
    return this.#walk
  }

  /** Whether the walk is under way. */
  get isWalking(): boolean {
    return this.#walk !== null && this.#walk.evidence > 0
  }

  get trail(): EvidenceTrail {
    this.#trail ??= new EvidenceTrail()
    return this.#trail
  }

  /** Distinct missing paths that counted. */
  get missed(): number {
    return this.#misses.length
  }

  get sensitive(): number {
    let count = 0
    for (const miss of this.#misses) if (miss.sensitive !== null) count++
    return count
  }

  /** Paths to show: known targets first. */
  names(most: number): string[] {
    const targets = this.#misses.filter((miss) => miss.sensitive !== null)
    const others = this.#misses.filter((miss) => miss.sensitive === null)
    return [...targets, ...others].slice(0, most).map((miss) => miss.name)
  }

  hasMissed(shape: number): boolean {
    for (let i = 0; i < this.#misses.length; i++) if (this.#misses[i]!.shape === shape) return true
    return false
  }

  /** Whether this match was made within the last minute already. */
  hasMatched(what: string | number | null, now: EventTime): boolean {
    for (const match of this.#recent) {
      if (match.what !== what) continue
      if (now - match.at < MINUTE_US) return true
      match.at = now
      return false
    }
    if (this.#recent.length >= RECENT_MATCHES) this.#recent.shift()
    this.#recent.push({ what, at: now })
    return false
  }

  note(tx: Transaction, miss: Miss, gained: number, now: EventTime): void {
    if (this.#misses.length === 0) this.since = now
    if (this.#misses.length >= MAX_MISSED) this.#misses.shift()
    this.#misses = withOneMore(this.#misses, { ...miss, gained, name: ownText(tx.path!.slice(0, 80)) })
    if (miss.leaked) this.leaked++
    else this.refused++
  }

  /** ln evidence of known targets: nobody asks for them by accident, so no good conduct outweighs it; it only fades. */
  targets(now: EventTime, halfLifeUs: EventTime): number {
    if (this.#targets > 0) this.#targets *= 2 ** (-Math.max(0, now - this.#targetsAt) / halfLifeUs)
    this.#targetsAt = now
    return this.#targets
  }

  addTarget(weight: number, now: EventTime, halfLifeUs: EventTime): void {
    this.#targets = this.targets(now, halfLifeUs) + weight
  }

  /** Takes back what the paths brought that have meanwhile turned out to be everyone's. */
  withdraw(isEveryones: (shape: number) => boolean): void {
    for (const miss of this.#misses) {
      if (miss.gained <= 0 || miss.sensitive !== null || !isEveryones(miss.shape)) continue
      this.walk.withdraw(miss.gained)
      miss.gained = 0
    }
  }

  /** The walk is back at its start: what led up to it is void, except known targets. */
  forget(): void {
    this.#misses = this.#misses.filter((miss) => miss.sensitive !== null)
    if (this.#misses.length > 0) return
    this.leaked = 0
    this.refused = 0
    this.signalled = false
    this.#trail?.clear()
  }

  toState(): z.infer<typeof VisitState> {
    return [
      this.service,
      (this.#walk ?? NO_WALK).toState(),
      this.#trail?.toState() ?? [],
      [this.leaked, this.refused, this.since, this.signalled, this.matched],
      [this.lastMatch, this.lastHitAt, this.windowHits, this.windowMisses],
      this.#misses.map(({ shape, name, sensitive, leaked, gained }) => [
        shape,
        name,
        sensitive === null ? null : [sensitive.weight, sensitive.secret],
        leaked,
        gained,
      ]),
      this.#recent.map(({ what, at }) => [what, at]),
      [this.#targets, this.#targetsAt],
    ]
  }

  static fromState([service, walk, trail, counts, window, misses, recent, targets]: z.infer<typeof VisitState>): Visit {
    const visit = new Visit(service)
    if (walk.some((number) => number !== 0)) visit.#walk = SequentialTest.fromState(walk)
    if (trail.length > 0) visit.#trail = EvidenceTrail.fromState(trail)
    ;[visit.leaked, visit.refused, visit.since, visit.signalled, visit.matched] = counts
    ;[visit.lastMatch, visit.lastHitAt, visit.windowHits, visit.windowMisses] = window
    visit.#misses = misses.map(([shape, name, target, leaked, gained]) => ({
      shape,
      name,
      sensitive: target === null ? null : { weight: target[0], secret: target[1] },
      leaked,
      gained,
    }))
    visit.#recent = recent.map(([what, at]) => ({ what, at }))
    ;[visit.#targets, visit.#targetsAt] = targets
    return visit
  }
}

/** One caller, with its visits to up to four services. */
export class Caller {
  principal: Principal | null = null
  /** principalKey and voteKey. */
  key = ''
  voter = ''
  visits: Visit[] = []

  identify(principal: Principal, { key, voter }: CallerRow): void {
    this.principal = principal
    this.key = key
    this.voter = voter
  }

  at(service: string): Visit {
    const { visits } = this
    for (let i = 0; i < visits.length; i++) if (visits[i]!.service === service) return visits[i]!
    if (visits.length >= MAX_SERVICES_PER_CALLER) visits.shift()
    const visit = new Visit(service)
    this.visits = withOneMore(visits, visit)
    return visit
  }

  toState(): CallerState {
    const { principal, visits } = this
    return [principal === null ? null : principalState(principal), visits.map((visit) => visit.toState())]
  }

  static fromState([principal, visits]: CallerState): Caller {
    const caller = new Caller()
    if (principal !== null) {
      caller.principal = principalFrom(principal)
      caller.key = principalKey(caller.principal)
      caller.voter = voteKey(caller.principal)
    }
    caller.visits = visits.map(Visit.fromState)
    return caller
  }
}
