import { expect, test } from 'vitest'
import type { Signal } from '../../daemon/model/signal.ts'
import { HOUR_US, MINUTE_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { address, play, START, transaction, user } from '../../test/conformance/traffic.ts'
import { inventoryShadow } from './inventory-shadow.ts'

const known = Array.from({ length: 400 }, (_, i) =>
  transaction({ time: START + i * 2 * MINUTE_US, endpoint: 'GET /v1/cart', path: '/v1/cart', knownEndpoint: true }),
)
const LATER = START + 14 * HOUR_US

const fresh = (i: number, given: Partial<Transaction> = {}): Transaction =>
  transaction({
    time: LATER + i * 1000,
    principal: address('203.0.113.9'),
    endpoint: 'GET /v1/people/{id}',
    path: `/v1/people/${i}`,
    responseBody: '{"email":"ada@shop.test"}',
    ...given,
  })

function run(list: readonly Transaction[]): Signal[] {
  const detector = inventoryShadow.create(inventoryShadow.options.parse({}))
  const signals: Signal[] = []
  play(list, detector, (signal) => signal !== null && signals.push(signal))
  return signals
}

const four = (given: Partial<Transaction>) => [0, 1, 2, 3].map((i) => fresh(i, given))

test('a new endpoint that gives strangers personal data is told from its third answer on', () => {
  const signals = run([...known, ...four({})])
  expect(signals).toHaveLength(2)
  expect(signals[0]).toMatchObject({ severity: 'high', outcome: { answered: 3 } })
})

test('what a stranger asks for in a body makes nobody of them', () => {
  expect(run([...known, ...four({ requestBody: '{"find":"ada","note":"passwords are redacted here"}' })])).toHaveLength(
    2,
  )
})

test('one with a name that was not meant to stay is told for those who are signed in, too', () => {
  const debug = { endpoint: 'GET /v0/debug/people/{id}', principal: user('eve').principal }
  expect(run([...known, ...four(debug)])).toMatchObject([{ severity: 'medium' }, { severity: 'medium' }])
})

test.each([
  ['asks for credentials', { principal: user('eve').principal }],
  ['takes a password for what it gives', { requestBody: '{"user":"eve","password":"redacted"}' }],
  ['renews tokens', { requestBody: `grant_type=refresh_token&refresh_token=hmac:${'0f'.repeat(16)}&client_id=app` }],
  ['gives nothing of anybody', { responseBody: '{"city":"Ulm"}' }],
  ['is not there', { status: 404 }],
  ['is known', { knownEndpoint: true }],
] satisfies [string, Partial<Transaction>][])('twin: one that %s is not', (_, given) => {
  expect(run([...known, ...four(given)])).toEqual([])
})

test('twin: nothing is new at a service that was not watched yet', () => {
  expect(run(four({}))).toEqual([])
})

test('twin: the pages of a site are no endpoints', () => {
  const pages = Array.from({ length: 40 }, (_, i) =>
    fresh(i, { endpoint: `GET /pages/${'abcdefghij'[i % 10]}${i >> 3}` }),
  )
  expect(run([...known, ...pages])).toEqual([])
})
