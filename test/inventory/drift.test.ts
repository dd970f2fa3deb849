import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { validate } from '@readme/openapi-parser'
import { beforeAll, expect, test } from 'vitest'
import { routesOf as routesAbout } from '../../daemon/inventory/descriptions.ts'
import { type DriftFinding, findDrift } from '../../daemon/inventory/drift.ts'
import { Inventory } from '../../daemon/inventory/inventory.ts'
import { openApiOf } from '../../daemon/inventory/openapi-export.ts'
import { sarifLog } from '../../daemon/inventory/sarif.ts'
import { readSpec } from '../../daemon/inventory/spec.ts'
import type { RouteJson } from '../../daemon/inventory/views.ts'
import { DAY, handMade, learnFrom, routesOf } from './learn.ts'

const SHOP = readFileSync(join(import.meta.dirname, 'shop.yaml'), 'utf8')
let day: RouteJson[] = []
beforeAll(async () => {
  day = routesOf(await learnFrom([DAY], new Inventory()))
})

const lineOf = ({ level, rule, endpoint, field, message }: DriftFinding) =>
  `${level} ${rule} | ${endpoint}${field === null ? '' : ` | ${field}`} | ${message}`

test('a description that was not kept up: what is new, what is gone, what is open, what changed', () => {
  const spec = readSpec(SHOP, 'shop.yaml')
  expect(spec.outside).toEqual(['https://schemas.example.test/t.json'])
  expect(findDrift(spec, day).map(lineOf)).toEqual([
    'warning shadow | GET /health | is not described: 720 requests, 1 caller, no identity needed',
    'warning shadow | GET /v1/export/orders | is not described: 72 requests, 1 caller',
    'warning shadow | GET /v1/support/customers/{id} | is not described: 253 requests, 6 callers',
    'warning deprecated | GET /v1/products | is deprecated and was used 1326 times, last 2026-11-20T13:57:44Z',
    'note unused | GET /v1/wishlist | is described and was never seen',
    'error authentication | GET /v1/products | is described as secured, and granted 414 of 414 requests without an identity',
    'warning parameter | POST /v1/cart/items | body quantity | is not described: int, in 100 %',
    'warning parameter | GET /v1/products | query page | is described as boolean and was seen as int',
    'note parameter | GET /v1/products | query page | is described as required, and 17 % were answered without it',
    'warning response | GET /v1/orders/{id} | response id | is described as string and was seen as int',
    'warning response | GET /v1/orders/{id} | response status | has values that are not described: delivered',
    'warning response | GET /v1/orders/{id} | response total | is not described: int, in 100 %',
    'note response | GET /v1/products/{id} | answers 200, which is not described',
  ])
})

test('what was seen, written as a description, is valid OpenAPI 3.1 and does not drift from itself', async () => {
  const document = openApiOf('api.shop.test', day)
  const checked = await validate(JSON.parse(JSON.stringify(document)), { resolve: { external: false } })
  expect(checked).toMatchObject({ valid: true })
  expect(findDrift(readSpec(JSON.stringify(document), 'seen.json'), day)).toEqual([])
  const paths = document.paths as Record<string, Record<string, Record<string, unknown>>>
  expect(Object.keys(paths)).toHaveLength(13)
  expect(paths['/v1/orders/{id}']!.get).toMatchObject({
    security: [{ 'jwt.sub': [] }],
    parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer' } }],
    responses: {
      200: {
        content: {
          'application/json': {
            schema: {
              required: ['id', 'owner', 'status', 'total'],
              properties: { status: { type: 'string', enum: ['delivered', 'sent'] }, total: { type: 'integer' } },
            },
          },
        },
      },
    },
  })
})

test('an export of odd paths, lists and maps is valid too', async () => {
  const { inventory, send } = handMade()
  const json = [['Content-Type', 'application/json']] as const
  const responseBody = JSON.stringify([{ tags: ['a'], by: { 'jo@a.test': { n: 1 } }, deep: [[{ x: null }]] }])
  for (const target of ['/', '/a/1', '/a/2026-01-02', '/f/1.json', '/x/1/y/2', `/${'d/'.repeat(40)}`]) {
    for (const client of ['203.0.113.1', '203.0.113.2']) send({ target, responseHeaders: json, responseBody, client })
  }
  const document = openApiOf('api.shop.test', routesOf(inventory))
  const checked = await validate(JSON.parse(JSON.stringify(document)), { resolve: { external: false } })
  expect(checked).toMatchObject({ valid: true })
  expect(findDrift(readSpec(JSON.stringify(document), 'seen.json'), routesOf(inventory)).map(lineOf)).toEqual([])
})

test('Swagger 2, several servers, and slugs that stay words in what was learnt', () => {
  const swagger = {
    swagger: '2.0',
    host: 'api.shop.test',
    basePath: '/v1',
    paths: {
      '/articles/{slug}': {
        get: { parameters: [{ name: 'slug', in: 'path', required: true, type: 'string' }], responses: {} },
      },
      '/login': {
        post: {
          parameters: [{ name: 'user', in: 'formData', type: 'string' }],
          responses: { 200: { description: '' } },
        },
      },
    },
  }
  const { inventory, send } = handMade()
  for (const client of ['203.0.113.1', '203.0.113.2']) {
    send({ target: '/v1/articles/red-shoes', client })
    send({ target: '/v1/articles/blue-shoes', client })
    const headers = [['Content-Type', 'application/x-www-form-urlencoded']] as const
    send({ target: '/v1/login', method: 'POST', headers, body: 'user=7&again=1', client })
  }
  const found = findDrift(readSpec(JSON.stringify(swagger), 'a.json'), routesOf(inventory)).map(lineOf)
  expect(found).toEqual(['warning parameter | POST /v1/login | body again | is not described: int, in 100 %'])
})

test('only the services that the description names are compared, where one of them was seen', () => {
  const spec = readSpec(SHOP, 'shop.yaml')
  const other = { ...day[0]!, service: 'db.shop.test', endpoint: 'GET /else', path: '/else' }
  const description = { file: 'shop.yaml', services: null, spec }
  expect(routesAbout(description, [...day, other])).toEqual(day)
  expect(routesAbout(description, [other])).toEqual([other])
})

test.each([
  ['no YAML', '{ a: [', /neither YAML nor JSON/],
  ['no description', 'a: 1', /neither `openapi/],
  ['no paths', 'openapi: 3.1.0', /no `paths`/],
  ['a list', '[1]', /no object/],
  ['a bomb of aliases', `openapi: 3.1.0\npaths: {}\na: &a [x,x,x,x,x,x,x,x,x]\n${bomb()}`, /neither YAML/],
])('%s is refused with its place', (_, text, message) => {
  expect(() => readSpec(text, 'x.yaml')).toThrow(message)
})

test('references in a circle end', () => {
  const spec = readSpec(
    JSON.stringify({
      openapi: '3.1.0',
      components: {
        schemas: {
          Node: { type: 'object', properties: { next: { $ref: '#/components/schemas/Node' } } },
          Self: { $ref: '#/components/schemas/Self' },
        },
      },
      paths: {
        '/n': {
          get: {
            responses: {
              200: {
                description: '',
                content: { 'application/json': { schema: { $ref: '#/components/schemas/Node' } } },
              },
            },
          },
        },
        '/s': { $ref: '#/components/schemas/Self' },
      },
    }),
    'x.json',
  )
  expect(spec.operations).toHaveLength(1)
})

test('SARIF has what code scanning needs', () => {
  const findings = findDrift(readSpec(SHOP, 'shop.yaml'), day)
  const log = sarifLog(findings, 'api/my shop.yaml', '1.2.3') as {
    version: string
    runs: { tool: { driver: { rules: { id: string }[] } }; results: Record<string, never>[] }[]
  }
  expect(log.version).toBe('2.1.0')
  const [run] = log.runs
  expect(run!.results).toHaveLength(findings.length)
  for (const result of run!.results as unknown as Record<string, never>[]) {
    expect(result).toMatchObject({
      ruleId: expect.stringMatching(/^drift\./),
      level: expect.stringMatching(/^(error|warning|note)$/),
      message: { text: expect.any(String) },
      locations: [{ physicalLocation: { artifactLocation: { uri: 'api/my%20shop.yaml' } } }],
    })
    expect(run!.tool.driver.rules[result.ruleIndex as unknown as number]!.id).toBe(result.ruleId)
  }
  const prints = run!.results.map((result) => JSON.stringify([result.partialFingerprints, result.message]))
  expect(new Set(prints).size).toBe(prints.length)
})

function bomb(): string {
  return 'bcdefghi'
    .split('')
    .map((name, at) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[at]}`).join(',')}]`)
    .join('\n')
}

test('an object and its file are two operations', () => {
  const spec = readSpec(
    'openapi: 3.1.0\npaths:\n  /invoices/{id}: { get: {} }\n  /invoices/{id}.pdf: { get: {} }\n',
    'x',
  )
  const route = (path: string) => ({ ...day[0]!, method: 'GET', path, endpoint: `GET ${path}`, fields: [] })
  const found = findDrift(spec, [route('/invoices/{id}.pdf')])
  expect(found.map(({ rule, endpoint }) => `${rule} ${endpoint}`)).toEqual(['unused GET /invoices/{id}'])
})
