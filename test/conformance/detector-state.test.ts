import { describe, expect, test } from 'vitest'
import { DetectorSet } from '../../analyzers/analysis.ts'
import { DETECTORS } from '../../analyzers/registry.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import { SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import { mixedTraffic } from './mixed-traffic.ts'
import { randomFrom } from './traffic.ts'

/** Detectors that keep what they learnt. */
const KEEPING = DETECTORS.filter(({ create, options }) => create(options.parse({})).stateVersion !== undefined)

function detectors(options: Readonly<Record<string, unknown>> = {}): DetectorSet {
  const enabled = KEEPING.map((declaration) => ({ declaration, options: options[declaration.id] ?? {} }))
  return new DetectorSet(
    enabled,
    { counters: new Counters(), funnel: new LossFunnel(), weirds: new WeirdCounts() },
    (_, error) => {
      throw error
    },
  )
}

type Lines = [name: string, line: string][]

function snapshot(set: DetectorSet): Lines {
  return set.parts().flatMap((part) => [...part.snapshot()].map((line): Lines[0] => [part.name, JSON.stringify(line)]))
}

function restored(lines: Lines, options: Readonly<Record<string, unknown>> = {}): DetectorSet {
  const set = detectors(options)
  const parts = new Map(set.parts().map((part) => [part.name, part]))
  for (const [name, line] of lines) parts.get(name)!.restore(JSON.parse(line))
  return set
}

/** Signals as text, in order. */
function play(set: DetectorSet, list: Iterable<Transaction>): string[] {
  const found: string[] = []
  let ticked = 0
  for (const tx of list) {
    if (tx.endTime - ticked >= SECOND_US) {
      ticked = tx.endTime
      set.tick(ticked)
    }
    for (const signal of set.observe(tx, tx.endTime)) {
      found.push(JSON.stringify(signal))
      suspectNow(set, signal, found.length)
    }
  }
  return found
}

/** Incidents come and go. */
function suspectNow(set: DetectorSet, { detector, subject, time }: Signal, count: number): void {
  if (count % 7 === 0) set.suspect(detector, subject, count % 14 === 0, time)
}

describe('what detectors have learnt', () => {
  const before = [...mixedTraffic(1, 6000)]
  const after = [...mixedTraffic(8, 4000)]

  test('put into another process, gives the same signals as one that never stopped, and the same learning', () => {
    const unbroken = detectors()
    const early = play(unbroken, before)
    const kept = snapshot(unbroken)
    const set = restored(kept)
    expect(snapshot(set)).toEqual(kept)
    const signals = play(unbroken, after)
    const told = [...early, ...signals].map((signal) => (JSON.parse(signal) as Signal).detector)
    expect([...new Set(told)].sort()).toEqual(['auth.bruteforce', 'object.enumeration', 'scan.probing'])
    expect(signals.length).toBeGreaterThan(50)
    expect(play(set, after)).toEqual(signals)
    expect(snapshot(set)).toEqual(snapshot(unbroken))
    // It is the learning that makes them: without it they differ.
    expect(play(detectors(), after)).not.toEqual(signals)
  })

  test('is the same bytes for the same traffic', () => {
    const one = detectors()
    const two = detectors()
    play(one, before.slice(0, 2000))
    play(two, before.slice(0, 2000))
    expect(snapshot(one)).toEqual(snapshot(two))
  })

  test('fits into smaller limits', () => {
    const learnt = detectors()
    play(learnt, before)
    const set = restored(snapshot(learnt), { 'scan.probing': { maxCallers: 16, maxServices: 1, maxMissingPaths: 16 } })
    const again = snapshot(set).filter(([name, line]) => name === 'scan.probing' && line.startsWith('["caller"'))
    expect(again.length).toBe(16)
    play(set, after.slice(0, 500))
  })

  test('made up or damaged, is refused or bounded: nothing crashes later', () => {
    const learnt = detectors()
    play(learnt, before.slice(0, 3000))
    const lines = snapshot(learnt)
    const random = randomFrom(3)
    const signs = '0123456789[]{}",:-.eE null true\\u0000'
    let refused = 0
    for (let round = 0; round < 25; round++) {
      const set = detectors()
      const parts = new Map(set.parts().map((part) => [part.name, part]))
      for (const [name, line] of lines) {
        const text = random() < 0.2 ? flipped(line, signs, random) : line
        try {
          parts.get(name)!.restore(JSON.parse(text))
        } catch {
          refused++
        }
      }
      for (const signal of play(set, after.slice(0, 60))) expect(signal).not.toMatch(/NaN|Infinity/)
    }
    expect(refused).toBeGreaterThan(50)
  })

  test.each([
    [
      'a number that is none',
      '["caller",[true,"x",4,true,[null,[["s",[1e999,0,0,0],[],[0,0,0,false,0],[null,0,0,0],[],[],[0,0]]]]]]',
    ],
    [
      'a huge number',
      '["caller",[true,"x",4,true,[null,[["s",[1e300,0,0,0],[],[0,0,0,false,0],[null,0,0,0],[],[],[0,0]]]]]]',
    ],
    ['a text for a number', '["window","1"]'],
    [
      'too many',
      `["caller",[true,"x",4,true,[null,${JSON.stringify(Array.from({ length: 5 }, () => ['s', [0, 0, 0, 0], [], [0, 0, 0, false, 0], [null, 0, 0, 0], [], [], [0, 0]]))}]]]`,
    ],
    ['something else', '{"caller":1}'],
  ])('%s is refused', (_, line) => {
    const part = detectors()
      .parts()
      .find(({ name }) => name === 'scan.probing')!
    expect(() => part.restore(JSON.parse(line))).toThrow()
  })
})

/** One sign is another, or a number grows without end. */
function flipped(line: string, signs: string, random: () => number): string {
  const at = Math.floor(random() * line.length)
  if (random() < 0.3)
    return line.replace(/\d+/g, (digits) => (random() < 0.05 ? '9e999' : random() < 0.05 ? `${digits}e14` : digits))
  return line.slice(0, at) + signs[Math.floor(random() * signs.length)] + line.slice(at + 1)
}
