import type { ParsedHead } from '../http/head.ts'
import { AsciiBuffer, copyAscii, sameAscii } from '../model/ascii-bytes.ts'
import type { JsonText } from '../model/json-text.ts'
import type { HeaderJson } from './header-json.ts'

const SLOTS = 4096
/** A header list as sent and its JSON share this much; a longer one is not kept. */
const SLOT_BYTES = 3072
const MAX_FIELDS = 32
/** Other lists that may ask for a slot before it goes to one of them, after the last that was known. */
const PATIENCE = 3
/** A field that differs more often than once in so many lists is written anew each time. */
const CHANGES_RARELY = 16
const MAX_USES = 0xffff

/** Offsets kept of each field, in bytes from where its slot starts: of the field as sent, and of its JSON. */
const RAW_START = 0
const RAW_END = 1
const JSON_START = 2
const JSON_END = 3
const CHANGES = 4
const PER_FIELD = 5

/**
 * Header lists as they were sent and as redacted JSON. Messages of one sender repeat most of their fields, at the same places, so
 * a list is looked up by its measures; what is kept for them is copied in one piece, and only the fields that differ are
 * written anew, over it. One fixed buffer, made on first use, in memory only; a slot goes to another list that keeps asking for it.
 */
export class HeaderMemory {
  readonly #json: HeaderJson
  #kept: AsciiBuffer | null = null
  /** By slot: fields kept, 0 while there are none. */
  readonly #count = new Uint8Array(SLOTS)
  readonly #rawLength = new Uint16Array(SLOTS)
  readonly #jsonLength = new Uint16Array(SLOTS)
  readonly #patience = new Uint8Array(SLOTS)
  readonly #uses = new Uint16Array(SLOTS)
  readonly #fields = new Uint16Array(SLOTS * MAX_FIELDS * PER_FIELD)

  constructor(json: HeaderJson) {
    this.#json = json
  }

  /** Forgets every raw value. What nothing was written to is not touched: it would become resident for that. */
  close(): void {
    for (let slot = 0; slot < SLOTS; slot++) {
      if (this.#rawLength[slot] !== 0) this.#kept?.bytes.fill(0, slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES)
    }
    this.#kept = null
    this.#count.fill(0)
    this.#rawLength.fill(0)
  }

  write(head: ParsedHead, out: JsonText): void {
    const count = head.headerCount
    if (count === 0 || count > MAX_FIELDS || !head.ascii) {
      this.#json.write(head, out)
      return
    }
    const start = head.nameStart(0)
    const length = endOf(head, count - 1) - start
    const slot = slotOf(head, count, start, length)
    if (this.#count[slot] === count && this.#rawLength[slot] === length) {
      const before = out.length
      if (this.#again(head, slot, start, out)) {
        this.#patience[slot] = PATIENCE
        return
      }
      out.length = before
    }
    if (this.#patience[slot] === 0) this.#learn(head, slot, start, length, out)
    else {
      this.#patience[slot]!--
      this.#json.write(head, out)
    }
  }

  /** False, and anything may have been written, when the JSON of a field is longer or shorter than what is kept. */
  #again(head: ParsedHead, slot: number, headStart: number, out: JsonText): boolean {
    const kept = this.#kept!.view
    const base = slot * SLOT_BYTES
    const rawLength = this.#rawLength[slot]!
    out.kept(kept, base + rawLength, base + rawLength + this.#jsonLength[slot]!)
    const end = out.length
    const list = end - this.#jsonLength[slot]! - rawLength
    const uses = this.#uses[slot]!
    if (uses < MAX_USES) this.#uses[slot] = uses + 1
    const count = head.headerCount
    const fields = this.#fields
    let at = 0
    let field = slot * MAX_FIELDS * PER_FIELD
    while (at < count) {
      // A row of fields that do not change is compared as a whole.
      let last = at
      let lastField = field
      while (last < count && fields[lastField + CHANGES]! * CHANGES_RARELY <= uses) {
        last++
        lastField += PER_FIELD
      }
      if (last > at && this.#same(head, headStart, kept, base, field, lastField - PER_FIELD, last - 1)) {
        at = last
        field = lastField
      }
      while (at < last && this.#same(head, headStart, kept, base, field, field, at)) {
        at++
        field += PER_FIELD
      }
      if (at === count) break
      const jsonEnd = list + fields[field + JSON_END]!
      out.length = list + fields[field + JSON_START]!
      this.#json.field(head, at, out)
      if (out.length !== jsonEnd) return false
      // Kept anew, so that a date is one change in every second.
      if (at < last) this.#replace(head, headStart, base, field, at, out, list)
      out.length = end
      at++
      field += PER_FIELD
    }
    return true
  }

  /** Whether the fields from that at `from` to that at `to`, which is number `last` of the head, are the same bytes at the same places. */
  #same(
    head: ParsedHead,
    headStart: number,
    kept: DataView,
    base: number,
    from: number,
    to: number,
    last: number,
  ): boolean {
    const start = this.#fields[from + RAW_START]!
    const end = this.#fields[to + RAW_END]!
    // The same bytes up to the end of a value are the same fields.
    if (endOf(head, last) !== headStart + end) return false
    return sameAscii(head.view, headStart + start, kept, base + start, end - start)
  }

  #replace(
    head: ParsedHead,
    headStart: number,
    base: number,
    field: number,
    at: number,
    out: JsonText,
    list: number,
  ): void {
    const fields = this.#fields
    if (fields[field + CHANGES]! < MAX_USES) fields[field + CHANGES]!++
    const start = head.nameStart(at) - headStart
    const end = endOf(head, at) - headStart
    if (start !== fields[field + RAW_START] || end !== fields[field + RAW_END] || !out.ascii) return
    const kept = this.#kept!.view
    copyAscii(head.view, headStart + start, kept, base + start, end - start)
    const jsonStart = fields[field + JSON_START]!
    out.keep(list + jsonStart, kept, base + jsonStart)
  }

  #learn(head: ParsedHead, slot: number, headStart: number, length: number, out: JsonText): void {
    const { headerCount: count } = head
    const fields = this.#fields
    this.#count[slot] = 0
    out.byte(OPEN)
    const list = out.length - 1
    let field = slot * MAX_FIELDS * PER_FIELD
    for (let at = 0; at < count; at++) {
      if (at > 0) out.byte(COMMA)
      fields[field + RAW_START] = head.nameStart(at) - headStart
      fields[field + RAW_END] = endOf(head, at) - headStart
      fields[field + JSON_START] = length + out.length - list
      this.#json.field(head, at, out)
      fields[field + JSON_END] = length + out.length - list
      fields[field + CHANGES] = 0
      field += PER_FIELD
    }
    out.byte(CLOSE)
    const jsonLength = out.length - list
    // Redaction may decode what was percent-encoded; only ASCII may be copied into a line.
    if (length + jsonLength > SLOT_BYTES || !out.ascii) return
    this.#kept ??= new AsciiBuffer(SLOTS * SLOT_BYTES)
    const base = slot * SLOT_BYTES
    copyAscii(head.view, headStart, this.#kept.view, base, length)
    out.keep(list, this.#kept.view, base + length)
    this.#count[slot] = count
    this.#rawLength[slot] = length
    this.#jsonLength[slot] = jsonLength
    this.#uses[slot] = 0
    this.#patience[slot] = PATIENCE
  }
}

const COMMA = 0x2c
const OPEN = 0x5b
const CLOSE = 0x5d

/** By how long everything is together, and where two of the fields end. */
function slotOf(head: ParsedHead, count: number, start: number, length: number): number {
  const middle = count >> 1
  let hash = length * 31 + count
  hash = Math.imul(hash, 0x9e3779b1) + head.valueEnd(middle) - start
  hash = Math.imul(hash, 0x9e3779b1) + head.valueEnd(middle >> 1) - start
  return (hash ^ (hash >>> 15) ^ (hash >>> 22)) & (SLOTS - 1)
}

/** An empty value may end before its name does. */
function endOf(head: ParsedHead, field: number): number {
  return Math.max(head.nameEnd(field), head.valueEnd(field))
}
