import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { decode, fixtureLines } from './decode.ts'

const first = (name: string) => JSON.parse(fixtureLines(name)[0]!) as Record<string, never>

test('an Envoy trace without a time takes the timestamp of the topic, and cannot be read in a file', () => {
  const [line] = fixtureLines('envoy-tap')
  const [transaction] = decode([line], 'envoy-tap', { topic: true, timestampMs: 1_795_290_602_000 }).transactions
  expect(transaction).toMatchObject({ time: 1_795_290_602_000_000, method: 'GET', path: '/v1/users/7', status: 200 })
  expect(transaction!.responseBody).toBe('{"id":7}')
  expect(decode([line], 'envoy-tap').decoder.coverage.undecodable.get('no_ts')).toBe(1)
})

test('streamed Envoy segments are put together by their trace id, which repeats', () => {
  const segments = fixtureLines('envoy-tap').slice(2)
  const later = segments.map((line) => line.replace('20:30:03Z', '20:30:04Z').replace('/v1/login', '/v1/login2'))
  const { transactions } = decode([...segments, ...later], 'envoy-tap')
  expect(transactions.map(({ path, status }) => [path, status])).toEqual([
    ['/v1/login', 200],
    ['/v1/login2', 200],
  ])
  expect(transactions[0]!.requestBody).toContain('"username"')
})

test('GoReplay in raw mode: a line, then the bytes as they were', () => {
  const request = 'POST /v1/a HTTP/1.1\r\nHost: api\r\nContent-Length: 2\r\n\r\nhi'
  const response = 'HTTP/1.1 201 Created\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok'
  const { transactions, decoder } = decode([
    Buffer.from(`1 77f1 1795290608000000000 0\n${request}`),
    Buffer.from(`2 77f1 1795290608020000000 20000000\n${response}`),
    Buffer.from(`3 77f1 1795290608020000000 20000000\n${response}`),
  ])
  expect(decoder.format?.preset.name).toBe('goreplay')
  expect(transactions).toHaveLength(1)
  expect(transactions[0]).toMatchObject({ method: 'POST', path: '/v1/a', status: 201, durationUs: 20_000 })
  expect(transactions[0]!.responseBody).toBe('ok')
  expect(decoder.coverage.undecodable.get('other_side')).toBe(1)
})

test.each([
  ['gzip', (text: string) => gzipSync(text)],
  ['base64 of gzip', (text: string) => gzipSync(text).toString('base64')],
])('CloudWatch records in %s', (_, pack) => {
  const { decoder, transactions } = decode([pack(fixtureLines('aws-apigw')[1]!)])
  expect(decoder.format?.preset.name).toBe('aws-apigw')
  expect(transactions.map(({ status }) => status)).toEqual([200, 403])
})

test('a gzip bomb is not unpacked', () => {
  const { decoder } = decode([gzipSync(Buffer.alloc(64 * 1024 * 1024, 0x20))], 'aws-apigw')
  expect(decoder.coverage.undecodable.get('bad_bytes')).toBe(1)
})

test('chunked and compressed bodies in Tyk records are opened by the parser of packets', () => {
  const body = gzipSync('{"token":"c4nary","id":9}')
  const wire = Buffer.concat([
    Buffer.from(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`,
    ),
    body,
    Buffer.from('\r\n0\r\n\r\n'),
  ])
  const [transaction] = decode([{ ...first('tyk'), raw_response: wire.toString('base64') }], 'tyk').transactions
  expect(transaction!.responseBody).toMatch(/^\{"token":"hmac:[0-9a-f]{32}","id":9\}$/)
})

test('only server spans are taken', () => {
  const { decoder, transactions } = decode(fixtureLines('otlp'), 'otlp')
  expect(transactions).toHaveLength(3)
  expect(decoder.coverage.undecodable.get('not_selected')).toBe(1)
})

test('ids of a topic come from partition and offset, whatever the content; those of a file from content and line', () => {
  const [kong] = fixtureLines('kong')
  const other = kong!.replace('/v1/orders/1042', '/v1/orders/1')
  const id = (value: string, topic: boolean) => decode([value], 'kong', { topic }).transactions[0]!.id
  expect(id(kong!, true)).toBe(id(other, true))
  expect(id(kong!, false)).not.toBe(id(other, false))
})

test('a redacted authorization is nobody’s session', () => {
  const [transaction] = decode([fixtureLines('kong')[0]], 'kong').transactions
  expect(transaction!.requestHeaders.some(([name]) => name === 'authorization')).toBe(false)
  const anonymous = { ...first('kong'), consumer: undefined }
  expect(decode([anonymous], 'kong').transactions[0]!.principal).toMatchObject({ kind: 'ip', id: '203.0.113.9' })
})

test('what proxies write for nothing is nothing', () => {
  const left = { ...first('envoy-access'), response_code: 0, user_agent: '-', x_forwarded_for: null, duration: '-' }
  const [transaction] = decode([left], 'envoy-access').transactions
  expect(transaction).toMatchObject({ status: null, state: 'request_only', durationUs: null, forwarded: [] })
})

test('before a format is chosen, records wait and lose nothing; settle decides', () => {
  const { decoder, transactions } = decode([...fixtureLines('kong'), '{"odd":true}', 'not json'])
  expect(decoder.format?.preset.name).toBe('kong')
  expect(transactions).toHaveLength(4)
  expect(decoder.coverage.records).toBe(5)
  expect(decoder.held).toBe(0)
})

test('two formats in one input fit neither', () => {
  expect(() => decode([...fixtureLines('traefik'), ...fixtureLines('apigee')])).toThrow('no format for sure')
})
