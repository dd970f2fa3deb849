import { AsciiBuffer, sameAscii } from '../model/ascii-bytes.ts'
import type { JsonText } from '../model/json-text.ts'

const SLOTS = 8192
/** A value and its JSON share this much of one buffer; what does not fit is not kept. */
const SLOT_BYTES = 1024
/** Bytes of a value that choose its slot. */
const SAMPLES = 16

/**
 * Fields whose values are secrets, as they were sent and as redacted JSON: what a caller shows, it shows again. One fixed buffer,
 * made on first use, in memory only; the slot is chosen by a few bytes and belongs to the last who came.
 */
export class RecentFields {
  #kept: AsciiBuffer | null = null
  readonly #rawLength = new Uint16Array(SLOTS)
  readonly #jsonLength = new Uint16Array(SLOTS)
  readonly #names: (object | null)[] = new Array<object | null>(SLOTS).fill(null)

  /** Appends the JSON of this field; false when it is not known. `name` stands for itself. */
  copy(name: object, bytes: Buffer, view: DataView, start: number, end: number, out: JsonText): boolean {
    const kept = this.#kept
    if (kept === null) return false
    const slot = slotOf(bytes, start, end)
    const length = end - start
    if (this.#names[slot] !== name || this.#rawLength[slot] !== length) return false
    const from = slot * SLOT_BYTES
    if (!sameAscii(view, start, kept.view, from, length)) return false
    out.kept(kept.view, from + length, from + length + this.#jsonLength[slot]!)
    return true
  }

  /** Keeps what stands in `out` from `jsonStart` on as the JSON of this field. */
  keep(name: object, bytes: Buffer, start: number, end: number, out: JsonText, jsonStart: number): void {
    const length = end - start
    const json = out.length - jsonStart
    if (length <= 0 || length + json > SLOT_BYTES) return
    // Copied back, it must not make other text than ASCII out of a line that is ASCII so far.
    for (let i = jsonStart; i < out.length; i++) if (out.bytes[i]! >= 0x80) return
    const slot = slotOf(bytes, start, end)
    const at = slot * SLOT_BYTES
    this.#kept ??= new AsciiBuffer(SLOTS * SLOT_BYTES)
    bytes.copy(this.#kept.bytes, at, start, end)
    out.keep(jsonStart, this.#kept.view, at + length)
    this.#names[slot] = name
    this.#rawLength[slot] = length
    this.#jsonLength[slot] = json
  }

  /** Forgets every raw value. What nothing was written to is not touched: it would become resident for that. */
  clear(): void {
    for (let slot = 0; slot < SLOTS; slot++) {
      if (this.#names[slot] !== null) this.#kept?.bytes.fill(0, slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES)
    }
    this.#kept = null
    this.#names.fill(null)
  }
}

function slotOf(bytes: Buffer, start: number, end: number): number {
  const step = Math.max(1, Math.floor((end - start) / SAMPLES))
  let hash = end - start
  for (let i = end - 1; i >= start; i -= step) hash = Math.imul(hash, 31) + bytes[i]!
  return (hash ^ (hash >>> 15)) & (SLOTS - 1)
}
