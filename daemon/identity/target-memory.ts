import type { ParsedHead } from '../http/head.ts'
import { AsciiBuffer, copyAscii, sameAscii } from '../model/ascii-bytes.ts'

const SLOTS = 2048
const SLOT_BYTES = 96
/** Bytes of a target that choose its slot. */
const SAMPLES = 16

/** A request target in origin form in which there is nothing to redact and no credential. */
export interface PlainTarget {
  readonly path: string
  /** Without `?`; '' when absent. */
  readonly query: string
}

/** Targets that come again, by their bytes. Fixed in size; a slot belongs to the last who came. It holds nothing that is not printed. */
export class TargetMemory {
  readonly #kept = new AsciiBuffer(SLOTS * SLOT_BYTES).view
  readonly #lengths = new Uint8Array(SLOTS)
  readonly #targets: (PlainTarget | null)[] = new Array<PlainTarget | null>(SLOTS).fill(null)

  recall(head: ParsedHead): PlainTarget | null {
    const { bytes, targetStart: start } = head
    const length = head.targetEnd - start
    if (length > SLOT_BYTES || length <= 0 || !head.ascii) return null
    const slot = slotOf(bytes, start, length)
    if (this.#lengths[slot] !== length || !sameAscii(head.view, start, this.#kept, slot * SLOT_BYTES, length))
      return null
    return this.#targets[slot]!
  }

  keep(head: ParsedHead, target: PlainTarget): void {
    const { bytes, targetStart: start } = head
    const length = head.targetEnd - start
    if (length > SLOT_BYTES || length <= 0 || !head.ascii) return
    const slot = slotOf(bytes, start, length)
    copyAscii(head.view, start, this.#kept, slot * SLOT_BYTES, length)
    this.#lengths[slot] = length
    this.#targets[slot] = target
  }
}

function slotOf(bytes: Buffer, start: number, length: number): number {
  const step = Math.max(1, (length / SAMPLES) | 0)
  let hash = length
  for (let i = start + length - 1; i >= start; i -= step) hash = (Math.imul(hash, 31) + bytes[i]!) | 0
  return (hash ^ (hash >>> 15)) & (SLOTS - 1)
}
