import { viewOf } from '../model/ascii-bytes.ts'
import { SECOND_US } from '../model/time.ts'
import type { FrameColumns } from './frame-columns.ts'

/** Frames out of the bytes of a capture format, a chunk at a time. */
export interface CaptureReader {
  /**
   * Reads whole records from buffer[from, to) into `columns`, until they are full, a record is incomplete, or `corrupt`
   * is set. Returns the position of the first byte not used.
   */
  parse(buffer: Buffer, from: number, to: number, columns: FrameColumns): number
  /** Set when nothing after the last record can be trusted. */
  readonly corrupt: string | null
  /** Bytes still to come of something that is passed over. */
  readonly skipping: number
}

/** Captured bytes of one frame: the usual snap length, and slack for writers that add a pseudo header. */
export const MAX_CAPTURED = 256 * 1024 + 64 * 1024
/** Bytes of one frame on the wire; larger is damage, and would poison the loss accounting. */
export const MAX_ORIGINAL = 16 * 1024 * 1024

/**
 * The classic capture format, as written by tcpdump: a 24-byte header, then records of 16 bytes and the frame.
 * Microseconds and nanoseconds (cut to whole microseconds), both byte orders.
 * https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html
 */
export class PcapReader implements CaptureReader {
  corrupt: string | null = null
  readonly skipping = 0
  #header = false
  #bigEndian = false
  #perMicrosecond = 1
  #linkType = 0
  #buffer: Buffer | null = null
  /** Of `#buffer`: its numbers are read in one piece, without the checks of Buffer's own methods. */
  #view: DataView = NO_VIEW

  parse(buffer: Buffer, from: number, to: number, columns: FrameColumns): number {
    let at = from
    if (!this.#header) {
      if (to - at < FILE_HEADER) return at
      this.#readHeader(buffer, at)
      if (this.corrupt !== null) return at
      at += FILE_HEADER
    }
    const { capacity } = columns
    if (buffer !== this.#buffer) {
      this.#buffer = buffer
      this.#view = viewOf(buffer)
    }
    const view = this.#view
    const little = !this.#bigEndian
    while (to - at >= RECORD_HEADER && columns.filled < capacity) {
      const captured = view.getUint32(at + 8, little)
      const original = view.getUint32(at + 12, little)
      if (captured > MAX_CAPTURED || original > MAX_ORIGINAL || captured > original) {
        this.corrupt = `a record claims ${captured} captured of ${original} bytes`
        return at
      }
      const frame = at + RECORD_HEADER
      if (to - frame < captured) return at
      const fraction = view.getUint32(at + 4, little)
      const microseconds = this.#perMicrosecond === 1 ? fraction : Math.floor(fraction / this.#perMicrosecond)
      const time = view.getUint32(at, little) * SECOND_US + microseconds
      columns.append(frame, captured, original, time, this.#linkType)
      at = frame + captured
    }
    return at
  }

  #readHeader(buffer: Buffer, at: number): void {
    const magic = buffer.readUInt32LE(at)
    this.#bigEndian = magic === MICROSECONDS_SWAPPED || magic === NANOSECONDS_SWAPPED
    this.#perMicrosecond = magic === NANOSECONDS || magic === NANOSECONDS_SWAPPED ? 1000 : 1
    const major = this.#bigEndian ? buffer.readUInt16BE(at + 4) : buffer.readUInt16LE(at + 4)
    if (major !== 2) this.corrupt = `pcap version ${major} is not known`
    // The upper bits tell the length of a frame check sequence; the lower sixteen are the link type.
    this.#linkType = (this.#bigEndian ? buffer.readUInt32BE(at + 20) : buffer.readUInt32LE(at + 20)) & 0xffff
    this.#header = true
  }
}

const NO_VIEW = viewOf(Buffer.alloc(0))
const FILE_HEADER = 24
const RECORD_HEADER = 16
const MICROSECONDS = 0xa1b2c3d4
const MICROSECONDS_SWAPPED = 0xd4c3b2a1
const NANOSECONDS = 0xa1b23c4d
const NANOSECONDS_SWAPPED = 0x4d3cb2a1

/** Whether the first four bytes, read little-endian, open a pcap file. */
export function isPcapMagic(magic: number): boolean {
  return (
    magic === MICROSECONDS || magic === MICROSECONDS_SWAPPED || magic === NANOSECONDS || magic === NANOSECONDS_SWAPPED
  )
}
