import { describe, expect, test } from 'vitest'
import type { DescribedApi } from '../../daemon/inventory/described-api.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import { MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { play, START, transaction, user } from '../../test/conformance/traffic.ts'
import type { Detector } from '../detector.ts'
import { inventoryDrift } from './inventory-drift.ts'

const SHOP: DescribedApi = {
  file: 'shop.yaml',
  services: ['api.shop.test'],
  hosts: [],
  operations: [
    { method: 'GET', path: '/v1/cart', deprecated: false },
    { method: 'GET', path: '/v1/orders/{order}', deprecated: false },
    { method: 'GET', path: '/v1/search', deprecated: true },
  ],
}

function detectorWith(...apis: DescribedApi[]): Detector {
  const detector = inventoryDrift.create(inventoryDrift.options.parse({}))
  detector.described?.(apis)
  return detector
}

function asked(endpoint: string, given: Partial<Transaction> = {}, callers = 4): Transaction[] {
  return Array.from({ length: callers }, (_, i) =>
    transaction({ time: START + i * SECOND_US, endpoint, knownEndpoint: true, ...user(`u${i}`), ...given }),
  )
}

const known = asked('GET /v1/cart')

function signalsOf(detector: Detector, list: readonly Transaction[]): Signal[] {
  const signals: Signal[] = []
  play(list, detector, (signal) => signal !== null && signals.push(signal))
  return signals
}

test('an endpoint that no description has is told once, at its third caller', () => {
  const detector = detectorWith(SHOP)
  const list = [...known, ...asked('GET /v1/export', {}, 12)]
  expect(signalsOf(detector, list)).toMatchObject([
    {
      severity: 'low',
      subject: { kind: 'service', value: 'api.shop.test' },
      why: 'GET /v1/export is in use and in no description of api.shop.test',
      evidence: { drift: 'undescribed', endpoints: ['GET /v1/export'], callers: 3 },
    },
  ])
})

test('further ones are told with those before, in a list with an end', () => {
  const list = Array.from({ length: 80 }, (_, i) => asked(`GET /v1/export-${i}`)).flat()
  const signals = signalsOf(detectorWith(SHOP), [...known, ...list])
  expect(signals).toHaveLength(64)
  expect(signals[1]!.why).toBe('GET /v1/export-1, GET /v1/export-0 are in use and in no description of api.shop.test')
  expect(signals[63]!.why).toContain('and 56 more are in use')
})

test('what is told of a service tells the other kind, too', () => {
  const signals = signalsOf(detectorWith(SHOP), [...asked('GET /v1/search'), ...asked('GET /v1/export')])
  expect(signals.at(-1)!.why).toBe(
    'GET /v1/export is in use and in no description of api.shop.test; GET /v1/search is described as deprecated and still in use',
  )
})

test('a deprecated operation in use is told', () => {
  expect(signalsOf(detectorWith(SHOP), asked('GET /v1/search'))).toMatchObject([
    { severity: 'low', why: 'GET /v1/search is described as deprecated and still in use' },
  ])
})

test('operations of GraphQL are told as the one path that they have', () => {
  const list = ['A', 'B'].flatMap((name) => asked(`POST /graphql#${name}`))
  expect(signalsOf(detectorWith(SHOP), [...known, ...list]).map(({ evidence }) => evidence['endpoints'])).toEqual([
    ['POST /graphql'],
  ])
})

test.each([
  ['is described', 'GET /v1/orders/{id}', {}, 4],
  ['is no endpoint yet', 'GET /v1/export', { knownEndpoint: false }, 4],
  ['only fails', 'GET /v1/export', { status: 404 }, 4],
  ['has two callers', 'GET /v1/export', {}, 2],
  ['is a page', 'GET /docs', { responseHeaders: [['Content-Type', 'text/html; charset=utf-8']] }, 4],
  ['is asked what it allows', 'OPTIONS /v1/export', {}, 4],
  ['is of another service', 'GET /v1/export', { service: 'ledger.test' }, 4],
] satisfies [string, string, Partial<Transaction>, number][])('twin: what %s is not', (_, endpoint, given, callers) => {
  expect(signalsOf(detectorWith(SHOP), [...known, ...asked(endpoint, given, callers)])).toEqual([])
})

test('without descriptions it is off, and says so by its maturity', () => {
  const detector = detectorWith()
  expect(signalsOf(detector, [...known, ...asked('GET /v1/export')])).toEqual([])
  expect(detector.maturity()).toBe(0)
})

test('a description none of whose operations is in use is of something else', () => {
  const detector = detectorWith(SHOP)
  expect(signalsOf(detector, asked('GET /v1/export'))).toEqual([])
  expect(signalsOf(detector, [...known, ...asked('GET /v1/export')])).toHaveLength(1)
})

test('without services it is about those of its servers, and without servers about all', () => {
  const elsewhere = { ...SHOP, services: null, hosts: ['ledger.test'] }
  expect(signalsOf(detectorWith(elsewhere), [...known, ...asked('GET /v1/export')])).toEqual([])
  const anywhere = { ...SHOP, services: null }
  expect(signalsOf(detectorWith(anywhere), [...known, ...asked('GET /v1/export')])).toHaveLength(1)
})

test('one of several descriptions is enough', () => {
  const more = { ...SHOP, services: null, operations: [{ method: 'GET', path: '/v1/export', deprecated: false }] }
  expect(signalsOf(detectorWith(SHOP, more), [...known, ...asked('GET /v1/export')])).toEqual([])
})

test('a newer description takes back what it has, and shows what it has not', () => {
  const detector = detectorWith(SHOP)
  signalsOf(detector, [...known, ...asked('GET /v1/export')])
  const operations = [...SHOP.operations.slice(1), { method: 'GET', path: '/v1/export', deprecated: false }]
  detector.described?.([{ ...SHOP, operations }])
  const signals = signalsOf(detector, [...asked('GET /v1/export'), ...asked('GET /v1/cart')])
  expect(signals.map(({ evidence }) => evidence['endpoints'])).toEqual([['GET /v1/cart']])
})

test('what was told is not told again after a restart, and callers go on being counted', () => {
  const first = detectorWith(SHOP)
  signalsOf(first, [...known, ...asked('GET /v1/export'), ...asked('GET /v1/report', {}, 2)])
  const second = detectorWith(SHOP)
  for (const line of JSON.parse(JSON.stringify([...first.snapshot!()]))) second.restore?.(line)
  const signals = signalsOf(second, [...asked('GET /v1/export'), ...asked('GET /v1/report').slice(2)])
  expect(signals.map(({ evidence }) => evidence['endpoints'])).toEqual([['GET /v1/report', 'GET /v1/export']])
})

test('while learning stands still nothing is told, and callers of that time do not count', () => {
  const detector = detectorWith(SHOP)
  signalsOf(detector, known)
  detector.freeze?.(true, START)
  expect(signalsOf(detector, asked('GET /v1/export', {}, 12))).toEqual([])
  detector.freeze?.(false, START)
  expect(signalsOf(detector, asked('GET /v1/export', {}, 12))).toHaveLength(1)
})

describe('what comes with a release', () => {
  const released = (minutes: number) =>
    asked('GET /v1/export').map((tx) => ({ ...tx, endTime: tx.endTime + minutes * MINUTE_US }))
  const later = [...known, ...released(90)]

  test('is told when its description has had an hour, and somebody uses it then', () => {
    const detector = detectorWith(SHOP)
    expect(signalsOf(detector, later)).toEqual([])
    expect(signalsOf(detector, released(151))).toHaveLength(1)
  })

  test('twin: is described meanwhile', () => {
    const detector = detectorWith(SHOP)
    signalsOf(detector, later)
    const operations = [...SHOP.operations, { method: 'GET', path: '/v1/export', deprecated: false }]
    detector.described?.([{ ...SHOP, operations }])
    expect(signalsOf(detector, released(151))).toEqual([])
  })

  test('has waited as long after a restart', () => {
    const first = detectorWith(SHOP)
    signalsOf(first, later)
    const second = detectorWith(SHOP)
    for (const line of JSON.parse(JSON.stringify([...first.snapshot!()]))) second.restore?.(line)
    expect(signalsOf(second, released(151))).toHaveLength(1)
  })

  test('an operation that is taken out of the description is told an hour later, when it still answers', () => {
    const detector = detectorWith(SHOP)
    signalsOf(detector, [...known, ...released(0)])
    detector.described?.([{ ...SHOP, operations: SHOP.operations.slice(1) }])
    const cart = (minutes: number) => known.map((tx) => ({ ...tx, endTime: tx.endTime + minutes * MINUTE_US }))
    expect(signalsOf(detector, cart(120))).toEqual([])
    expect(signalsOf(detector, cart(181)).map(({ evidence }) => evidence['endpoints'])).toEqual([
      ['GET /v1/cart', 'GET /v1/export'],
    ])
  })
})
