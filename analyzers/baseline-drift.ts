import { z } from 'zod'
import { DAY_US, type EventTime } from '../daemon/model/time.ts'
import type { Principal, Transaction } from '../daemon/model/transaction.ts'
import type { PopulationTail } from './baselines/population-tail.ts'
import { PrincipalState, principalFrom, principalState } from './baselines/principal-key.ts'
import { amount, text, time } from './baselines/state.ts'
import type { WindowHistory } from './baselines/window-history.ts'

/** A limit that is judged by and was pushed up bit by bit: of one caller's own past, or of what is usual for all. */
export interface BaselineDrift {
  /** Whose baseline. */
  readonly detector: string
  readonly service: string
  /** Null: all of the service. */
  readonly endpoint: string | null
  /** What is limited: `different objects in 10 min`. */
  readonly what: string
  /** Whose own past it is; null: that of all callers. */
  readonly principal: Principal | null
  /** The level that it drifts from, and the present one. */
  readonly from: number
  readonly to: number
  /** Null of a caller's own past, which is kept as windows without times. */
  readonly since: EventTime | null
  /** How likely the present level is among others; null of all callers. */
  readonly pValue: number | null
}

/** So many times as much is told of one's own past, and of what is usual for all. */
const OWN_TIMES = 3
const ALL_TIMES = 2
/** Only what is as unlikely among others is told of a caller: who grows into what others do harms nobody. */
const OWN_P = 0.005
/** A rise within a day is a busy day. */
const LEAST_SPAN_US = DAY_US
const MAX_WAITING = 64

/** Service, endpoint, what, whose, from, to, since, p-value. */
export const NotedDriftsState = z
  .array(
    z.tuple([
      text,
      text.nullable(),
      text,
      PrincipalState.nullable(),
      amount,
      amount,
      time.nullable(),
      amount.nullable(),
    ]),
  )
  .max(MAX_WAITING)
export type NotedDriftsState = z.infer<typeof NotedDriftsState>

/** The drifts that a detector saw in its baselines since they were taken, at most 64: more of them say nothing else. */
export class NotedDrifts {
  readonly #detector: string
  #waiting: BaselineDrift[] = []

  constructor(detector: string) {
    this.#detector = detector
  }

  /** A caller is at it again whose own past may have been stretched. `population`: what others do. */
  noteOwn(tx: Transaction, what: string, own: WindowHistory, population: PopulationTail): void {
    if (own.growth < OWN_TIMES || this.#waiting.length >= MAX_WAITING) return
    const { from, to } = own.course
    const pValue = population.scoreOne(to)
    if (pValue === null || pValue > OWN_P) return
    const { principal, service, endpoint } = tx
    this.#note({ service: service ?? '', endpoint, what, principal, from, to, since: null, pValue })
  }

  /** What is usual at a place (service, or service and endpoint) may have been stretched. */
  noteAll(place: string, what: string, population: PopulationTail, now: EventTime): void {
    const { times, from, to, since } = population.drift
    if (times < ALL_TIMES || now - since < LEAST_SPAN_US) return
    const end = place.indexOf(' ')
    const endpoint = place.slice(end + 1)
    const where = { service: place.slice(0, end), endpoint: endpoint === '' ? null : endpoint }
    this.#note({ ...where, what, principal: null, from, to, since, pValue: null })
  }

  take(): readonly BaselineDrift[] {
    const taken = this.#waiting
    if (taken.length > 0) this.#waiting = []
    return taken
  }

  toState(): NotedDriftsState {
    return this.#waiting.map(({ service, endpoint, what, principal, from, to, since, pValue }) => {
      return [service, endpoint, what, principal === null ? null : principalState(principal), from, to, since, pValue]
    })
  }

  restore(state: NotedDriftsState): void {
    for (const [service, endpoint, what, whose, from, to, since, pValue] of state) {
      const principal = whose === null ? null : principalFrom(whose)
      this.#note({ service, endpoint, what, principal, from, to, since, pValue })
    }
  }

  #note(drift: Omit<BaselineDrift, 'detector'>): void {
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push({ detector: this.#detector, ...drift })
  }
}
