import { describe, expect, test } from 'vitest'
import { DAY_US, type EventTime, HOUR_US, MINUTE_US } from '../../daemon/model/time.ts'
import { START, transaction, user } from '../../test/conformance/traffic.ts'
import { type BaselineDrift, NotedDrifts } from '../baseline-drift.ts'
import { DriftCap } from '../baselines/drift-cap.ts'
import { PopulationTail } from '../baselines/population-tail.ts'
import { WindowHistory } from '../baselines/window-history.ts'
import type { Detector } from '../detector.ts'
import { baselineDrift } from './baseline-drift.ts'

const make = (): Detector => baselineDrift.create(baselineDrift.options.parse({}))

/** What is usual: two or three of something, of many voters. */
function others(): PopulationTail {
  const tail = new PopulationTail(20)
  for (let i = 0; i < 300; i++) tail.learnOne(2 + (i % 2), 1, START + i * MINUTE_US)
  return tail
}

function past(values: readonly number[]): WindowHistory {
  const history = new WindowHistory()
  for (const [i, value] of values.entries()) history.learnOne(value, START + i * HOUR_US)
  return history
}

function noted(values: readonly number[]): readonly BaselineDrift[] {
  const drifts = new NotedDrifts('object.enumeration')
  const tx = transaction({ time: START, principal: user('mallory').principal, endpoint: 'GET /v1/orders/{id}' })
  drifts.noteOwn(tx, 'different objects in 10 min', past(values), others())
  return drifts.take()
}

const windows = (of: (i: number) => number) => Array.from({ length: 16 }, (_, i) => Math.round(of(i)))

describe('one who stretches his own past', () => {
  test('a little more from window to window, up to what nobody does, is told with both ends', () => {
    const [drift] = noted(windows((i) => 3 * 1.2 ** i))
    const [signal] = make().reviewDrifts!([drift!], START)
    expect(signal).toMatchObject({
      subject: { kind: 'user', value: 'mallory' },
      severity: 'low',
      transactionId: null,
      endpoint: 'GET /v1/orders/{id}',
      why: expect.stringContaining('mallory went from 4'),
    })
    expect(signal!.log10P).toBeLessThan(-5)
  })

  test.each([
    ['a habit that was always there', windows(() => 40)],
    ['a jump to another habit', windows((i) => (i < 8 ? 3 : 40))],
    ['busy and calm hours', windows((i) => (i % 2 === 0 ? 4 : 40))],
    ['growth to what others do', windows((i) => 1 + i / 8)],
    ['a past of a few windows', windows((i) => 3 * 1.4 ** i).slice(0, 8)],
  ])('twin: %s', (name, values) => {
    // A jump is one step: most pairs of windows do not rise.
    expect(noted(values), name).toEqual([])
  })
})

describe('what is usual for all', () => {
  /** The limit that is proposed each hour. */
  function proposed(of: (hour: number) => number, hours: number, carriers = 0.1): DriftCap {
    const cap = new DriftCap()
    for (let hour = 0; hour < hours; hour++) cap.admit(of(hour), carriers, START + hour * HOUR_US)
    return cap
  }

  test('a level that doubles within days is a drift, from its lowest and since then', () => {
    const cap = proposed((hour) => 10 * 1.25 ** (hour / 24), 100)
    expect(cap.drift).toBeGreaterThan(2)
    expect(cap.drift).toBeLessThan(2.5)
    const again = DriftCap.fromState(cap.toState())
    expect([again.drift, again.course]).toEqual([cap.drift, cap.course])
  })

  test('what every limit may grow is none, nor is what many carry, nor days and nights', () => {
    expect(proposed((hour) => 10 * 1.04 ** (hour / 24), 30 * 24).drift).toBe(1)
    expect(proposed((hour) => 10 * 1.5 ** (hour / 24), 96, 0.4).drift).toBe(1)
    expect(proposed((hour) => 10 + 3 * Math.sin((hour * Math.PI) / 12), 240).drift).toBeLessThan(2)
  })

  test('a state of an earlier release begins where it stands', () => {
    const cap = DriftCap.fromState([10, START, 3])
    expect([cap.drift, cap.limit, cap.held]).toEqual([1, 10, 3])
  })

  test('a population that some push up for days is told once a few hours; few votes and an hour are no drift', () => {
    const tail = new PopulationTail(20)
    const pushed = (day: number, from: EventTime) => {
      for (let i = 0; i < 400; i++) tail.learnOne(i % 5 === 0 ? 3 * 1.6 ** day : 2, 1, from + i * 3 * MINUTE_US)
    }
    pushed(0, START)
    const drifts = new NotedDrifts('object.enumeration')
    const ask = (now: EventTime) => {
      drifts.noteAll('api.shop.test GET /v1/orders/{id}', 'different objects in 10 min', tail, now)
      return drifts.take()
    }
    expect(ask(START + DAY_US)).toEqual([])
    for (let day = 1; day < 5; day++) pushed(day, START + day * DAY_US)
    const [drift] = ask(START + 5 * DAY_US)
    expect(drift).toMatchObject({ service: 'api.shop.test', endpoint: 'GET /v1/orders/{id}', principal: null })
    const detector = make()
    const tell = (now: EventTime) => detector.reviewDrifts!([drift!], now)
    expect(tell(START)).toMatchObject([{ subject: { kind: 'endpoint', value: 'api.shop.test GET /v1/orders/{id}' } }])
    expect(tell(START + HOUR_US)).toEqual([])
    const next = make()
    for (const line of detector.snapshot!()) next.restore!(JSON.parse(JSON.stringify(line)))
    expect(next.reviewDrifts!([drift!], START + HOUR_US)).toEqual([])
    expect(tell(START + 7 * HOUR_US)).toHaveLength(1)
  })
})

test('more drifts than anybody could read are bounded, and so is what was told', () => {
  const detector = make()
  const drift = noted(windows((i) => 3 * 1.2 ** i))[0]!
  for (let i = 0; i < 5000; i++) detector.reviewDrifts!([{ ...drift, service: `s${i}` }], START)
  expect(detector.sizes()).toEqual({ told: { entries: 4096, limit: 4096, evicted: 904 } })
  const drifts = new NotedDrifts('consumption.rate')
  const tx = transaction({ time: START, principal: user('mallory').principal })
  for (let i = 0; i < 1000; i++) drifts.noteOwn(tx, 'requests in 10 min', past(windows((j) => 3 * 1.2 ** j)), others())
  expect(drifts.take()).toHaveLength(64)
  expect(drifts.take()).toEqual([])
})
