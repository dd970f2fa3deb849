import { z } from 'zod'
import { withOneMore } from '../../../daemon/model/small-list.ts'
import { DAY_US, type EventTime } from '../../../daemon/model/time.ts'
import { amount, flag, hash32, text, time } from '../../baselines/state.ts'
import { EvidenceTrail, TrailState } from '../../finding.ts'

const MAX_USED = 96
const MAX_FOREIGN = 24
/** What was tried so long ago is another story. */
const STORY_US = DAY_US

/** Number of the operation, whether it was granted, log10 of its chance, whether it is an administrator's. */
const TriedState = z.tuple([hash32, flag, amount, flag])
/** Role, whether it was counted, operations used, operations of others tried, when last, trail. */
export const CallerUseState = z.tuple([
  text,
  flag,
  z.array(hash32).max(MAX_USED),
  z.array(TriedState).max(MAX_FOREIGN),
  time,
  TrailState,
])
type CallerUseState = z.infer<typeof CallerUseState>

/** An operation of another role's. */
export interface Tried {
  readonly operation: number
  granted: boolean
  readonly log10P: number
  readonly isAdminLike: boolean
}

/** What one caller uses. Some 0.3 KiB. */
export class CallerUse {
  role = ''
  /** It has a vote in what its role does. */
  isCounted = false
  tried: Tried[] = []
  #used: number[] = []
  #triedAt: EventTime = 0
  #trail: EvidenceTrail | null = null

  get trail(): EvidenceTrail {
    this.#trail ??= new EvidenceTrail()
    return this.#trail
  }

  /** Who has another role than before is somebody else, as far as functions go. */
  become(role: string): void {
    if (this.role === role) return
    this.role = role
    this.isCounted = false
    this.#used = []
    this.tried = []
  }

  uses(operation: number): boolean {
    return this.#used.includes(operation)
  }

  noteUse(operation: number): void {
    if (this.#used.length >= MAX_USED) this.#used.shift()
    this.#used = withOneMore(this.#used, operation)
  }

  /** Takes note of an operation of others; false when it was tried before with no better outcome. */
  try(operation: number, granted: boolean, log10P: number, isAdminLike: boolean, now: EventTime): boolean {
    if (now - this.#triedAt > STORY_US) this.tried = []
    this.#triedAt = now
    const found = this.tried.find((each) => each.operation === operation)
    if (found !== undefined) {
      if (found.granted || !granted) return false
      found.granted = true
      return true
    }
    if (this.tried.length >= MAX_FOREIGN) return false
    this.tried = withOneMore(this.tried, { operation, granted, log10P, isAdminLike })
    return true
  }

  clear(): void {
    this.tried = []
  }

  toState(): CallerUseState {
    const tried = this.tried.map(
      ({ operation, granted, log10P, isAdminLike }): z.infer<typeof TriedState> => [
        operation,
        granted,
        log10P,
        isAdminLike,
      ],
    )
    return [this.role, this.isCounted, [...this.#used], tried, this.#triedAt, this.#trail?.toState() ?? []]
  }

  static fromState([role, isCounted, used, tried, triedAt, trail]: CallerUseState): CallerUse {
    const use = new CallerUse()
    use.role = role
    use.isCounted = isCounted
    use.#used = used
    use.tried = tried.map(([operation, granted, log10P, isAdminLike]) => ({ operation, granted, log10P, isAdminLike }))
    use.#triedAt = triedAt
    if (trail.length > 0) use.#trail = EvidenceTrail.fromState(trail)
    return use
  }
}
