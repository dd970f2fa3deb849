import type { Segment } from '../decode/segment.ts'
import type { EventTime } from '../model/time.ts'

const KEPT = 4
/** Six are used; with eight no entry lies in more cache lines than it must. */
const FIELDS = 8
const SLOT = KEPT * FIELDS
const FIRST_SLOTS = 64
/** A cursor: which entry comes next, and above these bits how many there are. */
const NEXT_BITS = 2
const NEXT_MASK = KEPT - 1
const DUPLICATE_MS = 2000
/** Without an IP id a copy this close together is a mirrored one; TCP itself does not resend that fast. */
const DUPLICATE_NO_ID_MS = 10

export const UNSEEN = 0
/** The very same packet, captured twice. */
export const DUPLICATE = 1
/** The same bytes, sent again. */
export const RESENT = 2
/** The same place in the stream with other bytes. */
export const DIFFERENT = 3
export type Sighting = typeof UNSEEN | typeof DUPLICATE | typeof RESENT | typeof DIFFERENT

/**
 * The last four segments of each direction of a shard's flows: enough to tell a mirrored duplicate (neighbours on the
 * wire, same IP id) from a retransmission, and a retransmission from a differing second copy of bytes that are no longer
 * held. Payloads are compared by a fingerprint of sampled bytes: a full hash would cost more than reassembly itself.
 *
 * One array for all of them, by slot: arrays of their own would weigh more than everything else that an idle flow keeps. Rows of
 * half-open and closed flows, of which there may be many more, have none. It grows by a quarter: doubled, it would be half empty where it
 * is largest.
 */
export class RecentSegments {
  #fields = new Int32Array(FIRST_SLOTS * SLOT)
  /** By slot. Beside the entries they would be one more cold line for each segment. */
  #cursors = new Uint8Array(FIRST_SLOTS)
  /** Slots ever taken. */
  #used = 0
  /** First slots of flows that are over. */
  readonly #free: number[] = []

  /** The first of the two slots of a new flow, one for each direction. */
  take(): number {
    const slot = this.#free.pop() ?? this.#more()
    this.#cursors[slot] = 0
    this.#cursors[slot + 1] = 0
    return slot
  }

  /** The flow that took it is over. */
  giveBack(slot: number): void {
    this.#free.push(slot)
  }

  #more(): number {
    const slot = this.#used
    this.#used += 2
    if (this.#used > this.#cursors.length) {
      const slots = this.#cursors.length + Math.max(FIRST_SLOTS, this.#cursors.length >> 2)
      const fields = new Int32Array(slots * SLOT)
      fields.set(this.#fields)
      this.#fields = fields
      const cursors = new Uint8Array(slots)
      cursors.set(this.#cursors)
      this.#cursors = cursors
    }
    return slot
  }

  note(slot: number, segment: Segment, print: number, now: EventTime): void {
    const fields = this.#fields
    const cursor = this.#cursors[slot]!
    const at = slot * SLOT + (cursor & NEXT_MASK) * FIELDS
    fields[at] = segment.seq
    fields[at + 1] = segment.ack
    fields[at + 2] = segment.payloadEnd - segment.payloadStart + segment.payloadMissing
    fields[at + 3] = (segment.flags << 16) | (segment.ipId & 0xffff)
    fields[at + 4] = print
    fields[at + 5] = now / 1000
    const kept = Math.min(cursor >> NEXT_BITS, KEPT - 1) + 1
    this.#cursors[slot] = (kept << NEXT_BITS) | ((cursor + 1) & NEXT_MASK)
  }

  #end(slot: number): number {
    return slot * SLOT + (this.#cursors[slot]! >> NEXT_BITS) * FIELDS
  }

  seen(slot: number, segment: Segment, print: number, now: EventTime): Sighting {
    const fields = this.#fields
    const end = this.#end(slot)
    const length = segment.payloadEnd - segment.payloadStart + segment.payloadMissing
    let sighting: Sighting = UNSEEN
    for (let at = slot * SLOT; at < end; at += FIELDS) {
      if (fields[at] !== segment.seq || fields[at + 2] !== length) continue
      if (fields[at + 4] !== print) {
        sighting = DIFFERENT
        continue
      }
      if (this.#isDuplicate(at, segment, length, now)) return DUPLICATE
      if (sighting === UNSEEN) sighting = RESENT
    }
    return sighting
  }

  /** Whether the last segments of this direction acknowledge different places: the other side has sent something between them. */
  acknowledgesMore(slot: number): boolean {
    const fields = this.#fields
    const base = slot * SLOT
    const end = this.#end(slot)
    for (let at = base + FIELDS; at < end; at += FIELDS) if (fields[at + 1] !== fields[base + 1]) return true
    return false
  }

  #isDuplicate(at: number, segment: Segment, length: number, now: EventTime): boolean {
    const fields = this.#fields
    if (fields[at + 1] !== segment.ack) return false
    if (fields[at + 3] !== ((segment.flags << 16) | (segment.ipId & 0xffff))) return false
    const ageMs = ((now / 1000) | 0) - fields[at + 5]!
    // Bare acknowledgements repeat in earnest (duplicate ACKs), so without an id nothing tells.
    return segment.ipId > 0 ? ageMs <= DUPLICATE_MS : length > 0 && ageMs <= DUPLICATE_NO_ID_MS
  }
}

const PRIME = 0x01000193
const WORD = 4

/** Samples four words of the captured payload, or all of a short one: each is likely to be one more line of cold memory. */
export function fingerprint(segment: Segment): number {
  const { view, payloadStart, payloadEnd } = segment
  const length = (payloadEnd - payloadStart) | 0
  if (length <= 0) return 0
  let print = length
  if (length < 4 * WORD) {
    for (let at = payloadStart; at < payloadEnd; at++) print = Math.imul(print ^ view.getUint8(at), PRIME)
    return print
  }
  const third = ((length - WORD) / 3) | 0
  print = Math.imul(print ^ view.getInt32(payloadStart, true), PRIME)
  print = Math.imul(print ^ view.getInt32(payloadStart + third, true), PRIME)
  print = Math.imul(print ^ view.getInt32(payloadStart + 2 * third, true), PRIME)
  return Math.imul(print ^ view.getInt32(payloadEnd - WORD, true), PRIME)
}
