import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { INVENTORY_DEFAULTS, Inventory } from '../../daemon/inventory/inventory.ts'
import { openApiOf } from '../../daemon/inventory/openapi-export.ts'
import { clientJson } from '../../daemon/inventory/views.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { PLANTED, SECRETS } from '../conformance/planted-secrets.ts'
import { handMade, routesOf } from './learn.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** A transaction with just what the inventory looks at. */
function made(fields: Partial<Transaction>): Transaction {
  return {
    time: 1_795_000_000_000_000,
    endTime: 1_795_000_000_000_000,
    clientIp: '203.0.113.7',
    forwarded: [],
    tls: { sni: null, ja4: null },
    method: 'GET',
    path: '/',
    query: '',
    status: 200,
    requestHeaders: [],
    responseHeaders: [],
    requestBodyBytes: 0,
    responseBodyBytes: 0,
    requestBody: undefined,
    responseBody: undefined,
    truncated: [],
    principal: { kind: 'ip', id: '203.0.113.7', display: '203.0.113.7', via: 'peer', app: null },
    endpoint: 'GET /',
    service: 'api.shop.test',
    objectIds: [],
    knownEndpoint: false,
    ...fields,
  } as unknown as Transaction
}

test('a million made-up paths, callers and fields leave everything bounded, and the real routes in place', () => {
  const inventory = new Inventory()
  for (let i = 0; i < 100; i++) {
    inventory.observe(made({ endpoint: 'GET /v1/real/{id}', objectIds: [String(i)], knownEndpoint: true }))
  }
  const run = (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      const id = `hmac:${i}`
      inventory.observe(
        made({
          endpoint: `GET /x${i}`,
          service: `h${i % 5000}.test`,
          query: `p${i}=1&q${i}=2`,
          responseBody: i % 50 === 0 ? `{"f${i}":{"g${i}":[${i}]}}` : undefined,
          knownEndpoint: i % 100 === 0,
          principal: { kind: 'session', id, display: id, via: `cookie.c${i}`, app: null },
        }),
      )
    }
  }
  run(0, 200_000)
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  run(200_000, 1_000_000)
  collectGarbage()
  const sizes = inventory.sizes()
  expect(sizes.operations).toBeLessThanOrEqual(INVENTORY_DEFAULTS.maxOperations)
  expect(sizes.candidates).toBeLessThanOrEqual(INVENTORY_DEFAULTS.maxCandidates)
  expect(sizes.fields).toBeLessThanOrEqual(INVENTORY_DEFAULTS.maxFields)
  expect(sizes.clients).toBeLessThanOrEqual(INVENTORY_DEFAULTS.maxNewcomers + INVENTORY_DEFAULTS.maxRegulars)
  const loss = inventory.loss()
  expect(loss.operations + loss.candidates).toBeGreaterThan(900_000)
  expect(loss.clients).toBeGreaterThan(900_000)
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(80 * 1024 * 1024)
}, 60_000)

test('made-up fields of one route neither grow it nor push out the fields that callers use', () => {
  const inventory = new Inventory()
  const send = (i: number, query: string) =>
    inventory.observe(
      made({
        endpoint: 'GET /v1/list',
        knownEndpoint: true,
        query,
        principal: { kind: 'user', id: `u${i % 7}`, display: 'u', via: 'jwt.sub', app: null },
      }),
    )
  for (let i = 0; i < 40; i++) send(i, 'page=1&size=20')
  for (let i = 0; i < 100_000; i++) send(i, `page=2&made${word(i)}=1`)
  const [route] = routesOf(inventory)
  expect(route!.fields.length).toBeLessThanOrEqual(96)
  expect(route!.fields.map(({ name }) => name)).toEqual(expect.arrayContaining(['page', 'size']))
  expect(inventory.loss().fields).toBeGreaterThan(1000)
})

test('no planted secret is in the inventory, in what is kept of it, or in what is exported', () => {
  const { inventory, send } = handMade()
  for (let round = 0; round < 6; round++) {
    for (const [, exchange] of PLANTED)
      send({ ...exchange, status: exchange.status ?? 200, client: `203.0.113.${round}` })
  }
  const state = inventory.state()
  const routes = routesOf(inventory)
  expect(routes.length).toBeGreaterThan(3)
  expect(new Set(routes.flatMap(({ sensitive }) => Object.keys(sensitive)))).toEqual(
    new Set(['card', 'password', 'token']),
  )
  const said = JSON.stringify([state, routes, state.clients.map(clientJson), openApiOf('api.shop.test', routes)])
  for (const secret of SECRETS) expect(said.includes(secret), secret).toBe(false)
})

test('names that are values, and words of one caller, are not kept', () => {
  const { inventory, send } = handMade()
  const body = (client: number) =>
    JSON.stringify({
      'jo@shop.test': 1,
      'user-90210-77': { plan: 'gold' },
      nickname: 'Wolpertinger',
      colour: client === 1 ? 'Ochre' : 'Mauve',
      mood: client === 1 ? 'Solitary' : 'Cheery',
      first_name: 'Olga',
    })
  for (let i = 0; i < 60; i++) {
    const client = i === 0 ? 1 : 2 + (i % 3)
    send({
      target: '/v1/p',
      responseHeaders: [['Content-Type', 'application/json']],
      responseBody: body(client),
      client: `203.0.113.${client}`,
    })
  }
  const said = JSON.stringify(inventory.state())
  for (const value of ['jo@shop', '90210', 'Wolpertinger', 'Ochre', 'Solitary', 'Olga'])
    expect(said).not.toContain(value)
  expect(said).toContain('Cheery')
  const names = routesOf(inventory)[0]!.fields.map(({ name }) => name)
  expect(names).toEqual(['*', '*.plan', 'colour', 'first_name', 'mood', 'nickname'])
})

test('personal data is told by class, by value and by name', () => {
  const { inventory, send } = handMade()
  const responseBody = JSON.stringify({
    contact: 'olga@mail.example',
    mobile: '0170 1234567',
    fax: '+49 30 901820',
    account: 'DE89370400440532013000',
    ssn: '078-05-1120',
    passport: 'C01X00T47',
    iban_like: 'DE89370400440532013001',
    number: '12345678',
    latitude: 52.52,
    last_location: '52.5200,13.4050',
    location: 'Berlin',
    diagnosis_code: 'J45.0',
    allergic: true,
    dsn: 'postgres://app:correcthorse@db.internal/shop',
    key: '-----BEGIN RSA PRIVATE KEY-----\nMIIE',
  })
  send({ target: '/v1/me', responseHeaders: [['Content-Type', 'application/json']], responseBody })
  const classes = Object.fromEntries(
    routesOf(inventory)[0]!.fields.map(({ name, sensitive }) => [name, Object.keys(sensitive).join()]),
  )
  expect(classes).toEqual({
    contact: 'email',
    mobile: 'phone',
    fax: 'phone',
    account: 'iban',
    ssn: 'national_id',
    passport: 'national_id',
    iban_like: '',
    number: '',
    latitude: 'location',
    last_location: 'location',
    location: '',
    diagnosis_code: 'health',
    allergic: '',
    dsn: 'secret',
    key: 'secret',
  })
})

test('any body, query and headers are learnt from without a failure', () => {
  const { inventory } = handMade()
  fc.assert(
    fc.property(
      fc.json(),
      fc.string(),
      fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 5 }),
      (json, text, headers) => {
        inventory.observe(
          made({ responseBody: json, requestBody: text, query: text, requestHeaders: headers, knownEndpoint: true }),
        )
      },
    ),
    { numRuns: 500 },
  )
  expect(routesOf(inventory)[0]!.requests).toBe(500)
})

/** A word without digits, different for each number. */
function word(number: number): string {
  let text = ''
  for (let rest = number; rest > 0; rest = Math.floor(rest / 26)) text += String.fromCharCode(97 + (rest % 26))
  return text
}
