import { CallerIndex } from '../../analyzers/baselines/caller-index.ts'
import { principalKey } from '../../analyzers/baselines/principal-key.ts'
import { CidrSet } from '../decode/cidr-set.ts'
import { Doorkeeper } from '../endpoints/doorkeeper.ts'
import { BoundedMap, type Place } from '../identity/bounded-map.ts'
import { PRIVATE_NETWORKS } from '../identity/forwarded.ts'
import type { EventTime } from '../model/time.ts'
import { type Asn, callerAddress, type Principal, type Transaction } from '../model/transaction.ts'
import type { Occupancies } from '../telemetry/occupancy.ts'
import { OperationUses } from './operation-use.ts'
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

/**
 * What each caller did, and what they seem to be by it. Runs after endpoints, before detectors; learns in event time from transactions in
 * their total order. A flood of callers that come once or twice pushes none of the others out.
 */
export class CallerProfiles {
  readonly #regulars: BoundedMap<string, CallerProfile>
  readonly #newcomers: BoundedMap<string, CallerProfile>
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
  #last: CallerProfile | null = null
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
    const profile = this.#profileOf(tx.principal, tx.endTime)
    tx.caller = profile
    if (profile === null) return null
    profile.principal = tx.principal
    if (profile.count(tx)) this.#lookInto(profile, tx)
    const { requests } = profile
    if (requests === REGULAR_FROM) this.#promote(profile)
    if (requests >= profile.nextLook) this.#judge(profile, tx)
    else if (profile.restored) this.#describe(profile, tx)
    return profile
  }

  /** Sets `caller` of what was learnt before. */
  recall(tx: Transaction): void {
    const key = principalKey(tx.principal)
    tx.caller = this.#regulars.peek(key) ?? this.#newcomers.peek(key) ?? null
  }

  /** Something speaks against the caller. */
  disturb(principal: Principal, now: EventTime): void {
    const key = principalKey(principal)
    const profile = this.#regulars.peek(key) ?? this.#newcomers.peek(key)
    profile?.disturb(now)
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
      for (const [, profile] of callers.entries()) yield ['caller', profile.toState(), profile.nextLook]
    }
  }

  /** Puts back one value of `snapshot`, in its order. Throws when it is none. */
  restore(value: unknown): void {
    const line = ProfilesLine.parse(value)
    if (line[0] === 'users') this.#uses.restoreUsers(line[1])
    else if (line[0] === 'use') this.#uses.restoreUse(line[1], line[2], line[3], line[4])
    else {
      const operationOf = (service: string, endpoint: string) => this.#uses.named(service, endpoint)
      const profile = CallerProfile.fromState(line[1], operationOf, line[2])
      const callers = profile.requests < REGULAR_FROM ? this.#newcomers : this.#regulars
      callers.set(principalKey(profile.principal), profile)
    }
  }

  /** Begins anew. */
  reset(): void {
    this.#regulars.clear()
    this.#newcomers.clear()
    this.#last = null
    this.#uses = new OperationUses(this.#limits.maxServices, this.#limits.maxOperations)
  }

  #profileOf(principal: Principal, now: EventTime): CallerProfile | null {
    // One caller's requests often come in a row.
    if (this.#last !== null && this.#last.principal === principal) return this.#last
    const row = this.#index.of(principal)
    const atHand = row.values[this.#number] as Place<string, CallerProfile> | null | undefined
    let profile = atHand == null ? undefined : this.#regulars.again(atHand)
    if (profile === undefined) {
      const { key } = row
      const place = this.#regulars.placeOf(key)
      row.values[this.#number] = place ?? null
      if (place !== undefined) profile = this.#regulars.again(place)
    }
    if (profile === undefined) {
      const { key } = row
      profile = this.#newcomers.get(key)
      if (profile === undefined) {
        if (this.#newcomers.size >= this.#newcomers.limit && !this.#door.seen(key)) {
          this.#refused++
          return null
        }
        profile = new CallerProfile(principal, now, this.#firstLook)
        this.#newcomers.set(key, profile)
      }
    }
    this.#last = profile
    return profile
  }

  #promote(profile: CallerProfile): void {
    const key = principalKey(profile.principal)
    this.#newcomers.delete(key)
    this.#regulars.set(key, profile)
  }

  /** What costs more than counting, and is done for some requests of those who come often. */
  #lookInto(profile: CallerProfile, tx: Transaction): void {
    const { service, endpoint, principal } = tx
    const use = service === null || endpoint === null ? null : this.#uses.of(service, endpoint)
    profile.lookInto(tx, use, use !== null && this.#uses.isRare(use))
    const { kind } = principal
    if (profile.requests >= LEAST_REQUESTS && (kind === 'user' || kind === 'session'))
      this.#uses.note(use, this.#index.of(principal).hash)
  }

  #judge(profile: CallerProfile, tx: Transaction): void {
    profile.nextLook = Math.max(LEAST_REQUESTS, Math.ceil(profile.requests * GROWTH))
    profile.role = this.#roleOf(profile, tx).role
    this.#describe(profile, tx)
  }

  /** Why, and labels. */
  #describe(profile: CallerProfile, tx: Transaction): void {
    const { role, reasons } = this.#roleOf(profile, tx)
    profile.reasons = role === profile.role ? reasons : []
    profile.labels = this.#label(profile)
    profile.restored = false
  }

  #roleOf(profile: CallerProfile, tx: Transaction): Judged {
    return roleOf(profile, () => this.#private.has(callerAddress(tx)))
  }
}
