import { type EventTime, NO_TIME } from '../model/time.ts'
import type { HalfStream } from './half-stream.ts'

/** An early piece of the stream: *owned* bytes, of which the first `end - start` count, or null for bytes that were on the wire but not captured. */
export class HeldPiece {
  start = 0
  end = 0
  bytes: Buffer | null = null
  acked = -1
  time: EventTime = NO_TIME
}

/** What a direction keeps from when bytes of it are early or missing for the first time. */
export class Disorder {
  readonly half: HalfStream
  /** Early pieces, in the order of the stream and apart. */
  readonly held: HeldPiece[] = []
  heldBytes = 0
  /** Bytes before the half's `position` that were given up. */
  lost = 0
  /** The hole that was given up last: [start, end), empty while there is none. */
  gapStart = 0
  gapEnd = 0
  /** Of a FIN that came early. */
  finTime: EventTime = NO_TIME
  /** Stands in the hole queue. */
  waiting = false
  waitingSince: EventTime = NO_TIME
  /** The peer was heard to acknowledge something after the wait for a hole began. */
  heardWaiting = false
  /** Links of the hole queue. */
  previous: Disorder | null = null
  next: Disorder | null = null

  constructor(half: HalfStream) {
    this.half = half
  }
}
