import { expect, test } from 'vitest'
import { cardOf } from './simulated-card.ts'

const HALF_HOUR_MS = 1_861_137

// Days on which whose an order is was long taken for a rule by luck: one visit in twenty opens the order of somebody else.
test.each([
  ['23', 0],
  ['23', 10],
  ['beta', 31],
])('nobody is told of on the day of world %s that ends %i half hours later', async (seed, halfHours) => {
  const endMs = Date.UTC(2026, 10, 22, 20, 20) + halfHours * HALF_HOUR_MS
  const { falseIncidents } = await cardOf(seed, {}, 18_923, false, endMs)
  expect(falseIncidents.map(({ detector, why }) => `${detector}: ${why}`)).toEqual([])
})
