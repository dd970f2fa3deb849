import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { CaptureWriter } from './capture-writer.ts'
import { liveEvents } from './live.ts'

interface Sent {
  readonly seconds: number
  readonly micros: number
  readonly bytes: Buffer
  readonly original?: number
}

/** A writer whose output is kept; `limit` makes writes partial. */
function makeWriter(snapLength = 2048, limit = Number.POSITIVE_INFINITY) {
  const written: Buffer[] = []
  const writer = new CaptureWriter(snapLength, (bytes, from, to) => {
    const part = Buffer.from(bytes.subarray(from, Math.min(to, from + limit)))
    written.push(part)
    return part.length
  })
  return { writer, written, output: () => Buffer.concat(written) }
}

/** As the binding does it: the same two buffers for every packet. */
function give(writer: CaptureWriter, { seconds, micros, bytes, original }: Sent): void {
  writer.packet.fill(0xee)
  bytes.copy(writer.packet)
  new Uint32Array(writer.header.buffer, writer.header.byteOffset, 4).set([
    seconds,
    micros,
    bytes.length,
    original ?? bytes.length,
  ])
  writer.take()
}

async function readBack(output: Buffer): Promise<{ time: number; linkType: number; text: string; original: number }[]> {
  const stream = new PassThrough()
  stream.end(output)
  const frames = []
  const options = { hostClock: () => Number.MAX_SAFE_INTEGER, stop: new AbortController().signal }
  for await (const event of liveEvents(stream, { kind: 'pcap', name: 'lo' }, options)) {
    if (event.kind !== 'frames') continue
    const { batch } = event
    for (let row = 0; row < batch.count; row++) {
      const offset = batch.offset[row]!
      frames.push({
        time: batch.time[row]!,
        linkType: batch.linkType[row]!,
        text: batch.bytes.toString('utf8', offset, offset + batch.captured[row]!),
        original: batch.original[row]!,
      })
    }
  }
  return frames
}

test.each([Number.POSITIVE_INFINITY, 7])('what it writes is a pcap file, also by writes of %d bytes', async (limit) => {
  const { writer, output } = makeWriter(2048, limit)
  writer.begin(113)
  give(writer, { seconds: 1_700_000_000, micros: 5, bytes: Buffer.from('first'), original: 90 })
  give(writer, { seconds: 1_700_000_000, micros: 6, bytes: Buffer.from('second') })
  writer.flush()
  expect(await readBack(output())).toEqual([
    { time: 1_700_000_000_000_005, linkType: 113, text: 'first', original: 90 },
    { time: 1_700_000_000_000_006, linkType: 113, text: 'second', original: 6 },
  ])
  expect(writer.takeCounts()).toEqual({ delivered: 2, cut: 1 })
  expect(writer.takeCounts()).toEqual({ delivered: 0, cut: 0 })
})

test('the file header goes out before any packet', () => {
  const { writer, output } = makeWriter()
  writer.begin(1)
  expect(output().length).toBe(24)
})

test('nothing waits over 20 ms of packet time, and packets that come together go out together', () => {
  const { writer, written } = makeWriter()
  give(writer, { seconds: 9, micros: 0, bytes: Buffer.from('a') })
  const before = written.length
  for (let micros = 1; micros <= 20_000; micros += 500) give(writer, { seconds: 9, micros, bytes: Buffer.from('b') })
  expect(written.length).toBe(before)
  give(writer, { seconds: 9, micros: 20_001, bytes: Buffer.from('c') })
  expect(written.length).toBe(before + 1)
})

test('a full slab goes out at once, so memory is bounded', () => {
  const { writer, written } = makeWriter(262_144)
  const bytes = Buffer.alloc(262_144, 1)
  for (let turn = 0; turn < 5; turn++) give(writer, { seconds: 9, micros: turn, bytes })
  expect(Math.max(...written.map((part) => part.length))).toBeLessThanOrEqual(2 * 262_144 + 16)
  expect(written.length).toBeGreaterThanOrEqual(4)
})

test('once a second of packet time it lets somebody report, though no timer runs', () => {
  const { writer } = makeWriter()
  let reports = 0
  writer.onSecond = () => {
    reports++
  }
  for (let tenth = 0; tenth < 35; tenth++) {
    give(writer, { seconds: 50 + Math.floor(tenth / 10), micros: (tenth % 10) * 100_000, bytes: Buffer.from('x') })
  }
  expect(reports).toBe(4)
})

test('a writer that would block is waited for', () => {
  let refusals = 3
  const written: Buffer[] = []
  const writer = new CaptureWriter(2048, (bytes, from, to) => {
    if (refusals-- > 0) throw Object.assign(new Error('again'), { code: 'EAGAIN' })
    written.push(Buffer.from(bytes.subarray(from, to)))
    return to - from
  })
  writer.begin(1)
  expect(Buffer.concat(written).length).toBe(24)
})
