import { createHash } from 'node:crypto'
import { type JsonText, QUOTE } from '../model/json-text.ts'
import type { EventTime } from '../model/time.ts'
import type { FlowInfo } from '../reassembly/stream.ts'
import type { Pseudonyms } from './pseudonym.ts'

const ALPHABET = Buffer.from('0123456789abcdefghjkmnpqrstvwxyz', 'latin1')
const ID_LENGTH = 26

/** Four signed words of 32 bits. A list of small integers: a typed array takes three objects. */
export type IdKey = readonly [number, number, number, number]

/** The first 16 bytes of a digest. */
export function idKeyOf(digest: Buffer): IdKey {
  return [digest.readInt32LE(0), digest.readInt32LE(4), digest.readInt32LE(8), digest.readInt32LE(12)]
}

/**
 * Ids as in contracts.md: 48 bits of milliseconds, 80 bits of keyed hash, lower-case Crockford base32 (128 bits in 26
 * digits, two zero bits first). The hash is HMAC-SHA-256 of the flow's key once per flow, which keys SipHash-2-4 over
 * position and time: as unguessable, and ten times cheaper than an HMAC for every transaction.
 */
export class TransactionIds {
  readonly #pseudonyms: Pseudonyms
  readonly #digits = Buffer.alloc(ID_LENGTH)
  readonly #hash = new Int32Array(4)

  constructor(pseudonyms: Pseudonyms) {
    this.#pseudonyms = pseudonyms
  }

  /** What `ofExchange` needs of a flow, to be kept with it. */
  keyOf(flow: FlowInfo): IdKey {
    return idKeyOf(this.#pseudonyms.digest('flow', flow.key))
  }

  /** `side`: 0 when `position` is the request's, 1 when only the response was seen. */
  ofExchange(key: IdKey, side: 0 | 1, position: number, time: EventTime): string {
    sipHash128(key, position, side, time, this.#hash)
    return this.#encode(time, this.#hash[0]!, this.#hash[1]!, this.#hash[2]!)
  }

  /** The same as a JSON string. */
  writeOfExchange(key: IdKey, side: 0 | 1, position: number, time: EventTime, out: JsonText): void {
    sipHash128(key, position, side, time, this.#hash)
    out.reserve(ID_LENGTH + 2)
    out.byte(QUOTE)
    write(out.bytes, out.length, time, this.#hash[0]!, this.#hash[1]!, this.#hash[2]!)
    out.length += ID_LENGTH
    out.byte(QUOTE)
  }

  /** For native records without an id: from their content and their line. */
  ofRecord(content: string, line: number, time: EventTime): string {
    const contentHash = createHash('sha256').update(content, 'utf8').digest('hex')
    const digest = this.#pseudonyms.digest('record', `${contentHash}:${line}`)
    return this.#encode(time, digest.readInt32LE(0), digest.readInt32LE(4), digest.readInt32LE(8))
  }

  #encode(time: EventTime, a: number, b: number, c: number): string {
    write(this.#digits, 0, time, a, b, c)
    return this.#digits.toString('latin1', 0, ID_LENGTH)
  }
}

/** 10 digits of time, then 16 digits of the hash, five bits each. */
function write(to: Buffer, at: number, time: EventTime, a: number, b: number, c: number): void {
  const milliseconds = Math.floor(time / 1000) % 2 ** 48
  const sane = Math.max(milliseconds, 0)
  // Halves are whole numbers of 32 bits, which shift where floats divide.
  const high = Math.floor(sane / 2 ** 25)
  const low = sane - high * 2 ** 25
  for (let i = 0; i < 5; i++) {
    to[at + i] = ALPHABET[(high >>> (20 - 5 * i)) & 31]!
    to[at + 5 + i] = ALPHABET[(low >>> (20 - 5 * i)) & 31]!
  }
  for (let i = 0; i < 6; i++) {
    to[at + 10 + i] = ALPHABET[(a >>> (5 * i)) & 31]!
    to[at + 16 + i] = ALPHABET[(b >>> (5 * i)) & 31]!
  }
  // 2 bits are left of each of the first two words; with 20 of the third they make 80.
  to[at + 22] = ALPHABET[c & 31]!
  to[at + 23] = ALPHABET[(c >>> 5) & 31]!
  to[at + 24] = ALPHABET[(c >>> 10) & 31]!
  to[at + 25] = ALPHABET[(c >>> 15) & 31]!
}

/** Rounds of SipHash-2-4 for 16 bytes: two for each of three words, four, and four more for the second half of the result. */
const ROUNDS = 14
const FIRST_HALF_DONE = 10

/**
 * SipHash-2-4 with a 128-bit result (Aumasson and Bernstein, 2012) of the 16 bytes `position:8 time:8`, little endian;
 * `side` takes the highest bit of the position, which no stream reaches. The four 64-bit words are pairs of local 32-bit
 * numbers (`a0` low, `a1` high): over a typed array it took twice as long. A sum has carried when it is below what was
 * added, which stays in whole numbers; the sum itself would be a float.
 */
export function sipHash128(key: IdKey, position: number, side: 0 | 1, time: number, out: Int32Array): void {
  let a0 = 0x70736575 ^ key[0]
  let a1 = 0x736f6d65 ^ key[1]
  let b0 = 0x6e646f6d ^ key[2] ^ 0xee
  let b1 = 0x646f7261 ^ key[3]
  let c0 = 0x6e657261 ^ key[0]
  let c1 = 0x6c796765 ^ key[1]
  let d0 = 0x79746573 ^ key[2]
  let d1 = 0x74656462 ^ key[3]
  let low = 0
  let high = 0
  let swap = 0
  for (let round = 0; round < ROUNDS; round++) {
    if (round === 0) {
      low = position | 0
      high = Math.floor(position / 2 ** 32) | (side << 31)
    } else if (round === 2) {
      low = time | 0
      high = Math.floor(time / 2 ** 32) | 0
    } else if (round === 4) {
      low = 0
      high = 16 << 24 // the length of the message, in bytes
    }
    if (round < 6 && (round & 1) === 0) {
      d0 ^= low
      d1 ^= high
    }
    if (round === 6) c0 ^= 0xee
    else if (round === FIRST_HALF_DONE) {
      out[0] = a0 ^ b0 ^ c0 ^ d0
      out[1] = a1 ^ b1 ^ c1 ^ d1
      b0 ^= 0xdd
    }

    a0 = (a0 + b0) | 0
    a1 = (a1 + b1 + (a0 >>> 0 < b0 >>> 0 ? 1 : 0)) | 0
    swap = b0
    b0 = ((b0 << 13) | (b1 >>> 19)) ^ a0
    b1 = ((b1 << 13) | (swap >>> 19)) ^ a1
    swap = a0
    a0 = a1
    a1 = swap

    c0 = (c0 + d0) | 0
    c1 = (c1 + d1 + (c0 >>> 0 < d0 >>> 0 ? 1 : 0)) | 0
    swap = d0
    d0 = ((d0 << 16) | (d1 >>> 16)) ^ c0
    d1 = ((d1 << 16) | (swap >>> 16)) ^ c1

    a0 = (a0 + d0) | 0
    a1 = (a1 + d1 + (a0 >>> 0 < d0 >>> 0 ? 1 : 0)) | 0
    swap = d0
    d0 = ((d0 << 21) | (d1 >>> 11)) ^ a0
    d1 = ((d1 << 21) | (swap >>> 11)) ^ a1

    c0 = (c0 + b0) | 0
    c1 = (c1 + b1 + (c0 >>> 0 < b0 >>> 0 ? 1 : 0)) | 0
    swap = b0
    b0 = ((b0 << 17) | (b1 >>> 15)) ^ c0
    b1 = ((b1 << 17) | (swap >>> 15)) ^ c1
    swap = c0
    c0 = c1
    c1 = swap

    if (round < 6 && (round & 1) === 1) {
      a0 ^= low
      a1 ^= high
    }
  }
  out[2] = a0 ^ b0 ^ c0 ^ d0
  out[3] = a1 ^ b1 ^ c1 ^ d1
}
