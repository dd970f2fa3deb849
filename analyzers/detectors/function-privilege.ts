import { z } from 'zod'
import type { Signal } from '../../daemon/model/signal.ts'
import type { EventTime } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { ADMISSION_DEFAULTS, Admission, AdmissionState } from '../baselines/admission.ts'
import { CallerIndex, type CallerRow } from '../baselines/caller-index.ts'
import { KeyedEntry, KeyedTable } from '../baselines/keyed-table.ts'
import type { Places } from '../baselines/places.ts'
import { isAuthenticated } from '../baselines/principal-key.ts'
import { amount, hash32, text } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { CallerUse, CallerUseState } from './function-privilege/caller-use.ts'
import { chanceOf, privilegeSignal } from './function-privilege/finding.ts'
import { Operation, OperationState } from './function-privilege/operation.ts'

const Options = z.strictObject({
  report: z.number().gt(0).lt(1).default(1e-5).describe('p-value from which a call is a signal'),
  maxCallers: z.int().min(16).default(50_000).describe('callers with state'),
  maxOperations: z.int().min(16).default(8192).describe('operations with state'),
  maxRoles: z.int().min(2).default(64).describe('roles that are told apart'),
})
type PrivilegeOptions = z.infer<typeof Options>

/** A caller of a role, or (with an operation) one who may use it. */
interface Use {
  readonly role: string
  readonly operation: string | null
}

const MAX_NAMES = 4
const UseState = z.tuple([text, text.nullable()])
const Kept = z.union([
  z.tuple([z.literal('numbers'), hash32]),
  z.tuple([z.literal('role'), text, amount]),
  z.tuple([z.literal('caller'), KeyedEntry]),
  z.tuple([z.literal('operation'), KeyedEntry]),
  z.tuple([z.literal('admission'), AdmissionState]),
])

class FunctionPrivilege implements Detector {
  readonly stateVersion = 1
  readonly #report: number
  readonly #maxRoles: number
  readonly #index: CallerIndex
  readonly #places: Places
  readonly #callers: KeyedTable<CallerUse>
  readonly #operations: KeyedTable<Operation>
  readonly #admission: Admission<Use, z.infer<typeof UseState>>
  /** Callers of each. */
  readonly #roles = new Map<string, number>()
  #numbers = 0
  /** What the table of operations makes, when it makes one. */
  #wanted = ''
  #now: EventTime = 0

  constructor(options: PrivilegeOptions, callers = new CallerIndex()) {
    this.#index = callers
    this.#places = callers.places
    this.#report = Math.log10(options.report)
    this.#maxRoles = options.maxRoles
    this.#callers = new KeyedTable(options.maxCallers, () => new CallerUse(), callers)
    this.#operations = new KeyedTable(
      options.maxOperations,
      () => new Operation(++this.#numbers, this.#wanted, this.#now),
      callers.places,
    )
    this.#admission = new Admission(ADMISSION_DEFAULTS, (use, _weight, now) => this.#learnOne(use, now), {
      schema: UseState,
      toState: ({ role, operation }) => [role, operation],
      fromState: ([role, operation]) => ({ role, operation }),
    })
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { status, endpoint: template, principal, service } = tx
    if (template === null || status === null || tx.method === 'OPTIONS' || !isAuthenticated(principal)) return null
    const granted = status >= 200 && status < 300
    if (!granted && status !== 403) return null
    const row = this.#index.of(principal)
    const use = this.#callers.useOf(row)
    const role = roleOf(tx, use.role)
    if (role === null) return null
    use.become(role)
    const place = this.#places.of(service ?? '', template)
    this.#wanted = template
    this.#now = now
    const operation = this.#operations.useOf(place)
    if (granted) operation.noteGrant()
    if (use.uses(operation.number)) return null
    return (
      this.#judge(tx, use, operation, role, granted, now) ?? this.#note(row, use, operation, place.key, granted, now)
    )
  }

  tick(now: EventTime): void {
    this.#admission.release(now)
  }

  suspect(caller: string, open: boolean, now: EventTime): void {
    this.#admission.suspect(caller, open, now)
    if (!open) this.#callers.peek(caller)?.clear()
  }

  pardon(caller: string, now: EventTime): void {
    this.#admission.pardon(caller, now)
    this.#callers.peek(caller)?.clear()
  }

  freeze(frozen: boolean, now: EventTime): void {
    this.#admission.freeze(frozen, now)
  }

  sizes() {
    return {
      callers: this.#callers.occupancy,
      operations: this.#operations.occupancy,
      quarantine: this.#admission.occupancy,
    }
  }

  maturity(): number {
    let most = 0
    for (const callers of this.#roles.values()) most = Math.max(most, callers)
    return this.#roles.size < 2 ? 0 : Math.min(1, most / MATURE)
  }

  *snapshot(): IterableIterator<z.infer<typeof Kept>> {
    yield ['numbers', this.#numbers]
    for (const [role, callers] of this.#roles) yield ['role', role, callers]
    for (const entry of this.#callers.entries((use) => use.toState())) yield ['caller', entry]
    for (const entry of this.#operations.entries((operation) => operation.toState())) yield ['operation', entry]
    for (const state of this.#admission.snapshot()) yield ['admission', state]
  }

  restore(line: unknown): void {
    const kept = Kept.parse(line)
    switch (kept[0]) {
      case 'numbers':
        this.#numbers = kept[1]
        return
      case 'role':
        if (this.#roles.size < this.#maxRoles) this.#roles.set(kept[1], kept[2])
        return
      case 'caller':
        this.#callers.restore(kept[1], CallerUse.fromState(CallerUseState.parse(kept[1][4])))
        return
      case 'operation': {
        const operation = Operation.fromState(OperationState.parse(kept[1][4]))
        this.#numbers = Math.max(this.#numbers, operation.number)
        this.#operations.restore(kept[1], operation)
        return
      }
      case 'admission':
        this.#admission.restore(kept[1])
        return
    }
  }

  #judge(
    tx: Transaction,
    use: CallerUse,
    operation: Operation,
    role: string,
    granted: boolean,
    now: EventTime,
  ): Signal | null {
    const callers = this.#roles.get(role) ?? 0
    const chance = operation.scoreOne(role, callers, now)
    if (chance === null) return null
    if (!use.try(operation.number, granted, chance, operation.isAdminLike, now)) {
      use.trail.add(tx)
      return null
    }
    const log10P = chanceOf(use)
    if (log10P > this.#report) {
      use.trail.add(tx)
      return null
    }
    return privilegeSignal(tx, use, operation, callers, log10P, now)
  }

  /** Nothing to say: what was granted teaches, unless it was found odd. */
  #note(
    { key, voter }: CallerRow,
    use: CallerUse,
    operation: Operation,
    name: string,
    granted: boolean,
    now: EventTime,
  ): null {
    if (!granted || this.#admission.isSuspect(key, now)) return null
    if (!use.isCounted) {
      use.isCounted = true
      this.#admission.offer(key, voter, { role: use.role, operation: null }, false, now)
    }
    use.noteUse(operation.number)
    this.#admission.offer(key, voter, { role: use.role, operation: name }, false, now)
    return null
  }

  #learnOne({ role, operation }: Use, now: EventTime): void {
    if (operation !== null) {
      this.#operations.peek(operation)?.learnOne(role, now)
      return
    }
    const callers = this.#roles.get(role)
    if (callers === undefined && this.#roles.size >= this.#maxRoles) return
    this.#roles.set(role, (callers ?? 0) + 1)
  }
}

/** Callers of a role from which a single call is enough. */
const MATURE = 316

/** Before the name of a role that was learnt from what callers do, which is no permission. */
const SEEMS = 'seems '

/**
 * Whom to compare a caller with: by the roles of the token, else its scopes; what a token once said stands where none is shown (a
 * cookie of the same person). Else by what callers of its sort do, or the kind of credential. Null where nothing tells them apart:
 * then whatever anybody does is done by this role.
 */
function roleOf({ claims, caller, principal }: Transaction, known: string): string | null {
  if (claims !== null && claims.role.length > 0) return namesOf(claims.role)
  if (claims !== null && claims.scope.length > 0) return namesOf(claims.scope)
  if (known !== '' && !known.startsWith(SEEMS)) return known
  const cohort = caller?.cohort ?? null
  if (cohort !== null) return SEEMS + cohort
  return principal.kind === 'user' || principal.kind === 'session' ? null : SEEMS + principal.kind
}

function namesOf(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : names.slice(0, MAX_NAMES).join(' ')
}

export const functionPrivilege = defineDetector({
  id: 'function.privilege',
  title: 'A function of another role',
  owasp: ['API5:2023'],
  attack: ['T1068', 'T1548'],
  describes: {
    detects:
      'A caller who uses what callers of his role never use and those of another do: a customer who calls what is meant for the staff, and is answered.',
    statistic:
      "A caller's role is that of the token (roles, else scopes), else what callers of its sort do (the learnt cohort), else the kind of credential. Per operation, callers by role, after quarantine, one vote each. An operation is of others when at least three callers of other roles were granted it, ten times over two hours, and fewer than 1 % of this role's callers (of 25 or more), who are fewer than a fifth of its others. p = ((k + 1) / (n + 2)) squared for the first, with k of the role's n callers who use it; each further operation counts by half; each different one that was refused (403) counts a twentieth. One operation counts alone only if its path says that it is for those who run the service (admin, internal, staff ...); else it takes two. So one granted administrative call opens an incident from 316 callers on, or four refused ones.",
    memory:
      'maxCallers callers of 0.3 KiB, maxOperations operations of 0.5 KiB, maxRoles counts. Evictions are counted.',
    warmUp:
      'Answers nothing about a role of fewer than 25 callers, nor about an operation in its first two hours, nor before three callers of other roles used it.',
    traps:
      'A function that is rolled out (one operation that is not administrative never counts alone; from 1 % of a role on it is theirs), new staff (their token says so), somebody who was given another role (a new role starts anew), an administrative operation that everybody uses. Missed: callers whose tokens say nothing of roles, until their cohort is known, which takes a day; an operation that nobody was meant to use yet (inventory.shadow); a role that a thief gave himself. Told although harmless: two functions that the staff tried for hours and customers then get at once.',
    tuning: 'report; turn it off where one role has all rights.',
  },
  options: Options,
  create: (options, _, callers) => new FunctionPrivilege(options, callers),
})
