import type { SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'

/** 0: from the flow's first endpoint (the initiator where known) to the second; 1: back. */
export type Direction = 0 | 1

/** What is known of a flow when it opens. Addresses as text; side 0 sent the SYN, or, midstream, the first segment seen. */
export interface FlowInfo {
  readonly address: readonly [string, string]
  readonly port: readonly [number, number]
  readonly vlan: number | null
  readonly vni: number | null
  readonly source: SourceInfo
  /** Whether a SYN was seen: then position 0 is the first byte of the stream and side 0 is the initiator. */
  readonly fromStart: boolean
  /** Capture time of the flow's first segment. */
  readonly time: EventTime
  /** 0..15, by symmetric hash. */
  readonly shard: number
  /** Deterministic text that tells this flow from an earlier one of the same tuple; goes into transaction ids. */
  readonly key: string
  /** What a later stage knows of this flow, kept where it needs no search. Whoever reads it makes sure that it is their own. */
  note?: object | undefined
}

/**
 * Receives the ordered bytes of both directions of one flow. Positions count stream bytes per direction from the first
 * byte seen (0), gaps included, and never wrap. `time` is the frame's own timestamp, `now` the event clock.
 */
export interface StreamConsumer {
  /**
   * In-order bytes [start, end) of `bytes`, *borrowed*: copy what must outlive the call.
   * `acked`: how many bytes of the other direction this segment acknowledged (a position there), or -1 if unknown.
   */
  data(
    direction: Direction,
    bytes: Buffer,
    start: number,
    end: number,
    position: number,
    acked: number,
    time: EventTime,
    now: EventTime,
  ): void
  /** `length` bytes at `position` will never come. */
  gap(direction: Direction, length: number, position: number, cause: GapCause, time: EventTime, now: EventTime): void
  /** FIN in this direction: no more bytes follow. */
  end(direction: Direction, time: EventTime, now: EventTime): void
  /** The flow is over. Called exactly once, last. */
  close(reason: CloseReason, now: EventTime): void
}

export type CloseReason = 'fin' | 'rst' | 'idle' | 'evicted' | 'reuse' | 'end_of_input'

/** Not captured at all, or captured without its tail. */
export type GapCause = 'lost' | 'snap_length'

/** A sum of bytes kept. Consumers add what they hold on to from one call to the next, and take it off when it is gone. */
export class KeptBytes {
  bytes = 0
}

/** Makes the consumer of a new flow. What it keeps counts in `kept`; over the budget the flows idle longest are evicted. */
export type OpenStream = (flow: FlowInfo, now: EventTime, kept: KeptBytes) => StreamConsumer
