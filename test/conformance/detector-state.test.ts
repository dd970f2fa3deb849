import { describe, expect, test } from 'vitest'
import { DetectorSet } from '../../analyzers/analysis.ts'
import { DETECTORS } from '../../analyzers/registry.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import { MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import { address, login, missing, order, randomFrom, START, transaction, user } from './traffic.ts'

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

/** Customers, a busy office, guessing, scanning and walks over ids, over many hours. */
function* traffic(seed: number, count: number): Generator<Transaction> {
  const random = randomFrom(seed)
  const any = (most: number) => Math.floor(random() * most)
  let walked = 0
  let now = START + seed * 1000 * MINUTE_US
  for (let i = 0; i < count; i++) {
    now += Math.floor(random() * 20 * SECOND_US) + (i % 500 === 0 ? 20 * MINUTE_US : 0)
    const kind = random()
    const name = `u${any(60)}`
    if (kind < 0.1) yield login(now, `198.51.100.${any(30)}`, `a${any(40)}`, random() < 0.8)
    else if (kind < 0.16) yield login(now, '203.0.113.66', `a${any(4)}`, random() < 0.02)
    else if (kind < 0.2) yield missing(now, address(`192.0.2.${any(20)}`), `/old/${any(3)}`)
    else if (kind < 0.24)
      yield missing(
        now,
        address('203.0.113.99'),
        ['/.env', '/admin', `/${String.fromCharCode(97 + any(26), 97 + any(26))}`][any(3)]!,
      )
    else if (kind < 0.34) yield order(now, 'walker', 5000 + walked++, random() < 0.6 ? 404 : 200)
    else if (kind < 0.4) {
      const { principal, role } = user('clerk', ['support'])
      const claims = {
        iss: null,
        sub: 'clerk',
        tenant: null,
        role,
        scope: [],
        alg: null,
        kid: null,
        iat: null,
        exp: null,
      }
      yield { ...order(now, 'clerk', any(4000)), principal, claims } as Transaction
    } else if (kind < 0.9) yield order(now, name, `${name}-${any(20)}`, random() < 0.97 ? 200 : 403)
    else
      yield transaction({
        time: now,
        principal: user(name).principal,
        path: '/',
        endpoint: 'GET /',
        knownEndpoint: true,
      })
  }
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
  const before = [...traffic(1, 6000)]
  const after = [...traffic(8, 4000)]

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
