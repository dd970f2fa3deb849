import type { z } from 'zod'
import type { DescribedApi } from '../daemon/inventory/described-api.ts'
import type { DeployMark } from '../daemon/model/deploy.ts'
import type { SharedLearning } from '../daemon/model/learning.ts'
import type { Signal } from '../daemon/model/signal.ts'
import type { EventTime } from '../daemon/model/time.ts'
import type { Transaction } from '../daemon/model/transaction.ts'
import type { SensorReading } from '../daemon/telemetry/sensor-windows.ts'
import type { BaselineDrift } from './baseline-drift.ts'
import type { CallerIndex } from './baselines/caller-index.ts'
import type { Occupancy } from './baselines/keyed-table.ts'
import type { ModelChange } from './model-change.ts'
import type { PayloadContext } from './payloads/payload-context.ts'

/**
 * One anomaly detector. Holds no I/O and no clock; every structure in it has a hard bound.
 * `observe` scores before it learns, returns null while it has nothing to say (also while warming up, never a score of 0).
 */
export interface Detector {
  /** Judges one transaction, then learns from it (through admission). Transactions come ordered by (endTime, id). */
  observe(transaction: Transaction, now: EventTime): Signal | null
  /** Event time has moved on: close windows, release quarantine. Called at least once per event-time second while time moves. */
  tick(now: EventTime): void
  /** This caller (by principalKey) is under suspicion, or no longer: drop what it taught and learn no more, or learn again. */
  suspect?(caller: string, open: boolean, now: EventTime): void
  /** An incident of the detector `by` is opened about this caller, whom it calls `name`; `suspect` follows. */
  accuse?(caller: string, by: string, name: string, now: EventTime): void
  /** A person found that the suspicion was wrong: what was kept from learning may teach. Left out: the suspicion ends, no more. */
  pardon?(caller: string, now: EventTime): void
  /** What the sensor says of itself, after each tick. */
  sense?(reading: SensorReading): readonly Signal[]
  /** Rules of its model that it has given up since the last time it was asked. */
  takeChanges?(): readonly ModelChange[]
  /** What all detectors have given up since the last tick, after `sense`. */
  review?(changes: readonly ModelChange[], now: EventTime): readonly Signal[]
  /** Limits of its baselines that were pushed up since it was asked last. */
  takeDrifts?(now: EventTime): readonly BaselineDrift[]
  /** What all detectors noted of that since the last tick, after `sense`. */
  reviewDrifts?(drifts: readonly BaselineDrift[], now: EventTime): readonly Signal[]
  /** Sources, as `kind:name`, that it finds blind or silent since the last `sense`. While there are any, no baseline learns. */
  readonly blindTo?: readonly string[]
  /** A service was released: event time has just come to it. */
  deployed?(mark: DeployMark): void
  /** What is written about the API was read, or read anew. */
  described?(apis: readonly DescribedApi[]): void
  /** Learning stands still for everybody, or goes on. */
  freeze?(frozen: boolean, now: EventTime): void
  /**
   * What it has learnt, as plain JSON values, the same for the same learning; each is made when it is asked for, and others may be
   * learnt meanwhile. A detector without these begins anew with each process.
   */
  snapshot?(): Iterable<unknown>
  /** Puts back one value of `snapshot`, in its order, into one that has learnt nothing. Throws when it is none. */
  restore?(line: unknown): void
  /** Of the values of `snapshot`: another is not read. */
  readonly stateVersion?: number
  /** What it counts together with other analyzers of the same input; without it each knows its own callers only. */
  readonly shared?: SharedLearning
  /** Bounded sizes, for metrics: structure name to entries and evictions. */
  sizes(): Readonly<Record<string, Occupancy>>
  /** 0..1: how ready it is, over all endpoints. */
  maturity(): number
}

/** Everything the registry, the configuration schema and the docs know of a detector. */
export interface DetectorDeclaration<Options extends z.ZodType = z.ZodType> {
  readonly id: string
  /** One line. */
  readonly title: string
  readonly owasp: readonly string[]
  readonly attack: readonly string[]
  /** The documentation block, as printed by `offpath detector show`. */
  readonly describes: DetectorDescription
  /** Strict zod object; every key has a default. */
  readonly options: Options
  /**
   * `payloads`: it judges marks of payloads, and need not be asked about a transaction without any. `descriptions`: it judges by what is
   * written about the API, and is off where nothing is.
   */
  readonly reads?: 'payloads' | 'descriptions'
  /**
   * `payloads`: what all detectors that read payloads know of fields; `callers`: where all find what they keep of a caller. Without
   * them, one that needs them has its own.
   */
  create(options: z.infer<Options>, payloads?: PayloadContext, callers?: CallerIndex): Detector
}

export interface DetectorDescription {
  readonly detects: string
  readonly statistic: string
  readonly memory: string
  readonly warmUp: string
  readonly traps: string
  readonly tuning: string
}

export function defineDetector<Options extends z.ZodType>(
  declaration: DetectorDeclaration<Options>,
): DetectorDeclaration<Options> {
  return declaration
}
