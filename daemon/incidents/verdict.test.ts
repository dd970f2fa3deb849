import { expect, test } from 'vitest'
import { fakeSignal } from '../../test/fake-signal.ts'
import type { IncidentChange } from '../model/incident.ts'
import { HOUR_US, MINUTE_US, SECOND_US } from '../model/time.ts'
import { shippedPolicies } from '../policies/load.ts'
import { Counters } from '../telemetry/counters.ts'
import { LossFunnel } from '../telemetry/funnel.ts'
import { WeirdCounts } from '../telemetry/weirds.ts'
import { IncidentBook } from './incident-book.ts'

const START = Date.UTC(2026, 10, 20, 8) * 1000
const later = START + MINUTE_US

function begun() {
  const counters = new Counters()
  const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters }
  const book = new IncidentBook({ telemetry, rules: shippedPolicies().rules })
  const [opened] = book.push(fakeSignal(START))
  return { book, counters, id: opened!.incident.id }
}

const seen = (changes: readonly IncidentChange[]) => changes.map(({ kind, incident }) => `${kind} ${incident.status}`)

test('false and benign close, each once; saying the other one tells the new state', () => {
  const { book, id } = begun()
  const [closed] = book.judge(id, 'false', later)
  expect(closed).toMatchObject({ kind: 'closed', incident: { status: 'false', closedAt: later } })
  expect(book.open()).toEqual([])
  expect(book.judge(id, 'false', later)).toEqual([])
  expect(seen(book.judge(id, 'benign', later))).toEqual(['closed benign'])
  expect(book.judge('nobody', 'false', later)).toEqual([])
  expect(book.judge(id, 'attack', later)[0]?.incident.status).toBe('open')
})

test('an attack stays open and is not told again', () => {
  const { book, id } = begun()
  expect(book.judge(id, 'attack', later)).toEqual([])
  expect(book.open()).toHaveLength(1)
})

test('taken back, it goes on as it was; where it would have fallen silent by now, it is resolved', () => {
  const { book, id } = begun()
  book.judge(id, 'false', later)
  expect(seen(book.judge(id, 'none', later + MINUTE_US))).toEqual(['opened open'])
  expect(book.open()[0]).toMatchObject({ id, closedAt: null })
  book.judge(id, 'false', later + 2 * MINUTE_US)
  expect(seen(book.judge(id, 'none', later + 3 * HOUR_US))).toEqual(['closed resolved'])
  expect(book.open()).toEqual([])
})

test('more of the same does not reopen what a person found to be nothing, until its time is over; graver and others do', () => {
  const { book, counters, id } = begun()
  book.judge(id, 'false', later)
  expect(book.push(fakeSignal(later + SECOND_US))).toEqual([])
  expect(counters.entries()).toContainEqual(['incidents.judged_again', 1])
  expect(book.open()).toEqual([])
  const [graver] = book.push(fakeSignal(later + 2 * SECOND_US, { severity: 'high' }))
  expect(graver).toMatchObject({ kind: 'opened', incident: { id, status: 'open', closedAt: null } })

  const other = begun()
  other.book.judge(other.id, 'false', later)
  // The policy of probing lets incidents reopen for six hours.
  const [fresh] = other.book.push(fakeSignal(later + 7 * HOUR_US))
  expect(fresh?.kind).toBe('opened')
  expect(fresh?.incident.id).not.toBe(other.id)
})

test('what a person found is still so after a restart', () => {
  const { book, id } = begun()
  const [closed] = book.judge(id, 'false', later)
  const next = begun().book
  const again = new IncidentBook({
    telemetry: { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() },
    rules: shippedPolicies().rules,
  })
  again.restore([{ incident: closed!.incident, keys: closed!.keys }])
  expect(again.push(fakeSignal(later + SECOND_US))).toEqual([])
  expect(again.judge(id, 'none', later + MINUTE_US)[0]?.kind).toBe('opened')
  expect(next.suspects({ kind: 'ip', value: '203.0.113.9' }, 'another')).toBe(true)
  expect(next.suspects({ kind: 'ip', value: '203.0.113.9' }, id)).toBe(false)
})
