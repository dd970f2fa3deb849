import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EventClock } from './event-clock.ts'

const second = 1_000_000

test('ticks fall on whole seconds, before the time that crosses them holds', () => {
  const ticks: number[] = []
  const clock = new EventClock((now) => ticks.push(now))
  for (const time of [0.5, 0.9, 1.0, 1.2, 3.7]) clock.advance(time * second)
  expect(ticks).toEqual([1, 2, 3].map((t) => t * second))
  expect(clock.now).toBe(3.7 * second)
})

test('a record from the past moves nothing', () => {
  const ticks: number[] = []
  const clock = new EventClock((now) => ticks.push(now))
  clock.advance(10 * second)
  clock.advance(2 * second)
  expect(clock.now).toBe(10 * second)
  expect(ticks).toEqual([])
})

test('a silence of a year costs a bounded number of ticks and ends with one at its end', () => {
  const ticks: number[] = []
  const clock = new EventClock((now) => ticks.push(now))
  clock.advance(5)
  clock.advance(365 * 86_400 * second + 5)
  expect(ticks.length).toBeLessThan(500)
  expect(ticks.at(-1)).toBe(365 * 86_400 * second)
})

test('the ticks do not depend on how the times between them arrive', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20 * second }), { minLength: 2, maxLength: 50 }), (times) => {
      const sorted = [...times].sort((a, b) => a - b)
      const all: number[] = []
      const ends: number[] = []
      const every = new EventClock((now) => all.push(now))
      for (const time of sorted) every.advance(time)
      const two = new EventClock((now) => ends.push(now))
      two.advance(sorted[0]!)
      two.advance(sorted.at(-1)!)
      expect(all).toEqual(ends)
    }),
  )
})
