import { expect, test } from 'vitest'
import { PublishBuffer } from './publish-buffer.ts'

const record = (number: number, bytes = 850) => ({ key: `${number}`, value: Buffer.alloc(bytes) })

function keys(buffer: PublishBuffer, maxRecords = 100, maxBytes = 1e9): string[] {
  return buffer.take(maxRecords, maxBytes).map(({ key }) => key)
}

test('what is pushed is taken in order, as many as are asked for', () => {
  const buffer = new PublishBuffer(1e6)
  for (let i = 0; i < 5; i++) buffer.push(record(i))
  expect(keys(buffer, 2)).toEqual(['0', '1'])
  expect(keys(buffer)).toEqual(['2', '3', '4'])
  expect(keys(buffer)).toEqual([])
  expect(buffer.bytes).toBe(0)
})

test('a batch ends before its bytes are too many, and has one record at least', () => {
  const buffer = new PublishBuffer(1e6)
  for (let i = 0; i < 3; i++) buffer.push(record(i, 1000))
  expect(keys(buffer, 100, 2000)).toEqual(['0', '1'])
  expect(keys(buffer, 100, 10)).toEqual(['2'])
})

test('over its bytes the oldest go, and are counted', () => {
  // Each costs 1000 bytes.
  const buffer = new PublishBuffer(10_000)
  let dropped = 0
  for (let i = 0; i < 50_000; i++) dropped += buffer.push(record(i))
  expect(dropped).toBe(49_990)
  expect(buffer.records).toBe(10)
  expect(buffer.bytes).toBeLessThanOrEqual(10_000)
  expect(keys(buffer)[0]).toBe('49990')
})

test('the newest stays, whatever its size', () => {
  const buffer = new PublishBuffer(10_000)
  buffer.push(record(1))
  expect(buffer.push(record(2, 50_000))).toBe(1)
  expect(keys(buffer)).toEqual(['2'])
})
