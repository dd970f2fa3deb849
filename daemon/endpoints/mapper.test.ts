import { expect, test } from 'vitest'
import { type FakeRequest, fakeExchange, fakeTelemetry } from '../../test/fake-exchange.ts'
import { TEST_KEY } from '../identity/privacy-key.ts'
import { IDENTITY_DEFAULTS, Recorder } from '../identity/recorder.ts'
import { Resolver } from '../identity/resolver.ts'
import type { Transaction } from '../model/transaction.ts'
import { ENDPOINT_DEFAULTS, EndpointMapper } from './mapper.ts'
import { serviceOf } from './service-names.ts'

function mapping() {
  const telemetry = fakeTelemetry()
  const mapper = new EndpointMapper(ENDPOINT_DEFAULTS, telemetry)
  const resolver = new Resolver()
  let last: Transaction | null = null
  const recorder = new Recorder({
    key: TEST_KEY,
    options: IDENTITY_DEFAULTS,
    bodies: false,
    telemetry,
    emit: (tx) => {
      resolver.resolve(tx)
      mapper.map(tx)
      last = tx
    },
  })
  const send = (fake: FakeRequest): Transaction => {
    recorder.exchange(fakeExchange({ headers: [['Host', 'api.shop.test']], ...fake }))
    return last!
  }
  return { mapper, send }
}

test('a template is printed from its first answer on, also where later objects are not found', () => {
  const { send } = mapping()
  expect(send({ target: '/v1/orders/1', status: 404 }).endpoint).toBeNull()
  expect(send({ target: '/v1/orders/2', status: 200 }).endpoint).toBe('GET /v1/orders/{id}')
  const missing = send({ target: '/v1/orders/3', status: 404 })
  expect(missing.endpoint).toBe('GET /v1/orders/{id}')
  expect(missing.objectIds).toEqual(['3'])
  expect(missing.knownEndpoint).toBe(false)
})

test('five answers to two principals establish it; to one principal they never do', () => {
  const { send } = mapping()
  for (let i = 0; i < 20; i++) expect(send({ target: `/v1/orders/${i}` }).knownEndpoint).toBe(false)
  expect(send({ target: '/v1/orders/1', client: '203.0.113.8' }).knownEndpoint).toBe(true)
  expect(send({ target: '/v1/orders/1', status: 404 }).knownEndpoint).toBe(true)
  expect(send({ target: '/v1/orders/1', method: 'DELETE', status: 405 }).endpoint).toBeNull()
})

test.each([404, 405, 400, 429, 500, 502])('%d never makes an endpoint', (status) => {
  const { send, mapper } = mapping()
  for (let i = 0; i < 20; i++) expect(send({ target: '/gone', status, client: `203.0.113.${i}` }).endpoint).toBeNull()
  expect(mapper.sizes().endpoint_candidates!.entries).toBe(0)
})

test('a server that refuses every path, asked twice for each, makes few candidates and no endpoints of them', () => {
  const { send, mapper } = mapping()
  for (let i = 0; i < 5000; i++)
    send({ target: `/w${word(i >> 1)}/x`, status: i % 2 === 0 ? 401 : 403, client: `203.0.113.${i % 3}` })
  expect(mapper.sizes().endpoint_candidates!.entries).toBeLessThanOrEqual(128)
  expect(mapper.sizes().endpoints!.entries).toBe(0)
  for (let i = 0; i < 5; i++) send({ target: '/login', client: `203.0.113.${i % 2}` })
  for (let i = 0; i < 5; i++) send({ target: '/login', client: `203.0.113.${i % 2}` })
  expect(send({ target: '/login' }).knownEndpoint).toBe(true)
})

test('a million made-up paths, answered or refused, grow nothing', () => {
  const mapper = new EndpointMapper({ ...ENDPOINT_DEFAULTS, maxCandidates: 4096 }, fakeTelemetry())
  const { send } = mapping()
  const { host, scheme, method, principal } = send({ target: '/' })
  const none = { path: '', status: 0, endpoint: null, service: null, objectIds: [], knownEndpoint: false }
  const tx = { host, scheme, method, principal, ...none }
  const run = (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      tx.path = `/p${word(i)}/${word(i * 7)}`
      tx.status = [200, 401, 404, 301][i % 4]!
      mapper.map(tx as unknown as Transaction)
    }
  }
  run(0, 100_000)
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  run(100_000, 1_000_000)
  globalThis.gc?.()
  const sizes = mapper.sizes()
  expect(sizes.endpoint_candidates!.entries).toBeLessThanOrEqual(4096)
  expect(sizes.endpoints!.entries).toBe(0)
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(80 * 1024 * 1024)
})

test('made-up hosts and methods grow nothing either', () => {
  const { send, mapper } = mapping()
  for (let i = 0; i < 10_000; i++) send({ target: '/', headers: [['Host', `${word(i)}.test`]] })
  expect(mapper.sizes().services!.entries).toBeLessThanOrEqual(ENDPOINT_DEFAULTS.maxServices)
  expect(send({ target: '/', method: 'X'.repeat(40) }).endpoint).toBeNull()
})

test('the service is the host without its default port, or the address where there is none', () => {
  const { send } = mapping()
  const of = (host: string | null) => serviceOf(send({ headers: host === null ? [] : [['Host', host]] }))
  expect(of('API.Shop.test:80')).toBe('api.shop.test')
  expect(of('api.shop.test:8080')).toBe('api.shop.test:8080')
  expect(of('api.shop.test.')).toBe('api.shop.test')
  expect(of(null)).toBe('192.0.2.80:80')
  expect(of('<script>')).toBe('192.0.2.80:80')
})

/** A word without digits, different for each number. */
function word(number: number): string {
  let text = ''
  for (let rest = number; rest > 0; rest = Math.floor(rest / 26)) text += String.fromCharCode(97 + (rest % 26))
  return text
}
