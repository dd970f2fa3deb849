import type { EventTime } from '../model/time.ts'

/** One record as a source hands it over. Nothing in it is trusted. */
export interface TapRecord {
  /** Bytes or text as they arrived, or JSON that is parsed already. *Borrowed*: what outlives the call is copied. */
  readonly value: unknown
  /** Where it stood, from 0 or 1 on: line of a file, offset of a partition. Goes into the id. */
  readonly position: number
  /** Topic and partition. Null: a file; then the content goes into the id. */
  readonly partition: { readonly topic: string; readonly number: number } | null
  /** The transport's own timestamp, in milliseconds; null without one. */
  readonly timestampMs: number | null
}

/** A record in the shape of a native transaction, not redacted yet: for NativeReader.read. */
export interface MappedRecord {
  readonly record: Record<string, unknown>
  /** When it became final: what it is ordered by. */
  readonly time: EventTime
  /** Position of the record it was made from. */
  readonly position: number
}

export type MappedSink = (mapped: MappedRecord) => void

/** Why a record gave no transaction. */
export type Undecodable =
  | 'too_long'
  | 'bad_bytes'
  | 'bad_json'
  | 'not_object'
  | 'not_selected'
  /** Neither of the two halves that are paired: what GoReplay replayed. */
  | 'other_side'
  | 'nothing_inside'
  | 'no_ts'
  | 'no_method'
  | 'no_path'
  | 'no_client_ip'
