import type { EvidenceRef } from '../daemon/model/signal.ts'
import type { EventTime } from '../daemon/model/time.ts'
import { firstHalf, isPackable, secondHalf, unpackId } from './packed-id.ts'

/** Numbers of a reference: its time, the first half of its id with its mark, and the second half. */
export const PER_REF = 3
/** A mark: the status, -1 for none, plus one, times this, plus 1 where the transaction was seen whole. */
const WHOLE = 2
/** Marks of statuses of three digits are below this, and fit beside 40 bits of an id. */
const MARKS = 4096

/** The numbers of the reference that was packed last. */
export const packedRef = new Float64Array(PER_REF)

/**
 * Packs a reference into `packedRef`. Returns '', or the id where it is not of our making, as native records may have: it is to be kept
 * beside.
 */
export function packRef(id: string, time: EventTime, status: number | null, whole: boolean): string {
  const mark = ((status ?? -1) + 1) * WHOLE + (whole ? 1 : 0)
  packedRef[0] = time
  if (mark < MARKS && isPackable(id, time)) {
    packedRef[1] = firstHalf(id) * MARKS + mark
    packedRef[2] = secondHalf(id)
    return ''
  }
  packedRef[1] = mark
  packedRef[2] = 0
  return id
}

/** `text`: what `packRef` returned. */
export function unpackRef(time: EventTime, packed: number, second: number, text: string): EvidenceRef {
  const mark = text === '' ? packed % MARKS : packed
  const status = Math.floor(mark / WHOLE) - 1
  return {
    transactionId: text === '' ? unpackId(time, Math.floor(packed / MARKS), second) : text,
    time,
    status: status < 0 ? null : status,
    whole: mark % WHOLE !== 0,
  }
}
