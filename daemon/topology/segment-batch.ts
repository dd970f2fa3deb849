import type { Segment } from '../decode/segment.ts'
import type { EventTime } from '../model/time.ts'

/** A batch leaves when the next segment does not fit. */
export const BATCH_BYTES = 256 * 1024

/** What an entry is. */
export const SEGMENT = 0
/** Event time reached a whole second. */
export const TICK = 1
/** What was counted so far is to be told. */
export const SETTLE = 2
/** End of input. */
export const END = 3
export type EntryKind = typeof SEGMENT | typeof TICK | typeof SETTLE | typeof END

/** An entry: three doubles, twenty words, then the payload; padded to a multiple of eight. */
const TIME = 0
const NOW = 1
const KEY = 2
const WORDS = 6
const KIND = 0
const SOURCE = 1
const ADDRESSES = 2
const PORTS = 10
const SEQ = 11
const ACK = 12
const FLAGS = 13
const IP_ID = 14
const MISSING = 15
const VLAN = 16
const VNI = 17
/** Of the payload. */
const LENGTH = 18
const HEAD_BYTES = 4 * (WORDS + 20)
const FAMILY_6 = 1 << 8
const WINDOW_SHIFT = 16
/** From here on crossing into the runtime is cheaper than a loop. */
const MANY_BYTES = 64

/** Decoded segments on their way to another thread, in a buffer that leaves with them. */
export class SegmentBatch {
  readonly buffer: ArrayBuffer
  length = 0
  readonly #bytes: Buffer
  readonly #ints: Int32Array
  readonly #floats: Float64Array

  constructor(buffer: ArrayBuffer) {
    this.buffer = buffer
    this.#bytes = Buffer.from(buffer)
    this.#ints = new Int32Array(buffer)
    this.#floats = new Float64Array(buffer)
  }

  /** How many bytes the segment takes. */
  static sizeOf(segment: Segment): number {
    return (HEAD_BYTES + segment.payloadEnd - segment.payloadStart + 7) & ~7
  }

  fits(bytes: number): boolean {
    return this.length + bytes <= this.buffer.byteLength
  }

  /** Copies the segment; it must fit. `source` is a number that both ends know, `key` its place among all entries. */
  segment(segment: Segment, source: number, key: number, time: EventTime, now: EventTime): void {
    const base = this.length
    this.#head(SEGMENT, key, time, now)
    const word = (base >> 2) + WORDS
    const ints = this.#ints
    ints[word + SOURCE] = source
    const at = word + ADDRESSES
    ints[at] = segment.src0
    ints[at + 1] = segment.src1
    ints[at + 2] = segment.src2
    ints[at + 3] = segment.src3
    ints[at + 4] = segment.dst0
    ints[at + 5] = segment.dst1
    ints[at + 6] = segment.dst2
    ints[at + 7] = segment.dst3
    ints[word + PORTS] = (segment.srcPort << 16) | segment.dstPort
    ints[word + SEQ] = segment.seq
    ints[word + ACK] = segment.ack
    ints[word + FLAGS] = segment.flags | (segment.family === 6 ? FAMILY_6 : 0) | (segment.window << WINDOW_SHIFT)
    ints[word + IP_ID] = segment.ipId
    ints[word + MISSING] = segment.payloadMissing
    ints[word + VLAN] = segment.vlan
    ints[word + VNI] = segment.vni
    const { bytes, payloadStart, payloadEnd } = segment
    const count = payloadEnd - payloadStart
    ints[word + LENGTH] = count
    const to = base + HEAD_BYTES
    if (count > MANY_BYTES) bytes.copy(this.#bytes, to, payloadStart, payloadEnd)
    else for (let i = 0; i < count; i++) this.#bytes[to + i] = bytes[payloadStart + i]!
    this.length = (to + count + 7) & ~7
  }

  /** An entry without a segment; it must fit. */
  mark(kind: EntryKind, key: number, now: EventTime): void {
    const base = this.length
    this.#head(kind, key, now, now)
    this.#ints[(base >> 2) + WORDS + LENGTH] = 0
    this.length = base + HEAD_BYTES
  }

  #head(kind: EntryKind, key: number, time: EventTime, now: EventTime): void {
    const { length } = this
    const float = length >> 3
    this.#floats[float + TIME] = time
    this.#floats[float + NOW] = now
    this.#floats[float + KEY] = key
    this.#ints[(length >> 2) + WORDS + KIND] = kind
  }
}

export const MARK_BYTES = HEAD_BYTES

/** Reads a SegmentBatch entry by entry. */
export class SegmentBatchReader {
  readonly #bytes: Buffer
  readonly #ints: Int32Array
  readonly #floats: Float64Array
  readonly #view: DataView
  readonly #end: number
  #base = 0
  #next = 0

  constructor(buffer: ArrayBuffer, length: number) {
    this.#bytes = Buffer.from(buffer)
    this.#view = new DataView(buffer)
    this.#ints = new Int32Array(buffer)
    this.#floats = new Float64Array(buffer)
    this.#end = length
  }

  /** Moves to the next entry; false at the end. */
  next(): boolean {
    if (this.#next >= this.#end) return false
    this.#base = this.#next
    this.#next = (this.#base + HEAD_BYTES + this.#ints[(this.#base >> 2) + WORDS + LENGTH]! + 7) & ~7
    return true
  }

  get kind(): EntryKind {
    return this.#ints[(this.#base >> 2) + WORDS + KIND]! as EntryKind
  }

  get key(): number {
    return this.#floats[(this.#base >> 3) + KEY]!
  }

  get time(): EventTime {
    return this.#floats[(this.#base >> 3) + TIME]!
  }

  get now(): EventTime {
    return this.#floats[(this.#base >> 3) + NOW]!
  }

  get source(): number {
    return this.#ints[(this.#base >> 2) + WORDS + SOURCE]!
  }

  /** Fills `segment`, whose payload stays in the batch. */
  segment(segment: Segment): void {
    const ints = this.#ints
    const word = (this.#base >> 2) + WORDS
    const at = word + ADDRESSES
    segment.src0 = ints[at]!
    segment.src1 = ints[at + 1]!
    segment.src2 = ints[at + 2]!
    segment.src3 = ints[at + 3]!
    segment.dst0 = ints[at + 4]!
    segment.dst1 = ints[at + 5]!
    segment.dst2 = ints[at + 6]!
    segment.dst3 = ints[at + 7]!
    const ports = ints[word + PORTS]!
    segment.srcPort = ports >>> 16
    segment.dstPort = ports & 0xffff
    segment.seq = ints[word + SEQ]!
    segment.ack = ints[word + ACK]!
    const flags = ints[word + FLAGS]!
    segment.flags = flags & 0xff
    segment.window = flags >>> WINDOW_SHIFT
    segment.family = (flags & FAMILY_6) === 0 ? 4 : 6
    segment.ipId = ints[word + IP_ID]!
    segment.payloadMissing = ints[word + MISSING]!
    segment.vlan = ints[word + VLAN]!
    segment.vni = ints[word + VNI]!
    segment.bytes = this.#bytes
    segment.view = this.#view
    segment.payloadStart = this.#base + HEAD_BYTES
    segment.payloadEnd = segment.payloadStart + ints[word + LENGTH]!
  }
}
