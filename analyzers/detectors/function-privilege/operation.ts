import { z } from 'zod'
import { DAY_US, type EventTime, HOUR_US } from '../../../daemon/model/time.ts'
import { amount, flag, hash32, text, time } from '../../baselines/state.ts'
import { isAdminLike } from './admin-names.ts'

const MAX_ROLES = 12
/** Of others, before an operation is theirs. */
const LEAST_OTHERS = 3
const LEAST_GRANTS = 10
/** A new operation is everybody's for so long: who may use it shows only by and by. */
const NEW_US = 2 * HOUR_US
/** Callers of a role, before it has habits; and shares from which an operation is theirs, too: of them, and of its other callers. */
const LEAST_CALLERS = 25
const SHARE = 0.01
const SHARE_HERE = 0.2
const HALF_LIFE_US = 14 * DAY_US

/** Number, template, whether it is an administrator's, since when, grants, when it faded, callers by role. */
export const OperationState = z.tuple([
  hash32,
  text,
  flag,
  time,
  amount,
  time,
  z.array(z.tuple([text, amount])).max(MAX_ROLES),
])
type OperationState = z.infer<typeof OperationState>

/** One operation (service, method, template): how many callers of each role were granted it. At most 12 roles. */
export class Operation {
  readonly number: number
  readonly template: string
  readonly isAdminLike: boolean
  /** It changes something, or its path says that it is for those who run the service. */
  readonly isPrivileged: boolean
  #since: EventTime
  #grants = 0
  #fadedAt: EventTime
  readonly #callers = new Map<string, number>()

  constructor(number: number, template: string, since: EventTime) {
    this.number = number
    this.template = template
    this.isAdminLike = isAdminLike(template)
    this.isPrivileged = this.isAdminLike || !/^(?:GET|HEAD) /.test(template)
    this.#since = since
    this.#fadedAt = since
  }

  noteGrant(): void {
    this.#grants++
  }

  /** Another caller of this role may use it. */
  learnOne(role: string, now: EventTime): void {
    if (now - this.#fadedAt > DAY_US) {
      const factor = 2 ** (-(now - this.#fadedAt) / HALF_LIFE_US)
      for (const [each, count] of this.#callers) this.#callers.set(each, count * factor)
      this.#fadedAt = now
    }
    const count = this.#callers.get(role)
    if (count === undefined && this.#callers.size >= MAX_ROLES) return
    this.#callers.set(role, (count ?? 0) + 1)
  }

  callersOf(role: string): number {
    return this.#callers.get(role) ?? 0
  }

  get callers(): number {
    let sum = 0
    for (const count of this.#callers.values()) sum += count
    return sum
  }

  /** Roles whose callers use it, the most first. */
  get roles(): string[] {
    return [...this.#callers].sort((a, b) => b[1] - a[1]).map(([role]) => role)
  }

  /**
   * log10 of the chance that an honest caller of this role uses it, where callers of other roles do: ((k + 1) / (n + 2))^2 with k of
   * n callers who do: a role may use an operation or may not; of those that may, one in n + 2 has not yet been seen to, and of its callers one in n + 2 is the
   * first (Laplace, twice). Null where the role has no habits yet, or the operation is theirs, or nobody's.
   */
  scoreOne(role: string, callers: number, now: EventTime): number | null {
    const own = this.callersOf(role)
    const others = this.callers - own
    if (callers < LEAST_CALLERS || (own >= 1 && (own >= SHARE * callers || own >= SHARE_HERE * others))) return null
    if (this.#grants < LEAST_GRANTS || now - this.#since < NEW_US || others < LEAST_OTHERS) return null
    return 2 * Math.log10((own + 1) / (callers + 2))
  }

  toState(): OperationState {
    const { number, template, isAdminLike: adminLike } = this
    return [number, template, adminLike, this.#since, this.#grants, this.#fadedAt, [...this.#callers]]
  }

  static fromState([number, template, , since, grants, fadedAt, callers]: OperationState): Operation {
    const operation = new Operation(number, template, since)
    operation.#grants = grants
    operation.#fadedAt = fadedAt
    for (const [role, count] of callers) operation.#callers.set(role, count)
    return operation
  }
}
