import { expect, test } from 'vitest'
import { withDescriptions } from './descriptions.ts'
import { readSpec } from './spec.ts'
import type { RouteJson } from './views.ts'

const SPEC = readSpec(
  `
openapi: 3.1.0
servers: [{ url: https://api.shop.test/v1 }]
paths:
  /orders/{orderId}: { get: { responses: { 200: { description: ok } } } }
`,
  'shop.yaml',
)
const route = (service: string, method: string, path: string) =>
  ({ service, endpoint: `${method} ${path}`, method, path }) as RouteJson
const ROUTES = [
  route('api.shop.test', 'GET', '/v1/orders/{id}'),
  route('api.shop.test', 'HEAD', '/v1/orders/{id}'),
  route('api.shop.test', 'DELETE', '/v1/orders/{id}'),
  route('other.test', 'GET', '/v1/orders/{id}'),
]
const documented = (services: readonly string[] | null) =>
  withDescriptions(ROUTES, [{ file: 'shop.yaml', services, spec: SPEC }]).map((each) => each.documented)

test('a route is described, or not, or nothing is written about its service', () => {
  expect(documented(null)).toEqual([true, true, false, null])
  expect(documented(['other.test'])).toEqual([null, null, null, true])
})

test('one of several descriptions is enough', () => {
  const both = [
    { file: 'none.yaml', services: null, spec: { operations: [], hosts: ['api.shop.test'], outside: [] } },
    { file: 'shop.yaml', services: null, spec: SPEC },
  ]
  for (const descriptions of [both, both.toReversed()])
    expect(withDescriptions(ROUTES, descriptions).map((each) => each.documented)).toEqual([true, true, false, null])
})
