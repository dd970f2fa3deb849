import { expect, test } from 'vitest'
import type { PublishedRecord } from '../../sinks/kafka/publish-buffer.ts'
import { NativeReader } from '../identity/native-reader.ts'
import { TEST_KEY } from '../identity/privacy-key.ts'
import { IDENTITY_DEFAULTS } from '../identity/recorder.ts'
import { Resolver } from '../identity/resolver.ts'
import { Counters } from '../telemetry/counters.ts'
import { LossFunnel } from '../telemetry/funnel.ts'
import { WeirdCounts } from '../telemetry/weirds.ts'
import { SensorStage } from './sensor-stage.ts'

const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }

function reader(): NativeReader {
  return new NativeReader({ key: TEST_KEY, options: IDENTITY_DEFAULTS, bodies: true, telemetry, sourceName: 't' })
}

/** What a sensor makes of these requests, in this order. */
function sensed(...requests: Record<string, unknown>[]): PublishedRecord[] {
  const records: PublishedRecord[] = []
  const stage = new SensorStage(
    new Resolver(),
    telemetry.counters,
    (record) => records.push(record),
    () => {},
  )
  const read = reader()
  for (const [index, request] of requests.entries()) {
    const basis = {
      ts: `2026-11-22T10:00:0${index}.000000Z`,
      method: 'GET',
      host: 'api.test',
      path: '/v1/me',
      client_ip: '203.0.113.9',
      status: 200,
    }
    stage.push(read.read({ ...basis, ...request }, index + 1, 0, false)!)
  }
  return records
}

function jwt(sub: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'HS256' })}.${part({ iss: 'https://id.test', sub })}.${'s'.repeat(43)}`
}

const bearer = (token: string) => ['authorization', `Bearer ${token}`]
const cookie = (value: string) => ['cookie', `sid=${value}`]

test('requests of one user have one key, whatever its address and its token', () => {
  const [a, b, c] = sensed(
    { request_headers: [bearer(jwt('u1'))] },
    { request_headers: [bearer(`${jwt('u1')}x`), cookie('abcdefgh')], client_ip: '203.0.113.77' },
    { request_headers: [bearer(jwt('u2'))] },
  )
  expect(b!.key).toBe(a!.key)
  expect(c!.key).not.toBe(a!.key)
})

test('who guesses credentials stays with the address', () => {
  const guesses = [1, 2, 3].map((n) => ({ status: 401, request_headers: [bearer(jwt(`made-up-${n}`))] }))
  expect(new Set(sensed(...guesses).map(({ key }) => key))).toEqual(new Set(['203.0.113.9']))
})

test('a session has the key of the session, also at the sensor that saw its login', () => {
  const login = {
    path: '/v1/login',
    method: 'POST',
    request_headers: [['content-type', 'application/json']],
    request_body: '{"username":"ann","password":"secret-1"}',
    response_headers: [['set-cookie', 'sid=0123456789abcdef; Path=/']],
  }
  const request = { request_headers: [cookie('0123456789abcdef')] }
  const [, afterLogin] = sensed(login, request)
  const [elsewhere] = sensed(request)
  expect(afterLogin!.key).toBe(elsewhere!.key)
})

test('a token has its own key, also at the sensor that saw its client ask for it', () => {
  const grant = {
    path: '/oauth/token',
    method: 'POST',
    request_headers: [['content-type', 'application/x-www-form-urlencoded']],
    request_body: 'grant_type=client_credentials&client_id=partner-5&client_secret=0123456789',
    response_headers: [['content-type', 'application/json']],
    response_body: '{"access_token":"0123456789abcdef0123456789abcdef"}',
  }
  const request = { request_headers: [bearer('0123456789abcdef0123456789abcdef')] }
  const [, afterGrant] = sensed(grant, request)
  const [elsewhere] = sensed(request)
  expect(afterGrant!.key).toBe(elsewhere!.key)
})

test('a session that is made up beside a good API key does not take its requests apart', () => {
  const key = ['x-api-key', 'k-0123456789abcdef']
  const records = sensed(
    { request_headers: [key] },
    ...[1, 2].map((n) => ({ status: 403, request_headers: [key, cookie(`made-up-${n}-0123456789`)] })),
  )
  expect(new Set(records.map((record) => record.key)).size).toBe(1)
})

test('an analyzer that sees the login knows whose session it is', () => {
  const records = sensed(
    {
      path: '/v1/login',
      method: 'POST',
      request_headers: [['content-type', 'application/json']],
      request_body: '{"username":"ann","password":"secret-1"}',
      response_headers: [['content-type', 'application/json']],
      response_body: '{"access_token":"0123456789abcdef0123456789abcdef"}',
    },
    { request_headers: [bearer('0123456789abcdef0123456789abcdef')] },
  )
  const resolver = new Resolver()
  const read = reader()
  const principals = records.map(({ value }, index) => {
    const record = JSON.parse(value.toString()) as Record<string, unknown>
    expect(record).toMatchObject({
      principal: null,
      endpoint: null,
      service: null,
      redacted: true,
      key_id: TEST_KEY.id,
    })
    const transaction = read.read(record, index + 1, 0, false)!
    resolver.resolve(transaction)
    return transaction.principal
  })
  expect(principals).toMatchObject([{ kind: 'ip' }, { kind: 'user', via: 'login' }])
})

test('a guess is judged where the secret is, and no secret leaves', () => {
  const attempt = (password: string) => ({
    path: '/v1/login',
    method: 'POST',
    status: 401,
    request_headers: [['content-type', 'application/json']],
    request_body: JSON.stringify({ username: 'ann', password }),
  })
  const records = sensed(attempt('hunter2-hunter2'), attempt('hunter2-hunter2'))
  const text = records.map(({ value }) => value.toString())
  expect(text.join()).not.toContain('hunter2')
  expect(text.map((each) => (JSON.parse(each) as { marks: { guess: string }[] }).marks[0]!.guess)).toEqual([
    'new',
    'repeated',
  ])
})

test('a record that is longer than analyzers take is counted', () => {
  const before = telemetry.counters.get('publish.too_long')
  expect(sensed({ response_body: 'x'.repeat(5 * 1024 * 1024) }, {})).toHaveLength(1)
  expect(telemetry.counters.get('publish.too_long')).toBe(before + 1)
})
