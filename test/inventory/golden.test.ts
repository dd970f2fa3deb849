import { expect, test } from 'vitest'
import { Inventory } from '../../daemon/inventory/inventory.ts'
import type { FieldJson, RouteJson } from '../../daemon/inventory/views.ts'
import { ROUTES } from '../../demo/routes.ts'
import { DAY, learnFrom, routesOf, SCENE } from './learn.ts'

/** As the sample API is written (demo/sample-api.ts), not as it was learnt. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  'GET /health': ['response status string'],
  'GET /v1/cart': ['response lines array', 'response total int'],
  'POST /v1/cart/items': ['body product int', 'body quantity int', 'response lines int'],
  'GET /v1/export/orders': [
    'query page int',
    'response orders array',
    'response orders[] object',
    'response orders[].id int',
  ],
  'POST /v1/login': [
    'body email email',
    'body password string',
    'response access_token string',
    'response refresh_token string',
    'response token_type string',
  ],
  'GET /v1/me': ['response role string', 'response sub string'],
  'GET /v1/orders': [
    'query customer string',
    'response orders array',
    'response orders[] object',
    'response orders[].id int',
  ],
  'POST /v1/orders': ['body product int', 'response id int'],
  'GET /v1/orders/{id}': [
    'path id int',
    'response id int',
    'response owner string',
    'response status string',
    'response total int',
  ],
  'GET /v1/orders/{id}/invoice': ['path id int', 'response number string', 'response order int', 'response total int'],
  'GET /v1/products': [
    'query page int',
    'response products array',
    'response products[] object',
    'response products[].id int',
    'response products[].price int',
  ],
  'GET /v1/products/{id}': [
    'path id int',
    'response id int',
    'response name string',
    'response price int',
    'response stock int',
  ],
  'POST /v1/refresh': [
    'body refresh_token string',
    'response access_token string',
    'response refresh_token string',
    'response token_type string',
  ],
  'GET /v1/support/customers/{id}': ['path id int', 'response orders int', 'response sub string'],
}

const fieldText = (field: FieldJson) => `${field.in} ${field.name} ${field.type}`

test.each([
  ['the day of native transactions', [DAY]],
  ['the scene from the wire', [SCENE]],
  ['both as one timeline', [DAY, SCENE]],
])('%s: the 14 routes of the sample API, no more and no less, with their parameters', async (_, files) => {
  const routes = routesOf(await learnFrom(files, new Inventory()))
  expect(routes.map(({ endpoint }) => endpoint).sort()).toEqual(Object.values(ROUTES).sort())
  for (const route of routes)
    expect([route.endpoint, ...route.fields.map(fieldText)]).toEqual([route.endpoint, ...FIELDS[route.endpoint]!])
})

test('identities, refusals, sensitive fields and words of the day', async () => {
  const routes = new Map(routesOf(await learnFrom([DAY], new Inventory())).map((route) => [route.endpoint, route]))
  const of = (endpoint: string): RouteJson => routes.get(endpoint)!
  const enforced = (endpoint: string) => of(endpoint).authentication.enforced
  // Nobody ever came to orders without a token; to /v1/me some did, and were refused; products are for everybody.
  expect(['GET /v1/orders/{id}', 'GET /v1/me', 'GET /v1/products', 'POST /v1/login'].map(enforced)).toEqual([
    'unknown',
    'yes',
    'no',
    'no',
  ])
  expect(Object.keys(of('GET /v1/orders/{id}').authentication.seen)).toEqual(['jwt.sub'])
  expect(of('POST /v1/login').sensitive).toEqual({ email: 1, password: 1, token: 2 })
  expect(of('GET /v1/orders/{id}').sensitive).toEqual({})
  const field = (endpoint: string, name: string) => of(endpoint).fields.find((each) => each.name === name)!
  expect(field('GET /v1/orders/{id}', 'status').enum).toEqual(['delivered', 'sent'])
  expect(field('GET /v1/orders/{id}', 'id')).toMatchObject({ in: 'path', object_id: true, share: 1 })
  expect(field('GET /v1/products', 'page').share).toBeGreaterThan(0.5)
  expect(field('GET /v1/products', 'page').share).toBeLessThan(0.95)
  expect(of('GET /health').state).toBe('candidate')
  expect(of('GET /v1/me').first_seen < of('GET /v1/me').last_seen).toBe(true)
})

test('the same input gives the same inventory, byte for byte', async () => {
  const [first, second] = await Promise.all([learnFrom([SCENE], new Inventory()), learnFrom([SCENE], new Inventory())])
  expect(JSON.stringify(first.state())).toBe(JSON.stringify(second.state()))
})
