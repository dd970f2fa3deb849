import type { Header } from '../../daemon/model/transaction.ts'
import { type fakeExchange, fakeToken } from '../fake-exchange.ts'

/** contracts.md, Secrets: every place, planted with secrets that no output may hold. */
export const TOKEN = 'c4nary-0paque-T0ken-7f3a'
export const JWT = fakeToken({
  iss: 'https://id.shop.test',
  sub: 'canary.person@shop.test',
  tenant: 't1',
  exp: 1_795_000_900,
})
export const KEY = 'sk_live_c4naryKey00000000'
export const PASSWORD = 'c4nary-Passw0rd!'
export const CODE = '918273'
export const CARD = '4111111111111111'
export const RESET = 'c4nary-reset-0001'

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

export type Planted = readonly [place: string, exchange: Parameters<typeof fakeExchange>[0]]
const json: Header = ['Content-Type', 'application/json']
const form: Header = ['Content-Type', 'application/x-www-form-urlencoded']
export const PLANTED: readonly Planted[] = [
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

/** What no output may hold. */
export const SECRETS = [
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
