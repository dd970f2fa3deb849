import { randomBytes } from 'node:crypto'

/** What a client library calls to unpack the records of a batch. */
export interface BatchCodec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>
  decompress(bytes: Buffer): Promise<Buffer>
}

/** The header of a record that stands for one that cannot be read. Nobody outside this process can know it. */
export const UNREADABLE = randomBytes(16).toString('hex')

/** RecordBatch, version 2: FirstOffset … FirstSequence, count of records. */
const HEADER_BYTES = 61
const MAGIC_AT = 16
const LAST_DELTA_AT = 23
const COUNT_AT = 57
const VERSION = 2
/** A batch that claims more is not believed. */
const MAX_RECORDS = 1_000_000

/**
 * A codec whose batches never break the client: one that cannot be unpacked would be fetched, and fail, for ever, and
 * with it every other partition of its broker. In its place come as many records as it says it holds, with its first and
 * its last offset, each with the header UNREADABLE, whose value is the reason.
 */
export function patient(name: string, unpack: (bytes: Buffer) => Promise<Uint8Array> | Uint8Array) {
  return async (bytes: Buffer): Promise<Buffer> => {
    const claim = claimOf(bytes)
    try {
      const unpacked = await unpack(bytes)
      const records = Buffer.from(unpacked.buffer, unpacked.byteOffset, unpacked.byteLength)
      if (claim !== null && !holds(records, claim.count)) throw new Error('it does not hold the records it says')
      return records
    } catch (error) {
      if (claim === null) throw new Error(`${name}: ${(error as Error).message}`)
      return stand(claim, `${name}: ${(error as Error).message}`)
    }
  }
}

interface Claim {
  readonly count: number
  readonly lastDelta: number
}

/** The header lies before the packed bytes, in the same memory: the codec is handed a view. Null when it does not. */
function claimOf(bytes: Buffer): Claim | null {
  if (bytes.byteOffset < HEADER_BYTES) return null
  const header = Buffer.from(bytes.buffer, bytes.byteOffset - HEADER_BYTES, HEADER_BYTES)
  const count = header.readInt32BE(COUNT_AT)
  const lastDelta = header.readInt32BE(LAST_DELTA_AT)
  if (header[MAGIC_AT] !== VERSION || count <= 0 || count > MAX_RECORDS || lastDelta < count - 1) return null
  return { count, lastDelta }
}

/** Whether as many records stand there, by their lengths. */
function holds(records: Buffer, count: number): boolean {
  let at = 0
  for (let i = 0; i < count; i++) {
    let value = 0
    let shift = 0
    let byte: number
    do {
      if (at >= records.length || shift > 28) return false
      byte = records[at++]!
      value |= (byte & 0x7f) << shift
      shift += 7
    } while ((byte & 0x80) !== 0)
    const length = (value >>> 1) ^ -(value & 1)
    if (length < 0) return false
    at += length
  }
  return at <= records.length
}

function stand({ count, lastDelta }: Claim, reason: string): Buffer {
  const value = Buffer.from(reason.slice(0, 200))
  const key = Buffer.from(UNREADABLE)
  const records: Buffer[] = []
  for (let i = 0; i < count; i++) {
    const delta = i === count - 1 ? lastDelta : i
    const record = Buffer.concat([
      // Attributes, difference of time; no key, no value.
      Buffer.from([0, 0]),
      varint(delta),
      varint(-1),
      varint(-1),
      ...(i === 0
        ? [varint(1), varint(key.length), key, varint(value.length), value]
        : [varint(1), varint(key.length), key, varint(0)]),
    ])
    records.push(varint(record.length), record)
  }
  return Buffer.concat(records)
}

/** Zigzag, seven bits a byte. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}
