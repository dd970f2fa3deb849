import { type EventTime, NO_TIME } from '../model/time.ts'
import { isBogus } from './message.ts'

/** Where and when a message began: known from its first byte on, and wanted when its head is whole. */
export class MessageStart {
  /** Of its first byte in the stream. */
  position = 0
  time: EventTime = NO_TIME
  bogus = false
  /** How much of the other direction the segment with its first byte acknowledged, -1 if unknown. */
  acked = -1
  atSegmentStart = false

  at(position: number, acked: number, time: EventTime, now: EventTime, atSegmentStart: boolean): void {
    this.position = position
    this.time = time
    this.bogus = isBogus(time, now)
    this.acked = acked
    this.atSegmentStart = atSegmentStart
  }

  copy(other: MessageStart): void {
    this.position = other.position
    this.time = other.time
    this.bogus = other.bogus
    this.acked = other.acked
    this.atSegmentStart = other.atSegmentStart
  }
}
