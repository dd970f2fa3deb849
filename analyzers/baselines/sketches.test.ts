import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomFrom } from '../../test/conformance/traffic.ts'
import { DistinctCounter } from './distinct-counter.ts'
import { hashText } from './lookup-hash.ts'
import { QuantileSketch } from './quantile-sketch.ts'

const hashes = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => hashText(`${prefix}${i}`))

describe('DistinctCounter', () => {
  test('is exact to 64, whatever the order and repeats', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 500 }), (list) => {
        const counter = new DistinctCounter()
        for (const value of list) counter.learnOne(hashText(String(value)))
        expect(counter.count).toBe(new Set(list).size)
      }),
    )
  })

  test.each([100, 1000, 10_000, 200_000])(
    'counts %i within three standard errors on 30 streams, and within 3.5 in a hundred in the mean square',
    (size) => {
      let squares = 0
      for (let stream = 0; stream < 30; stream++) {
        const counter = new DistinctCounter()
        for (const hash of hashes(size, `s${stream}-`)) counter.learnOne(hash)
        const error = counter.count / size - 1
        expect(Math.abs(error)).toBeLessThan(0.1)
        squares += error * error
      }
      expect(Math.sqrt(squares / 30)).toBeLessThan(0.035)
    },
  )

  test('merging equals observing both, within its error; state survives', () => {
    for (const [a, b] of [
      [10, 20],
      [50, 60],
      [1000, 20],
      [20, 1000],
      [3000, 5000],
    ] as const) {
      const left = new DistinctCounter()
      const right = new DistinctCounter()
      for (const hash of hashes(a, 'a')) left.learnOne(hash)
      for (const hash of hashes(b, 'b')) right.learnOne(hash)
      left.merge(DistinctCounter.fromState(right.toState()))
      expect(Math.abs(left.count / (a + b) - 1)).toBeLessThan(0.1)
    }
  })

  test('a repeat never grows it', () => {
    const counter = new DistinctCounter()
    for (const hash of hashes(500, 'x')) counter.learnOne(hash)
    for (const hash of hashes(500, 'x')) expect(counter.learnOne(hash)).toBe(0)
  })
})

describe('QuantileSketch', () => {
  const sets: Record<string, (random: () => number) => number> = {
    uniform: (random) => 1 + random() * 1000,
    exponential: (random) => -Math.log(1 - random()) * 50 + 0.1,
    pareto: (random) => (1 - random()) ** -0.7,
    'two lumps': (random) => (random() < 0.5 ? 3 : 900),
  }
  test.each(Object.keys(sets))('every quantile of a %s set is within its promised accuracy', (name) => {
    for (const size of [1, 10, 1000, 20_000]) {
      const random = randomFrom(size)
      const sketch = new QuantileSketch()
      const values = Array.from({ length: size }, () => sets[name]!(random)).sort((a, b) => a - b)
      for (const value of values) sketch.learnOne(value)
      for (const share of [0.25, 0.5, 0.9, 0.99, 1]) {
        const exact = values[Math.max(0, Math.ceil(share * size) - 1)]!
        expect(Math.abs(sketch.quantile(share)! / exact - 1)).toBeLessThan(0.0201)
      }
    }
  })

  test('merging equals observing both, also when one lies far below the other; state survives', () => {
    const random = randomFrom(9)
    for (const scale of [1, 1e-2, 1e2]) {
      const both = new QuantileSketch()
      const left = new QuantileSketch()
      const right = new QuantileSketch()
      for (let i = 0; i < 2000; i++) {
        const [a, b] = [1 + random() * 9, (1 + random() * 9) * scale]
        both.learnOne(a)
        both.learnOne(b)
        left.learnOne(a)
        right.learnOne(b)
      }
      left.merge(QuantileSketch.fromState(right.toState()))
      for (const share of [0.1, 0.5, 0.9, 0.99]) expect(left.quantile(share)).toBeCloseTo(both.quantile(share)!, 9)
    }
  })

  test('answers null before anything was learnt, takes any number, and the tail stays right when low bins collapse', () => {
    const sketch = new QuantileSketch()
    expect(sketch.quantile(0.5)).toBeNull()
    for (const odd of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) sketch.learnOne(odd)
    expect(sketch.quantile(0.5)).toBeNull()
    for (let i = 0; i < 99; i++) sketch.learnOne(1e-9)
    sketch.learnOne(1e9)
    expect(sketch.quantile(1)! / 1e9).toBeCloseTo(1, 1)
    expect(sketch.weight).toBe(100)
  })
})
