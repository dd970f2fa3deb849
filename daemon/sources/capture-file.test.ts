import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HOUR_US, SECOND_US } from '../model/time.ts'
import { Counters } from '../telemetry/counters.ts'
import { StreamInput } from './byte-input.ts'
import { type CaptureFile, openInput } from './capture-file.ts'

const BASE = Date.UTC(2026, 10, 21, 20) * 1000

interface Frame {
  readonly time: number
  readonly bytes: Buffer
  readonly original?: number
}

interface Seen {
  readonly time: number
  readonly clock: number
  readonly flags: number
  readonly linkType: number
  readonly original: number
  readonly bytes: string
}

function pcap(frames: readonly Frame[], { bigEndian = false, nanoseconds = false, linkType = 1 } = {}): Buffer {
  const parts = [uint32s(bigEndian, [nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4])]
  parts.push(uint16s(bigEndian, [2, 4]), uint32s(bigEndian, [0, 0, 262_144, linkType]))
  for (const { time, bytes, original } of frames) {
    const fraction = (time % SECOND_US) * (nanoseconds ? 1000 : 1) + (nanoseconds ? 999 : 0)
    const seconds = Math.floor(time / SECOND_US)
    parts.push(uint32s(bigEndian, [seconds, fraction, bytes.length, original ?? bytes.length]), bytes)
  }
  return Buffer.concat(parts)
}

function uint32s(bigEndian: boolean, values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => {
    if (bigEndian) bytes.writeUInt32BE(value, index * 4)
    else bytes.writeUInt32LE(value, index * 4)
  })
  return bytes
}

function uint16s(bigEndian: boolean, values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2)
  values.forEach((value, index) => {
    if (bigEndian) bytes.writeUInt16BE(value, index * 2)
    else bytes.writeUInt16LE(value, index * 2)
  })
  return bytes
}

function frames(count: number, length = 40): Frame[] {
  return Array.from({ length: count }, (_, index) => ({
    time: BASE + index * 1000 + 7,
    bytes: Buffer.alloc(length + (index % 5), index),
  }))
}

/** 192 bytes, the same each time, that gzip cannot shorten. */
function incompressible(index: number): Buffer {
  return Buffer.concat([0, 1, 2].map((part) => createHash('sha512').update(`${index}.${part}`).digest()))
}

/** The bytes as a stream cut into pieces of the given sizes, repeated. */
function streamOf(bytes: Buffer, sizes: readonly number[]): Readable {
  const pieces: Buffer[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return Readable.from(pieces)
}

async function openFrames(bytes: Buffer, sizes: readonly number[] = [65_536]): Promise<CaptureFile> {
  const opened = await openInput('-', {
    stdin: () => new StreamInput(streamOf(bytes, sizes)),
    counters: new Counters(),
  })
  if (opened.kind !== 'frames') throw new Error('expected frames')
  return opened.source
}

async function readAll(source: CaptureFile): Promise<Seen[]> {
  const seen: Seen[] = []
  for await (const batch of source.batches(new AbortController().signal)) {
    for (let row = 0; row < batch.count; row++) {
      const offset = batch.offset[row]!
      seen.push({
        time: batch.time[row]!,
        clock: batch.clock[row]!,
        flags: batch.flags[row]!,
        linkType: batch.linkType[row]!,
        original: batch.original[row]!,
        bytes: batch.bytes.toString('hex', offset, offset + batch.captured[row]!),
      })
    }
  }
  return seen
}

function expected(sent: readonly Frame[], linkType = 1): Seen[] {
  return sent.map(({ time, bytes, original }) => ({
    time,
    clock: time,
    flags: 0,
    linkType,
    original: original ?? bytes.length,
    bytes: bytes.toString('hex'),
  }))
}

describe('pcap', () => {
  test.each([
    { bigEndian: false, nanoseconds: false },
    { bigEndian: true, nanoseconds: false },
    { bigEndian: false, nanoseconds: true },
    { bigEndian: true, nanoseconds: true },
  ])('reads every frame with whole microseconds: %o', async (form) => {
    const sent = frames(50)
    const source = await openFrames(pcap(sent, form))
    expect(await readAll(source)).toEqual(expected(sent))
    expect(source.tail).toBeNull()
  })

  test('keeps the wire length of a frame that the snap length cut', async () => {
    const sent = [{ time: BASE, bytes: Buffer.alloc(64, 1), original: 1500 }]
    expect(await readAll(await openFrames(pcap(sent)))).toEqual(expected(sent))
  })

  test('ignores the frame check sequence bits beside the link type', async () => {
    const source = await openFrames(pcap(frames(3), { linkType: 0x5000_0071 }))
    expect((await readAll(source)).map((frame) => frame.linkType)).toEqual([0x71, 0x71, 0x71])
  })

  test('gives the same frames however the bytes arrive', async () => {
    const sent = frames(30, 20)
    const bytes = pcap(sent)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 }), async (sizes) => {
        expect(await readAll(await openFrames(bytes, sizes))).toEqual(expected(sent))
      }),
      { numRuns: 40 },
    )
  })

  test('reads more frames than a batch has rows, and more bytes than a chunk', async () => {
    const sent = Array.from({ length: 60_000 }, (_, index) => ({ time: BASE + index, bytes: Buffer.alloc(50, index) }))
    const seen = await readAll(await openFrames(pcap(sent)))
    expect(seen.length).toBe(60_000)
    expect(seen[59_999]).toEqual(expected(sent.slice(-1))[0])
    expect(new Set(seen.map((frame) => frame.time)).size).toBe(60_000)
  })

  test('a file cut anywhere gives the whole frames before the cut and says what is left', async () => {
    const sent = frames(6, 10)
    const bytes = pcap(sent)
    for (let cut = 24; cut < bytes.length; cut++) {
      const source = await openFrames(bytes.subarray(0, cut))
      const seen = await readAll(source)
      expect(seen).toEqual(expected(sent.slice(0, seen.length)))
      const used = 24 + sent.slice(0, seen.length).reduce((sum, frame) => sum + 16 + frame.bytes.length, 0)
      if (used === cut) expect(source.tail).toBeNull()
      else expect(source.tail?.truncatedBytes).toBe(cut - used)
    }
  })

  test('an absurd record length ends the capture there, and the rest is counted', async () => {
    const sent = frames(4)
    const rest = Buffer.alloc(3_000_000, 0xee)
    const source = await openFrames(Buffer.concat([pcap(sent), rest]))
    expect(await readAll(source)).toEqual(expected(sent))
    expect(source.tail?.truncatedBytes).toBe(rest.length)
    expect(source.tail?.message).toContain('bytes unread')
  })

  test('any bytes after a good header end, and nothing throws', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (noise) => {
        const bytes = Buffer.concat([pcap(frames(2)), noise])
        expect((await readAll(await openFrames(bytes))).length).toBeGreaterThanOrEqual(2)
      }),
      { numRuns: 200 },
    )
  })

  test('a bogus time is flagged and stands at the watermark', async () => {
    const sent = frames(5).map((frame, index) => (index === 2 ? { ...frame, time: frame.time + 9 * HOUR_US } : frame))
    const seen = await readAll(await openFrames(pcap(sent)))
    expect(seen.map((frame) => frame.flags)).toEqual([0, 0, 1, 0, 0])
    expect(seen[2]).toMatchObject({ time: sent[2]!.time, clock: sent[1]!.time })
  })
})

describe('gzip', () => {
  test('is read like what it holds', async () => {
    const sent = frames(3000)
    expect(await readAll(await openFrames(gzipSync(pcap(sent))))).toEqual(expected(sent))
  })

  test('cut off, it gives the frames before the cut and says so', async () => {
    const sent = frames(3000)
    const whole = gzipSync(pcap(sent), { level: 1 })
    for (const share of [0.3, 0.6, 0.99]) {
      const source = await openFrames(whole.subarray(0, Math.floor(whole.length * share)), [1000])
      const seen = await readAll(source)
      expect(seen.length).toBeGreaterThan(3000 * share * 0.5)
      expect(seen).toEqual(expected(sent.slice(0, seen.length)))
      expect(source.tail?.message).toContain('gzip')
    }
  })

  test('corrupt in the middle, it gives the frames of the chunks before and says so', async () => {
    const sent = Array.from({ length: 3000 }, (_, index) => ({ time: BASE + index, bytes: incompressible(index) }))
    const whole = gzipSync(pcap(sent))
    const at = Math.floor(whole.length / 2)
    whole.fill(0xff, at, at + 2000)
    const source = await openFrames(whole)
    const seen = await readAll(source)
    expect(seen.length).toBeGreaterThan(1200)
    expect(seen.slice(0, 1200)).toEqual(expected(sent.slice(0, 1200)))
    expect(source.tail).not.toBeNull()
  })

  test('several members follow each other', async () => {
    const sent = frames(20)
    const bytes = pcap(sent)
    const joined = Buffer.concat([gzipSync(bytes.subarray(0, 300)), gzipSync(bytes.subarray(300))])
    expect(await readAll(await openFrames(joined, [77]))).toEqual(expected(sent))
  })
})

describe('zstd', () => {
  const stored = (path: string) => readFileSync(join(import.meta.dirname, '../../test', path))

  test('is read like what it holds, from a file and from standard input', async () => {
    for (const [name, original] of [
      ['attacks-stream', 'attacks'],
      ['chunked-frames', 'chunked'],
    ]) {
      const wanted = await readAll(await openFrames(stored(`captures/${original}.pcap`)))
      expect(wanted.length).toBeGreaterThan(20)
      expect(await readAll(await openFrames(stored(`zstd/${name}.pcap.zst`), [3, 500, 77]))).toEqual(wanted)
      const path = join(import.meta.dirname, `../../test/zstd/${name}.pcap.zst`)
      const opened = await openInput(path, { counters: new Counters() })
      expect(await readAll(opened.source as CaptureFile)).toEqual(wanted)
    }
  })

  test('cut off, it gives the frames before the cut and says so', async () => {
    const whole = stored('zstd/chunked-frames.pcap.zst')
    const source = await openFrames(whole.subarray(0, whole.length - 30))
    const seen = await readAll(source)
    const wanted = await readAll(await openFrames(stored('captures/chunked.pcap')))
    expect(seen.length).toBeGreaterThan(5)
    expect(seen).toEqual(wanted.slice(0, seen.length))
    expect(source.tail?.message).toContain('zstd')
  })
})

describe('what cannot be opened', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'offpath-input-'))
  })
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  const deps = { counters: new Counters() }

  test('a missing file and a folder are named, with what to do', async () => {
    await expect(openInput(join(folder, 'gone.pcap'), deps)).rejects.toMatchObject({
      code: 'OFFPATH_E_NO_FILE',
      message: expect.stringContaining('does not exist'),
      remedy: expect.any(String),
    })
    await expect(openInput(folder, deps)).rejects.toMatchObject({ code: 'OFFPATH_E_NO_FILE' })
  })

  test.each([
    ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'neither'],
    ['an empty file', Buffer.alloc(0), 'empty'],
    ['one byte', Buffer.from([0xd4]), 'neither'],
    ['zstd that is cut off at once', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0]), 'the zstd data broke off'],
    ['a HAR file', Buffer.from('{\n  "log": {"version": "1.2"}}'), 'HAR'],
    ['gzip inside gzip', gzipSync(gzipSync('x')), 'compressed twice'],
    ['gzip of text', gzipSync('hello'), 'neither'],
  ])('%s is refused by its content', async (_name, bytes, says) => {
    const path = join(folder, 'input.pcap')
    writeFileSync(path, bytes)
    await expect(openInput(path, deps)).rejects.toMatchObject({
      code: 'OFFPATH_E_NOT_CAPTURE',
      message: expect.stringContaining(says),
      remedy: expect.any(String),
    })
  })

  test('a capture file is read from disk by content, whatever its name', async () => {
    const path = join(folder, 'capture.txt')
    const sent = frames(3)
    writeFileSync(path, pcap(sent))
    const opened = await openInput(path, deps)
    expect(opened.kind).toBe('frames')
    expect(opened.source.info).toEqual({ kind: 'file', name: 'capture.txt' })
    expect(await readAll(opened.source as CaptureFile)).toEqual(expected(sent))
  })
})
