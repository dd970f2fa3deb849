import type { EventTime } from './time.ts'

/** What one analyzer tells the others of one part of what it learnt: a row of the table `learning`. */
export interface ToldPart {
  /** Of the privacy key that its seal and its pseudonyms are made with. */
  readonly keyId: string
  /** The topics and the group that are divided: others' learning is of other traffic. */
  readonly audience: string
  /** Who tells it: one data folder. */
  readonly analyzer: string
  readonly part: string
  /** Of its lines. */
  readonly version: number
  /** Event time. */
  readonly learntUntil: EventTime
  /** HMAC of all else, in hex. */
  readonly seal: string
  /** JSON Lines. */
  readonly lines: string
}
