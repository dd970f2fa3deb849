import { brotliDecompressSync, constants, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib'
import type { Telemetry } from '../telemetry/counters.ts'
import type { Weird } from '../telemetry/weirds.ts'
import { ZstdDecoder } from '../zstd/decoder.ts'
import type { Message } from './exchange.ts'
import type { HttpLimits } from './limits.ts'

export interface DecodedBody {
  /** Owned, except that an unencoded body is the message's own *borrowed* bytes. */
  readonly bytes: Buffer
  /** Why this is not the whole body: `body` (cut or holed on the way here), `decoded` (a limit), `encoding` (not decodable). */
  readonly truncated: readonly string[]
  readonly weirds: readonly Weird[]
}

const EMPTY = Buffer.alloc(0)
const MAX_LAYERS = 2
/** First output bound; it grows by a factor, so that a small body never costs a large buffer. */
const FIRST_STEP = 64 * 1024
const STEP_FACTOR = 4

/**
 * The content of a message: Content-Encoding undone (RFC 9110 §8.4; gzip, deflate in both forms, br, zstd; up to two
 * layers).
 *
 * Hostile input costs a bounded amount: output is at most maxDecodedBytes, and maxDecodeRatio times the input once it
 * is over ratioFreeBytes. Input that is cut short or turns bad in the middle gives what decodes before that. Never throws.
 */
export function decodeBody(message: Message, limits: HttpLimits, telemetry: Telemetry): DecodedBody {
  const truncated: string[] = []
  const weirds: Weird[] = []
  if (message.bodyCut || message.gap || (message.body !== null && !message.whole)) truncated.push('body')
  if (message.body === null || message.body.length === 0) return { bytes: EMPTY, truncated, weirds }
  const codings = contentCodings(message)
  let bytes: Buffer = message.body
  if (codings === null || codings.length > MAX_LAYERS) {
    weirds.push('body.unknown_encoding')
    truncated.push('encoding')
    bytes = EMPTY
  } else {
    const bound = outputBound(bytes.length, limits)
    // Codings are listed in the order they were applied.
    for (let layer = codings.length - 1; layer >= 0 && bytes.length > 0; layer--) {
      const decoded = inflate(codings[layer]!, bytes, bound)
      bytes = decoded.bytes
      if (decoded.limited) note(weirds, truncated, 'body.decode_limit', 'decoded')
      // A cut body is bound to end early; that is already said.
      else if (decoded.failed && truncated.length === 0) note(weirds, truncated, 'body.decode_failed', 'encoding')
    }
  }
  for (const weird of weirds) telemetry.weirds.add(weird)
  return { bytes, truncated, weirds }
}

function note(weirds: Weird[], truncated: string[], weird: Weird, mark: string): void {
  if (!weirds.includes(weird)) weirds.push(weird)
  if (!truncated.includes(mark)) truncated.push(mark)
}

function outputBound(input: number, limits: HttpLimits): number {
  return Math.min(limits.maxDecodedBytes, Math.max(limits.ratioFreeBytes, input * limits.maxDecodeRatio))
}

type Coding = 'gzip' | 'deflate' | 'br' | 'zstd'

/** Null when one of them is unknown. */
function contentCodings(message: Message): Coding[] | null {
  const codings: Coding[] = []
  for (const value of message.head.headerAll('content-encoding')) {
    for (const part of value.split(',', MAX_LAYERS + 2)) {
      const name = part.trim().toLowerCase()
      if (name === '' || name === 'identity') continue
      if (name === 'gzip' || name === 'x-gzip') codings.push('gzip')
      else if (name === 'deflate' || name === 'br' || name === 'zstd') codings.push(name)
      else return null
    }
  }
  return codings
}

interface Inflated {
  readonly bytes: Buffer
  /** The output bound was met. */
  readonly limited: boolean
  /** The input is not what it says it is. */
  readonly failed: boolean
}

/** RFC 9659 §3: what a sender over HTTP may ask of the receiver. */
const MAX_ZSTD_WINDOW = 8 * 1024 * 1024

/** Block by block, so it stops at the bound by itself; input that ends early gives what it holds. */
function unzstd(input: Buffer, bound: number): Inflated {
  const decoder = new ZstdDecoder(MAX_ZSTD_WINDOW)
  const parts: Buffer[] = []
  let length = 0
  decoder.push(input)
  for (let block = decoder.next(); block !== null; block = decoder.next()) {
    const part = Buffer.from(block.subarray(0, bound - length))
    parts.push(part)
    length += part.length
    if (part.length < block.length) return { bytes: Buffer.concat(parts, length), limited: true, failed: false }
  }
  return { bytes: Buffer.concat(parts, length), limited: false, failed: decoder.damage !== null }
}

type Failure = 'too_large' | 'bad'

function inflate(coding: Coding, input: Buffer, bound: number): Inflated {
  if (coding === 'zstd') return unzstd(input, bound)
  for (let step = Math.min(bound, FIRST_STEP); ; step = Math.min(bound, step * STEP_FACTOR)) {
    const result = attempt(coding, input, step)
    if (typeof result !== 'string') return { bytes: result, limited: false, failed: false }
    if (result === 'bad') return { bytes: prefix(coding, input, bound), limited: false, failed: true }
    if (step === bound) return { bytes: prefix(coding, input, bound), limited: true, failed: false }
  }
}

/** Halvings of the input while looking for the part that decodes: the result is short by at most 1/64 of the input, */
const PREFIX_STEPS = 6
/** or by the output of so many bytes: a flood of small broken bodies must not cost many attempts each. */
const FINEST_BYTES = 64

/** zlib gives all or nothing, so the longest beginning that decodes within the bound is found by halving. */
function prefix(coding: Exclude<Coding, 'zstd'>, input: Buffer, bound: number): Buffer {
  let best: Buffer = EMPTY
  let good = 0
  let bad = input.length
  for (let step = 0; step < PREFIX_STEPS && bad - good > FINEST_BYTES; step++) {
    const middle = (good + bad) >>> 1
    const result = attempt(coding, input.subarray(0, middle), bound)
    if (typeof result === 'string') bad = middle
    else {
      best = result
      good = middle
    }
  }
  return best
}

const SMALLEST_CHUNK = 1024
const LARGEST_CHUNK = 16 * 1024

/**
 * What zlib sets aside for output at a time. After a failure it keeps that until the next turn of the event loop, which is
 * after the whole batch: 16 KiB, its default, for each of thousands of broken bodies was over 1 GB.
 */
function chunkSize(input: Buffer): number {
  return Math.min(LARGEST_CHUNK, Math.max(SMALLEST_CHUNK, input.length * 4))
}

/**
 * Flushing instead of finishing makes input that ends early give what it holds. Options are written out: put together by spreading they
 * were objects of another shape each time, and each of the thirteen places where zlib reads one had to look it up anew.
 */
function attempt(coding: Exclude<Coding, 'zstd'>, input: Buffer, maxOutputLength: number): Buffer | Failure {
  const finishFlush = coding === 'br' ? constants.BROTLI_OPERATION_FLUSH : constants.Z_SYNC_FLUSH
  const options = { finishFlush, maxOutputLength, chunkSize: chunkSize(input) }
  try {
    if (coding === 'gzip') return gunzipSync(input, options)
    if (coding === 'br') return brotliDecompressSync(input, options)
    // RFC 9110 §8.4.1.2: deflate means the zlib form, but servers send the raw form too.
    return isZlib(input) ? inflateSync(input, options) : inflateRawSync(input, options)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : 'bad'
  }
}

/** RFC 1950 §2.2: method 8, and the first two bytes are a multiple of 31. */
function isZlib(input: Buffer): boolean {
  return input.length >= 2 && (input[0]! & 0x0f) === 8 && ((input[0]! << 8) | input[1]!) % 31 === 0
}
