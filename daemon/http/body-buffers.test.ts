import { expect, test } from 'vitest'
import { BodyBuffers } from './body-buffers.ts'

test('a buffer comes again for a body that fits, up to twice its size', () => {
  const buffers = new BodyBuffers()
  const buffer = buffers.take(700)
  expect(buffer).toHaveLength(1024)
  expect(buffers.take(700)).not.toBe(buffer)
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
