import { expect, test } from 'vitest'
import { NativeReader } from '../../daemon/identity/native-reader.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { Pseudonyms } from '../../daemon/identity/pseudonym.ts'
import type { TransactionRecord } from '../../daemon/identity/record.ts'
import { IDENTITY_DEFAULTS, Recorder } from '../../daemon/identity/recorder.ts'
import { Resolver } from '../../daemon/identity/resolver.ts'
import type { Header, Transaction } from '../../daemon/model/transaction.ts'
import { encodeTransaction } from '../../sinks/native-json.ts'
import { fakeExchange, fakeTelemetry, fakeToken } from '../fake-exchange.ts'

/** contracts.md, Secrets: every place, planted with secrets that no output may hold. */
const TOKEN = 'c4nary-0paque-T0ken-7f3a'
const JWT = fakeToken({ iss: 'https://id.shop.test', sub: 'canary.person@shop.test', tenant: 't1', exp: 1_795_000_900 })
const KEY = 'sk_live_c4naryKey00000000'
const PASSWORD = 'c4nary-Passw0rd!'
const CODE = '918273'
const CARD = '4111111111111111'
const RESET = 'c4nary-reset-0001'

const boundary = 'xBoundaryx'
const multipart = [
  `--${boundary}\r\nContent-Disposition: form-data; name="password"\r\n\r\n${PASSWORD}\r\n`,
  `--${boundary}\r\nContent-Disposition: form-data; name="access_token"\r\n\r\n${TOKEN}\r\n`,
  `--${boundary}\r\nContent-Disposition: form-data; name="meta"\r\nContent-Type: application/json\r\n\r\n{"api_key":"${TOKEN}"}\r\n`,
  `--${boundary}\r\nContent-Disposition: form-data; name="note"\r\n\r\nmy card is ${CARD} and key ${KEY}\r\n--${boundary}--\r\n`,
].join('')

const graphql = JSON.stringify({
  query: `mutation { login(password: "${PASSWORD}", token: "${TOKEN}") { ok } }`,
  variables: { input: { password: PASSWORD, otp: CODE, card: { number: '4111 1111 1111 1111' }, accessToken: TOKEN } },
})

type Planted = readonly [place: string, exchange: Parameters<typeof fakeExchange>[0]]
const json: Header = ['Content-Type', 'application/json']
const form: Header = ['Content-Type', 'application/x-www-form-urlencoded']
const planted: readonly Planted[] = [
  ['Bearer', { headers: [['Authorization', `Bearer ${TOKEN}`]] }],
  ['Bearer JWT', { headers: [['authorization', `Bearer ${JWT}`]] }],
  ['Basic', { headers: [['Authorization', `Basic ${Buffer.from(`canary.person:${PASSWORD}`).toString('base64')}`]] }],
  ['no scheme', { headers: [['Authorization', TOKEN]] }],
  ['unknown scheme', { headers: [['Authorization', `Fancy ${TOKEN}`]] }],
  ['Proxy-Authorization', { headers: [['Proxy-Authorization', `Bearer ${TOKEN}`]] }],
  ['Cookie', { headers: [['Cookie', `theme=dark; sid=${TOKEN}; jwt=${JWT}; ${KEY}`]] }],
  ['Set-Cookie', { responseHeaders: [['Set-Cookie', `sid=${TOKEN}; Path=/; HttpOnly`]] }],
  ...[
    'X-Api-Key',
    'Api-Key',
    'apikey',
    'X-Auth-Token',
    'Ocp-Apim-Subscription-Key',
    'X-Amz-Security-Token',
    'X-CSRF-Token',
  ].map((name): Planted => [name, { headers: [[name, TOKEN]] }]),
  ['any header', { headers: [['X-Debug', `saw ${KEY} and ${JWT}`]] }],
  [
    'query',
    { target: `/a?access_token=${TOKEN}&api_key=${KEY}&password=${encodeURIComponent(PASSWORD)}&code=${CODE}` },
  ],
  ['query value', { target: `/a?q=${JWT}&card=${CARD}&next=${encodeURIComponent(`/b?token=${TOKEN}`)}` }],
  ['encoded name', { target: `/a?acc%65ss_token=${TOKEN}` }],
  ['path', { target: `/v1/reset/${RESET}/x/${KEY}/${JWT}` }],
  ['path words', { target: `/verify/${RESET}?a=b` }],
  ['path invite', { target: `/%69nvite/${RESET}` }],
  ['matrix', { target: `/shop;jsessionid=${TOKEN}/cart` }],
  ['absolute', { target: `http://canary:${encodeURIComponent(PASSWORD)}@shop.test/token/${RESET}?sig=${TOKEN}` }],
  [
    'Referer',
    { headers: [['Referer', `https://u:${TOKEN}@shop.test/reset/${RESET}?token=${TOKEN}#access_token=${JWT}`]] },
  ],
  ['Location', { status: 302, responseHeaders: [['Location', `/cb?code=${TOKEN}&id_token=${JWT}`]] }],
  [
    'JSON',
    {
      method: 'POST',
      headers: [json],
      body: JSON.stringify({ user: 'x', password: PASSWORD, a: [{ refreshToken: TOKEN }], pin: 918273 }),
    },
  ],
  [
    'JSON values',
    {
      responseHeaders: [json],
      responseBody: JSON.stringify({ id: 1, note: `key ${KEY}`, t: JWT, pan: CARD, n: Number(CARD) }),
    },
  ],
  [
    'JSON in JSON',
    {
      method: 'POST',
      headers: [json],
      body: JSON.stringify({ payload: JSON.stringify({ password: PASSWORD, token: TOKEN }) }),
    },
  ],
  [
    'JSON escapes',
    { method: 'POST', headers: [json], body: `{"pass\\u0077ord":"${PASSWORD}","tok\\u0065n":"${TOKEN}"}` },
  ],
  [
    'JSON nested',
    {
      method: 'POST',
      headers: [json],
      body: JSON.stringify({ credentials: { type: 'x', value: TOKEN, list: [RESET] } }),
    },
  ],
  ['JSON cut', { method: 'POST', headers: [json], body: `{"a":1,"password":"${PASSWORD}`, bodyCut: true }],
  [
    'JSON broken',
    { method: 'POST', headers: [json], body: `{{"a":}],"password" : "${PASSWORD}",, token: ${TOKEN}}}}` },
  ],
  [
    'JSON link',
    {
      responseHeaders: [json],
      responseBody: JSON.stringify({ url: `https://shop.test/reset/${RESET}?token=${TOKEN}` }),
    },
  ],
  [
    'form',
    {
      method: 'POST',
      headers: [form],
      body: `user=x&password=${encodeURIComponent(PASSWORD)}&otp=${CODE}&client_secret=${TOKEN}&cc=${CARD}`,
    },
  ],
  [
    'multipart',
    { method: 'POST', headers: [['Content-Type', `multipart/form-data; boundary=${boundary}`]], body: multipart },
  ],
  ['GraphQL', { method: 'POST', headers: [json], body: graphql }],
  ['no type', { method: 'POST', body: `{"password":"${PASSWORD}"}` }],
  [
    'wrong type',
    {
      method: 'POST',
      headers: [['Content-Type', 'text/plain']],
      body: `{"password":"${PASSWORD}","token":"${TOKEN}"}`,
    },
  ],
  [
    'text',
    { method: 'POST', headers: [['Content-Type', 'text/plain']], body: `password=${PASSWORD}\ntoken: ${TOKEN}\n` },
  ],
  [
    'XML',
    {
      method: 'POST',
      headers: [['Content-Type', 'text/xml']],
      body: `<a><Password>${PASSWORD}</Password><n:token>${TOKEN}</n:token></a>`,
    },
  ],
  ['gap', { method: 'POST', headers: [json], body: `word":"${PASSWORD}"}`, gap: true }],
]

function record(exchange: Parameters<typeof fakeExchange>[0], bodies = true): { line: string; tx: Transaction } {
  const resolver = new Resolver()
  let line = ''
  let kept: Transaction | null = null
  const recorder = new Recorder({
    key: TEST_KEY,
    options: IDENTITY_DEFAULTS,
    bodies,
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

const SECRETS = [
  TOKEN,
  JWT,
  JWT.split('.')[1]!,
  KEY,
  PASSWORD,
  encodeURIComponent(PASSWORD),
  CODE,
  CARD,
  RESET,
  '4111 1111',
  'canary.person',
]

test.each(planted)('no secret planted in %s is in any field of the transaction or in its line', (_, exchange) => {
  const { line, tx } = record(exchange)
  for (const secret of SECRETS) {
    expect(line).not.toContain(secret)
    expect(JSON.stringify({ ...tx, headers: tx.requestHeaders, body: tx.requestBody })).not.toContain(secret)
  }
  expect(line).not.toContain(Buffer.from(PASSWORD).toString('base64').slice(0, 12))
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
  for (const [place, exchange] of planted) {
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
  const { line, tx } = record({ method: 'POST', headers: [json], body: '{"a":1}' }, false)
  expect(tx.requestBody).toBeUndefined()
  expect(line).not.toContain('request_body"')
  expect(line).toContain('"request_body_bytes":7')
})
