import { describe, expect, test } from 'vitest'
import { HOUR_US, MINUTE_US } from '../../daemon/model/time.ts'
import { Others } from './others.ts'
import { PopulationTail, TailElsewhere } from './population-tail.ts'
import { ValueOwners } from './value-owners.ts'

const START = Date.UTC(2026, 10, 22) * 1000

class Total {
  sum = 0
  add(state: unknown): void {
    if (typeof state !== 'number') throw new TypeError('no number')
    this.sum += state
  }
}

describe('what others told', () => {
  test('is summed up by key, and replaces what they had told before', () => {
    const others = new Others(2, () => new Total())
    others.hear([
      ['a', 1],
      ['b', 2],
      ['a', 3],
      ['c', 9],
    ])
    expect([others.get('a')?.sum, others.get('b')?.sum, others.get('c')]).toEqual([4, 2, null])
    expect(others.occupancy).toEqual({ entries: 2, limit: 2, evicted: 1 })
    others.hear([['b', 5]])
    expect([others.get('a'), others.get('b')?.sum]).toEqual([null, 5])
  })

  test('changes nothing when a line of it is none', () => {
    const others = new Others(9, () => new Total())
    others.hear([['a', 1]])
    for (const broken of [{}, [], ['a'], ['a', 'b'], [1, 2], null]) {
      expect(() => others.hear([['a', 7], broken]), JSON.stringify(broken)).toThrow()
    }
    expect(others.get('a')?.sum).toBe(1)
  })
})

/** Callers' windows: most reach a few, some many. */
function learn(tails: readonly PopulationTail[]): void {
  for (let i = 0; i < 400; i++) {
    const value = 1 + ((i * 7919) % 97) ** 1.5 / 40
    tails[i % tails.length]!.learnOne(value, 1, START + i * MINUTE_US)
  }
}

test('two halves of a population, each heard by the other, judge as the whole does', () => {
  const whole = new PopulationTail(300)
  const halves = [new PopulationTail(300), new PopulationTail(300)] as const
  learn([whole])
  learn(halves)
  expect(halves[0].scoreOne(50), 'too few votes by itself').toBeNull()
  const told = halves.map((half) => half.told())
  for (const [i, half] of halves.entries()) {
    const others = new TailElsewhere()
    others.add(told[1 - i]!)
    half.hear(others)
    // Heard again it counts no more than once.
    half.hear(others)
    expect(half.voters).toBe(whole.voters)
    for (const value of [2, 20, 50, 500]) expect(half.scoreOne(value)).toBeCloseTo(whole.scoreOne(value)!, 6)
    expect(half.told()).toEqual(told[i])
    half.hear(null)
    expect(half.scoreOne(50)).toBeNull()
  }
})

test('a population that nobody here belongs to is known as far as others know it', () => {
  const [here, there] = [new PopulationTail(100), new PopulationTail(100)]
  learn([there])
  const others = new TailElsewhere()
  others.add(there.told())
  here.hear(others)
  expect(here.maturity).toBe(1)
  expect(here.scoreOne(500)).toBeCloseTo(there.scoreOne(500)!, 6)
  expect(here.isLearnt).toBe(false)
  here.learnOne(3, 1, START + HOUR_US)
  expect(here.scoreOne(500)).toBeLessThan(0.01)
})

test('a value that is settled with somebody elsewhere is foreign here, unless it is settled here', () => {
  const [here, there] = [new ValueOwners(64), new ValueOwners(64)]
  for (let i = 0; i < 2; i++) {
    there.learnOne(1, 10, 501, true)
    there.learnOne(1, 11, 502, true)
    here.learnOne(1, 11, 503, true)
  }
  there.learnOne(1, 12, 504, true)
  expect(here.learnOne(1, 10, 777, false)).toBe('unknown')
  here.hear([...there.told()])
  expect(here.learnOne(1, 10, 777, true), 'of 501').toBe('foreign')
  expect(here.learnOne(1, 11, 503, true), 'settled here').toBe('own')
  expect(here.learnOne(1, 12, 777, true), 'seen there once').toBe('unknown')
  // Whoever moved here is who it was.
  expect([here.learnOne(1, 10, 501, true), here.learnOne(1, 10, 501, true)]).toEqual(['unknown', 'own'])
  expect([...here.told()][0]![0]).toBe(2)
  here.hear([])
  expect(here.learnOne(1, 99, 777, false)).toBe('unknown')
})
