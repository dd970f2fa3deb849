import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatTime, HOUR_US } from '../model/time.ts'
import { Counters } from '../telemetry/counters.ts'
import { StreamInput } from './byte-input.ts'
import { openInput } from './capture-file.ts'
import { MAX_LINE_BYTES, type NativeRecord, type NativeSource } from './native-file.ts'

const BASE = Date.UTC(2026, 10, 21, 20) * 1000

function line(index: number, extra: Record<string, unknown> = {}): string {
  const ts = formatTime(BASE + index * 1000)
  return JSON.stringify({ ts, method: 'GET', host: 'api.shop.test', path: `/v1/orders/${index}`, ...extra })
}

async function openNative(text: string | Buffer, counters = new Counters(), size = 65_536): Promise<NativeSource> {
  const bytes = Buffer.from(text)
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  const opened = await openInput('-', { stdin: () => new StreamInput(Readable.from(pieces)), counters })
  if (opened.kind !== 'native') throw new Error('expected native transactions')
  return opened.source
}

async function readAll(source: NativeSource): Promise<NativeRecord[]> {
  const records: NativeRecord[] = []
  for await (const batch of source.batches(new AbortController().signal)) {
    expect(batch.records.length).toBe(batch.count)
    batch.records.forEach((record, row) => {
      expect(batch.clock[row]).toBe(record.clock)
    })
    records.push(...batch.records)
  }
  return records
}

test('every line is a record with its number, and the clock of its end_ts', async () => {
  const end = BASE + 500
  const records = await readAll(
    await openNative(`\n${line(0)}\r\n${line(1, { end_ts: formatTime(end) })}\n\n${line(2)}`),
  )
  expect(records.map((record) => record.line)).toEqual([2, 3, 5])
  expect(records.map((record) => record.clock)).toEqual([BASE, end, BASE + 2000])
  expect(records[1]?.record).toMatchObject({ path: '/v1/orders/1' })
})

test('lines that are no record are counted by reason, and the others are read', async () => {
  const counters = new Counters()
  const text = [line(0), '{"ts":', '[1]', '{"method":"GET"}', line(1, { ts: 'yesterday' }), line(2)].join('\n')
  const source = await openNative(text, counters)
  expect((await readAll(source)).map((record) => record.line)).toEqual([1, 6])
  expect(Object.fromEntries(source.badLines)).toEqual({ bad_json: 1, not_object: 1, no_time: 2 })
  expect(counters.get('native.no_time')).toBe(2)
})

test('a line over the limit is passed over without being kept, and line numbers stay right', async () => {
  const source = await openNative(`${line(0)}\n{"x":"${'a'.repeat(MAX_LINE_BYTES * 3)}"}\n${line(1)}\n`)
  expect((await readAll(source)).map((record) => record.line)).toEqual([1, 3])
  expect(source.badLines.get('too_long')).toBe(1)
})

test('a line of almost the limit is read', async () => {
  const source = await openNative(`${line(0)}\n${line(1, { request_body: 'a'.repeat(MAX_LINE_BYTES - 500) })}\n`)
  expect((await readAll(source)).length).toBe(2)
})

test('one bogus time is told apart and moves no clock', async () => {
  const bogus = formatTime(BASE + 900 * HOUR_US)
  const records = await readAll(await openNative([line(0), line(1), line(2, { ts: bogus }), line(3)].join('\n')))
  expect(records.map((record) => record.bogusTime)).toEqual([false, false, true, false])
  expect(records.map((record) => record.clock)).toEqual([BASE, BASE + 1000, BASE + 1000, BASE + 3000])
})

test('gzip is read like what it holds', async () => {
  const text = Array.from({ length: 3000 }, (_, index) => line(index)).join('\n')
  expect((await readAll(await openNative(gzipSync(text)))).map((record) => record.line)).toEqual(
    Array.from({ length: 3000 }, (_, index) => index + 1),
  )
})

test('a file without a single record is refused with the place of the first bad line', async () => {
  await expect(readAll(await openNative('{"a":1}\nnonsense\n'))).rejects.toMatchObject({
    code: 'OFFPATH_E_RECORD',
    at: 'stdin:1',
    remedy: expect.stringContaining('end_ts'),
  })
})

test('the same records however the bytes arrive', async () => {
  const text = `${Array.from({ length: 30 }, (_, index) => line(index, { note: 'é🚲' })).join('\n')}\n{"cut`
  const once = await readAll(await openNative(text))
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 200 }), async (size) => {
      expect(await readAll(await openNative(text, new Counters(), size))).toEqual(once)
    }),
    { numRuns: 20 },
  )
})
