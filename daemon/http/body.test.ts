import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Counters } from '../telemetry/counters.ts'
import { LossFunnel } from '../telemetry/funnel.ts'
import { WeirdCounts } from '../telemetry/weirds.ts'
import { decodeBody } from './body.ts'
import type { Message } from './exchange.ts'
import { DEFAULT_HTTP_LIMITS } from './limits.ts'
import { isText, utf8Of } from './text.ts'

const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }

function decode(encoding: string, body: Buffer, more: Partial<Message> = {}) {
  const message = {
    head: { headerAll: (name: string) => (name === 'content-encoding' && encoding !== '' ? [encoding] : []) },
    body,
    bodyCut: false,
    gap: false,
    whole: true,
    ...more,
  } as unknown as Message
  return decodeBody(message, DEFAULT_HTTP_LIMITS, telemetry)
}

const text = Buffer.from('{"id":1042,"items":["a","b"]}'.repeat(300))

test.each([
  ['', text],
  ['identity', text],
  ['gzip', gzipSync(text)],
  ['x-gzip', gzipSync(text)],
  ['GZIP', gzipSync(text)],
  ['deflate', deflateSync(text)],
  ['deflate', deflateRawSync(text)],
  ['br', brotliCompressSync(text)],
  ['deflate, gzip', gzipSync(deflateSync(text))],
])('content-encoding %j is undone', (encoding, body) => {
  const decoded = decode(encoding, body)
  expect(decoded.bytes.equals(text)).toBe(true)
  expect(decoded.truncated).toEqual([])
  expect(decoded.weirds).toEqual([])
})

test('a body that was cut gives what decodes before the cut', () => {
  let state = 1
  const random = Buffer.alloc(9000).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return 32 + ((state >>> 16) % 90)
  })
  for (const [encoding, body] of [
    ['gzip', gzipSync(random)],
    ['br', brotliCompressSync(random)],
  ] as const) {
    const decoded = decode(encoding, body.subarray(0, body.length / 2), { bodyCut: true })
    expect(decoded.bytes.length).toBeGreaterThan(100)
    expect(decoded.bytes.equals(random.subarray(0, decoded.bytes.length))).toBe(true)
    expect(decoded.truncated).toEqual(['body'])
  }
})

test('zstd is undone, alone and under gzip, as far as it came, and no further than the bound', () => {
  const root = join(import.meta.dirname, '../../test')
  const packed = readFileSync(join(root, 'zstd/large-response-19.pcap.zst'))
  const original = readFileSync(join(root, 'captures/large-response.pcap'))
  expect(decode('zstd', packed)).toEqual({ bytes: original, truncated: [], weirds: [] })
  expect(decode('zstd, gzip', gzipSync(packed)).bytes.equals(original)).toBe(true)
  const stream = readFileSync(join(root, 'zstd/chunked-frames.pcap.zst'))
  const cut = decode('zstd', stream.subarray(0, stream.length - 40), { bodyCut: true })
  expect(cut.bytes.equals(readFileSync(join(root, 'captures/chunked.pcap')).subarray(0, 5000))).toBe(true)
  expect(cut.truncated).toEqual(['body'])
  const bomb = decode('zstd', readFileSync(join(root, 'zstd/zeros-50mb.zst')))
  expect(bomb.bytes.length).toBe(DEFAULT_HTTP_LIMITS.maxDecodeRatio * 1582)
  expect(bomb.weirds).toEqual(['body.decode_limit'])
  // RFC 9659: over HTTP a window is at most 8 MiB.
  expect(decode('zstd', readFileSync(join(root, 'zstd/window-2gib.zst'))).weirds).toEqual(['body.decode_failed'])
  expect(decode('zstd', Buffer.from('plain text')).weirds).toEqual(['body.decode_failed'])
})

test('a decompression bomb stops at the bound and is named', () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000))
  const decoded = decode('gzip', bomb)
  expect(decoded.bytes.length).toBeLessThanOrEqual(DEFAULT_HTTP_LIMITS.maxDecodedBytes)
  expect(decoded.bytes.length).toBeGreaterThan(0)
  expect(decoded.truncated).toEqual(['decoded'])
  expect(decoded.weirds).toEqual(['body.decode_limit'])
})

test('an unknown or a third coding is left alone', () => {
  expect(decode('compress', text)).toMatchObject({ truncated: ['encoding'], weirds: ['body.unknown_encoding'] })
  expect(decode('gzip, gzip, gzip', text).weirds).toEqual(['body.unknown_encoding'])
})

test('bytes that are not what they claim are a weird, never an exception', () => {
  expect(decode('gzip', Buffer.from('plain text')).weirds).toEqual(['body.decode_failed'])
  fc.assert(
    fc.property(
      fc.constantFrom('gzip', 'deflate', 'br', 'zstd', 'br, gzip'),
      fc.uint8Array({ maxLength: 300 }),
      (encoding, bytes) => {
        expect(decode(encoding, Buffer.from(bytes)).bytes.length).toBeLessThanOrEqual(
          DEFAULT_HTTP_LIMITS.maxDecodedBytes,
        )
      },
    ),
    { numRuns: 300 },
  )
})

test('text is told by type, else by its bytes', () => {
  expect(isText('application/json; charset=utf-8', Buffer.from('{}'))).toBe(true)
  expect(isText('application/problem+json', Buffer.from('{}'))).toBe(true)
  expect(isText('image/png', Buffer.from('not really'))).toBe(false)
  expect(isText(null, Buffer.from('plain'))).toBe(true)
  expect(isText(null, Buffer.from([0, 1, 2]))).toBe(false)
  expect(isText('application/octet-stream', Buffer.from([0x89, 0x50, 0x4e, 0x47]))).toBe(false)
})

test('UTF-8 is told from other text, and a cut character is left out', () => {
  expect(utf8Of(Buffer.from('grüße'))?.toString()).toBe('grüße')
  expect(utf8Of(Buffer.from('grüße', 'latin1'))).toBeNull()
  expect(utf8Of(Buffer.from('grü').subarray(0, 3))?.toString()).toBe('gr')
})

test('a batch full of broken bodies holds little until the event loop turns', () => {
  const broken = [gzipSync(text.subarray(0, 60)), gzipSync(text), brotliCompressSync(text)].map((body) =>
    Buffer.concat([body.subarray(0, 14), Buffer.alloc(Math.min(300, body.length), 7)]),
  )
  const before = process.memoryUsage().arrayBuffers
  for (let round = 0; round < 700; round++) {
    decode('gzip', broken[0]!)
    decode('deflate', broken[1]!)
    decode('br', broken[2]!)
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40 * 1024 * 1024)
})
