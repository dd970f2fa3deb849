import { expect, test } from 'vitest'
import type { Signal } from '../../daemon/model/signal.ts'
import { HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Claims, Transaction } from '../../daemon/model/transaction.ts'
import { address, play, START, transaction, user } from '../../test/conformance/traffic.ts'
import { authMissing } from './auth-missing.ts'

const PERSON = '{"number":7,"email":"ada@shop.test"}'
const CLAIMS: Claims = {
  iss: null,
  sub: 'u',
  tenant: null,
  role: [],
  scope: [],
  alg: 'RS256',
  kid: null,
  iat: null,
  exp: null,
}
const NOTHING = '{"number":7}'

function invoice(at: number, given: Partial<Transaction>): Transaction {
  return transaction({
    time: START + at,
    path: '/v1/invoices/7',
    endpoint: 'GET /v1/invoices/{id}',
    knownEndpoint: true,
    objectIds: ['7'],
    responseBody: PERSON,
    ...given,
  })
}

const customers = (count: number, responseBody = PERSON, people = 40) =>
  Array.from({ length: count }, (_, i) =>
    invoice(i * SECOND_US, { principal: user(`u${i % people}`).principal, responseBody }),
  )
const stranger = (at: number, given: Partial<Transaction> = {}, ip = '203.0.113.9') =>
  invoice(at, { principal: address(ip), ...given })

function run(list: readonly Transaction[]): Signal[] {
  const detector = authMissing.create(authMissing.options.parse({}))
  const signals: Signal[] = []
  play(list, detector, (signal) => {
    if (signal !== null && signal.log10P <= -3) signals.push(signal)
  })
  return signals
}

test('the first stranger who is given personal data opens, by its gravity', () => {
  const [signal] = run([...customers(200), stranger(HOUR_US)])
  expect(signal).toMatchObject({ severity: 'high', subject: { kind: 'endpoint' }, outcome: { answered: 1 } })
  expect(signal!.why).toBe(
    'GET /v1/invoices/{id} answered 1 request without any credential, with email in the answer; so far 40 signed-in callers were answered, and 0 networks of strangers',
  )
})

test('without personal data it takes a refusal of strangers before', () => {
  const plain = { responseBody: NOTHING }
  expect(run([...customers(200, NOTHING), stranger(HOUR_US, plain)])).toEqual([])
  const refused = stranger(300 * SECOND_US, { status: 401, responseBody: '' })
  expect(run([...customers(200, NOTHING), refused, stranger(HOUR_US, plain)])).toMatchObject([{ severity: 'medium' }])
})

/** What signed-in callers alone are given at other endpoints of the service. */
const siblings = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    customers(12).map((tx) => ({ ...tx, endpoint: `GET /v1/others${i}/{id}` })),
  ).flat()

test('whoever asks for what others were refused and is answered is told at once', () => {
  const plain = { responseBody: NOTHING }
  const refused = (method: string) => stranger(60 * SECOND_US, { status: 401, responseBody: '', method })
  expect(run([...customers(3, NOTHING), refused('GET'), stranger(HOUR_US, plain)])).toHaveLength(1)
  expect(run([...customers(3, NOTHING), stranger(HOUR_US, plain)])).toEqual([])
  // A log-in refuses some and lets in others.
  expect(run([...customers(3), refused('POST'), stranger(HOUR_US, { method: 'POST' })])).toEqual([])
})

test('where no other endpoint of the service lets strangers in, few callers are enough', () => {
  expect(run([...customers(6), stranger(HOUR_US)])).toEqual([])
  const [signal] = run([...siblings(20), ...customers(6), stranger(HOUR_US)])
  expect(signal!.why).toContain('; 20 other endpoints of the service let no strangers in')
  expect(
    run([...siblings(20), ...customers(400, NOTHING, 100), stranger(HOUR_US, { responseBody: NOTHING })]),
  ).toMatchObject([{ severity: 'low', evidence: { seen_from: ['203.0.113.9'] } }])
})

test('tokens that nobody has accepted before make no endpoint public', () => {
  const young = Array.from({ length: 20 }, (_, i) => stranger(i * MINUTE_US, { claims: CLAIMS }, `203.0.${i}.9`))
  const opaque = Array.from({ length: 20 }, (_, i) =>
    stranger(i * MINUTE_US, { requestHeaders: [['Authorization', 'Bearer hmac:1']] }, `203.1.${i}.9`),
  )
  expect(run([...young, ...opaque, ...customers(200), stranger(3 * HOUR_US)])).toHaveLength(1)
})

test.each([
  ['a session of a kind that is not known', { requestHeaders: [['Cookie', 'weird=hmac:1']] }],
  ['a signed link', { query: 'expires=1&signature=abc' }],
  ['a page with a form', { responseHeaders: [['Content-Type', 'text/html']] }],
  ['an error with a 200 on top', { responseBody: '{"error":"sign in, ada@shop.test"}' }],
  ['an empty answer', { responseBodyBytes: 0 }],
] satisfies [string, Partial<Transaction>][])('%s is no answer to a stranger', (_, given) => {
  expect(run([...customers(200), stranger(HOUR_US, given)])).toEqual([])
})

test('twin: where strangers were among the first callers it is public', () => {
  const shop = Array.from({ length: 20 }, (_, i) => stranger(i * SECOND_US, {}, `203.0.${i}.9`))
  const later = customers(200).map((tx) => ({ ...tx, endTime: tx.endTime + HOUR_US, time: tx.time + HOUR_US }))
  expect(run([...shop, ...later, stranger(3 * HOUR_US)])).toEqual([])
})

test('what was opened on purpose is told for a day', () => {
  const crowd = Array.from({ length: 60 }, (_, i) => stranger((1 + i) * HOUR_US, {}, `203.0.${i}.9`))
  const signals = run([...customers(200), ...crowd])
  expect(signals.length).toBeGreaterThan(20)
  expect(signals.length).toBeLessThan(26)
})
