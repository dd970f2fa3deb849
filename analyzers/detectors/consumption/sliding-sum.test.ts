import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SlidingState, SlidingSum, untilMinute } from './sliding-sum.ts'

test('is what was added in the last ten minutes, whatever the gaps, also after it was kept', () => {
  const uses = fc.array(fc.tuple(fc.integer({ min: 0, max: 14 }), fc.integer({ min: 0, max: 1000 })), { maxLength: 60 })
  fc.assert(
    fc.property(uses, (steps) => {
      let sliding = new SlidingSum()
      let minute = 29_000_000
      let peak = 0
      const added: { minute: number; used: number }[] = []
      for (const [gap, used] of steps) {
        minute += gap
        sliding.add(used, minute)
        added.push({ minute, used })
        const sum = added.reduce((total, each) => total + (each.minute > minute - 10 ? each.used : 0), 0)
        expect(sliding.sum).toBe(sum)
        peak = Math.max(peak, sum)
        sliding = SlidingSum.fromState(SlidingState.parse(JSON.parse(JSON.stringify(sliding.toState()))))
      }
      expect(sliding.takePeak()).toBe(peak)
      expect(sliding.takePeak()).toBe(0)
    }),
  )
})

test('what is late counts for the present minute', () => {
  const sliding = new SlidingSum()
  sliding.add(5, 100)
  sliding.add(7, 98)
  expect(sliding.sum).toBe(12)
  sliding.add(1, 109)
  expect(sliding.sum).toBe(13)
  sliding.add(0, 110)
  expect(sliding.sum).toBe(1)
})

test('of a window that has begun and the one before, so much is in the last ten minutes', () => {
  expect(untilMinute(30, 100, 120)).toBe(120)
  expect(untilMinute(30, 100, 125)).toBe(70)
  expect(untilMinute(30, 100, 129)).toBe(30)
})
