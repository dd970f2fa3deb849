import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mergeTimeline, type TimedSource } from './timeline.ts'

interface Row {
  readonly source: number
  readonly row: number
  readonly clock: number
}

interface NumberedBatch {
  readonly count: number
  readonly clock: Float64Array
  readonly first: number
}

/** A source of the given clocks, in batches of the given sizes, repeated. */
function sourceOf(clocks: readonly number[], sizes: readonly number[]): TimedSource<NumberedBatch> {
  return {
    async *batches() {
      for (let at = 0, turn = 0; at < clocks.length; turn++) {
        const part = clocks.slice(at, at + sizes[turn % sizes.length]!)
        yield { count: part.length, clock: Float64Array.from([...part, Number.NaN]), first: at }
        at += part.length
      }
    },
  }
}

async function merge(sources: readonly TimedSource<NumberedBatch>[]): Promise<Row[]> {
  const rows: Row[] = []
  for await (const { source, batch, from, to } of mergeTimeline(sources, new AbortController().signal)) {
    expect(to).toBeGreaterThan(from)
    for (let row = from; row < to; row++) rows.push({ source, row: batch.first + row, clock: batch.clock[row]! })
  }
  return rows
}

test('rows come in order of their clocks, the first source wins a tie', async () => {
  const rows = await merge([sourceOf([1, 3, 5], [2]), sourceOf([1, 2, 5, 6], [3])])
  expect(rows.map(({ source, clock }) => `${source}:${clock}`)).toEqual([
    '0:1',
    '1:1',
    '1:2',
    '0:3',
    '0:5',
    '1:5',
    '1:6',
  ])
})

test('the order never depends on how sources cut their batches', async () => {
  const clocks = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 20 })
  const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(clocks, sizes, sizes), { minLength: 1, maxLength: 4 }), async (sources) => {
      const once = await merge(sources.map(([times, first]) => sourceOf(times, first)))
      const again = await merge(sources.map(([times, , second]) => sourceOf(times, second)))
      expect(again).toEqual(once)
      sources.forEach(([times], index) => {
        expect(once.filter((row) => row.source === index).map((row) => row.clock)).toEqual(times)
      })
    }),
  )
})

test('sorted sources merge into a sorted timeline', async () => {
  const sorted = fc.array(fc.integer({ min: 0, max: 99 }), { maxLength: 30 }).map((all) => all.sort((a, b) => a - b))
  await fc.assert(
    fc.asyncProperty(fc.array(sorted, { minLength: 1, maxLength: 4 }), async (sources) => {
      const clocks = (await merge(sources.map((times) => sourceOf(times, [7])))).map((row) => row.clock)
      expect(clocks).toEqual(sources.flat().sort((a, b) => a - b))
    }),
  )
})

test('giving up early closes every source', async () => {
  const closed: number[] = []
  const endless = (name: number): TimedSource<NumberedBatch> => ({
    async *batches() {
      try {
        for (let at = 0; ; at++) yield { count: 1, clock: Float64Array.from([at]), first: at }
      } finally {
        closed.push(name)
      }
    },
  })
  for await (const run of mergeTimeline([endless(0), endless(1)], new AbortController().signal)) {
    if (run.batch.first > 5) break
  }
  expect(closed.sort()).toEqual([0, 1])
})
