import { z } from 'zod'
import { amount, text } from '../../baselines/state.ts'
import { logTailOfCount } from './count-tail.ts'

/** Hours that are looked at together. */
export const HOURS = 6
/** Again and again: so many of the six hours brought some. A single wave is an attack, and told as one. */
const BUSY_HOURS = 5
/** Hours watched before it is known how many are usual. */
export const KNOWN_HOURS = 24
const PAST_HALF_LIFE_HOURS = 7 * 24
/** One in 10^5, for each of some hundred detectors that may be set off. */
const LOG10_P = -7
const MAX_DETECTORS = 128
/** Named of one hour and detector. */
const MAX_NAMES = 16

/** Detector, new suspects, what incidents call them. */
const CountState = z.tuple([text, amount, z.array(text).max(MAX_NAMES)])
/** Hours of the ring, hours that left it, what those brought by detector. */
export const ProvocationsState = z.tuple([
  z.array(z.array(CountState).max(MAX_DETECTORS)).length(HOURS),
  amount,
  z.array(z.tuple([text, amount])).max(MAX_DETECTORS),
])
export type ProvocationsState = z.infer<typeof ProvocationsState>

interface Count {
  suspects: number
  readonly names: string[]
}
type Hour = Map<string, Count>

/** Too many new suspects of one detector. */
export interface Provocation {
  readonly detector: string
  readonly suspects: number
  /** In as many hours. */
  readonly usual: number
  readonly log10P: number
  /** What incidents call them, the first of each hour. */
  readonly names: readonly string[]
}

/**
 * New suspects by the detector that found them. Alarms that somebody sets off are of one kind, the cheapest; many attackers who come
 * together by chance are found by many detectors.
 */
export class Provocations {
  /** The newest last. */
  #ring: Hour[] = Array.from({ length: HOURS }, () => new Map())
  /** Of hours that left the ring, fading. */
  #past = new Map<string, number>()
  #pastHours = 0

  /** Hours that are known, of those it takes. */
  get maturity(): number {
    return Math.min(1, (this.#pastHours + HOURS) / KNOWN_HOURS)
  }

  /** Somebody new is suspected. */
  add(detector: string, name: string): void {
    const hour = this.#ring[HOURS - 1]!
    let count = hour.get(detector)
    if (count === undefined) {
      if (hour.size >= MAX_DETECTORS) return
      count = { suspects: 0, names: [] }
      hour.set(detector, count)
    }
    count.suspects++
    if (count.names.length < MAX_NAMES) count.names.push(name)
  }

  /** An hour is over. `wasTold`: what was just told teaches little, or it would excuse itself. */
  turn(wasTold: boolean): void {
    const fade = 2 ** (-1 / PAST_HALF_LIFE_HOURS)
    const left = this.#ring.shift()!
    const past = new Map<string, number>()
    for (const [detector, suspects] of this.#past) past.set(detector, suspects * fade)
    for (const [detector, { suspects }] of left) {
      const before = this.#past.get(detector) ?? 0
      const most = wasTold ? (2 * before) / Math.max(1, this.#pastHours) : Number.POSITIVE_INFINITY
      if (past.has(detector) || past.size < MAX_DETECTORS) {
        past.set(detector, (past.get(detector) ?? 0) + Math.min(suspects, most))
      }
    }
    this.#past = past
    this.#pastHours = this.#pastHours * fade + 1
    this.#ring.push(new Map())
  }

  /** The least likely that is one; null of none. `least`: new suspects that it takes. */
  worst(least: number): Provocation | null {
    if (this.maturity < 1) return null
    let worst: Provocation | null = null
    for (const detector of new Set(this.#ring.flatMap((hour) => [...hour.keys()]))) {
      const counts = this.#ring.flatMap((hour) => hour.get(detector) ?? [])
      const suspects = counts.reduce((sum, count) => sum + count.suspects, 0)
      if (suspects < least || counts.length < BUSY_HOURS) continue
      const before = this.#past.get(detector) ?? 0
      const log10P = logTailOfCount(suspects, before, this.#pastHours / HOURS)
      if (log10P > LOG10_P || (worst !== null && worst.log10P <= log10P)) continue
      const usual = (before / Math.max(1, this.#pastHours)) * HOURS
      worst = { detector, suspects, usual, log10P, names: counts.flatMap(({ names }) => names) }
    }
    return worst
  }

  toState(): ProvocationsState {
    return [
      this.#ring.map((hour) => [...hour].map(([detector, { suspects, names }]) => [detector, suspects, names])),
      this.#pastHours,
      [...this.#past],
    ]
  }

  restore([ring, pastHours, past]: ProvocationsState): void {
    this.#ring = ring.map((hour) => new Map(hour.map(([detector, suspects, names]) => [detector, { suspects, names }])))
    this.#pastHours = pastHours
    this.#past = new Map(past)
  }
}
