import { MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Caller } from '../caller.ts'
import { operationOf } from '../estate/estate.ts'
import type { Operation } from '../estate/operation.ts'
import type { Script } from '../visits/script.ts'
import { defineAttack, type Part } from './attack.ts'
import { alone, insider, loggedIn, outsider, withToken } from './crew.ts'
import { jitter } from './guessing.ts'

/** What the API offers, used for what it was not meant for. */

interface Calls {
  readonly calls: number
  readonly everyUs: number
}

/** The same steps again and again. */
function* repeat({ calls, everyUs }: Calls, caller: Caller, step: (turn: number) => void): Script {
  for (let turn = 0; turn < calls; turn++) {
    step(turn)
    yield jitter(caller, everyUs)
  }
}

export const massAssignment = defineAttack<Calls & { readonly fields: string }>({
  name: 'property.mass_assignment',
  detector: 'property.mass_assignment',
  summary: 'a profile is changed together with fields that nobody should send, and they are taken',
  intensities: {
    blatant: { calls: 8, everyUs: 5 * SECOND_US, fields: '"role":"admin","is_admin":true,"balance":100000' },
    moderate: { calls: 2, everyUs: 30 * SECOND_US, fields: '"role":"admin"' },
    stealthy: { calls: 1, everyUs: SECOND_US, fields: '"email_verified":true' },
  },
  begin: (world, calls, label) => {
    const caller = insider(world, label)
    const operation = operationOf(world.estate.services.shop, 'PATCH /v1/me')
    const step = () =>
      caller.call(operation, {
        body: `{"city":"Leipzig",${calls.fields}}`,
        answer: `{"id":1,"city":"Leipzig",${calls.fields}}`,
      })
    return alone(caller, withToken(caller, repeat(calls, caller, step)))
  },
})

export const scraping = defineAttack<Calls & { readonly sources: number }>({
  name: 'scrape.crawl',
  detector: 'scrape.crawl',
  summary: 'every product of the catalogue, one after the other',
  intensities: {
    blatant: { calls: 800, everyUs: 0.2 * SECOND_US, sources: 1 },
    moderate: { calls: 200, everyUs: 2 * SECOND_US, sources: 4 },
    stealthy: { calls: 40, everyUs: 20 * SECOND_US, sources: 20 },
  },
  begin: (world, { calls, everyUs, sources }, label) => {
    const operation = operationOf(world.estate.services.catalogue, 'GET /products/{product}')
    const products = operation.resources[0]!.count
    return Array.from({ length: sources }, (_, source): Part => {
      const caller = outsider(world, label, 'home')
      const step = (turn: number) => caller.call(operation, { objects: [(source * calls + turn) % products] })
      return { caller, script: repeat({ calls, everyUs }, caller, step), delayUs: source * SECOND_US }
    })
  },
})

export const exfiltration = defineAttack<Calls & { readonly rows: number }>({
  name: 'scrape.exfiltration',
  detector: 'scrape.exfiltration',
  summary: 'staff credentials pull customer lists page after page, at night',
  intensities: {
    blatant: { calls: 200, everyUs: SECOND_US, rows: 400 },
    moderate: { calls: 60, everyUs: 5 * SECOND_US, rows: 150 },
    stealthy: { calls: 20, everyUs: MINUTE_US, rows: 60 },
  },
  begin: (world, { calls, everyUs, rows }, label) => {
    const caller = loggedIn(world, world.random.pick(world.population.staff), label)
    const operation = operationOf(world.estate.services.admin, 'GET /internal/customers')
    const { count } = operation.subject!
    const step = (turn: number) => {
      const listed = Array.from({ length: rows }, (_, i) => (turn * rows + i) % count)
      caller.call(operation, { listed, query: `page=${turn + 1}&limit=${rows}` })
    }
    return alone(caller, withToken(caller, repeat({ calls, everyUs }, caller, step)))
  },
})

export const tooManyCalls = defineAttack<Calls>({
  name: 'consumption.rate',
  detector: 'consumption.rate',
  summary: 'one account searches without a break',
  intensities: {
    blatant: { calls: 4000, everyUs: 0.02 * SECOND_US },
    moderate: { calls: 1500, everyUs: 0.2 * SECOND_US },
    stealthy: { calls: 500, everyUs: SECOND_US },
  },
  begin: (world, calls, label) => {
    const caller = insider(world, label)
    const operation = operationOf(world.estate.services.graph, 'POST /graphql#SearchProducts')
    return alone(
      caller,
      withToken(
        caller,
        repeat(calls, caller, () => caller.call(operation, { listed: [1, 2, 3] })),
      ),
    )
  },
})

export const hugeRequests = defineAttack<Calls & { readonly bytes: number }>({
  name: 'consumption.size',
  detector: 'consumption.size',
  summary: 'requests far larger than anybody sends',
  intensities: {
    blatant: { calls: 60, everyUs: SECOND_US, bytes: 400_000 },
    moderate: { calls: 20, everyUs: 10 * SECOND_US, bytes: 60_000 },
    stealthy: { calls: 5, everyUs: MINUTE_US, bytes: 12_000 },
  },
  begin: (world, calls, label) => {
    const caller = insider(world, label)
    const operation = operationOf(world.estate.services.social, 'POST /posts')
    const body = `{"subject":"${'lorem ipsum '.repeat(calls.bytes / 12)}"}`
    return alone(
      caller,
      withToken(
        caller,
        repeat(calls, caller, () => caller.call(operation, { body })),
      ),
    )
  },
})

/** Files of any size, again and again. */
export const largeAnswers = defineAttack<Calls & { readonly bytes: number }>({
  name: 'consumption.volume',
  detector: 'consumption.volume',
  summary: 'one account downloads its largest file again and again',
  intensities: {
    blatant: { calls: 300, everyUs: SECOND_US, bytes: 8_000_000 },
    moderate: { calls: 80, everyUs: 6 * SECOND_US, bytes: 3_000_000 },
    stealthy: { calls: 50, everyUs: 20 * SECOND_US, bytes: 1_000_000 },
  },
  begin: (world, calls, label) => {
    const caller = insider(world, label)
    const operation = operationOf(world.estate.services.files, 'GET /files/{file}/content')
    const objects = [caller.reachable(operation.resources[0]!)]
    return alone(
      caller,
      withToken(
        caller,
        repeat(calls, caller, () => caller.call(operation, { objects, binaryBytes: calls.bytes })),
      ),
    )
  },
})

export const costlyCalls = defineAttack<Calls & { readonly latencyMs: number }>({
  name: 'consumption.cost',
  detector: 'consumption.cost',
  summary: 'reports that take seconds each, over and over: many, or few that are worse',
  intensities: {
    blatant: { calls: 300, everyUs: 0.5 * SECOND_US, latencyMs: 1800 },
    moderate: { calls: 80, everyUs: 5 * SECOND_US, latencyMs: 2500 },
    stealthy: { calls: 24, everyUs: 15 * SECOND_US, latencyMs: 9000 },
  },
  begin: (world, calls, label) => {
    const caller = loggedIn(world, world.random.pick(world.population.staff), label)
    const operation = operationOf(world.estate.services.admin, 'GET /internal/reports/revenue/{month}')
    const step = (turn: number) => caller.call(operation, { objects: [turn % 24], latencyMs: calls.latencyMs })
    return alone(caller, withToken(caller, repeat(calls, caller, step)))
  },
})

export const skippedSteps = defineAttack<Calls>({
  name: 'flow.sequence',
  detector: 'flow.sequence',
  summary: 'orders are placed without ever having had a basket',
  intensities: {
    blatant: { calls: 40, everyUs: 2 * SECOND_US },
    moderate: { calls: 10, everyUs: 20 * SECOND_US },
    stealthy: { calls: 2, everyUs: MINUTE_US },
  },
  begin: (world, calls, label) => {
    const caller = insider(world, label)
    const checkout = operationOf(world.estate.services.shop, 'POST /v1/checkout')
    return alone(
      caller,
      withToken(
        caller,
        repeat(calls, caller, () => caller.call(checkout)),
      ),
    )
  },
})

export const couponHunt = defineAttack<Calls>({
  name: 'flow.velocity',
  detector: 'flow.velocity',
  summary: 'codes of coupons are tried until some work',
  intensities: {
    blatant: { calls: 500, everyUs: 0.2 * SECOND_US },
    moderate: { calls: 120, everyUs: 3 * SECOND_US },
    stealthy: { calls: 30, everyUs: 30 * SECOND_US },
  },
  begin: (world, calls, label) => {
    const caller = insider(world, label)
    const operation = operationOf(world.estate.services.shop, 'POST /v1/cart/coupons/{coupon}')
    const coupons = operation.resources[0]!
    const step = () => {
      const number = caller.random.between(0, 10 * coupons.count)
      caller.call(operation, number < coupons.count ? { objects: [number] } : { objects: [number], status: 422 })
    }
    return alone(caller, withToken(caller, repeat(calls, caller, step)))
  },
})

const INTROSPECTION =
  '{"operationName":"IntrospectionQuery","query":"query IntrospectionQuery { __schema { types { name fields { name } } } }"}'

function graphAttack(
  name: string,
  summary: string,
  body: (size: number) => string,
  sizes: readonly [number, number, number],
) {
  return defineAttack<Calls & { readonly size: number }>({
    name,
    detector: name,
    summary,
    intensities: {
      blatant: { calls: 40, everyUs: SECOND_US, size: sizes[0] },
      moderate: { calls: 10, everyUs: 10 * SECOND_US, size: sizes[1] },
      stealthy: { calls: 2, everyUs: MINUTE_US, size: sizes[2] },
    },
    begin: (world, calls, label) => {
      const caller = insider(world, label)
      const { graph } = world.estate.services
      const answer = '{"data":{"result":null}}'
      const step = () => caller.stray(graph, 'POST', '/graphql', 200, { body: body(calls.size), answer })
      return alone(caller, withToken(caller, repeat(calls, caller, step)))
    },
  })
}

export const introspection = graphAttack(
  'graphql.introspection',
  'the schema is asked for',
  () => INTROSPECTION,
  [1, 1, 1],
)
export const batching = graphAttack(
  'graphql.batching',
  'hundreds of operations in one request',
  (size) =>
    `[${Array.from({ length: size }, (_, i) => `{"query":"query Try { login(code: \\"${i}\\") { ok } }"}`).join(',')}]`,
  [500, 60, 12],
)
export const nesting = graphAttack(
  'graphql.depth',
  'a document nested far deeper than any client asks',
  (size) => `{"query":"query Deep { ${'friends { '.repeat(size)}id${' }'.repeat(size)} }"}`,
  [200, 40, 14],
)

/** Trap: a sale. Everybody comes at once, and nobody means harm. */
export const flashSale = defineAttack<{ readonly people: number; readonly overUs: number }>({
  name: 'twin.flash_sale',
  detector: null,
  summary: 'a sale begins: thousands look at one product and buy within minutes',
  intensities: {
    blatant: { people: 3000, overUs: 5 * MINUTE_US },
    moderate: { people: 1200, overUs: 10 * MINUTE_US },
    stealthy: { people: 300, overUs: 20 * MINUTE_US },
  },
  begin: (world, { people, overUs }, label) => {
    const { shop, graph } = world.estate.services
    const steps: readonly Operation[] = [
      operationOf(graph, 'POST /graphql#ProductPage'),
      operationOf(shop, 'PUT /v1/cart/items/{sku}'),
      operationOf(shop, 'GET /v1/cart'),
      operationOf(shop, 'POST /v1/checkout'),
    ]
    return Array.from({ length: people }, (): Part => {
      const caller = insider(world, label)
      const script = (function* (): Script {
        for (const operation of steps) {
          caller.call(operation, { objects: operation.resources.length > 0 || operation.shape === 'item' ? [7] : [] })
          yield jitter(caller, 4 * SECOND_US)
        }
      })()
      return { caller, script: withToken(caller, script), delayUs: world.random.next() ** 2 * overUs }
    })
  },
})

/** Trap: a release of the app that tries again at once whatever fails. */
export const retryStorm = defineAttack<{ readonly people: number; readonly tries: number }>({
  name: 'twin.retry_storm',
  detector: null,
  summary: 'a release of the app repeats what fails without waiting: hundreds of callers, dozens of times each',
  // What fails for hundreds of callers has failed.
  rightly: ['regression.errors'],
  intensities: {
    blatant: { people: 600, tries: 30 },
    moderate: { people: 200, tries: 15 },
    stealthy: { people: 60, tries: 6 },
  },
  begin: (world, { people, tries }, label) => {
    const operation = operationOf(world.estate.services.shop, 'GET /v1/notifications')
    return Array.from({ length: people }, (): Part => {
      const caller = insider(world, label)
      const script = repeat({ calls: tries, everyUs: 0.2 * SECOND_US }, caller, () =>
        caller.call(operation, { status: 503 }),
      )
      return { caller, script: withToken(caller, script), delayUs: world.random.next() * 3 * MINUTE_US }
    })
  },
})
