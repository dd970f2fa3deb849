import type { ParsedHead } from '../http/head.ts'
import { AsciiBuffer, copyAscii, sameAscii } from '../model/ascii-bytes.ts'

const SLOTS = 2048
/** Name and value; a longer field is looked through each time. */
const SLOT_BYTES = 256
/** Less is looked through as fast as it is looked up. */
const LEAST_BYTES = 12

/**
 * Fields of heads in which nothing was found. Senders repeat most of theirs, so a field is looked up by some of its bytes, and
 * only one that differs is worth another look. Not for credentials: there are too many. One fixed buffer, made on first use, in memory only.
 */
export class CleanFields {
  readonly #lengths = new Uint16Array(SLOTS)
  #kept: AsciiBuffer | null = null

  isKnown(head: ParsedHead, field: number): boolean {
    const start = head.nameStart(field)
    const length = head.valueEnd(field) - start
    if (this.#kept === null || !isKept(head, length)) return false
    const slot = slotOf(head.view, start, length)
    return this.#lengths[slot] === length && sameAscii(head.view, start, this.#kept.view, slot * SLOT_BYTES, length)
  }

  /** Nothing is in it. */
  learn(head: ParsedHead, field: number): void {
    const start = head.nameStart(field)
    const length = head.valueEnd(field) - start
    if (!isKept(head, length)) return
    this.#kept ??= new AsciiBuffer(SLOTS * SLOT_BYTES)
    const slot = slotOf(head.view, start, length)
    copyAscii(head.view, start, this.#kept.view, slot * SLOT_BYTES, length)
    this.#lengths[slot] = length
  }

  /** Forgets every raw value. */
  close(): void {
    this.#kept?.bytes.fill(0)
    this.#kept = null
    this.#lengths.fill(0)
  }
}

function isKept(head: ParsedHead, length: number): boolean {
  return length >= LEAST_BYTES && length <= SLOT_BYTES && head.ascii
}

/** By the first bytes of the name, the middle, and the last of the value. */
function slotOf(view: DataView, start: number, length: number): number {
  let hash = Math.imul(length ^ view.getInt32(start, true), 0x9e3779b1)
  hash = Math.imul(hash ^ view.getInt32(start + (length >> 1) - 2, true), 0x85ebca6b)
  hash = Math.imul(hash ^ view.getInt32(start + length - 4, true), 0x9e3779b1)
  return (hash ^ (hash >>> 15) ^ (hash >>> 23)) & (SLOTS - 1)
}
