import type { ParsedHead } from '../http/head.ts'
import { knownIndex } from '../http/known-headers.ts'
import { AsciiBuffer, copyAscii, sameAscii } from '../model/ascii-bytes.ts'
import type { Presented } from './credentials.ts'

const SLOTS = 4096
/** What a request says of its caller, values alone; longer ones are not kept. */
const SLOT_BYTES = 768
const ABSENT = -1

/** What the same headers meant last time. */
export interface KnownCaller {
  readonly host: string | null
  readonly presented: Presented
}

/**
 * The headers by which the last request of a connection named its host and its caller, and what they meant. A request with the same
 * bytes in them means the same, and no string is made of it. One fixed buffer, made on first use, in memory only; a
 * slot belongs to the connection that came last.
 */
export class CallerMemory {
  /** Places of the headers in the table of known ones; null when one is not in it, and nothing can be kept. */
  readonly #headers: readonly number[] | null
  readonly #owners = new Float64Array(SLOTS)
  readonly #lengths: Int16Array
  readonly #callers: (KnownCaller | null)[] = new Array<KnownCaller | null>(SLOTS).fill(null)
  #kept: AsciiBuffer | null = null

  /** `headers`: lower-case names of all headers that `presented` depends on. */
  constructor(headers: readonly string[]) {
    const known = ['host', ...headers].map(knownIndex)
    this.#headers = known.includes(-1) ? null : known
    this.#lengths = new Int16Array(SLOTS * known.length)
  }

  recall(head: ParsedHead, connection: number): KnownCaller | null {
    const slot = connection % SLOTS
    const headers = this.#headers
    // Owners are one more than their number: 0 is nobody.
    if (headers === null || this.#owners[slot] !== connection + 1 || !head.ascii) return null
    const kept = this.#kept!.view
    const lengths = slot * headers.length
    let at = slot * SLOT_BYTES
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
    return this.#callers[slot]!
  }

  keep(head: ParsedHead, connection: number, caller: KnownCaller): void {
    const headers = this.#headers
    if (headers === null || !head.ascii) return
    this.#kept ??= new AsciiBuffer(SLOTS * SLOT_BYTES)
    const slot = connection % SLOTS
    this.#owners[slot] = 0
    const end = (slot + 1) * SLOT_BYTES
    let at = slot * SLOT_BYTES
    for (let i = 0; i < headers.length; i++) {
      const field = head.fieldOf(headers[i]!)
      const start = field < 0 ? 0 : head.valueStart(field)
      const length = field < 0 ? ABSENT : head.valueEnd(field) - start
      if (field >= 0 && (length < 0 || at + length > end)) return
      this.#lengths[slot * headers.length + i] = length
      if (field < 0) continue
      copyAscii(head.view, start, this.#kept.view, at, length)
      at += length
    }
    this.#callers[slot] = caller
    this.#owners[slot] = connection + 1
  }

  /** Forgets every raw value. */
  close(): void {
    this.#kept?.bytes.fill(0)
    this.#kept = null
    this.#owners.fill(0)
    this.#callers.fill(null)
  }
}
