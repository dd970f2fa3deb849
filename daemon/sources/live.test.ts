import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import type { DamagedTail } from './frame-batches.ts'
import { type LiveOptions, liveEvents } from './live.ts'

const NOW = Date.UTC(2026, 10, 21, 20) * 1000
const INFO = { kind: 'exec', name: 'tcpdump' } as const

function options(overrides: Partial<LiveOptions> = {}): LiveOptions {
  return { hostClock: () => NOW, stop: new AbortController().signal, ...overrides }
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => {
    bytes.writeUInt32LE(value, index * 4)
  })
  return bytes
}

const HEADER = words(0xa1b2c3d4, 0x0004_0002, 0, 0, 262_144, 1)

function record(time: number): Buffer {
  return Buffer.concat([words(Math.floor(time / 1e6), time % 1e6, 4, 4), Buffer.from('data')])
}

test('a frame comes out as soon as it is in, nothing is held back', async () => {
  const stream = new PassThrough()
  stream.write(Buffer.concat([HEADER, record(NOW)]))
  for await (const event of liveEvents(stream, INFO, options())) {
    expect(event).toMatchObject({ kind: 'frames', batch: { count: 1 } })
    break
  }
  expect(stream.destroyed).toBe(true)
})

test('on an idle wire the host clock comes, a little behind, and frames still do', async () => {
  const stream = new PassThrough()
  const stop = new AbortController()
  const kinds: string[] = []
  for await (const event of liveEvents(stream, INFO, options({ stop: stop.signal }))) {
    kinds.push(event.kind)
    if (event.kind === 'clock') expect(event.now).toBe(NOW - 250_000)
    if (kinds.length === 2) stream.write(Buffer.concat([HEADER, record(NOW)]))
    if (kinds.includes('frames') && kinds.length > 3) stop.abort()
  }
  expect(kinds.slice(0, 4)).toEqual(['clock', 'clock', 'frames', 'clock'])
})

test('stopping ends the events at once, though nothing arrives', async () => {
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 20)
  const asked = performance.now()
  for await (const event of liveEvents(new PassThrough(), INFO, options({ stop: stop.signal }))) {
    expect(event.kind).toBe('clock')
  }
  expect(performance.now() - asked).toBeLessThan(200)
})

test('a time over a minute ahead of the host is bogus, an old one is only late', async () => {
  const stream = new PassThrough()
  stream.end(Buffer.concat([HEADER, record(NOW), record(NOW + 61e6), record(NOW - 7200e6), record(NOW + 59e6)]))
  const flags: number[] = []
  const clocks: number[] = []
  for await (const event of liveEvents(stream, INFO, options())) {
    if (event.kind !== 'frames') continue
    flags.push(...event.batch.flags.subarray(0, event.batch.count))
    clocks.push(...event.batch.clock.subarray(0, event.batch.count))
  }
  expect(flags).toEqual([0, 1, 0, 0])
  expect(clocks).toEqual([NOW, NOW, NOW - 7200e6, NOW + 59e6])
})

test('a writer that dies inside a record leaves what came before, and says so', async () => {
  const stream = new PassThrough()
  stream.end(Buffer.concat([HEADER, record(NOW), record(NOW).subarray(0, 9)]))
  const tails: DamagedTail[] = []
  let frames = 0
  for await (const event of liveEvents(stream, INFO, options({ onTail: (tail) => tails.push(tail) }))) {
    if (event.kind === 'frames') frames += event.batch.count
  }
  expect(frames).toBe(1)
  expect(tails).toEqual([{ truncatedBytes: 9, message: expect.stringContaining('9 bytes') }])
})

test('damage ends the events at once, so that the writer can be started again', async () => {
  const stream = new PassThrough()
  stream.write(Buffer.concat([HEADER, record(NOW), Buffer.alloc(100, 0xee)]))
  const tails: DamagedTail[] = []
  for await (const event of liveEvents(stream, INFO, options({ onTail: (tail) => tails.push(tail) }))) {
    expect(event.kind).toBe('frames')
  }
  expect(tails).toEqual([{ truncatedBytes: 100, message: expect.stringContaining('claims') }])
  expect(stream.destroyed).toBe(true)
})

test('a writer that ends without a word is an end', async () => {
  const stream = new PassThrough()
  stream.end()
  for await (const _ of liveEvents(stream, INFO, options())) expect.unreachable()
})

test('output that is no capture is refused by name', async () => {
  const stream = new PassThrough()
  stream.end('tcpdump: listening on eth0')
  await expect(async () => {
    for await (const _ of liveEvents(stream, INFO, options())) expect.unreachable()
  }).rejects.toMatchObject({ code: 'OFFPATH_E_NOT_CAPTURE', at: 'tcpdump' })
})
