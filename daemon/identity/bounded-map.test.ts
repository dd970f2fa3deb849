import { expect, test } from 'vitest'
import { BoundedMap } from './bounded-map.ts'

test('what was used longest ago goes first', () => {
  const map = new BoundedMap<string, number>(3)
  for (const [index, key] of ['a', 'b', 'c'].entries()) map.set(key, index)
  expect(map.get('a')).toBe(0)
  map.set('d', 3)
  expect(map.entries().map(([key]) => key)).toEqual(['c', 'a', 'd'])
  expect(map.evicted).toBe(1)
})

test('in a large map the last used keep their places, and what is used goes on being known', () => {
  const map = new BoundedMap<number, number>(800)
  for (let key = 0; key < 800; key++) map.set(key, key)
  map.get(750)
  expect(map.entries().at(-1)?.[0]).toBe(799)
  map.get(650)
  expect(map.entries().at(-1)?.[0]).toBe(650)
  // One that is used now and then outlives any number of others.
  for (let key = 800; key < 10_000; key++) {
    map.set(key, key)
    if (key % 600 === 0) expect(map.get(650)).toBe(650)
  }
  expect(map.size).toBe(800)
})

test('of heavy entries the order always counts', () => {
  const map = new BoundedMap<number, number>(800, 10)
  for (const key of [1, 2, 3, 4, 5]) map.set(key, key, 2)
  map.get(1)
  map.set(6, 6, 2)
  expect(map.has(1)).toBe(true)
  expect(map.has(2)).toBe(false)
})
