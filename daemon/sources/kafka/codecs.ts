import { promisify } from 'node:util'
import { gunzip, gzip, type ZlibOptions } from 'node:zlib'
import { CompressionCodecs, CompressionTypes } from 'kafkajs'
import { decompressBound, decompress as decompressLz4 } from 'lz4js'
import { uncompress as uncompressSnappy } from 'snappyjs'
import { ZstdDecoder } from '../../zstd/decoder.ts'
import { patient } from './batch-codec.ts'

/**
 * The codecs that the client library lacks, only for reading: without one, a topic that uses it reads as an endless loop
 * of crashes. gzip is built in there, without a limit on what it unpacks to.
 */
export function registerCodecs(): void {
  CompressionCodecs[CompressionTypes.GZIP] = () => ({
    compress: ({ buffer }: { readonly buffer: Buffer }) => gzipped(buffer),
    decompress: patient('gzip', (bytes) =>
      gunzipped(bytes, { maxOutputLength: MAX_UNPACKED_BYTES, chunkSize: pieceOf(bytes) }),
    ),
  })
  CompressionCodecs[CompressionTypes.Snappy] = () => reader('snappy', readSnappy)
  CompressionCodecs[CompressionTypes.LZ4] = () => reader('lz4', readLz4)
  CompressionCodecs[CompressionTypes.ZSTD] = () => reader('zstd', readZstd)
}

const gzipped: (bytes: Buffer) => Promise<Buffer> = promisify(gzip)
const gunzipped: (bytes: Buffer, options: ZlibOptions) => Promise<Buffer> = promisify(gunzip)

const LEAST_PIECE = 16 * 1024
const MOST_PIECE = 1024 * 1024

/**
 * Bytes to unpack at once: as many as the batch says at its end that it holds (RFC 1952 §2.3.1, ISIZE), within limits. By 16 KiB, as is
 * usual, a third of the cost is going back and forth.
 */
function pieceOf(bytes: Buffer): number {
  const said = bytes.length < 4 ? 0 : bytes.readUInt32LE(bytes.length - 4)
  return Math.min(MOST_PIECE, Math.max(LEAST_PIECE, said))
}

/** A batch that grows beyond this is refused: the broker's own limit is on compressed bytes. */
export const MAX_UNPACKED_BYTES = 256 * 1024 * 1024

function reader(name: string, read: (bytes: Buffer) => Uint8Array) {
  return {
    compress: () => Promise.reject(new Error('this program only reads')),
    decompress: patient(name, read),
  }
}

/** Java clients frame it as `\x82SNAPPY\0`, version, compatible version, then blocks of `length:4 block`; others send one bare block. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const XERIAL_HEAD_BYTES = 16

export function readSnappy(bytes: Buffer): Uint8Array {
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) return uncompressSnappy(bytes, MAX_UNPACKED_BYTES)
  const parts: Uint8Array[] = []
  let size = 0
  for (let at = XERIAL_HEAD_BYTES; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    const part = uncompressSnappy(bytes.subarray(at + 4, at + 4 + length), MAX_UNPACKED_BYTES)
    size += part.length
    if (size > MAX_UNPACKED_BYTES) throw tooLarge()
    parts.push(part)
    at += 4 + length
  }
  return Buffer.concat(parts)
}

/** Java clients send a standard frame. */
export function readLz4(bytes: Buffer): Uint8Array {
  const bound = decompressBound(bytes)
  if (bound > MAX_UNPACKED_BYTES) throw tooLarge()
  return decompressLz4(bytes, bound)
}

/** Window of the largest level that clients offer, 22. */
const MAX_WINDOW = 128 * 1024 * 1024

export function readZstd(bytes: Buffer): Uint8Array {
  const decoder = new ZstdDecoder(MAX_WINDOW)
  const parts: Buffer[] = []
  let size = 0
  decoder.push(bytes)
  for (let block = decoder.next(); block !== null; block = decoder.next()) {
    size += block.length
    if (size > MAX_UNPACKED_BYTES) throw tooLarge()
    parts.push(Buffer.from(block))
  }
  if (decoder.damage !== null) throw new Error(`zstd: ${decoder.damage}`)
  return Buffer.concat(parts, size)
}

function tooLarge(): Error {
  return new Error(`a batch unpacks to more than ${MAX_UNPACKED_BYTES} bytes`)
}
