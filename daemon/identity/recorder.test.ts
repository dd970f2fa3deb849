import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type FakeRequest, fakeExchange, fakeFlow, fakeTelemetry, START } from '../../test/fake-exchange.ts'
import type { Header, Transaction } from '../model/transaction.ts'
import { isLoginPage, traceIdOf } from './head-facts.ts'
import { TEST_KEY } from './privacy-key.ts'
import type { TransactionRecord } from './record.ts'
import { IDENTITY_DEFAULTS, Recorder } from './recorder.ts'

function recorded(fake: FakeRequest): Transaction {
  let last: Transaction | null = null
  const telemetry = fakeTelemetry()
  const recorder = new Recorder({
    key: TEST_KEY,
    options: IDENTITY_DEFAULTS,
    bodies: true,
    telemetry,
    emit: (tx) => {
      last = tx
    },
  })
  recorder.exchange(fakeExchange(fake))
  return last!
}

test('times come from the first byte of the request to the last of the response', () => {
  const tx = recorded({})
  expect(tx).toMatchObject({
    time: START,
    durationUs: 1834,
    endTime: START + 1834,
    clientPort: 51_234,
    serverIp: '192.0.2.80',
    serverPort: 80,
  })
  expect(recorded({ only: 'response', state: 'response_only' })).toMatchObject({
    time: START + 1000,
    method: null,
    path: null,
    status: 200,
    durationUs: 834,
  })
  expect(recorded({ only: 'request', state: 'request_only' })).toMatchObject({
    time: START,
    durationUs: null,
    status: null,
  })
})

test('a bogus timestamp prints as it was captured, without a duration, and is a weird', () => {
  expect(recorded({ bogusTime: true })).toMatchObject({ time: START, durationUs: null, weirds: ['clock.jump'] })
})

test('path and query are what was sent; an absolute target gives scheme and host', () => {
  expect(recorded({ target: '/a%20b/?x=%41&&y?' })).toMatchObject({
    path: '/a%20b/',
    query: 'x=%41&&y?',
    scheme: 'http',
  })
  const absolute = recorded({ target: 'HTTPS://u:pw@Shop.test:8443/a?b=1', headers: [['Host', 'other.test']] })
  expect(absolute).toMatchObject({ scheme: 'https', host: 'Shop.test:8443', path: '/a', query: 'b=1' })
  expect(recorded({ target: 'http://shop.test?q=1' })).toMatchObject({ path: '/', query: 'q=1' })
  expect(recorded({ method: 'CONNECT', target: 'shop.test:443' })).toMatchObject({
    host: 'shop.test:443',
    path: null,
    query: '',
  })
  expect(recorded({ method: 'OPTIONS', target: '*' })).toMatchObject({ path: '*' })
})

test('a head that is no UTF-8 is said to be', () => {
  expect(recorded({ latin1: true }).weirds).toEqual(['text.latin1'])
})

/** The lazily made part, as plain fields. */
function bodies(fake: FakeRequest) {
  const { requestBody, responseBody, truncated, weirds, responseBodyBytes } = recorded(fake)
  return { requestBody, responseBody, truncated, weirds, responseBodyBytes }
}

test('text is text, and anything else is empty and marked', () => {
  const type = (name: string): Header[] => [['Content-Type', name]]
  expect(bodies({ responseHeaders: type('image/png'), responseBody: 'abc' })).toMatchObject({
    responseBody: '',
    truncated: ['binary'],
  })
  expect(bodies({ responseBody: Buffer.from([0, 1, 2, 255]) })).toMatchObject({
    responseBody: '',
    truncated: ['binary'],
    responseBodyBytes: 4,
  })
  expect(bodies({ responseHeaders: type('text/plain'), responseBody: Buffer.from([0x61, 0xe9, 0x62]) })).toMatchObject({
    responseBody: 'a\u00e9b',
    weirds: ['text.latin1'],
  })
  expect(
    bodies({ responseHeaders: type('application/json'), responseBody: Buffer.from('"a"', 'utf16le') }),
  ).toMatchObject({ responseBody: '' })
  expect(bodies({ method: 'POST', body: 'half \u00e9'.slice(0, 6), bodyCut: true })).toMatchObject({
    requestBody: 'half \u00e9',
    truncated: ['request_body'],
  })
  expect(
    bodies({
      responseHeaders: [
        ['Content-Encoding', 'gzip'],
        ['Content-Type', 'application/json'],
      ],
      responseBody: gzipSync('{"token":"abc"}'),
    }).responseBody,
  ).toMatch(/^\{"token":"hmac:[0-9a-f]{32}"\}$/)
})

test('a transaction may be kept, and read after the recorder has forgotten what it knew', () => {
  const kept: Transaction[] = []
  const settings = { key: TEST_KEY, options: IDENTITY_DEFAULTS, bodies: true, telemetry: fakeTelemetry() }
  const recorder = new Recorder({ ...settings, emit: (tx) => kept.push(tx) })
  for (const body of ['hello', '{"token":"abc"}']) recorder.exchange(fakeExchange({ method: 'POST', body }))
  recorder.close()
  expect(kept[0]!.requestBody).toBe('hello')
  expect(kept[1]!.requestBody).toMatch(/^\{"token":"hmac:[0-9a-f]{32}"\}$/)
})

test('each request of a connection is read by its own credentials', () => {
  const seen: (string | undefined)[] = []
  const settings = { key: TEST_KEY, options: IDENTITY_DEFAULTS, bodies: false, telemetry: fakeTelemetry() }
  const recorder = new Recorder({
    ...settings,
    emit: (tx) => {
      const { sessions, apiKey } = (tx as TransactionRecord).presented
      seen.push(sessions[0]?.principal.id ?? apiKey?.principal.id)
    },
  })
  const flow = fakeFlow()
  const one: Header = ['Authorization', 'Bearer made-up-one']
  const two: Header = ['Authorization', 'Bearer made-up-two']
  const cookie: Header = ['Cookie', 'sid=made-up-one']
  const other: Header = ['Cookie', 'sid=made-up-two']
  const key: Header = ['X-Api-Key', 'made-up-key']
  for (const header of [one, one, two, one, cookie, other, key, null, key]) {
    recorder.exchange(fakeExchange({ headers: header === null ? [] : [header], flow }))
  }
  recorder.exchange(fakeExchange({ target: '/?access_token=made-up-two', flow }))
  const [a, , b, , , , k] = seen
  expect(new Set([a, b, k, undefined]).size).toBe(4)
  expect(seen).toEqual([a, a, b, a, a, b, k, undefined, k, b])
})

test('the trace is the one of traceparent', () => {
  const id = '0af7651916cd43dd8448eb211c80319c'
  expect(recorded({ headers: [['traceparent', `00-${id}-b7ad6b7169203331-01`]] }).traceId).toBe(id)
  expect(traceIdOf(`00-${'0'.repeat(32)}-b7ad6b7169203331-01`)).toBeNull()
  expect(traceIdOf('garbage')).toBeNull()
})

test('redirects to where one logs in are told from others', () => {
  for (const page of ['/login', 'https://sso.shop.test/auth?next=/', '/users/sign_in', '/?error=denied'])
    expect(isLoginPage(page)).toBe(true)
  for (const page of ['/orders/1', '/authors/7', '/blog', null]) expect(isLoginPage(page)).toBe(false)
})
