import { expect, test } from 'vitest'
import { BodyBuffers } from './body-buffers.ts'

test('a buffer comes again for a body that it is little too large for', () => {
  const buffers = new BodyBuffers()
  expect([1, 512, 513, 4096, 4097, 20_000].map((length) => buffers.take(length).length)).toEqual([
    512, 512, 1024, 4096, 5120, 20_480,
  ])
  const buffer = buffers.take(900)
  expect(buffer).toHaveLength(1024)
  expect(buffers.take(900)).not.toBe(buffer)
  buffers.giveBack(buffer)
  expect(buffers.take(512)).not.toBe(buffer)
  expect(buffers.take(1024)).toBe(buffer)
  expect(buffers.take(1024)).not.toBe(buffer)
})

test('no more than 8 MiB are kept, and no buffer over 64 KiB', () => {
  const buffers = new BodyBuffers()
  const large = buffers.take(65_537)
  expect(large).toHaveLength(65_537)
  buffers.giveBack(large)
  expect(buffers.take(65_537)).not.toBe(large)
  const taken = Array.from({ length: 200 }, () => buffers.take(65_536))
  for (const buffer of taken) buffers.giveBack(buffer)
  const again = new Set(Array.from({ length: 200 }, () => buffers.take(65_536)))
  expect(taken.filter((buffer) => again.has(buffer))).toHaveLength(128)
})
