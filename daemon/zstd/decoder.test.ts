import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_BLOCK_BYTES } from './block.ts'
import { ZstdDecoder } from './decoder.ts'

const root = join(import.meta.dirname, '../..')
const packed = (name: string) => readFileSync(join(root, 'test/zstd', name))
const capture = (name: string) => readFileSync(join(root, 'test/captures', `${name}.pcap`))
const MIB = 1024 * 1024

interface Decoded {
  readonly bytes: Buffer
  readonly damage: string | null
  readonly complete: boolean
  readonly largest: number
}

/** `chunk` bytes at a time. */
function decode(input: Uint8Array, chunk = 16 * 1024, maxWindow = 128 * MIB): Decoded {
  const decoder = new ZstdDecoder(maxWindow)
  const parts: Buffer[] = []
  for (let at = 0; at < input.length; at += chunk) {
    decoder.push(input.subarray(at, at + chunk))
    for (let block = decoder.next(); block !== null; block = decoder.next()) parts.push(Buffer.from(block))
  }
  const { damage, complete } = decoder
  return { bytes: Buffer.concat(parts), damage, complete, largest: Math.max(0, ...parts.map((part) => part.length)) }
}

describe('what zstd wrote', () => {
  test.each([
    ['large-response-1.pcap.zst', 'large-response'],
    ['large-response-3.pcap.zst', 'large-response'],
    ['large-response-19.pcap.zst', 'large-response'],
    ['chunked-fast.pcap.zst', 'chunked'],
    ['chunked-frames.pcap.zst', 'chunked'],
    ['attacks-stream.pcap.zst', 'attacks'],
  ])('%s reads as the original, however it arrives', (name, original) => {
    const input = packed(name)
    for (const chunk of [1, 7, 1000, input.length]) {
      const read = decode(input, chunk)
      expect(read.damage).toBeNull()
      expect(read.complete).toBe(true)
      expect(read.bytes.equals(capture(original))).toBe(true)
    }
  })
})

describe('input that is cut or wrong', () => {
  test('a cut gives a beginning of the original, and is not complete', () => {
    const input = packed('attacks-stream.pcap.zst')
    const original = capture('attacks')
    for (const length of [0, 3, 5, 100, input.length >> 1, input.length - 1]) {
      const read = decode(input.subarray(0, length))
      expect(read.complete).toBe(false)
      expect(read.bytes.equals(original.subarray(0, read.bytes.length))).toBe(true)
    }
  })

  test('a window over the bound is refused by its header', () => {
    const read = decode(packed('window-2gib.zst'))
    expect(read.damage).toContain('2147483648')
    expect(read.bytes.length).toBe(0)
    expect(decode(packed('zeros-50mb.zst'), 4096, 64 * 1024).damage).toContain('window')
  })

  test('a bomb comes out block by block', () => {
    const read = decode(packed('zeros-50mb.zst'))
    expect(read.bytes.length).toBe(50_000_000)
    expect(read.largest).toBeLessThanOrEqual(MAX_BLOCK_BYTES)
  })

  test('a table of Huffman weights whose states take no bits ends', () => {
    // One symbol with the probability of the whole table: the package fzstd 0.1.1 never comes back from it.
    const description = [4, 0xf0, 0x03, 0xff, 0xff]
    // Type 2 with four streams, 20 bytes out of 11.
    const literals = [...threeBytes(2 | (1 << 2) | (20 << 4) | (11 << 14)), ...description, 1, 0, 1, 0, 1, 0]
    const started = performance.now()
    const read = decode(Buffer.from([...HEAD, ...compressed([...literals, 0])]))
    expect(read.damage).toBe('a Huffman table has too many symbols')
    expect(performance.now() - started).toBeLessThan(200)
  })

  test('ninety-eight thousand sequences of the longest match in twenty bytes end at once', () => {
    const literals = [0b001 | (5 << 3), 65]
    // Three tables of one symbol each: literal length 0, offset 0, match length 52, with no bits behind them.
    const sequences = [255, 255, 255, 0b01_01_01_00, 0, 0, 52, 0x80]
    const started = performance.now()
    const read = decode(Buffer.from([...HEAD, ...compressed([...literals, ...sequences])]))
    expect(read.damage).toBe('sequences are cut off')
    expect(performance.now() - started).toBeLessThan(200)
  })

  test('64 KiB of the descriptions of large tables take no time worth speaking of', () => {
    const raw = [...threeBytes(8 << 3), 1, 2, 3, 4, 5, 6, 7, 8]
    // No literals, one sequence, three tables of 512, 256 and 512 cells in two bytes each.
    const content = [0, 1, 0xa8, 0xf4, 0x3f, 0xf3, 0x1f, 0xf4, 0x3f, 0, 0, 0, 4]
    const block = [...threeBytes((content.length << 3) | (2 << 1)), ...content]
    const some = decode(Buffer.from([...HEAD, ...raw, ...block, ...block]))
    expect([some.damage, some.bytes.length]).toEqual([null, 8 + 3 + 3])
    const many = Buffer.from([...HEAD, ...raw, ...Array.from({ length: 4096 }, () => block).flat()])
    expect(decode(many).damage).toBe('there are more tables than blocks to use them')
  })

  test('any bytes, and any change of good ones, end without an exception and within the bound on time', () => {
    const good = packed('chunked-fast.pcap.zst')
    const change = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(change, (changes) => {
        const input = Buffer.from(good)
        for (const [at, value] of changes) input[at] = value
        const { bytes } = decode(input, 500)
        expect(bytes.length).toBeLessThanOrEqual(16 * MAX_BLOCK_BYTES)
      }),
      { numRuns: 400 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (tail) => {
        decode(Buffer.from([...HEAD, ...compressed([...tail])]))
        decode(Buffer.from([...HEAD, ...tail]))
      }),
      { numRuns: 400 },
    )
  })
})

/** A frame with a window of 1 MiB and no content size. */
const HEAD = [0x28, 0xb5, 0x2f, 0xfd, 0, 10 << 3]

function compressed(content: readonly number[]): number[] {
  return [...threeBytes((content.length << 3) | (2 << 1) | 1), ...content]
}

function threeBytes(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, value >> 16]
}
