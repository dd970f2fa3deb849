import { expect, test } from 'vitest'
import { NativeReader } from '../../daemon/identity/native-reader.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { Pseudonyms } from '../../daemon/identity/pseudonym.ts'
import type { TransactionRecord } from '../../daemon/identity/record.ts'
import { IDENTITY_DEFAULTS, Recorder } from '../../daemon/identity/recorder.ts'
import { Resolver } from '../../daemon/identity/resolver.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { encodeTransaction } from '../../sinks/native-json.ts'
import { fakeExchange, fakeTelemetry } from '../fake-exchange.ts'
import { PASSWORD, PLANTED, SECRETS, TOKEN } from './planted-secrets.ts'

function record(exchange: Parameters<typeof fakeExchange>[0], bodies = true): { line: string; tx: Transaction } {
  const resolver = new Resolver()
  let line = ''
  let kept: Transaction | null = null
  const recorder = new Recorder({
    key: TEST_KEY,
    options: IDENTITY_DEFAULTS,
    bodies,
    payloads: true,
    telemetry: fakeTelemetry(),
    emit: (tx) => {
      resolver.resolve(tx)
      line = encodeTransaction(tx)
      kept = tx
    },
  })
  recorder.exchange(fakeExchange(exchange))
  return { line, tx: kept! }
}

test.each(PLANTED)('no secret planted in %s is in any field of the transaction or in its line', (_, exchange) => {
  const { line, tx } = record(exchange)
  for (const secret of SECRETS) {
    expect(line).not.toContain(secret)
    expect(JSON.stringify({ ...tx, headers: tx.requestHeaders, body: tx.requestBody })).not.toContain(secret)
  }
  expect(line).not.toContain(Buffer.from(PASSWORD).toString('base64').slice(0, 12))
})

test.each(PLANTED)('nor is one in the marks of payloads around it, planted in %s', (_, exchange) => {
  // Every value that a caller chooses becomes an attack, too.
  const attack = (text: string) =>
    text.replaceAll(/(?<=[=:] ?"?)(?=[A-Za-z0-9])/g, "x'||(select 1)--<script>alert(1)</script>")
  const { body } = exchange
  const { tx } = record({
    ...exchange,
    target: `${exchange.target ?? '/'}${exchange.target?.includes('?') ? '&' : '?'}q=%3Cscript%3Ealert(1)%3C/script%3E`,
    ...(typeof body === 'string' ? { body: attack(body) } : {}),
  })
  const marks = JSON.stringify(tx.marks)
  expect(marks).toContain('"kind":"payload"')
  for (const secret of SECRETS) expect(marks).not.toContain(secret)
})

test('one token has one pseudonym in headers, cookies, query, paths, forms, JSON and multipart', () => {
  const pseudonym = new Pseudonyms(TEST_KEY).secret(TOKEN)
  const places = [
    'Bearer',
    'Cookie',
    'Set-Cookie',
    'X-Api-Key',
    'query',
    'matrix',
    'Referer',
    'Location',
    'JSON',
    'JSON link',
    'form',
    'multipart',
    'GraphQL',
  ]
  for (const [place, exchange] of PLANTED) {
    if (places.includes(place)) expect(record(exchange).line, place).toContain(pseudonym)
  }
})

test('scheme, cookie names and attributes stay as they were sent', () => {
  const of = (exchange: Parameters<typeof fakeExchange>[0]) => record(exchange).tx
  expect(of({ headers: [['Authorization', `bearer  ${TOKEN}`]] }).requestHeaders).toEqual([
    ['Authorization', expect.stringMatching(/^bearer hmac:[0-9a-f]{32}$/)],
  ])
  expect(of({ headers: [['Cookie', 'a=1; sid="x"']] }).requestHeaders[0]![1]).toMatch(
    /^a=hmac:[0-9a-f]{32}; sid=hmac:[0-9a-f]{32}$/,
  )
  expect(of({ responseHeaders: [['Set-Cookie', 'sid=x; Path=/; Secure']] }).responseHeaders[0]![1]).toMatch(
    /^sid=hmac:[0-9a-f]{32}; Path=\/; Secure$/,
  )
})

test("another principal's pseudonym, sent as a credential, is hashed like anything else", () => {
  const victim = record({ headers: [['Authorization', `Bearer ${TOKEN}`]] }).tx.principal
  expect(victim.kind).toBe('session')
  const thief = record({
    headers: [
      ['Authorization', `Bearer ${victim.id}`],
      ['Cookie', `sid=${victim.id}`],
      ['X-Api-Key', victim.id],
    ],
  })
  expect(thief.tx.principal.id).not.toBe(victim.id)
  expect(thief.line).not.toContain(victim.id)
})

test('a native record keeps its pseudonyms only when it says that it is redacted', () => {
  const { line, tx } = record({ headers: [['Authorization', `Bearer ${TOKEN}`]] })
  const reader = new NativeReader({
    key: TEST_KEY,
    options: IDENTITY_DEFAULTS,
    bodies: true,
    telemetry: fakeTelemetry(),
    sourceName: 'x.jsonl',
  })
  const raw = JSON.parse(line) as Record<string, unknown>
  const kept = reader.read(raw, 1, tx.endTime, false) as TransactionRecord
  expect(encodeTransaction(kept)).toBe(line)
  const hashed = reader.read({ ...raw, redacted: false }, 1, tx.endTime, false) as TransactionRecord
  expect(encodeTransaction(hashed)).not.toContain(tx.principal.id)
})

test('numbers, uuids and hex in paths stay', () => {
  const path = '/v1/orders/1042/items/6f9619ff-8b86-4d01-b42d-00cf4fc964ff/9f86d081884c7d65'
  expect(record({ target: path }).tx.path).toBe(path)
})

test('without bodies nothing of them is in the line', () => {
  const { line, tx } = record(
    { method: 'POST', headers: [['Content-Type', 'application/json']], body: '{"a":1}' },
    false,
  )
  expect(tx.requestBody).toBeUndefined()
  expect(line).not.toContain('request_body"')
  expect(line).toContain('"request_body_bytes":7')
})
