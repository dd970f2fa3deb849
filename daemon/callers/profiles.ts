import { CallerIndex } from '../../analyzers/baselines/caller-index.ts'
import { hashText } from '../../analyzers/baselines/lookup-hash.ts'
import { principalKey } from '../../analyzers/baselines/principal-key.ts'
import { CidrSet } from '../decode/cidr-set.ts'
import { Doorkeeper } from '../endpoints/doorkeeper.ts'
import { BoundedMap, type Place } from '../identity/bounded-map.ts'
import { PRIVATE_NETWORKS } from '../identity/forwarded.ts'
import type { EventTime } from '../model/time.ts'
import { type Asn, callerAddress, type Principal, type Transaction } from '../model/transaction.ts'
import type { Occupancies } from '../telemetry/occupancy.ts'
import { type OperationUse, OperationUses } from './operation-use.ts'
import { CallerProfile } from './profile.ts'
import { type Judged, LEAST_REQUESTS, roleOf } from './roles.ts'
import { ProfilesLine } from './state.ts'

/** Labels of a caller, asked for when it becomes known or something of it changes. */
export type Labeller = (profile: CallerProfile) => readonly string[]

/** Whose network an address is in. */
export interface AsnSource {
  of(address: string): Asn | null
}

export interface ProfileLimits {
  /** Callers that came often, and those that did not yet; the longest unused go first. */
  readonly maxRegulars: number
  readonly maxNewcomers: number
  readonly maxServices: number
  /** Operations of one service. */
  readonly maxOperations: number
}

export const PROFILE_LIMITS: ProfileLimits = {
  maxRegulars: 8192,
  maxNewcomers: 2048,
  maxServices: 256,
  maxOperations: 512,
}

/** Requests from which a caller is one that comes often. */
const REGULAR_FROM = 5
/** A role is looked at again each time the requests have grown by half. */
const GROWTH = 1.5
/** Of the requests of a user who came often, one in so many is counted for its operation. */
const NOTE_ONE_IN = 4

export const NO_LABELS: Labeller = () => []

export interface ProfileOptions {
  /** Default: nobody has any. */
  readonly label?: Labeller
  /** Default: nobody says whose networks are. */
  readonly asns?: AsnSource | null
  /** Where callers are found, shared with the detectors; default: its own. */
  readonly callers?: CallerIndex
  readonly limits?: ProfileLimits
}

interface Kept {
  readonly profile: CallerProfile
  readonly hash: number
  nextLook: number
  /** Labels may have been changed meanwhile, and reasons are not kept. */
  restored: boolean
}

/**
 * What each caller did, and what they seem to be by it. Runs after endpoints, before detectors; learns in event time from transactions in
 * their total order. A flood of callers that come once or twice pushes none of the others out.
 */
export class CallerProfiles {
  readonly #regulars: BoundedMap<string, Kept>
  readonly #newcomers: BoundedMap<string, Kept>
  readonly #limits: ProfileLimits
  #uses: OperationUses
  readonly #door = new Doorkeeper()
  readonly #private = new CidrSet(PRIVATE_NETWORKS)
  readonly #label: Labeller
  readonly #firstLook: number
  readonly #asns: AsnSource | null
  readonly #index: CallerIndex
  /** Under which rows of the index have those who come often at hand. */
  readonly #number: number
  #last: Kept | null = null
  #refused = 0

  constructor({
    label = NO_LABELS,
    asns = null,
    callers = new CallerIndex(),
    limits = PROFILE_LIMITS,
  }: ProfileOptions = {}) {
    this.#index = callers
    this.#number = callers.addTable()
    this.#asns = asns
    this.#regulars = new BoundedMap(limits.maxRegulars)
    this.#newcomers = new BoundedMap(limits.maxNewcomers)
    this.#limits = limits
    this.#uses = new OperationUses(limits.maxServices, limits.maxOperations)
    this.#label = label
    this.#firstLook = label === NO_LABELS ? LEAST_REQUESTS : REGULAR_FROM
  }

  /** Sets `caller` and `asn`. */
  observe(tx: Transaction): CallerProfile | null {
    if (this.#asns !== null) tx.asn = this.#asns.of(callerAddress(tx))
    const kept = this.#keptOf(tx.principal, tx.endTime)
    tx.caller = kept === null ? null : kept.profile
    if (kept === null) return null
    const { profile } = kept
    const { service, endpoint, principal } = tx
    const use = service === null || endpoint === null ? null : this.#uses.of(service, endpoint)
    profile.principal = principal
    profile.observe(tx, use, use !== null && this.#uses.isRare(use))
    const { requests } = profile
    if (requests === REGULAR_FROM) this.#promote(kept)
    if (requests >= LEAST_REQUESTS && requests % NOTE_ONE_IN === 0) this.#noteUser(kept, use)
    if (requests >= kept.nextLook) this.#judge(kept, tx)
    else if (kept.restored) this.#describe(kept, tx)
    return profile
  }

  /** Sets `caller` of what was learnt before. */
  recall(tx: Transaction): void {
    const key = principalKey(tx.principal)
    tx.caller = (this.#regulars.peek(key) ?? this.#newcomers.peek(key))?.profile ?? null
  }

  /** Something speaks against the caller. */
  disturb(principal: Principal, now: EventTime): void {
    const key = principalKey(principal)
    const kept = this.#regulars.peek(key) ?? this.#newcomers.peek(key)
    kept?.profile.disturb(now)
  }

  sizes(): Occupancies {
    const { size, limit, evicted } = this.#regulars
    const newcomers = this.#newcomers
    return {
      regulars: { entries: size, limit, evicted },
      newcomers: { entries: newcomers.size, limit: newcomers.limit, evicted: newcomers.evicted + this.#refused },
    }
  }

  /** Whoever came, and how operations are used. */
  *snapshot(): IterableIterator<ProfilesLine> {
    yield* this.#uses.snapshot()
    for (const callers of [this.#regulars, this.#newcomers]) {
      for (const [, { profile, nextLook }] of callers.entries()) yield ['caller', profile.toState(), nextLook]
    }
  }

  /** Puts back one value of `snapshot`, in its order. Throws when it is none. */
  restore(value: unknown): void {
    const line = ProfilesLine.parse(value)
    if (line[0] === 'users') this.#uses.restoreUsers(line[1])
    else if (line[0] === 'use') this.#uses.restoreUse(line[1], line[2], line[3], line[4])
    else {
      const profile = CallerProfile.fromState(line[1], (service, endpoint) => this.#uses.named(service, endpoint))
      const key = principalKey(profile.principal)
      const callers = profile.requests < REGULAR_FROM ? this.#newcomers : this.#regulars
      callers.set(key, { profile, hash: hashText(key), nextLook: line[2], restored: true })
    }
  }

  /** Begins anew. */
  reset(): void {
    this.#regulars.clear()
    this.#newcomers.clear()
    this.#last = null
    this.#uses = new OperationUses(this.#limits.maxServices, this.#limits.maxOperations)
  }

  #keptOf(principal: Principal, now: EventTime): Kept | null {
    // One caller's requests often come in a row.
    if (this.#last !== null && this.#last.profile.principal === principal) return this.#last
    const row = this.#index.of(principal)
    const atHand = row.values[this.#number] as Place<string, Kept> | null | undefined
    let kept = atHand == null ? undefined : this.#regulars.again(atHand)
    if (kept === undefined) {
      const { key } = row
      const place = this.#regulars.placeOf(key)
      row.values[this.#number] = place ?? null
      if (place !== undefined) kept = this.#regulars.again(place)
    }
    if (kept === undefined) {
      const { key } = row
      kept = this.#newcomers.get(key)
      if (kept === undefined) {
        if (this.#newcomers.size >= this.#newcomers.limit && !this.#door.seen(key)) {
          this.#refused++
          return null
        }
        kept = {
          profile: new CallerProfile(principal, now),
          hash: row.hash,
          nextLook: this.#firstLook,
          restored: false,
        }
        this.#newcomers.set(key, kept)
      }
    }
    this.#last = kept
    return kept
  }

  #promote(kept: Kept): void {
    const key = principalKey(kept.profile.principal)
    this.#newcomers.delete(key)
    this.#regulars.set(key, kept)
  }

  #noteUser({ profile, hash }: Kept, use: OperationUse | null): void {
    const { kind } = profile.principal
    if (kind === 'user' || kind === 'session') this.#uses.note(use, hash)
  }

  #judge(kept: Kept, tx: Transaction): void {
    const { profile } = kept
    kept.nextLook = Math.max(LEAST_REQUESTS, Math.ceil(profile.requests * GROWTH))
    profile.role = this.#roleOf(profile, tx).role
    this.#describe(kept, tx)
  }

  /** Why, and labels. */
  #describe(kept: Kept, tx: Transaction): void {
    const { profile } = kept
    const { role, reasons } = this.#roleOf(profile, tx)
    profile.reasons = role === profile.role ? reasons : []
    profile.labels = this.#label(profile)
    kept.restored = false
  }

  #roleOf(profile: CallerProfile, tx: Transaction): Judged {
    return roleOf(profile, () => this.#private.has(callerAddress(tx)))
  }
}
