import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ENDPOINT_DEFAULTS, EndpointMapper } from '../daemon/endpoints/mapper.ts'
import { NativeReader } from '../daemon/identity/native-reader.ts'
import { keyFrom, TEST_KEY } from '../daemon/identity/privacy-key.ts'
import { IDENTITY_DEFAULTS, Recorder } from '../daemon/identity/recorder.ts'
import { Resolver } from '../daemon/identity/resolver.ts'
import type { Header, Transaction } from '../daemon/model/transaction.ts'
import { OffpathError } from '../daemon/telemetry/errors.ts'
import { type FakeRequest, fakeExchange, fakeFlow, fakeTelemetry, fakeToken, START } from '../test/fake-exchange.ts'
import { encodeTransaction } from './native-json.ts'

/** Resolves, maps and encodes, as a replay does. */
class Lines {
  readonly lines: string[] = []
  readonly seen: Pick<Transaction, 'principal' | 'endpoint' | 'service' | 'knownEndpoint' | 'objectIds' | 'marks'>[] =
    []
  readonly #resolver = new Resolver()
  readonly #mapper = new EndpointMapper(ENDPOINT_DEFAULTS, fakeTelemetry())

  add(tx: Transaction): void {
    this.#resolver.resolve(tx)
    this.#mapper.map(tx)
    this.lines.push(encodeTransaction(tx))
    const { principal, endpoint, service, knownEndpoint, objectIds, marks } = tx
    this.seen.push({ principal, endpoint, service, knownEndpoint, objectIds, marks })
  }
}

function fromWire(exchanges: readonly FakeRequest[], bodies: boolean): Lines {
  const out = new Lines()
  const emit = (tx: Transaction) => out.add(tx)
  const recorder = new Recorder({ key: TEST_KEY, options: IDENTITY_DEFAULTS, bodies, telemetry: fakeTelemetry(), emit })
  for (const exchange of exchanges) recorder.exchange(fakeExchange(exchange))
  return out
}

function reading(key = TEST_KEY, bodies = true) {
  const telemetry = fakeTelemetry()
  const reader = new NativeReader({ key, options: IDENTITY_DEFAULTS, bodies, telemetry, sourceName: 'in.jsonl' })
  return {
    telemetry,
    read: (record: unknown, line = 1) => reader.read(record as Record<string, unknown>, line, START, false),
  }
}

function fromLines(lines: readonly string[]): Lines {
  const out = new Lines()
  const { read } = reading()
  lines.forEach((line, index) => {
    const tx = read(JSON.parse(line), index + 1)
    if (tx !== null) out.add(tx)
  })
  return out
}

const headers: fc.Arbitrary<Header[]> = fc.array(
  fc.constantFrom<Header>(
    ['Host', 'api.shop.test'],
    ['Authorization', `Bearer ${fakeToken({ iss: 'i', sub: 'u_1', tenant: 't', role: ['a'], exp: 1.5 })}`],
    ['Authorization', `Bearer ${fakeToken({ sub: 'jo@shop.test' })}`],
    ['Authorization', 'Basic am86c2VjcmV0'],
    ['Cookie', 'sid=abc; theme=dark'],
    ['X-Api-Key', 'key-1'],
    ['X-Forwarded-For', '198.51.100.9, 10.0.0.2'],
    ['Content-Type', 'application/json'],
    ['X-Odd', '\u00e9"\\\u2028'],
  ),
  { maxLength: 6 },
)
const exchange: fc.Arbitrary<FakeRequest> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'CONNECT'),
    target: fc.constantFrom(
      '/',
      '/v1/orders/1042?a=1',
      '/v1/orders/7',
      '/reset/abc?token=x',
      '*',
      'http://shop.test/x',
      '/\u00e9',
    ),
    headers,
    responseHeaders: fc.constantFrom<Header[]>([], [['Set-Cookie', 'sid=abc; Path=/']], [['Location', '/login']]),
    status: fc.constantFrom(200, 201, 302, 401, 403, 404, 500),
    body: fc.constantFrom('', '{"username":"jo","password":"pw"}', '{"username":"mia","password":"pw"}', '\u0000'),
    responseBody: fc.oneof(fc.constant('{"access_token":"opaque-1"}'), fc.string({ unit: 'binary' })),
    client: fc.constantFrom('203.0.113.7', '10.0.0.5', '2001:db8::7'),
    bogusTime: fc.boolean(),
    bodyCut: fc.boolean(),
    latin1: fc.boolean(),
    only: fc.constantFrom('request' as const, 'response' as const),
  })
  .map((fake) => ({ ...fake, state: `${fake.only}_only` as const }))

test('a line read back gives the same line, principal, endpoint and marks', () => {
  const complete = exchange.map(({ only: _, state: __, ...rest }) => rest)
  fc.assert(
    fc.property(
      fc.array(fc.oneof(complete, exchange), { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      (all, bodies) => {
        const first = fromWire(
          all.map((each, index) => ({ ...each, position: index, time: START + index * 5000 })),
          bodies,
        )
        const second = fromLines(first.lines)
        expect(second.lines).toEqual(first.lines)
        expect(second.seen).toEqual(first.seen)
      },
    ),
    { numRuns: 200 },
  )
})

test('keys stand in the order of the contract', () => {
  const { lines } = fromWire([{ headers: [['Host', 'a.test']], body: 'x', responseBody: 'y' }], true)
  expect(Object.keys(JSON.parse(lines[0]!) as object).join(' ')).toBe(
    'id ts end_ts duration_us client_ip client_port server_ip server_port http_version method scheme host path query endpoint ' +
      'service status request_headers response_headers request_body_bytes response_body_bytes request_body response_body principal ' +
      'claims forwarded consumer tls trace_id state pairing weirds truncated marks redacted key_id source',
  )
})

const MINIMAL = {
  ts: '2026-11-21T20:00:00Z',
  method: 'GET',
  host: 'api.shop.test',
  path: '/v1/orders/1?x=1',
  client_ip: '198.51.100.7',
}

test('five fields are enough; the rest is derived', () => {
  const { read } = reading()
  expect(read({ ...MINIMAL, duration_us: 1500, status: 200 })).toMatchObject({
    path: '/v1/orders/1',
    query: 'x=1',
    scheme: 'http',
    durationUs: 1500,
    endTime: Date.parse('2026-11-21T20:00:00Z') * 1000 + 1500,
    state: 'complete',
    source: { kind: 'file', name: 'in.jsonl', vlan: null, vni: null },
  })
  expect(read(MINIMAL)?.id).toBe(read(MINIMAL)?.id)
  expect(read(MINIMAL, 2)?.id).not.toBe(read(MINIMAL, 1)?.id)
  expect(read(MINIMAL)?.state).toBe('request_only')
})

test('a forwarding header is believed from a private peer only, and callers are hashed when nothing says that they are', () => {
  const { read } = reading()
  const said = { request_headers: [['X-Forwarded-For', '198.51.100.9']] }
  expect(read({ ...MINIMAL, ...said })).toMatchObject({ forwarded: [], trust: 'none' })
  expect(read({ ...MINIMAL, ...said, client_ip: '10.0.0.1' })).toMatchObject({
    forwarded: ['198.51.100.9'],
    trust: 'default',
  })
  const principal = {
    kind: 'user',
    id: 'hmac:00000000000000000000000000000000',
    display: 'jo@shop.test',
    via: 'x',
    app: 'key-1',
  }
  const tx = read({ ...MINIMAL, principal })
  expect(tx?.principal.id).not.toBe(principal.id)
  expect(JSON.stringify(tx?.principal)).not.toMatch(/jo@|key-1/)
})

test.each(['ts', 'method', 'host', 'path', 'client_ip'])(
  'without %s a record cannot be used, and is counted',
  (field) => {
    const { read, telemetry } = reading()
    const { [field]: _, ...rest } = MINIMAL as Record<string, unknown>
    expect(read(rest)).toBeNull()
    expect(telemetry.counters.get(`native.unusable.${field}`)).toBe(1)
  },
)

test('unknown fields and wrong types are counted and cost nothing else', () => {
  const { read, telemetry } = reading()
  const tx = read({
    ...MINIMAL,
    colour: 'red',
    status: '200',
    request_headers: [['a', 'b'], 7],
    weirds: 'x',
    principal: { kind: 'king', id: 'x' },
  })
  expect(tx?.status).toBeNull()
  expect(tx?.requestHeaders).toEqual([['a', 'b']])
  expect(telemetry.counters.entries()).toEqual([
    ['native.unknown_field', 1],
    ['native.wrong_type.principal', 1],
    ['native.wrong_type.request_headers', 1],
    ['native.wrong_type.status', 1],
    ['native.wrong_type.weirds', 1],
  ])
})

test('a record under another key is refused; one that is not redacted has no key', () => {
  const { lines } = fromWire([{ headers: [['Host', 'a.test']] }], false)
  const other = reading(keyFrom(Buffer.alloc(32, 9)))
  const record = JSON.parse(lines[0]!) as Record<string, unknown>
  expect(() => other.read(record)).toThrow(OffpathError)
  expect(other.read({ ...record, redacted: false })).not.toBeNull()
})

test('a bogus time prints as it was, and the record ends when the clock says', () => {
  const reader = new NativeReader({
    key: TEST_KEY,
    options: IDENTITY_DEFAULTS,
    bodies: true,
    telemetry: fakeTelemetry(),
    sourceName: 'x',
  })
  const tx = reader.read({ ...MINIMAL, duration_us: 5 }, 1, START, true)
  expect(tx).toMatchObject({ time: Date.parse(MINIMAL.ts) * 1000, endTime: START, durationUs: null })
  expect(tx?.weirds).toEqual(['clock.jump'])
})

test('with bodies off the bodies of a record are not printed, and their sizes stay', () => {
  const record = { ...MINIMAL, method: 'POST', status: 200, request_body: 'user=ada&password=x', response_body: '{}' }
  const { read } = reading(TEST_KEY, false)
  for (const redacted of [true, false]) {
    const tx = read({ ...record, redacted })!
    const line = JSON.parse(encodeTransaction(tx)) as Record<string, unknown>
    expect(line).toMatchObject({ request_body_bytes: 19, response_body_bytes: 2 })
    expect(Object.keys(line)).not.toContain('request_body')
    expect(Object.keys(line)).not.toContain('response_body')
    expect(tx.login).toBeNull()
  }
  expect(reading().read(record)?.requestBody).toBe('user=ada&password=redacted')
})

test('a redacted record without a principal is resolved from its pseudonyms and claims', () => {
  const wire = fromWire(
    [
      {
        headers: [
          ['Host', 'a.test'],
          ['Authorization', `Bearer ${fakeToken({ iss: 'i', sub: 'u_1' })}`],
        ],
        flow: fakeFlow(),
      },
    ],
    false,
  )
  const { principal: _, ...rest } = JSON.parse(wire.lines[0]!) as Record<string, unknown>
  const again = fromLines([JSON.stringify(rest)])
  expect(again.seen[0]!.principal).toEqual(wire.seen[0]!.principal)
})

test('no record makes the reader throw', () => {
  const { read } = reading()
  const keys = Object.keys(JSON.parse(fromWire([{}], true).lines[0]!) as object).filter((key) => key !== 'key_id')
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...keys), fc.jsonValue()), (record) => {
      const tx = read({ ...MINIMAL, ...record })
      if (tx !== null) expect(JSON.parse(encodeTransaction(tx))).toBeTypeOf('object')
    }),
  )
})
