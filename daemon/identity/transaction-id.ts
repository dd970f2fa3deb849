import { createHash } from 'node:crypto'
import type { EventTime } from '../model/time.ts'
import type { FlowInfo } from '../reassembly/stream.ts'
import type { Pseudonyms } from './pseudonym.ts'

const ALPHABET = Buffer.from('0123456789abcdefghjkmnpqrstvwxyz', 'latin1')
const ID_LENGTH = 26

export function isTransactionId(text: string): boolean {
  return /^[0-7][0-9a-hjkmnp-tv-z]{25}$/.test(text)
}

/**
 * Ids as in contracts.md: 48 bits of milliseconds, 80 bits of keyed hash, lower-case Crockford base32 (128 bits in 26
 * digits, two zero bits first). The hash is HMAC-SHA-256 of the flow's key once per flow, which keys SipHash-2-4 over
 * position and time: as unguessable, and ten times cheaper than an HMAC for every transaction.
 */
export class TransactionIds {
  readonly #pseudonyms: Pseudonyms
  readonly #flowKeys = new WeakMap<FlowInfo, Int32Array>()
  readonly #digits = Buffer.alloc(ID_LENGTH)
  readonly #hash = new Int32Array(4)

  constructor(pseudonyms: Pseudonyms) {
    this.#pseudonyms = pseudonyms
  }

  /** `side`: 0 when `position` is the request's, 1 when only the response was seen. */
  ofExchange(flow: FlowInfo, side: 0 | 1, position: number, time: EventTime): string {
    let key = this.#flowKeys.get(flow)
    if (key === undefined) {
      const digest = this.#pseudonyms.digest('flow', flow.key)
      key = new Int32Array([0, 4, 8, 12].map((offset) => digest.readInt32LE(offset)))
      this.#flowKeys.set(flow, key)
    }
    sipHash128(key, position, side, time, this.#hash)
    return this.#encode(time, this.#hash[0]!, this.#hash[1]!, this.#hash[2]!)
  }

  /** For native records without an id: from their content and their line. */
  ofRecord(content: string, line: number, time: EventTime): string {
    const contentHash = createHash('sha256').update(content, 'utf8').digest('hex')
    const digest = this.#pseudonyms.digest('record', `${contentHash}:${line}`)
    return this.#encode(time, digest.readInt32LE(0), digest.readInt32LE(4), digest.readInt32LE(8))
  }

  /** 10 digits of time, then 16 digits of the hash, five bits each. */
  #encode(time: EventTime, a: number, b: number, c: number): string {
    const digits = this.#digits
    let rest = Math.floor(time / 1000) % 2 ** 48
    if (!(rest >= 0)) rest = 0
    for (let i = 9; i >= 0; i--) {
      digits[i] = ALPHABET[rest % 32]!
      rest = Math.floor(rest / 32)
    }
    for (let i = 0; i < 6; i++) digits[10 + i] = ALPHABET[(a >>> (5 * i)) & 31]!
    for (let i = 0; i < 6; i++) digits[16 + i] = ALPHABET[(b >>> (5 * i)) & 31]!
    // 2 bits are left of each of the first two words; with 20 of the third they make 80.
    digits[22] = ALPHABET[c & 31]!
    digits[23] = ALPHABET[(c >>> 5) & 31]!
    digits[24] = ALPHABET[(c >>> 10) & 31]!
    digits[25] = ALPHABET[(c >>> 15) & 31]!
    return digits.toString('latin1', 0, ID_LENGTH)
  }
}

/** The state of SipHash: four 64-bit words as low and high halves. */
const v = new Int32Array(8)

/** v[a] += v[b] over 64 bits; a and b are indexes of low halves. */
function add(a: number, b: number): void {
  const low = (v[a]! >>> 0) + (v[b]! >>> 0)
  v[a] = low
  v[a + 1] = (v[a + 1]! + v[b + 1]! + (low > 0xffffffff ? 1 : 0)) | 0
}

/** v[a] = rotl(v[a], bits) ^ v[b]; bits below 32. */
function rotateXor(a: number, bits: number, b: number): void {
  const low = v[a]!
  const high = v[a + 1]!
  v[a] = ((low << bits) | (high >>> (32 - bits))) ^ v[b]!
  v[a + 1] = ((high << bits) | (low >>> (32 - bits))) ^ v[b + 1]!
}

function swapHalves(a: number): void {
  const low = v[a]!
  v[a] = v[a + 1]!
  v[a + 1] = low
}

function round(): void {
  add(0, 2)
  rotateXor(2, 13, 0)
  swapHalves(0)
  add(4, 6)
  rotateXor(6, 16, 4)
  add(0, 6)
  rotateXor(6, 21, 0)
  add(4, 2)
  rotateXor(2, 17, 4)
  swapHalves(4)
}

function absorb(low: number, high: number): void {
  v[6]! ^= low
  v[7]! ^= high
  round()
  round()
  v[0]! ^= low
  v[1]! ^= high
}

/**
 * SipHash-2-4 with a 128-bit result (Aumasson and Bernstein, 2012) of the 16 bytes `position:8 time:8`, little endian;
 * `side` takes the highest bit of the position, which no stream reaches.
 */
export function sipHash128(key: Int32Array, position: number, side: 0 | 1, time: number, out: Int32Array): void {
  v[0] = 0x70736575 ^ key[0]!
  v[1] = 0x736f6d65 ^ key[1]!
  v[2] = 0x6e646f6d ^ key[2]! ^ 0xee
  v[3] = 0x646f7261 ^ key[3]!
  v[4] = 0x6e657261 ^ key[0]!
  v[5] = 0x6c796765 ^ key[1]!
  v[6] = 0x79746573 ^ key[2]!
  v[7] = 0x74656462 ^ key[3]!
  absorb(position | 0, Math.floor(position / 2 ** 32) | (side << 31))
  absorb(time | 0, Math.floor(time / 2 ** 32) | 0)
  absorb(0, 16 << 24)
  v[4]! ^= 0xee
  for (let i = 0; i < 4; i++) round()
  out[0] = v[0]! ^ v[2]! ^ v[4]! ^ v[6]!
  out[1] = v[1]! ^ v[3]! ^ v[5]! ^ v[7]!
  v[2]! ^= 0xdd
  for (let i = 0; i < 4; i++) round()
  out[2] = v[0]! ^ v[2]! ^ v[4]! ^ v[6]!
  out[3] = v[1]! ^ v[3]! ^ v[5]! ^ v[7]!
}
