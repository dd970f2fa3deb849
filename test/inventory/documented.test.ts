import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { selectRoutes } from '../../daemon/api/inventory-file.ts'
import { describedApi } from '../../daemon/inventory/described-api.ts'
import { readSpec } from '../../daemon/inventory/spec.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { InventoryFeed } from '../../daemon/topology/inventory-feed.ts'
import { handMade } from './learn.ts'

const describing = (path: string) =>
  describedApi({
    file: 'shop.yaml',
    services: null,
    spec: readSpec(
      `openapi: 3.1.0\nservers: [{ url: https://api.shop.test }]\npaths: { ${path}: { get: {} } }\n`,
      'shop.yaml',
    ),
  })

test('routes of the API say whether they are described, whichever of them are asked for', async () => {
  const { inventory, send } = handMade()
  send({ target: '/v1/cart' })
  send({ target: '/v1/help' })
  const state = inventory.state()
  const elsewhere = { ...state.operations[0]!, service: 'other.test' }
  const all = { ...state, operations: [...state.operations, elsewhere] }
  const documented = async (filter: { service?: string }, described = [describing('/v1/cart')]) =>
    (await selectRoutes(all, filter, described)).map((route) => [route.service, route.path, route.documented])
  const shop = [
    ['api.shop.test', '/v1/cart', true],
    ['api.shop.test', '/v1/help', false],
  ]
  const other = [['other.test', '/v1/cart', null]]
  expect(await documented({})).toEqual([...shop, ...other])
  expect(await documented({ service: 'api.shop.test' })).toEqual(shop)
  expect(await documented({ service: 'other.test' })).toEqual(other)
  expect((await documented({}, [])).map((each) => each[2])).toEqual([null, null, null])
})

test('a route is written to the store again when what is written about it changes, and only then', async () => {
  const { inventory, send } = handMade()
  for (const target of ['/v1/cart', '/v1/help', '/v1/about']) send({ target })
  let described = [describing('/v1/cart')]
  let written: unknown[] = []
  const feed = new InventoryFeed({
    inventory,
    counters: new Counters(),
    send: () => undefined,
    rows: () => ({
      route: (_now, { endpoint }, documented) => void written.push([endpoint, documented]),
      mergedRoute: expect.fail,
      client: () => undefined,
    }),
    described: () => described,
    covers: () => [],
    failed: expect.fail,
  })
  for (let second = 0; second < 5; second++) feed.beat()
  for (let turn = 0; turn < 10; turn++) await setImmediate()
  expect(written).toHaveLength(3)
  expect(written).toEqual(
    expect.arrayContaining([
      ['GET /v1/cart', true],
      ['GET /v1/help', false],
      ['GET /v1/about', false],
    ]),
  )
  written = []
  described = [describing('/v1/help')]
  feed.finish()
  expect(written).toHaveLength(2)
  expect(written).toEqual(
    expect.arrayContaining([
      ['GET /v1/cart', false],
      ['GET /v1/help', true],
    ]),
  )
})
