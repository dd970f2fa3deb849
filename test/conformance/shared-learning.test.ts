import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { LearningPart } from '../../daemon/model/learning.ts'
import { hearLines, sharedOf, toldLines } from '../../daemon/topology/told-lines.ts'
import { Analyzer, partitioner, sensed } from '../../scripts/scale/split.ts'

/** What every part keeps to that several analyzers count together (daemon/model/learning.ts), after the demo's day divided among two. */
const DAY = join(import.meta.dirname, '../../demo/day.jsonl.gz')
const [a, b] = [new Analyzer(), new Analyzer()]

beforeAll(async () => {
  const partitionOf = partitioner(12)
  await sensed([DAY], ({ key, value }) => (partitionOf(key) % 2 === 0 ? a : b).push(value))
}, 60_000)

function linesOf(part: LearningPart): string[] {
  return [...part.snapshot()].map((line) => JSON.stringify(line))
}

function partsOf(analyzer: Analyzer) {
  return new Map(sharedOf(analyzer.assembly.learning).map((part) => [part.name, part]))
}

test('these parts are shared', () => {
  expect([...partsOf(a).keys()]).toMatchInlineSnapshot(`
    [
      "endpoints",
      "payload-context",
      "auth.missing",
      "consumption.cost",
      "consumption.rate",
      "consumption.size",
      "consumption.volume",
      "inventory.shadow",
      "object.enumeration",
      "object.ownership",
      "property.exposure",
      "regression.errors",
      "regression.latency",
      "regression.security",
      "scrape.exfiltration",
    ]
  `)
})

describe.each([...partsOf(a).keys()])('%s', (name) => {
  const ours = () => partsOf(a).get(name)!
  const theirs = () => partsOf(b).get(name)!

  test('tells what was learnt here alone, however often it hears others, and keeps nothing of theirs', () => {
    const [told, kept] = [toldLines(ours().shared), linesOf(ours())]
    const others = toldLines(theirs().shared).text
    hearLines(ours().shared, [others])
    hearLines(ours().shared, [others, others])
    expect(toldLines(ours().shared)).toEqual(told)
    expect(linesOf(ours())).toEqual(kept)
    hearLines(ours().shared, [])
    expect(linesOf(ours())).toEqual(kept)
  })

  test('tells the same after a restart, whether others were heard before or after what was kept is put back', () => {
    const told = toldLines(ours().shared)
    const others = toldLines(theirs().shared).text
    for (const first of [true, false]) {
      const fresh = partsOf(new Analyzer()).get(name)!
      if (first) hearLines(fresh.shared, [others])
      for (const line of linesOf(ours())) fresh.restore(JSON.parse(line))
      if (!first) hearLines(fresh.shared, [others])
      expect(toldLines(fresh.shared)).toEqual(told)
    }
  })

  test('throws at lines that are none of its own, and hears the others afterwards', () => {
    const fresh = partsOf(new Analyzer()).get(name)!
    const good = toldLines(theirs().shared).text
    const line = good === '' ? '[]' : good.slice(0, good.indexOf('\n'))
    for (const broken of [
      '{}',
      '[]',
      '7',
      '"x"',
      'no JSON',
      '[1,2]',
      '["a"]',
      `${line.slice(0, -1)},1]`,
      line.slice(1),
    ]) {
      expect(() => hearLines(fresh.shared, [good, broken]), broken).toThrow()
    }
    hearLines(fresh.shared, [good])
    expect(toldLines(fresh.shared).text).toBe('')
  })
})
