import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeSignal } from '../../test/fake-signal.ts'
import type { HeldIncident, Incident, IncidentChange } from '../model/incident.ts'
import type { Severity, Signal } from '../model/signal.ts'
import { HOUR_US, MINUTE_US, SECOND_US } from '../model/time.ts'
import { shippedPolicies } from '../policies/load.ts'
import { Counters } from '../telemetry/counters.ts'
import { LossFunnel } from '../telemetry/funnel.ts'
import { WeirdCounts } from '../telemetry/weirds.ts'
import { IncidentBook } from './incident-book.ts'

const START = Date.UTC(2026, 10, 20, 8) * 1000

function newBook(maxOpen = 1000): IncidentBook {
  const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  return new IncidentBook({ telemetry, rules: shippedPolicies().rules, maxOpen })
}

/** What control keeps: the newest change of each incident, as text on disk. */
class Kept {
  readonly #byId = new Map<string, string>()

  take(changes: readonly IncidentChange[]): void {
    for (const { incident, keys } of changes) this.#byId.set(incident.id, JSON.stringify({ incident, keys }))
  }

  held(): HeldIncident[] {
    return [...this.#byId.values()].map((text) => JSON.parse(text) as HeldIncident)
  }
}

const pick = fc.constantFrom
/** Signals of all shipped detectors about a few subjects and sources, with quiet spells long enough to close and reopen. */
const signals: fc.Arbitrary<Signal[]> = fc
  .array(
    fc.record({
      gap: pick(1, SECOND_US, 11 * SECOND_US, 70 * SECOND_US, 3 * HOUR_US, 9 * HOUR_US),
      detector: pick('auth.bruteforce', 'object.enumeration', 'scan.probing'),
      severity: pick<Severity>('low', 'medium', 'high'),
      log10P: pick(-4, -6, -12),
      subject: pick('ada', 'bob', '203.0.113.9'),
      source: pick(null, '203.0.113.9', '203.0.113.10'),
      seenFrom: fc.subarray(['198.51.100.1', '198.51.100.2']),
      endpoint: pick(null, 'GET /a/{id}', 'GET /b/{id}'),
      objects: fc.nat(20),
      whole: fc.boolean(),
      via: pick('peer', 'forwarded.default'),
      pSuccess: pick(0.02, 0.5, 0.95),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((list) => {
    let now = START
    return list.map(({ gap, subject, source, seenFrom, objects, via, pSuccess, ...given }, i) => {
      now += gap
      const isAddress = subject.startsWith('203')
      return fakeSignal(now, {
        ...given,
        transactionId: `t${i}`,
        principal: { kind: 'ip', id: '203.0.113.9', display: '', via, app: null },
        subject: { kind: isAddress ? 'ip' : 'user', value: subject },
        evidence: { source, source_kind: source === null ? null : 'ip', seen_from: seenFrom },
        outcome: { answered: 1, refused: 1, objectsExposed: objects, accounts: [subject], pSuccess },
      })
    })
  })

const byId = (incidents: readonly Incident[]) => new Map(incidents.map((incident) => [incident.id, incident]))
/** What does not depend on how many exposed objects each part had. */
const withoutExposed = ({ outcome: { objectsExposed, ...outcome }, ...incident }: Incident) => ({
  ...incident,
  outcome,
})

test('a book restored after an orderly end goes on like one that never stopped', () => {
  fc.assert(
    fc.property(signals, fc.nat(), (list, stopAt) => {
      // An orderly end hands over what is open as it is, so nothing is lost but what Case.restore says.
      const uninterrupted = newBook()
      const kept = new Kept()
      const at = stopAt % list.length
      for (const signal of list.slice(0, at)) kept.take(uninterrupted.push(signal))
      const now = byId(uninterrupted.open())
      const closed = kept.held().filter(({ incident }) => incident.closedAt !== null)
      const held = [...closed, ...uninterrupted.held()]
      const restored = newBook()
      expect(restored.restore(held)).toEqual([])
      expect(restored.open()).toEqual(uninterrupted.open())
      for (const signal of list.slice(at)) {
        uninterrupted.push(signal)
        restored.push(signal)
      }
      const before = byId(uninterrupted.open())
      for (const incident of restored.open()) {
        const same = before.get(incident.id)
        // Signals under the budget are forgotten, so a later incident may be named by another signal or lack its run-up.
        if (same === undefined || !now.has(incident.id)) continue
        expect(withoutExposed(incident)).toEqual(withoutExposed(same))
        expect(incident.outcome.objectsExposed).toBeLessThanOrEqual(same.outcome.objectsExposed)
        expect(incident.outcome.objectsExposed).toBeGreaterThanOrEqual(now.get(incident.id)!.outcome.objectsExposed)
      }
    }),
    { numRuns: 300 },
  )
})

test('from what was reported, the same incidents are open, and none is opened twice', () => {
  fc.assert(
    fc.property(signals, fc.nat(), (list, stopAt) => {
      const uninterrupted = newBook()
      const kept = new Kept()
      const at = stopAt % list.length
      for (const signal of list.slice(0, at)) kept.take(uninterrupted.push(signal))
      const openThen = uninterrupted.open().map(({ id }) => id)
      const restored = newBook()
      restored.restore(kept.held())
      expect(
        restored
          .open()
          .map(({ id }) => id)
          .sort(),
      ).toEqual([...openThen].sort())
      for (const signal of list.slice(at)) {
        const before = new Set(restored.open().map(({ id }) => id))
        for (const { kind, incident } of restored.push(signal)) {
          if (kind === 'closed') before.delete(incident.id)
          if (kind === 'opened') expect(before.has(incident.id)).toBe(false)
        }
      }
    }),
    { numRuns: 200 },
  )
})

test('a restored incident takes further signals, counts on, and closes after silence', () => {
  const first = newBook()
  const kept = new Kept()
  kept.take(first.push(fakeSignal(START)))
  const restored = newBook()
  restored.restore(kept.held())
  const changes = restored.push(fakeSignal(START + 2 * MINUTE_US, { severity: 'high' }))
  expect(changes).toMatchObject([{ kind: 'updated', incident: { signalCount: 2, severity: 'high', openedAt: START } }])
  expect(changes[0]!.incident.id).toBe(kept.held()[0]!.incident.id)
  expect(restored.tick(START + 3 * HOUR_US)).toMatchObject([{ kind: 'closed' }])
})

test('evidence over its limit keeps its beginning, its newest and its count', () => {
  const first = newBook()
  const kept = new Kept()
  for (let i = 0; i < 500; i++) kept.take(first.push(fakeSignal(START + i * SECOND_US)))
  const [held] = kept.held()
  const restored = newBook()
  restored.restore([held!])
  expect(restored.open()).toEqual([held!.incident])
})

test('a closed incident that is restored can be reopened', () => {
  const first = newBook()
  const kept = new Kept()
  kept.take(first.push(fakeSignal(START)))
  kept.take(first.tick(START + 3 * HOUR_US))
  const restored = newBook()
  restored.restore(kept.held())
  expect(restored.open()).toEqual([])
  expect(restored.push(fakeSignal(START + 4 * HOUR_US))).toMatchObject([
    { kind: 'opened', incident: { id: kept.held()[0]!.incident.id, signalCount: 2 } },
  ])
})

test('a contained incident stays contained while more of the same comes', () => {
  const first = newBook()
  const kept = new Kept()
  kept.take(first.push(fakeSignal(START)))
  const [{ incident, keys }] = kept.held() as [HeldIncident]
  const restored = newBook()
  restored.restore([{ incident: { ...incident, status: 'contained' }, keys }])
  restored.push(fakeSignal(START + SECOND_US))
  expect(restored.open()).toMatchObject([{ status: 'contained', signalCount: 2 }])
})

test('an incident whose policy is gone closes by itself', () => {
  const first = newBook()
  const kept = new Kept()
  kept.take(first.push(fakeSignal(START)))
  const [{ incident, keys }] = kept.held() as [HeldIncident]
  const restored = newBook()
  restored.restore([{ incident: { ...incident, policy: 'gone' }, keys }])
  expect(restored.tick(START + 3 * HOUR_US)).toMatchObject([{ kind: 'closed', incident: { policy: 'gone' } }])
})

test('more than fit are closed, oldest first, and said so', () => {
  const first = newBook()
  const kept = new Kept()
  for (let i = 0; i < 5; i++) {
    kept.take(first.push(fakeSignal(START + i, { subject: { kind: 'ip', value: `203.0.113.${i}` } })))
  }
  const small = newBook(3)
  const changes = small.restore(kept.held().reverse())
  expect(changes.map(({ kind, incident }) => [kind, incident.subject.value])).toEqual([
    ['closed', '203.0.113.0'],
    ['closed', '203.0.113.1'],
  ])
  expect(small.open()).toHaveLength(3)
})

test('records that are read again after a kill bring signals that were counted before: each counts once', () => {
  const subject = { kind: 'ip', value: '203.0.113.9' } as const
  const told = (i: number) =>
    fakeSignal(START + i * SECOND_US, { detector: 'scan.probing', severity: 'high', transactionId: `t${i}`, subject })
  const first = newBook()
  const kept = new Kept()
  for (let i = 0; i < 3; i++) kept.take(first.push(told(i)))
  const [{ incident: before }] = kept.held() as [HeldIncident]
  const next = newBook()
  next.restore(kept.held())
  for (let i = 0; i < 5; i++) next.push(told(i))
  const [after] = next.open()
  expect(before.signalCount).toBeGreaterThan(0)
  expect(after).toMatchObject({ id: before.id, signalCount: 5, transactionCount: 5 })
})
