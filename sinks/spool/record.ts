import { crc32c } from '../../daemon/durable/crc32c.ts'
import type { SealedBatch } from '../store/inserter.ts'

/**
 * One sealed batch on disk (integers little-endian):
 *
 *      0        8       9     12            16          20         24           28
 *      marker   state   zero  header bytes  body bytes  body CRC   header CRC   header (JSON)   body
 *
 * The header's CRC-32C covers offsets 12 to 24 and the header, the body's its own bytes, so a damaged body still says how
 * many rows are gone. State stands outside: it is overwritten in place when the batch is stored, which needs no room on a
 * full disk. The marker is random for each segment and stands in its name: bodies hold text from traffic, and one who
 * could guess it could plant a record there for whoever looks for the next one after a damage.
 */
export const MARKER_BYTES = 8
export const STATE_AT = 8
export const PREFIX_BYTES = 28
const LENGTHS_AT = 12
const HEADER_CRC_AT = 24

/** Any other value reads as waiting: sending a batch once more is harmless. */
export const STORED = 0xa5

/** A header is small; ids of rows read again are its bulk (27 bytes a row). */
const MAX_HEADER_BYTES = 16 * 1024 * 1024

export interface RecordHeader extends Omit<SealedBatch, 'bytes'> {
  readonly sealedAtMs: number
}

/** Where a record stands in its segment. */
export interface RecordPlace {
  readonly offset: number
  readonly bodyOffset: number
  readonly bodyBytes: number
  readonly bodyCrc: number
}

/** Prefix and header; the body follows as it is. */
export function recordHead(marker: Uint8Array, header: RecordHeader, body: Uint8Array): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const head = Buffer.alloc(PREFIX_BYTES + json.length)
  head.set(marker)
  head.writeUInt32LE(json.length, LENGTHS_AT)
  head.writeUInt32LE(body.length, LENGTHS_AT + 4)
  head.writeUInt32LE(crc32c(body), LENGTHS_AT + 8)
  head.set(json, PREFIX_BYTES)
  head.writeUInt32LE(headerCrc(head, 0, json), HEADER_CRC_AT)
  return head
}

function headerCrc(bytes: Buffer, at: number, json: Uint8Array): number {
  return crc32c(json, crc32c(bytes.subarray(at + LENGTHS_AT, at + HEADER_CRC_AT)))
}

export interface FoundRecord extends RecordPlace {
  readonly header: RecordHeader
  readonly stored: boolean
  /** False: the header checks, the body does not. */
  readonly whole: boolean
}

export interface SegmentScan {
  readonly records: readonly FoundRecord[]
  /** Bytes passed over because no record checks there. */
  readonly damagedBytes: number
  readonly damagedPlaces: number
  /** Length without the tail that a kill cut short. */
  readonly length: number
}

/** Reads a whole segment. Never throws: what does not check is passed over up to the next record that does. */
export function scanSegment(bytes: Buffer, marker: Uint8Array): SegmentScan {
  const records: FoundRecord[] = []
  let damagedBytes = 0
  let damagedPlaces = 0
  let at = 0
  while (at < bytes.length) {
    const found = recordAt(bytes, at, marker)
    if (found !== null) {
      records.push(found)
      at = found.bodyOffset + found.bodyBytes
      continue
    }
    const next = nextRecord(bytes, at + 1, marker)
    if (next === null && isTorn(bytes, at, marker)) return { records, damagedBytes, damagedPlaces, length: at }
    damagedPlaces++
    damagedBytes += (next ?? bytes.length) - at
    at = next ?? bytes.length
  }
  return { records, damagedBytes, damagedPlaces, length: bytes.length }
}

function recordAt(bytes: Buffer, at: number, marker: Uint8Array): FoundRecord | null {
  if (at + PREFIX_BYTES > bytes.length) return null
  if (bytes.compare(marker, 0, MARKER_BYTES, at, at + MARKER_BYTES) !== 0) return null
  const headerBytes = bytes.readUInt32LE(at + LENGTHS_AT)
  const bodyBytes = bytes.readUInt32LE(at + LENGTHS_AT + 4)
  const bodyOffset = at + PREFIX_BYTES + headerBytes
  if (headerBytes > MAX_HEADER_BYTES || bodyOffset + bodyBytes > bytes.length) return null
  const json = bytes.subarray(at + PREFIX_BYTES, bodyOffset)
  if (headerCrc(bytes, at, json) !== bytes.readUInt32LE(at + HEADER_CRC_AT)) return null
  const bodyCrc = bytes.readUInt32LE(at + LENGTHS_AT + 8)
  return {
    offset: at,
    bodyOffset,
    bodyBytes,
    bodyCrc,
    header: JSON.parse(json.toString()) as RecordHeader,
    stored: bytes[at + STATE_AT] === STORED,
    whole: crc32c(bytes.subarray(bodyOffset, bodyOffset + bodyBytes)) === bodyCrc,
  }
}

function nextRecord(bytes: Buffer, from: number, marker: Uint8Array): number | null {
  for (let at = bytes.indexOf(marker, from); at >= 0; at = bytes.indexOf(marker, at + 1)) {
    if (recordAt(bytes, at, marker) !== null) return at
  }
  return null
}

/** Whether what stands at the end is a write cut short: the start of a record that goes on behind the end, or zeroes. */
function isTorn(bytes: Buffer, at: number, marker: Uint8Array): boolean {
  const rest = bytes.subarray(at)
  if (rest.every((byte) => byte === 0)) return true
  if (!rest.subarray(0, MARKER_BYTES).equals(marker.subarray(0, Math.min(MARKER_BYTES, rest.length)))) return false
  if (rest.length < PREFIX_BYTES) return true
  const headerEnd = PREFIX_BYTES + rest.readUInt32LE(LENGTHS_AT)
  if (headerEnd > rest.length) return true
  if (headerCrc(rest, 0, rest.subarray(PREFIX_BYTES, headerEnd)) !== rest.readUInt32LE(HEADER_CRC_AT)) return false
  return headerEnd + rest.readUInt32LE(LENGTHS_AT + 4) > rest.length
}
