import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Counters } from '../telemetry/counters.ts'
import { StreamInput } from './byte-input.ts'
import { openInput } from './capture-file.ts'
import type { DamagedTail } from './frame-batches.ts'

const BASE = Date.UTC(2026, 10, 21, 20) * 1000

/** Writes blocks of one section in either byte order. */
class Section {
  readonly #bigEndian: boolean

  constructor(bigEndian = false) {
    this.#bigEndian = bigEndian
  }

  header(): Buffer {
    const unknownLength = Buffer.alloc(8, 0xff)
    return this.block(0x0a0d0d0a, Buffer.concat([this.u32(0x1a2b3c4d), this.u16(1, 0), unknownLength]))
  }

  interface(linkType: number, options: Buffer = Buffer.alloc(0), snapLength = 0): Buffer {
    return this.block(1, Buffer.concat([this.u16(linkType, 0), this.u32(snapLength), options]))
  }

  option(code: number, value: Buffer): Buffer {
    return Buffer.concat([this.u16(code, value.length), padded(value)])
  }

  packet(interfaceId: number, units: bigint, bytes: Buffer, options: Buffer = Buffer.alloc(0)): Buffer {
    const time = this.u32(Number(units >> 32n), Number(units & 0xffff_ffffn))
    const lengths = this.u32(bytes.length, bytes.length)
    return this.block(6, Buffer.concat([this.u32(interfaceId), time, lengths, padded(bytes), options]))
  }

  oldPacket(interfaceId: number, units: bigint, bytes: Buffer): Buffer {
    const time = this.u32(Number(units >> 32n), Number(units & 0xffff_ffffn))
    return this.block(
      2,
      Buffer.concat([this.u16(interfaceId, 7), time, this.u32(bytes.length, bytes.length), padded(bytes)]),
    )
  }

  simplePacket(bytes: Buffer, original: number): Buffer {
    return this.block(3, Buffer.concat([this.u32(original), padded(bytes)]))
  }

  block(type: number, body: Buffer): Buffer {
    const length = this.u32(body.length + 12)
    return Buffer.concat([this.u32(type), length, body, length])
  }

  u32(...values: number[]): Buffer {
    const bytes = Buffer.alloc(values.length * 4)
    values.forEach((value, index) => {
      if (this.#bigEndian) bytes.writeUInt32BE(value, index * 4)
      else bytes.writeUInt32LE(value, index * 4)
    })
    return bytes
  }

  u16(...values: number[]): Buffer {
    const bytes = Buffer.alloc(values.length * 2)
    values.forEach((value, index) => {
      if (this.#bigEndian) bytes.writeUInt16BE(value, index * 2)
      else bytes.writeUInt16LE(value, index * 2)
    })
    return bytes
  }

  i64(value: bigint): Buffer {
    const bytes = Buffer.alloc(8)
    if (this.#bigEndian) bytes.writeBigInt64BE(value)
    else bytes.writeBigInt64LE(value)
    return bytes
  }
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
}

interface Seen {
  readonly time: number
  readonly linkType: number
  readonly original: number
  readonly bytes: string
}

async function readAll(bytes: Buffer, size = 65_536): Promise<{ seen: Seen[]; tail: DamagedTail | null }> {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  const opened = await openInput('-', { stdin: () => new StreamInput(Readable.from(pieces)), counters: new Counters() })
  if (opened.kind !== 'frames') throw new Error('expected frames')
  const seen: Seen[] = []
  for await (const batch of opened.source.batches(new AbortController().signal)) {
    for (let row = 0; row < batch.count; row++) {
      const offset = batch.offset[row]!
      seen.push({
        time: batch.time[row]!,
        linkType: batch.linkType[row]!,
        original: batch.original[row]!,
        bytes: batch.bytes.toString('utf8', offset, offset + batch.captured[row]!),
      })
    }
  }
  return { seen, tail: opened.source.tail }
}

describe.each([false, true])('pcapng, big endian %s', (bigEndian) => {
  const section = new Section(bigEndian)

  test('reads packets of several interfaces, each with its link type and clock', async () => {
    const file = Buffer.concat([
      section.header(),
      section.interface(1),
      section.interface(113, Buffer.concat([section.option(9, Buffer.from([9])), section.option(0, Buffer.alloc(0))])),
      section.packet(0, BigInt(BASE), Buffer.from('micro')),
      section.packet(1, BigInt(BASE + 1) * 1000n + 999n, Buffer.from('nano')),
      section.oldPacket(0, BigInt(BASE + 2), Buffer.from('old')),
    ])
    const { seen, tail } = await readAll(file)
    expect(seen.map(({ time, linkType, bytes }) => [time - BASE, linkType, bytes])).toEqual([
      [0, 1, 'micro'],
      [1, 113, 'nano'],
      [2, 1, 'old'],
    ])
    expect(tail).toBeNull()
  })

  test.each([
    ['milliseconds', 3, BigInt(BASE / 1000)],
    ['seconds', 0, BigInt(BASE / 1_000_000)],
    ['tenths of nanoseconds', 10, BigInt(BASE) * 10_000n + 9_999n],
    ['2^-30 seconds', 0x80 + 30, (BigInt(BASE) * (1n << 30n)) / 1_000_000n],
  ])('keeps whole microseconds of a clock in %s', async (_name, resolution, units) => {
    const options = section.option(9, Buffer.from([resolution]))
    const file = Buffer.concat([
      section.header(),
      section.interface(1, options),
      section.packet(0, units, Buffer.from('a')),
    ])
    expect((await readAll(file)).seen[0]?.time).toBe(BASE)
  })

  test('adds the time offset of an interface', async () => {
    const options = section.option(14, section.i64(-3600n))
    const file = Buffer.concat([
      section.header(),
      section.interface(1, options),
      section.packet(0, BigInt(BASE), Buffer.from('a')),
    ])
    expect((await readAll(file)).seen[0]?.time).toBe(BASE - 3_600_000_000)
  })

  test('a simple packet takes the time before it and the snap length of its interface', async () => {
    const file = Buffer.concat([
      section.header(),
      section.interface(1, undefined, 6),
      section.packet(0, BigInt(BASE), Buffer.from('first')),
      section.simplePacket(Buffer.from('second'), 90),
      section.simplePacket(Buffer.from('abc'), 3),
    ])
    expect((await readAll(file)).seen.slice(1)).toEqual([
      { time: BASE, linkType: 1, original: 90, bytes: 'second' },
      { time: BASE, linkType: 1, original: 3, bytes: 'abc' },
    ])
  })
})

const section = new Section()

test('a new section may turn the byte order and forgets the interfaces', async () => {
  const other = new Section(true)
  const file = Buffer.concat([
    section.header(),
    section.interface(1),
    section.packet(0, BigInt(BASE), Buffer.from('little')),
    other.header(),
    other.interface(101),
    other.packet(0, BigInt(BASE + 1), Buffer.from('big')),
    other.packet(1, BigInt(BASE + 2), Buffer.from('nowhere')),
  ])
  const { seen, tail } = await readAll(file)
  expect(seen.map(({ linkType, bytes }) => [linkType, bytes])).toEqual([
    [1, 'little'],
    [101, 'big'],
  ])
  expect(tail?.message).toContain('interface 1')
})

test('options, unknown blocks and blocks longer than the buffer are passed over', async () => {
  const comment = Buffer.concat([section.option(1, Buffer.from('hello')), section.option(0, Buffer.alloc(0))])
  const file = Buffer.concat([
    section.header(),
    section.block(10, Buffer.from('keys')),
    section.interface(1, comment),
    section.packet(0, BigInt(BASE), Buffer.from('one'), comment),
    section.packet(0, BigInt(BASE + 1), Buffer.from('two')),
    section.block(0x0bad, Buffer.alloc(5_000_000)),
    section.packet(0, BigInt(BASE + 2), Buffer.from('three')),
  ])
  const { seen, tail } = await readAll(file)
  expect(seen.map((frame) => frame.bytes)).toEqual(['one', 'two', 'three'])
  expect(tail).toBeNull()
})

test('a time beyond every calendar stays a number that prints', async () => {
  const file = Buffer.concat([
    section.header(),
    section.interface(1),
    section.packet(0, 0xffff_ffff_ffff_ffffn, Buffer.from('a')),
  ])
  expect((await readAll(file)).seen[0]?.time).toBe(Number.MAX_SAFE_INTEGER)
})

test.each([
  ['a length that is too small', section.u32(6, 8, 8)],
  ['a length that is no multiple of four', section.u32(6, 33, 0)],
  ['a packet block too short for its fields', section.block(6, Buffer.alloc(8))],
  ['lengths that differ', Buffer.concat([section.u32(6, 36), Buffer.alloc(24), section.u32(40)])],
  ['a captured length past its block', section.block(6, section.u32(0, 0, 0, 500, 500, 0))],
])('%s ends the capture, and the rest is counted', async (_name, damage) => {
  const good = [section.header(), section.interface(1), section.packet(0, BigInt(BASE), Buffer.from('good'))]
  const { seen, tail } = await readAll(Buffer.concat([...good, damage, Buffer.alloc(100)]))
  expect(seen.map((frame) => frame.bytes)).toEqual(['good'])
  expect(tail?.truncatedBytes).toBe(damage.length + 100)
})

test('a capture cut inside a block that is passed over says so', async () => {
  const skipped = section.block(0x0bad, Buffer.alloc(400))
  const file = Buffer.concat([section.header(), section.interface(1), skipped.subarray(0, 200)])
  expect((await readAll(file)).tail?.message).toContain('cut off')
})

test('the same frames however the bytes arrive', async () => {
  const packets = Array.from({ length: 20 }, (_, index) =>
    section.packet(0, BigInt(BASE + index), Buffer.from(`packet ${'x'.repeat(index)}`)),
  )
  const file = Buffer.concat([section.header(), section.interface(1), ...packets])
  const once = await readAll(file)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 150 }), async (size) => {
      expect(await readAll(file, size)).toEqual(once)
    }),
    { numRuns: 30 },
  )
})

test('any change of one byte still ends, and never throws', async () => {
  const file = Buffer.concat([
    section.header(),
    section.interface(1, section.option(9, Buffer.from([6]))),
    section.packet(0, BigInt(BASE), Buffer.from('one')),
    section.packet(0, BigInt(BASE + 1), Buffer.from('two')),
  ])
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 4, max: file.length - 1 }),
      fc.integer({ min: 0, max: 255 }),
      async (at, byte) => {
        const changed = Buffer.from(file)
        changed[at] = byte
        expect((await readAll(changed)).seen.length).toBeLessThanOrEqual(2)
      },
    ),
    { numRuns: 300 },
  )
})
