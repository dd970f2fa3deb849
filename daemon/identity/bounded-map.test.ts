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

test('a place gives what get of its key gives, and counts as the same use', () => {
  const map = new BoundedMap<string, number>(3)
  for (const key of ['a', 'b', 'c']) map.set(key, key.charCodeAt(0))
  const place = map.placeOf('a')!
  expect(map.placeOf('d')).toBeUndefined()
  expect(map.again(place)).toBe(97)
  map.set('d', 100)
  expect(map.entries()).toEqual([
    ['c', 99],
    ['a', 97],
    ['d', 100],
  ])
})

test('a place of what is held no more gives nothing and keeps nothing', () => {
  const map = new BoundedMap<string, object>(2)
  const placeOf = (key: string) => {
    map.set(key, {})
    return map.placeOf(key)!
  }
  const pushedOut = placeOf('a')
  const replaced = placeOf('b')
  map.set('b', {})
  map.set('c', {})
  const deleted = placeOf('d')
  map.delete('d')
  const cleared = placeOf('e')
  map.clear()
  map.set('e', {})
  for (const place of [pushedOut, replaced, deleted, cleared]) {
    expect(map.again(place)).toBeUndefined()
    expect([place.value, place.older, place.newer]).toEqual([undefined, null, null])
  }
  expect(new BoundedMap<string, object>(2).again(map.placeOf('e')!)).toBeUndefined()
  expect([map.size, map.weight]).toEqual([1, 1])
})
