import { type EventTime, SECOND_US } from '../model/time.ts'
import type { FrameColumns } from './frame-columns.ts'
import { type CaptureReader, MAX_CAPTURED, MAX_ORIGINAL } from './pcap-reader.ts'

/** What an Interface Description Block says that matters to a frame. */
interface Interface {
  readonly linkType: number
  /** 0 = no limit. */
  readonly snapLength: number
  readonly resolution: Resolution
  /** `if_tsoffset`, in microseconds. */
  readonly offset: number
}

/** Units of a timestamp: `finer` of them make a microsecond, or one makes `coarser`; `binary` counts 2^-n seconds. */
type Resolution =
  | { readonly kind: 'finer'; readonly units: number }
  | { readonly kind: 'coarser'; readonly microseconds: number }
  | { readonly kind: 'exact'; readonly unitsPerSecond: bigint }

/**
 * pcapng: blocks of a type, a length, a body and the length again. Several sections of either byte order, several
 * interfaces with their own link types and time resolutions. Options and unknown blocks are skipped by their length,
 * which is at least 12, so every step advances. https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
 */
export class PcapngReader implements CaptureReader {
  corrupt: string | null = null
  /** Bytes still to pass over of a block that nobody reads, however long. */
  skipping = 0
  #bigEndian = false
  #inSection = false
  #interfaces: Interface[] = []
  /** A Simple Packet Block has no time: it takes that of the packet before it. */
  #lastTime: EventTime = 0

  parse(buffer: Buffer, from: number, to: number, columns: FrameColumns): number {
    let at = from
    while (this.corrupt === null && columns.filled < columns.capacity) {
      if (this.skipping > 0) {
        const passed = Math.min(this.skipping, to - at)
        this.skipping -= passed
        at += passed
        if (this.skipping > 0) return at
      }
      if (to - at < BLOCK_OVERHEAD) return at
      const type = this.#uint32(buffer, at)
      if (type === SECTION_HEADER) this.#readByteOrder(buffer, at + 8)
      else if (!this.#inSection) this.corrupt = 'a block stands before the first section header'
      if (this.corrupt !== null) return at

      const length = this.#uint32(buffer, at + 4)
      if (length < BLOCK_OVERHEAD || length % 4 !== 0 || length > MAX_SKIPPED) {
        this.corrupt = `a block claims to be ${length} bytes long`
        return at
      }
      if (!READ_BLOCKS.has(type)) {
        this.skipping = length
        continue
      }
      if (length > MAX_READ) {
        this.corrupt = `a block of type ${type} claims to be ${length} bytes long`
        return at
      }
      if (to - at < length) return at
      if (this.#uint32(buffer, at + length - 4) !== length) {
        this.corrupt = 'the two lengths of a block differ'
        return at
      }
      this.#readBlock(type, buffer, at + 8, at + length - 4, columns)
      if (this.corrupt !== null) return at
      at += length
    }
    return at
  }

  #readByteOrder(buffer: Buffer, at: number): void {
    const magic = buffer.readUInt32BE(at)
    if (magic !== BYTE_ORDER && magic !== BYTE_ORDER_SWAPPED) {
      this.corrupt = 'a section header has no byte-order magic'
      return
    }
    this.#bigEndian = magic === BYTE_ORDER
  }

  #readBlock(type: number, buffer: Buffer, body: number, end: number, columns: FrameColumns): void {
    switch (type) {
      case SECTION_HEADER:
        this.#inSection = true
        this.#interfaces = []
        return
      case INTERFACE_DESCRIPTION:
        this.#readInterface(buffer, body, end)
        return
      case ENHANCED_PACKET:
        if (end - body < 20) break
        this.#readPacket(buffer, this.#uint32(buffer, body), body + 4, end, columns)
        return
      case PACKET:
        if (end - body < 20) break
        this.#readPacket(buffer, this.#uint16(buffer, body), body + 4, end, columns)
        return
      case SIMPLE_PACKET:
        if (end - body < 4) break
        this.#readSimplePacket(buffer, body, end, columns)
        return
    }
    this.corrupt = `a block of type ${type} is too short`
  }

  /** Body: link type, reserved, snap length, options. */
  #readInterface(buffer: Buffer, body: number, end: number): void {
    if (end - body < 8 || this.#interfaces.length >= MAX_INTERFACES) {
      this.corrupt = end - body < 8 ? 'an interface block is too short' : 'too many interfaces'
      return
    }
    let resolution = MICROSECONDS
    let offset = 0
    let at = body + 8
    while (end - at >= 4) {
      const code = this.#uint16(buffer, at)
      const length = this.#uint16(buffer, at + 2)
      const value = at + 4
      if (code === OPTION_END || length > end - value) break
      if (code === OPTION_TSRESOL && length === 1) resolution = resolutionOf(buffer[value]!)
      if (code === OPTION_TSOFFSET && length === 8) offset = this.#seconds(buffer, value) * SECOND_US
      at = value + Math.ceil(length / 4) * 4
    }
    const linkType = this.#uint16(buffer, body)
    this.#interfaces.push({ linkType, snapLength: this.#uint32(buffer, body + 4), resolution, offset })
  }

  /** `at`: timestamp high and low, captured, original, frame. The same for both packet blocks. */
  #readPacket(buffer: Buffer, interfaceId: number, at: number, end: number, columns: FrameColumns): void {
    const from = this.#interfaces[interfaceId]
    const captured = this.#uint32(buffer, at + 8)
    const original = this.#uint32(buffer, at + 12)
    const frame = at + 16
    if (from === undefined) this.corrupt = `a packet names interface ${interfaceId}, which was never described`
    else if (captured > end - frame || captured > MAX_CAPTURED || original > MAX_ORIGINAL || captured > original) {
      this.corrupt = `a packet claims ${captured} captured of ${original} bytes`
    } else {
      const time = timeOf(from, this.#uint32(buffer, at), this.#uint32(buffer, at + 4))
      // 64 bits can name times no calendar has; they are bogus, but must stay printable.
      this.#lastTime = Math.max(0, Math.min(time, Number.MAX_SAFE_INTEGER))
      columns.append(frame, captured, original, this.#lastTime, from.linkType)
    }
  }

  /** Belongs to the first interface; its captured length follows from the snap length and the block's. */
  #readSimplePacket(buffer: Buffer, at: number, end: number, columns: FrameColumns): void {
    const from = this.#interfaces[0]
    const original = this.#uint32(buffer, at)
    if (from === undefined || original > MAX_ORIGINAL) {
      this.corrupt = 'a simple packet has no interface, or an impossible length'
      return
    }
    const limit = from.snapLength === 0 ? original : Math.min(original, from.snapLength)
    columns.append(at + 4, Math.min(limit, end - at - 4), original, this.#lastTime, from.linkType)
  }

  #uint16(buffer: Buffer, at: number): number {
    return this.#bigEndian ? (buffer[at]! << 8) | buffer[at + 1]! : (buffer[at + 1]! << 8) | buffer[at]!
  }

  #uint32(buffer: Buffer, at: number): number {
    const a = buffer[at]!
    const b = buffer[at + 1]!
    const c = buffer[at + 2]!
    const d = buffer[at + 3]!
    return this.#bigEndian ? ((a << 24) | (b << 16) | (c << 8) | d) >>> 0 : ((d << 24) | (c << 16) | (b << 8) | a) >>> 0
  }

  #seconds(buffer: Buffer, at: number): number {
    return Number(this.#bigEndian ? buffer.readBigInt64BE(at) : buffer.readBigInt64LE(at))
  }
}

const BLOCK_OVERHEAD = 12
const SECTION_HEADER = 0x0a0d0d0a
const INTERFACE_DESCRIPTION = 1
const PACKET = 2
const SIMPLE_PACKET = 3
const ENHANCED_PACKET = 6
const READ_BLOCKS: ReadonlySet<number> = new Set([
  SECTION_HEADER,
  INTERFACE_DESCRIPTION,
  PACKET,
  SIMPLE_PACKET,
  ENHANCED_PACKET,
])

const BYTE_ORDER = 0x1a2b3c4d
const BYTE_ORDER_SWAPPED = 0x4d3c2b1a
const OPTION_END = 0
const OPTION_TSRESOL = 9
const OPTION_TSOFFSET = 14

const MAX_INTERFACES = 4096
/** A block that is read must fit the window beside two frames held back. */
const MAX_READ = MAX_CAPTURED + 64 * 1024
/** A block that is skipped: key logs and the like are large, but not this large. */
const MAX_SKIPPED = 256 * 1024 * 1024
const MICROSECONDS: Resolution = { kind: 'finer', units: 1 }

/** `if_tsresol`: a negative power of ten, or with the top bit of two, of seconds. */
function resolutionOf(value: number): Resolution {
  const power = value & 0x7f
  if ((value & 0x80) !== 0) return { kind: 'exact', unitsPerSecond: 1n << BigInt(power) }
  if (power < 6) return { kind: 'coarser', microseconds: 10 ** (6 - power) }
  // Up to picoseconds the remainder below stays under 2^53.
  if (power <= 12) return { kind: 'finer', units: 10 ** (power - 6) }
  return { kind: 'exact', unitsPerSecond: 10n ** BigInt(power) }
}

/** A 64-bit count as whole microseconds, never through a double that would round it. */
function timeOf(from: Interface, high: number, low: number): EventTime {
  const { resolution } = from
  switch (resolution.kind) {
    case 'finer': {
      const rest = (high % resolution.units) * 2 ** 32 + low
      return Math.floor(high / resolution.units) * 2 ** 32 + Math.floor(rest / resolution.units) + from.offset
    }
    case 'coarser':
      return (high * 2 ** 32 + low) * resolution.microseconds + from.offset
    case 'exact': {
      const units = (BigInt(high) << 32n) | BigInt(low)
      return Number((units * BigInt(SECOND_US)) / resolution.unitsPerSecond) + from.offset
    }
  }
}
