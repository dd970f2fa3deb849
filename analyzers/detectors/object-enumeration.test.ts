import { describe, expect, test } from 'vitest'
import type { Signal } from '../../daemon/model/signal.ts'
import { HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { shippedPolicies } from '../../daemon/policies/load.ts'
import { order, play, randomFrom, START } from '../../test/conformance/traffic.ts'
import { objectEnumeration } from './object-enumeration.ts'

const OPENS = shippedPolicies().rules.find((rule) => rule.detectors.includes('object.enumeration'))!.maxLog10P

function run(
  transactions: Transaction[],
  who: string,
): { signals: Signal[]; opening: Signal[]; requestsToOpen: number } {
  const detector = objectEnumeration.create(objectEnumeration.options.parse({}))
  const signals: Signal[] = []
  let asked = 0
  let requestsToOpen = -1
  play(
    transactions.sort((a, b) => a.endTime - b.endTime),
    detector,
    (signal, tx) => {
      if (tx.principal.display === who) asked++
      if (signal === null) return
      signals.push(signal)
      if (requestsToOpen < 0 && signal.log10P <= OPENS) requestsToOpen = asked
    },
  )
  return { signals, opening: signals.filter((signal) => signal.log10P <= OPENS), requestsToOpen }
}

const LEARNT = START + 12 * HOUR_US

/** Twelve hours of 60 users who each own 8 scattered orders and look at one to four of them now and then. */
function ordinaryDay(seed = 1): Transaction[] {
  const random = randomFrom(seed)
  const traffic: Transaction[] = []
  for (let person = 0; person < 60; person++) {
    for (let visit = 0; visit < 8; visit++) {
      const at = START + Math.floor(random() * 12 * 3600) * SECOND_US
      const looks = 1 + Math.floor(random() * random() * 4)
      for (let i = 0; i < looks; i++) {
        const id = idOf(person, Math.floor(random() * 8))
        traffic.push(order(at + i * 4 * SECOND_US, `u${person}`, id, random() < 0.02 ? 404 : 200))
      }
    }
  }
  return traffic
}

/** Ids are handed out in order of purchase, so the eight of a person are scattered among everybody's. */
const SCATTERED = Array.from({ length: 480 }, (_, i) => 10_000 + i)
const shuffle = randomFrom(5)
for (let i = SCATTERED.length - 1; i > 0; i--) {
  const j = Math.floor(shuffle() * (i + 1))
  ;[SCATTERED[i], SCATTERED[j]] = [SCATTERED[j]!, SCATTERED[i]!]
}
function idOf(person: number, k: number): number {
  return SCATTERED[person * 8 + k]!
}

function walk(
  name: string,
  count: number,
  status: (i: number) => number,
  gapUs = 300_000,
  from = 10_000,
): Transaction[] {
  return Array.from({ length: count }, (_, i) => order(LEARNT + i * gapUs, name, from + i, status(i)))
}

const DESK = { path: '/internal/customers/1', endpoint: 'GET /internal/customers/{id}' }

describe('object.enumeration', () => {
  test('the ordinary day is silent', () => {
    expect(run(ordinaryDay(), 'nobody').signals).toEqual([])
  })

  test('a walk over answered ids is found within 25 requests, with how many belonged to others', () => {
    const { requestsToOpen, opening, signals } = run([...ordinaryDay(), ...walk('mallory', 200, () => 200)], 'mallory')
    expect(requestsToOpen).toBeGreaterThan(5)
    expect(requestsToOpen).toBeLessThanOrEqual(25)
    expect(opening.every((signal) => signal.principal.display === 'mallory')).toBe(true)
    const last = signals.at(-1)!
    expect(last.severity).toBe('high')
    expect(last.why).toMatch(
      /^(about )?\d+ different orders answered in .* s, \d+ of them first seen with other callers, .*; usual here: \d-\d+ in (10 min|6 h)$/,
    )
    expect(last.outcome.objectsExposed).toBeGreaterThan(100)
  })

  test('a refused walk is found before anything was learnt, and is low', () => {
    const { requestsToOpen, opening } = run(
      walk('mallory', 60, () => 403),
      'mallory',
    )
    expect(requestsToOpen).toBeGreaterThan(4)
    expect(requestsToOpen).toBeLessThanOrEqual(20)
    expect(opening[0]).toMatchObject({ severity: 'low', outcome: { objectsExposed: 0 } })
  })

  test('a shuffled walk is found too', () => {
    const random = randomFrom(3)
    const ids = Array.from({ length: 200 }, (_, i) => 10_000 + i).sort(() => random() - 0.5)
    const attack = ids.map((id, i) => order(LEARNT + i * 300_000, 'mallory', id, 200))
    const { requestsToOpen } = run([...ordinaryDay(), ...attack], 'mallory')
    expect(requestsToOpen).toBeGreaterThan(0)
    expect(requestsToOpen).toBeLessThanOrEqual(60)
  })

  test('a slow walk, one id a minute, is found within 40 requests', () => {
    const { requestsToOpen } = run(
      [...ordinaryDay(), ...walk('mallory', 120, (i) => (i % 3 === 0 ? 404 : 200), MINUTE_US)],
      'mallory',
    )
    expect(requestsToOpen).toBeGreaterThan(0)
    expect(requestsToOpen).toBeLessThanOrEqual(40)
  })

  test('twin: a list view that opens 50 of the caller’s own orders', () => {
    const own = Array.from({ length: 50 }, (_, i) =>
      order(LEARNT + i * 100_000, 'u3', 20_000 + i * 37 + ((i * i * 7) % 31), 200),
    )
    expect(run([...ordinaryDay(), ...own], 'u3').opening).toEqual([])
  })

  test('twin: an export job that reads 200 orders every hour', () => {
    const traffic = ordinaryDay()
    for (let hour = 0; hour < 20; hour++) {
      for (let i = 0; i < 200; i++)
        traffic.push(order(START + hour * HOUR_US + i * 200_000, 'export', 10_000 + ((hour * 37 + i) % 900), 200))
    }
    const { opening } = run(traffic, 'export')
    // Before it was seen to be a habit it may be reported; from then on it is not.
    expect(opening.filter((signal) => signal.time > START + 13 * HOUR_US)).toEqual([])
  })

  test('twin: a support agent who looks at as many scattered orders of others, as on every hour before', () => {
    const random = randomFrom(11)
    const traffic = ordinaryDay()
    for (let hour = 0; hour < 16; hour++) {
      for (let i = 0; i < 25; i++) {
        traffic.push(
          order(
            START + hour * HOUR_US + i * 90 * SECOND_US,
            'agent',
            idOf(Math.floor(random() * 60), Math.floor(random() * 8)),
            200,
          ),
        )
      }
    }
    expect(run(traffic, 'agent').opening).toEqual([])
  })

  test('twin: one of a desk of twelve who goes through 250 customers in a row', () => {
    const random = randomFrom(3)
    const look = (time: number, name: string, id: number) => ({ ...order(time, name, id), ...DESK })
    const traffic: Transaction[] = []
    for (let hour = 0; hour < 12; hour++) {
      for (let i = 0; i < 60; i++) {
        const at = START + hour * HOUR_US + i * MINUTE_US
        traffic.push(look(at, `staff${Math.floor(random() * 12)}`, 10_000 + Math.floor(random() * 5000)))
      }
    }
    const cleanUp = Array.from({ length: 250 }, (_, i) => look(LEARNT + i * 5 * SECOND_US, 'staff1', 12_000 + i))
    expect(run([...traffic, ...cleanUp], 'staff1').opening).toEqual([])
  })

  test('where callers come back to objects of their own, a name that sounds like a desk excuses nobody', () => {
    const atDesk = [...ordinaryDay(), ...walk('mallory', 120, () => 200)].map((tx) => ({ ...tx, ...DESK }))
    expect(run(atDesk, 'mallory').opening).not.toEqual([])
  })

  test('twin: one forbidden object polled a thousand times', () => {
    const polls = Array.from({ length: 1000 }, (_, i) => order(LEARNT + i * SECOND_US, 'u4', 10_000, 403))
    expect(run([...ordinaryDay(), ...polls], 'u4').signals).toEqual([])
  })

  test('twin: five objects that are gone, asked for all day', () => {
    const polls = Array.from({ length: 2000 }, (_, i) =>
      order(LEARNT + i * 30 * SECOND_US, 'u4', 30_000 + (i % 4) * 91, 404),
    )
    expect(run([...ordinaryDay(), ...polls], 'u4').opening).toEqual([])
  })

  test('twin: a service that refuses for load refuses no object', () => {
    expect(
      run(
        walk('mallory', 200, () => 429),
        'mallory',
      ).signals,
    ).toEqual([])
  })

  test('an attacker who stretches his habit a little every window does not excuse the walk he prepares', () => {
    const traffic = ordinaryDay()
    let at = START
    for (let step = 0; step < 36; step++) {
      const reach = Math.ceil(3 * 1.08 ** step)
      for (let i = 0; i < reach; i++) {
        traffic.push(order(at + i * 3 * SECOND_US, 'mallory', 10_000 + ((step * 11 + i) % 400), 200))
      }
      at += 20 * MINUTE_US
    }
    traffic.push(...walk('mallory', 300, () => 200, 200_000, 10_400))
    const { opening } = run(traffic, 'mallory')
    expect(opening.length).toBeGreaterThan(0)
  })
})
