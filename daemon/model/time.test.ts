import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatTime, parseTime } from './time.ts'

test('what is written is read again, whatever was read before', () => {
  const time = fc.integer({ min: 0, max: 4_000_000_000_000_000 })
  fc.assert(
    fc.property(time, fc.integer({ min: -2_000_000, max: 2_000_000 }), (first, step) => {
      const second = Math.max(0, first + step)
      for (const each of [first, second, first]) expect(parseTime(formatTime(each))).toBe(each)
    }),
    { numRuns: 3000 },
  )
})

test.each([
  ['2026-11-21T20:00:00.123456Z', 1_795_291_200_123_456],
  ['2026-11-21T20:00:00.123456789Z', 1_795_291_200_123_456],
  ['2026-11-21T20:00:00.5+01:00', 1_795_287_600_500_000],
  ['2026-11-21 20:00:00z', 1_795_291_200_000_000],
  ['2026-11-21T20:00:00.12345aZ', null],
  ['2026-11-21T20:00:00.12345 Z', null],
  ['2026-99-21T20:00:00.123456Z', null],
  ['2026-11-21T20:00:61.123456Z', null],
  ['2026-11-21T20:00:00,123456Z', null],
  ['', null],
])('%j', (text, time) => {
  expect(parseTime('2026-11-21T20:00:00.000001Z')).not.toBeNull()
  expect(parseTime(text)).toBe(time)
  expect(parseTime(text)).toBe(time)
})
