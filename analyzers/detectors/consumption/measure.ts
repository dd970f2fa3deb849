import { z } from 'zod'
import type { Severity } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import type { DetectorId } from '../../detector-ids.ts'
import type { UsePopulation } from './population.ts'
import type { ByScale } from './scales.ts'
import type { Usage } from './usage.ts'

/** What one detector of consumption adds up, and from where it is much. The rest is the same for all of them. */
export interface Measure {
  readonly id: DetectorId
  /** Each endpoint by itself, or all of a service together. */
  readonly per: 'endpoint' | 'service'
  /** Whether callers of the service's other endpoints are a measure where this one is hardly used. */
  readonly fallsBack: boolean
  /** The largest counts, not the sum. */
  readonly largest: boolean
  /** Least that is much, by scale; infinite where the scale is not judged. */
  readonly floors: ByScale<number>
  /** Calls of the hour before it is judged, unless it is `certain` times the floor. */
  readonly leastCalls: number
  readonly certain: number
  /** Of all that was used at the place in these ten minutes, so much is this caller's; otherwise the place is slow, or busy, for all. */
  readonly leastShare: number
  /** For who is signed in and far beyond all others, the floor is divided by so much. */
  readonly farTimes: number
  /** Whether who uses many endpoints alike is held to more: nobody's requests are all about one. */
  readonly spreads: boolean
  /** 0 where this transaction does not count. Asked before anything is looked up. */
  usedBy(tx: Transaction): number
  /** What was used, in the unit of the floors, where the place is needed to say so. */
  readonly valued?: (used: number, tx: Transaction, population: UsePopulation, now: EventTime) => number
  /** Times the floor, at this place. */
  readonly factorAt?: (population: UsePopulation) => number
  severity(tx: Transaction, times: number, population: UsePopulation): Severity
  /** `312 requests`, `about 12,400 records with e-mail addresses`. */
  told(value: number, usage: Usage, population: UsePopulation): string
  /** What is counted: `requests`. */
  readonly unit: string
  /** A plain number of the unit, as in `usual here: 1-4`. */
  shown(value: number): string
}

/** Options that all of them have. */
export const USE_OPTIONS = {
  report: z.number().gt(0).lt(1).default(1e-4).describe('p-value among such callers from which it is a signal'),
  maxCallers: z.int().min(16).default(50_000).describe('callers with state'),
  maxEndpoints: z.int().min(1).default(2048).describe('endpoints with a population of their own'),
  matureVotes: z.int().min(1).default(20).describe('votes before an endpoint has a population'),
}
export interface UseOptions {
  readonly report: number
  readonly maxCallers: number
  readonly maxEndpoints: number
  readonly matureVotes: number
}

/** `12,400`, two significant digits from a thousand on. */
export function roundText(value: number): string {
  const rounded = value < 1000 ? Math.round(value) : Number(value.toPrecision(3))
  return rounded.toLocaleString('en-US')
}

/** `12 kB`, `3.4 MB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1e3) return `${Math.round(bytes)} B`
  if (bytes < 1e6) return `${Number((bytes / 1e3).toPrecision(3))} kB`
  if (bytes < 1e9) return `${Number((bytes / 1e6).toPrecision(3))} MB`
  return `${Number((bytes / 1e9).toPrecision(3))} GB`
}

/** Log-ins are judged by their outcome: auth.*. */
export function isLogin({ marks }: Transaction): boolean {
  for (let i = 0; i < marks.length; i++) if (marks[i]!.kind === 'login') return true
  return false
}
