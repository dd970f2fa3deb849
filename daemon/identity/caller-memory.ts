import type { ParsedHead } from '../http/head.ts'
import { knownIndex } from '../http/known-headers.ts'
import { AsciiBuffer, copyAscii, sameAscii } from '../model/ascii-bytes.ts'
import type { Presented } from './credentials.ts'

const SLOTS = 16_384
/** What requests say of their callers, values alone, one behind the other; the oldest is written over. */
const RING_BYTES = 8 * 1024 * 1024
/** Longer ones are not kept. */
const MAX_BYTES = 2048
const ABSENT = -1

/** What the same headers meant last time. */
export interface KnownCaller {
  readonly host: string | null
  readonly presented: Presented
  /** No payload is in these headers. */
  clean: boolean
}

/**
 * The headers by which requests named their host and their caller, and what they meant. A request with the same bytes in
 * them means the same, and no string is made of it, whatever connection it comes on: a proxy's carry many callers. One fixed
 * buffer, made on first use and touched as far as it is needed, in memory only; the slot is chosen by a few of those bytes
 * and belongs to the last who came.
 */
export class CallerMemory {
  /** Places of the headers in the table of known ones; null when one is not in it, and nothing can be kept. */
  readonly #headers: readonly number[] | null
  readonly #lengths: Int16Array
  readonly #callers: (KnownCaller | null)[] = new Array<KnownCaller | null>(SLOTS).fill(null)
  /** Where in the ring, and on which lap, the bytes of a slot were written. */
  readonly #places = new Int32Array(SLOTS)
  readonly #laps = new Int32Array(SLOTS)
  #kept: AsciiBuffer | null = null
  /** Where the next bytes go. */
  #place = 0
  #lap = 0

  /** `headers`: lower-case names of all headers that `presented` depends on. */
  constructor(headers: readonly string[]) {
    const known = ['host', ...headers].map(knownIndex)
    this.#headers = known.includes(-1) ? null : known
    this.#lengths = new Int16Array(SLOTS * known.length)
  }

  recall(head: ParsedHead): KnownCaller | null {
    const headers = this.#headers
    if (headers === null || this.#kept === null || !head.ascii) return null
    const slot = slotOf(head, headers)
    const caller = this.#callers[slot]!
    if (caller === null) return null
    let at = this.#places[slot]!
    // Written over since: on this lap lies what was written before the place of the next, on the last lap what lies behind it.
    if (this.#laps[slot] !== (at < this.#place ? this.#lap : this.#lap - 1)) return null
    const kept = this.#kept.view
    const lengths = slot * headers.length
    for (let i = 0; i < headers.length; i++) {
      const length = this.#lengths[lengths + i]!
      const field = head.fieldOf(headers[i]!)
      if (field < 0) {
        if (length !== ABSENT) return null
        continue
      }
      const start = head.valueStart(field)
      if (head.valueEnd(field) - start !== length || !sameAscii(head.view, start, kept, at, length)) return null
      at += length
    }
    return caller
  }

  keep(head: ParsedHead, caller: KnownCaller): void {
    const headers = this.#headers
    if (headers === null || !head.ascii) return
    this.#kept ??= new AsciiBuffer(RING_BYTES)
    const slot = slotOf(head, headers)
    this.#callers[slot] = null
    if (this.#place + MAX_BYTES > RING_BYTES) {
      this.#place = 0
      this.#lap++
    }
    const end = this.#place + MAX_BYTES
    let at = this.#place
    for (let i = 0; i < headers.length; i++) {
      const field = head.fieldOf(headers[i]!)
      const start = field < 0 ? 0 : head.valueStart(field)
      const length = field < 0 ? ABSENT : head.valueEnd(field) - start
      if (field >= 0 && (length < 0 || at + length > end)) {
        // What was copied so far stands where others stood.
        this.#place = at
        return
      }
      this.#lengths[slot * headers.length + i] = length
      if (field < 0) continue
      copyAscii(head.view, start, this.#kept.view, at, length)
      at += length
    }
    this.#places[slot] = this.#place
    this.#laps[slot] = this.#lap
    // Even without any bytes it stands before the next place.
    this.#place = Math.max(at, this.#place + 1)
    this.#callers[slot] = caller
  }

  /** Forgets every raw value. What nothing was written to is not touched: it would become resident for that. */
  close(): void {
    this.#kept?.bytes.fill(0, 0, this.#lap > 0 ? RING_BYTES : this.#place)
    this.#kept = null
    this.#callers.fill(null)
  }
}

/** Lengths and a few bytes of each header, most of them from its end, where tokens differ. */
function slotOf(head: ParsedHead, headers: readonly number[]): number {
  const { view } = head
  let hash = 0
  for (let i = 0; i < headers.length; i++) {
    const field = head.fieldOf(headers[i]!)
    if (field < 0) continue
    const start = head.valueStart(field)
    const end = head.valueEnd(field)
    hash = Math.imul(hash, 31) + end - start
    for (let at = end - 4; at >= start && at >= end - 20; at -= 4)
      hash = Math.imul(hash ^ view.getInt32(at), 0x9e3779b1)
    if (end - start >= 8) hash = Math.imul(hash ^ view.getInt32(start + ((end - start) >> 1)), 0x85ebca6b)
  }
  return (hash ^ (hash >>> 15)) & (SLOTS - 1)
}
