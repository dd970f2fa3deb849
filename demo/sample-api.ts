import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Random } from './random.ts'
import type { MatchedRoute, RouteName } from './routes.ts'
import { type AccessClaims, issueAccess, issueRefresh, verifyAccess, verifyRefresh } from './tokens.ts'
import type { Caller, World } from './world.ts'

/**
 * A small shop API. `SampleApi` answers requests and keeps the shop's state, with time as an argument, so the day
 * generator can run a day of it in a second; `serveSampleApi` puts the same object behind a real HTTP server.
 *
 * It has one deliberate fault, the most common one of APIs: `GET /v1/orders/{id}` checks that there is a valid token, not
 * whose order it is. The invoice beside it does check.
 */
export interface ApiRequest {
  readonly method: string
  /** Path with query, as on the request line. */
  readonly target: string
  readonly authorization: string | null
  readonly body: string
}

export interface ApiAnswer {
  readonly status: number
  /** JSON, or empty. */
  readonly body: string
  readonly latencyMs: number
}

const PAGE = 10
/** Bodies beyond this are refused. */
const MAX_BODY_BYTES = 64 * 1024
/** Typical time to answer, in milliseconds, where it is not the ordinary 6. */
const SLOW: Partial<Record<RouteName, number>> = {
  login: 45,
  exportOrders: 30,
  createOrder: 25,
  invoice: 18,
  health: 1,
}

export class SampleApi {
  readonly #world: World
  readonly #random: Random
  readonly #orders: Map<number, string>
  readonly #ordersOf = new Map<string, number[]>()
  readonly #bySub: ReadonlyMap<string, Caller>
  readonly #byEmail: ReadonlyMap<string, Caller>
  #lastOrder = 0

  constructor(world: World) {
    this.#world = world
    this.#random = world.random.fork('api')
    this.#orders = new Map(world.orders)
    this.#bySub = new Map(world.callers.map((caller) => [caller.sub, caller]))
    this.#byEmail = new Map(world.callers.map((caller) => [caller.email, caller]))
    for (const [id, owner] of this.#orders) this.#keep(id, owner)
  }

  get lastOrder(): number {
    return this.#lastOrder
  }

  handle(request: ApiRequest, nowMs: number): ApiAnswer {
    const mark = request.target.indexOf('?')
    const path = mark < 0 ? request.target : request.target.slice(0, mark)
    const query = new URLSearchParams(mark < 0 ? '' : request.target.slice(mark + 1))
    const route = this.#world.routes.match(request.method, path)
    if (route === null) return this.#answer(404, { error: 'not_found' }, 2)
    // Now and then a dependency of the shop is away for a moment; clients retry.
    if (route.name !== 'health' && this.#random.chance(0.0015)) return this.#answer(503, { error: 'try_again' }, 80)
    const [status, body] = this.#route(route, query, request, Math.floor(nowMs / 1000))
    return this.#answer(status, body, SLOW[route.name] ?? 6)
  }

  #route(route: MatchedRoute, query: URLSearchParams, request: ApiRequest, nowS: number): [number, object] {
    switch (route.name) {
      case 'health':
        return [200, { status: 'ok' }]
      case 'login':
        return this.#login(readJson(request.body), nowS)
      case 'refresh':
        return this.#refresh(readJson(request.body), nowS)
      case 'products':
        return [200, { products: this.#page(this.#world.products, query).map((id) => ({ id, price: 5 + (id % 90) })) }]
      case 'product': {
        const id = Number(route.id)
        return this.#world.products.includes(id)
          ? [200, { id, name: `Article ${id}`, price: 5 + (id % 90), stock: id % 17 }]
          : [404, { error: 'no_such_product' }]
      }
      default: {
        const claims = bearer(request.authorization, nowS)
        return claims === null ? [401, { error: 'unauthorized' }] : this.#authorized(route, query, request, claims)
      }
    }
  }

  #authorized(
    route: MatchedRoute,
    query: URLSearchParams,
    request: ApiRequest,
    claims: AccessClaims,
  ): [number, object] {
    const id = Number(route.id)
    switch (route.name) {
      case 'cart':
        return [200, { lines: [], total: 0 }]
      case 'addToCart': {
        const { product, quantity } = readJson(request.body)
        const fine = this.#world.products.includes(Number(product)) && Number(quantity) > 0 && Number(quantity) < 20
        return fine ? [201, { lines: 1 }] : [422, { error: 'invalid', field: 'quantity' }]
      }
      case 'orders': {
        const customer = query.get('customer')
        if (customer !== null && claims.role !== 'support') return [403, { error: 'forbidden' }]
        const own = this.#ordersOf.get(customer ?? claims.sub) ?? []
        return [200, { orders: this.#page([...own].reverse(), query).map((order) => ({ id: order })) }]
      }
      case 'createOrder': {
        const { product } = readJson(request.body)
        if (!this.#world.products.includes(Number(product))) return [422, { error: 'invalid', field: 'product' }]
        const order = this.#lastOrder + 1
        this.#orders.set(order, claims.sub)
        this.#keep(order, claims.sub)
        return [201, { id: order }]
      }
      case 'order':
        return this.#orders.has(id) ? [200, this.#order(id)] : [404, { error: 'no_such_order' }]
      case 'invoice':
        if (!this.#orders.has(id)) return [404, { error: 'no_such_order' }]
        if (this.#orders.get(id) !== claims.sub && claims.role === 'customer') return [403, { error: 'forbidden' }]
        return [200, { order: id, number: `R-${id}`, total: 10 + (id % 190) }]
      case 'exportOrders': {
        if (claims.role !== 'export') return [403, { error: 'forbidden' }]
        return [200, { orders: this.#page([...this.#orders.keys()].reverse(), query).map((order) => ({ id: order })) }]
      }
      case 'supportCustomer': {
        if (claims.role !== 'support') return [403, { error: 'forbidden' }]
        const sub = `u_${id}`
        return this.#bySub.has(sub) ? [200, { sub, orders: this.#ordersOf.get(sub)?.length ?? 0 }] : [404, {}]
      }
      default:
        return [200, { sub: claims.sub, role: claims.role }]
    }
  }

  #login(body: Readonly<Record<string, unknown>>, nowS: number): [number, object] {
    if (typeof body.email !== 'string' || typeof body.password !== 'string') return [422, { error: 'invalid' }]
    const caller = this.#byEmail.get(body.email.toLowerCase())
    if (caller === undefined || caller.password !== body.password) return [401, { error: 'bad_credentials' }]
    return [200, this.#session(caller, nowS)]
  }

  #refresh(body: Readonly<Record<string, unknown>>, nowS: number): [number, object] {
    const sub = typeof body.refresh_token === 'string' ? verifyRefresh(body.refresh_token, nowS) : null
    const caller = sub === null ? undefined : this.#bySub.get(sub)
    return caller === undefined ? [401, { error: 'expired' }] : [200, this.#session(caller, nowS)]
  }

  #session(caller: Caller, nowS: number): object {
    return {
      access_token: issueAccess(caller.sub, caller.role, nowS),
      refresh_token: issueRefresh(caller.sub, nowS),
      token_type: 'Bearer',
    }
  }

  #order(id: number): object {
    return { id, owner: this.#orders.get(id), total: 10 + (id % 190), status: id % 3 === 0 ? 'sent' : 'delivered' }
  }

  #keep(id: number, owner: string): void {
    const own = this.#ordersOf.get(owner)
    if (own === undefined) this.#ordersOf.set(owner, [id])
    else own.push(id)
    this.#lastOrder = Math.max(this.#lastOrder, id)
  }

  #page(ids: readonly number[], query: URLSearchParams): number[] {
    const page = Math.max(1, Math.min(1000, Number(query.get('page') ?? 1) || 1))
    return ids.slice((page - 1) * PAGE, page * PAGE)
  }

  #answer(status: number, body: object, typicalMs: number): ApiAnswer {
    return { status, body: JSON.stringify(body), latencyMs: Math.min(900, this.#random.skewed(typicalMs)) }
  }
}

export interface RunningApi {
  readonly port: number
  close(): Promise<void>
}

/** Listens on loopback only. Port 0 takes a free one. */
export async function serveSampleApi(api: SampleApi, port = 0): Promise<RunningApi> {
  const server: Server = createServer({ keepAliveTimeout: 30_000 }, (request, response) => {
    readBody(request).then(
      (body) => answerLater(api, request, body, response),
      () => response.destroy(),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function answerLater(api: SampleApi, request: IncomingMessage, body: string, response: ServerResponse): void {
  const answer = api.handle(
    {
      method: request.method ?? 'GET',
      target: request.url ?? '/',
      authorization: request.headers.authorization ?? null,
      body,
    },
    Date.now(),
  )
  setTimeout(() => {
    response.writeHead(answer.status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(answer.body),
    })
    response.end(answer.body)
  }, answer.latencyMs)
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) throw new Error('body too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function bearer(authorization: string | null, nowS: number): AccessClaims | null {
  return authorization?.startsWith('Bearer ') === true ? verifyAccess(authorization.slice(7), nowS) : null
}

function readJson(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
