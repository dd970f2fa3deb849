import type { Segment } from '../decode/segment.ts'
import type { SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import type { Transaction } from '../model/transaction.ts'
import type { Occupancies } from '../telemetry/occupancy.ts'

/** What the records go to, in their total order. */
export interface Analysis {
  /** Whether anybody looks at transactions. */
  readonly watches: boolean
  /** Whether anybody looks at their headers and bodies. */
  readonly readsContents: boolean
  /** Whether anybody reads them later than in `push`. */
  readonly keepsContents: boolean
  push(transaction: Transaction): void
  /** Event time has moved on by a second, or more. */
  tick(now: EventTime): void
  /** What it keeps: `room/table`. */
  sizes(): Occupancies
}

export interface FlowSizes {
  readonly flows: number
  readonly heldBytes: number
}

/**
 * Where flows are followed: on this thread (fused-flows.ts) or on several (sharded-flows.ts). Everything is given in the
 * order of the event clock; the analysis gets the same calls in the same order from both.
 */
export interface Flows {
  /** Which source the following segments come from. */
  from(source: SourceInfo): void
  /** *Borrowed*; `time` is the frame's own, `now` the event clock. */
  segment(segment: Segment, time: EventTime, now: EventTime): void
  /** A record that came as one. */
  transaction(transaction: Transaction): void
  /** A whole second is reached. */
  tick(now: EventTime): void
  /** Event time moved on without a tick. */
  advance(now: EventTime): void
  /** What waits for others of its microsecond goes on: nothing of the input so far comes any more. */
  settle(): void
  /** For inputs that can wait: when there is room for more. */
  room(): Promise<void> | undefined
  /** Resolves when everything given so far has reached the analysis. */
  drained(): Promise<void>
  /** End of input at `now`, null when there was none. Resolves when the analysis has everything. */
  end(now: EventTime | null): Promise<void>
  /** `payloadRules` of the options were replaced. */
  payloadRulesChanged(): void
  /** Gives up, at once. */
  abandon(): void
  sizes(): FlowSizes
  /** Rejects when flows can be followed no longer; never resolves. */
  readonly broken: Promise<never>
}
