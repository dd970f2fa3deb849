import type { Segment } from '../decode/segment.ts'
import type { EventTime } from '../model/time.ts'

const KEPT = 4
const FIELDS = 6
/** The entries of one direction, then where the next one goes and how many there are. */
const SLOT = KEPT * FIELDS + 2
const AT = KEPT * FIELDS
const COUNT = AT + 1
const FIRST_SLOTS = 64
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
 * One array for all of them, by slot (twice the flow's row, plus the direction): arrays of their own would weigh more than
 * everything else that an idle flow keeps.
 */
export class RecentSegments {
  #fields = new Int32Array(FIRST_SLOTS * SLOT)

  /** A new flow takes the slot. */
  reset(slot: number): void {
    const needed = (slot + 1) * SLOT
    if (needed > this.#fields.length) {
      const larger = new Int32Array(Math.max(needed, this.#fields.length * 2))
      larger.set(this.#fields)
      this.#fields = larger
    }
    const base = slot * SLOT
    this.#fields[base + AT] = 0
    this.#fields[base + COUNT] = 0
  }

  note(slot: number, segment: Segment, print: number, now: EventTime): void {
    const fields = this.#fields
    const base = slot * SLOT
    const at = base + fields[base + AT]!
    fields[at] = segment.seq
    fields[at + 1] = segment.ack
    fields[at + 2] = segment.payloadEnd - segment.payloadStart + segment.payloadMissing
    fields[at + 3] = (segment.flags << 16) | (segment.ipId & 0xffff)
    fields[at + 4] = print
    fields[at + 5] = now / 1000
    const next = at + FIELDS - base
    fields[base + AT] = next === AT ? 0 : next
    if (fields[base + COUNT]! < KEPT) fields[base + COUNT]!++
  }

  seen(slot: number, segment: Segment, print: number, now: EventTime): Sighting {
    const fields = this.#fields
    const base = slot * SLOT
    const end = base + fields[base + COUNT]! * FIELDS
    const length = segment.payloadEnd - segment.payloadStart + segment.payloadMissing
    let sighting: Sighting = UNSEEN
    for (let at = base; at < end; at += FIELDS) {
      if (fields[at] !== (segment.seq | 0) || fields[at + 2] !== length) continue
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
    const end = base + fields[base + COUNT]! * FIELDS
    for (let at = base + FIELDS; at < end; at += FIELDS) if (fields[at + 1] !== fields[base + 1]) return true
    return false
  }

  #isDuplicate(at: number, segment: Segment, length: number, now: EventTime): boolean {
    const fields = this.#fields
    if (fields[at + 1] !== (segment.ack | 0)) return false
    if (fields[at + 3] !== ((segment.flags << 16) | (segment.ipId & 0xffff))) return false
    const ageMs = ((now / 1000) | 0) - fields[at + 5]!
    // Bare acknowledgements repeat in earnest (duplicate ACKs), so without an id nothing tells.
    return segment.ipId > 0 ? ageMs <= DUPLICATE_MS : length > 0 && ageMs <= DUPLICATE_NO_ID_MS
  }
}

/** Samples at most 10 bytes of the captured payload: each is likely to be one more line of cold memory. */
export function fingerprint(segment: Segment): number {
  const { bytes, payloadStart, payloadEnd } = segment
  const length = payloadEnd - payloadStart
  if (length <= 0) return 0
  const step = (length >>> 3) + 1
  let print = length
  for (let at = payloadStart; at < payloadEnd; at += step) print = Math.imul(print ^ bytes[at]!, 0x01000193)
  return Math.imul(print ^ bytes[payloadEnd - 1]!, 0x01000193)
}
