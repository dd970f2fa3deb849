import { expect, test } from 'vitest'
import { Inventory } from '../../daemon/inventory/inventory.ts'
import { handMade, routesOf } from './learn.ts'

const ITEM = '{"id":1,"name":"a","price":2,"stock":3,"kind":"lamp"}'
const LIST = '{"items":[],"page":1,"total":0,"next":"n","sort":"s"}'
const JSON_TYPE: [string, string][] = [['Content-Type', 'application/json']]

function seen(paths: readonly (readonly [path: string, answer: string])[], inventory = new Inventory()) {
  const { send } = handMade(inventory)
  paths.forEach(([target, answer], i) => {
    send({ target, client: `203.0.113.${i % 7}`, responseHeaders: JSON_TYPE, responseBody: answer })
  })
  return routesOf(inventory)
}

const slug = (i: number) => `${'bcdfg'[i % 5]}risk-${'hjklm'[(i / 5) | 0]}ed-lamp`

test('routes that turn out to be one are one, with all that was seen of them', () => {
  const paths = Array.from({ length: 20 }, (_, i) => [`/products/${slug(i)}`, ITEM] as const)
  const routes = seen(paths)
  expect(routes.map(({ endpoint }) => endpoint)).toEqual(['GET /products/{id}'])
  const [route] = routes
  expect(route).toMatchObject({ requests: 20, callers: 7, statuses: { 200: 20 } })
  expect(route!.samples).toEqual({ taken: 20, requests: 0, responses: 20 })
  expect(route!.fields.find(({ name }) => name === 'price')).toMatchObject({ seen: 20, share: 1, shared: true })
})

test('what is not of them is a route of its own again, with its requests from then on', () => {
  const paths = Array.from({ length: 4000 }, (_, i) => {
    if (i < 20) return [`/products/${slug(i)}`, ITEM] as const
    return i % 3 === 0 ? (['/products/by-the-dozen', LIST] as const) : ([`/products/${slug(i % 25)}`, ITEM] as const)
  })
  const routes = seen(paths)
  expect(routes.map(({ endpoint }) => endpoint)).toEqual(['GET /products/by-the-dozen', 'GET /products/{id}'])
  expect(routes.reduce((sum, { requests }) => sum + requests, 0)).toBe(4000)
})
