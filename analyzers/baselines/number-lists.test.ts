import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NumberLists } from './number-lists.ts'

const step = fc.record({
  list: fc.nat(9),
  what: fc.constantFrom('push', 'push', 'push', 'push', 'shift', 'release' as const),
  value: fc.double(),
})

test('lists hold what was put into them, whatever was given back in between', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (steps) => {
      const lists = new NumberLists()
      const expected: number[][] = Array.from({ length: 10 }, () => [])
      const starts = new Array<number>(10).fill(0)
      for (const { list, what, value } of steps) {
        const held = expected[list]!
        const at = starts[list]!
        if (what === 'release') {
          lists.release(at, held.length)
          expected[list] = []
        } else if (what === 'shift' && held.length > 0) {
          lists.shift(at, held.length, value)
          expected[list] = [...held.slice(1), value]
        } else if (held.length < NumberLists.longest) {
          starts[list] = lists.push(at, held.length, value)
          held.push(value)
        }
        expect(expected.map((each, i) => lists.toArray(starts[i]!, each.length))).toEqual(expected)
      }
    }),
    { numRuns: 30 },
  )
})

test('what was given back is used again', () => {
  const lists = new NumberLists()
  for (let round = 0; round < 1000; round++) {
    let at = 0
    for (let length = 0; length < NumberLists.longest; length++) at = lists.push(at, length, round)
    lists.release(at, NumberLists.longest)
  }
  expect(lists.numbers.length).toBeLessThanOrEqual(1024)
})
