import { expect, test } from 'vitest'
import { vectorBuffer, vectorMemoryOf, WORK_BYTES } from './vector-memory.ts'

test('a buffer lies in a memory of its own, with room in front of it and behind it', () => {
  const bytes = vectorBuffer(65_536)
  expect(bytes).toHaveLength(65_536)
  expect(bytes.byteOffset).toBe(WORK_BYTES)
  const memory = vectorMemoryOf(bytes)
  expect(memory?.buffer).toBe(bytes.buffer)
  expect(memory?.buffer.byteLength).toBeGreaterThanOrEqual(WORK_BYTES + 65_536 + 16)
  expect(vectorMemoryOf(vectorBuffer(16))).not.toBe(memory)
})

test('a part of it lies there too, an ordinary buffer in none', () => {
  const bytes = vectorBuffer(100)
  expect(vectorMemoryOf(bytes.subarray(10))?.buffer).toBe(bytes.buffer)
  expect(vectorMemoryOf(Buffer.alloc(100))).toBeNull()
})
