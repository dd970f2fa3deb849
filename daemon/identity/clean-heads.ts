import type { ParsedHead } from '../http/head.ts'
import { knownIndex } from '../http/known-headers.ts'
import { AsciiBuffer, copyAscii, sameAscii } from '../model/ascii-bytes.ts'

const SLOTS = 4096
/** A longer list of fields is looked through each time. */
const SLOT_BYTES = 1024
const CREDENTIALS = ['authorization', 'cookie', 'x-api-key'].map(knownIndex)

/**
 * Header lists in which nothing was found. A sender repeats most of its fields at the same places, so a list is looked up by its
 * measures and the ends of its credentials, and only fields with other bytes are worth another look. One fixed buffer, made on first use, in memory only.
 */
export class CleanHeads {
  readonly #lengths = new Uint16Array(SLOTS)
  #kept: AsciiBuffer | null = null
  /** Of the list last given to `slotOf`: the slot that lists of its measures share, whoever sends them. */
  shape = -1

  /** The slot to give to `isKnown` and `keep`, -1 for a list that is never kept. */
  slotOf(head: ParsedHead): number {
    const count = head.headerCount
    if (count === 0 || !head.ascii) return -1
    const start = head.nameStart(0)
    const length = head.valueEnd(count - 1) - start
    if (length > SLOT_BYTES || length <= 0) return -1
    let hash = length * 31 + count
    hash = Math.imul(hash, 0x9e3779b1) + head.valueEnd(count >> 1) - start
    hash = Math.imul(hash, 0x9e3779b1) + head.valueEnd(count >> 2) - start
    const shape = (hash ^ (hash >>> 15) ^ (hash >>> 22)) & (SLOTS - 1)
    for (let i = 0; i < CREDENTIALS.length; i++) {
      const field = head.fieldOf(CREDENTIALS[i]!)
      if (field < 0) continue
      const end = head.valueEnd(field)
      if (end - head.valueStart(field) >= 4) hash = Math.imul(hash, 0x9e3779b1) + head.view.getInt32(end - 4, true)
    }
    this.shape = shape
    return (hash ^ (hash >>> 15) ^ (hash >>> 22)) & (SLOTS - 1)
  }

  /** Whether the list at `slot`, if any, has fields [first, last) with the same bytes at the same place, up to where the next field begins. */
  isKnown(head: ParsedHead, slot: number, first: number, last: number): boolean {
    const listStart = head.nameStart(0)
    const from = head.nameStart(first) - listStart
    const to = (last < head.headerCount ? head.nameStart(last) : head.valueEnd(last - 1)) - listStart
    const length = this.#lengths[slot]!
    if (length === 0) return false
    // The last field must be the last there, too, or its end could be the middle of another.
    if (last === head.headerCount ? to !== length : to > length) return false
    return to >= from && sameAscii(head.view, listStart + from, this.#kept!.view, slot * SLOT_BYTES + from, to - from)
  }

  /** At both its slots. */
  keep(head: ParsedHead, slot: number, shape: number): void {
    this.#kept ??= new AsciiBuffer(SLOTS * SLOT_BYTES)
    const start = head.nameStart(0)
    const length = head.valueEnd(head.headerCount - 1) - start
    for (const each of slot === shape ? [slot] : [slot, shape]) {
      copyAscii(head.view, start, this.#kept.view, each * SLOT_BYTES, length)
      this.#lengths[each] = length
    }
  }

  /** Forgets every raw value. */
  close(): void {
    this.#kept?.bytes.fill(0)
    this.#kept = null
    this.#lengths.fill(0)
  }
}
