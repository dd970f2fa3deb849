import { type EventTime, SECOND_US } from '../model/time.ts'

/** How many parts the tables and budgets are split into. Fixed, so that output never depends on the number of workers. */
export const SHARDS = 16

/** Counts and bytes are for the whole process and are split evenly over the shards; times are event time. */
export interface ReassemblyLimits {
  /** Early bytes held per direction, waiting for a hole to fill. */
  readonly heldBytesPerDirection: number
  /** Early pieces held per direction. */
  readonly heldSegmentsPerDirection: number
  /** Early bytes held altogether, bookkeeping included. */
  readonly heldBytes: number
  /** What flows with a consumer cost altogether, with what the consumers say they keep. */
  readonly keptBytes: number
  /** How long a hole is waited for. */
  readonly holeUs: EventTime
  /** A segment further ahead than this is no plausible part of the stream. */
  readonly holeBytes: number
  /** Flows known, half-open and lately closed ones included. */
  readonly flows: number
  /** Of these, half-open and lately closed ones. They are evicted first. */
  readonly halfOpenFlows: number
  /** A flow without a segment for this long is over. */
  readonly idleUs: EventTime
  /** The same for half-open flows, and how long a closed one is remembered. */
  readonly halfOpenUs: EventTime
}

export const REASSEMBLY_LIMITS: ReassemblyLimits = {
  heldBytesPerDirection: 1024 * 1024,
  heldSegmentsPerDirection: 256,
  heldBytes: 256 * 1024 * 1024,
  keptBytes: 160 * 1024 * 1024,
  holeUs: 2 * SECOND_US,
  holeBytes: 64 * 1024 * 1024,
  flows: 262_144,
  halfOpenFlows: 65_536,
  idleUs: 300 * SECOND_US,
  halfOpenUs: 30 * SECOND_US,
}
