import type { Random } from './random.ts'
import type { RouteName } from './routes.ts'
import type { ApiAnswer } from './sample-api.ts'
import { issueAccess, issueRefresh } from './tokens.ts'
import { type Caller, type World, withRole } from './world.ts'

/**
 * What callers do, as scripts: a generator yields the next request and how long the caller waits before it, and is given
 * the answer. The day generator plays scripts against the API in simulated time, the live clients over sockets in real
 * time; both at the pace told here, so what was learned and what is watched are the same people.
 *
 * The benign scripts are chosen to be hard: wrong passwords in runs, order numbers in sequence, missing routes hit again
 * and again, one address speaking for thirty people.
 */
export interface Call {
  readonly method: string
  /** Path with query. */
  readonly target: string
  readonly authorization: string | null
  /** JSON, or empty. */
  readonly body: string
  /** The caller's address as the ingress reports it in X-Forwarded-For. */
  readonly address: string
  readonly userAgent: string
}

export interface Step {
  readonly waitMs: number
  readonly call: Call
}

export type Reply = Pick<ApiAnswer, 'status' | 'body'> & { readonly atMs: number }
export type Script = Generator<Step, void, Reply>
type Part<Result = void> = Generator<Step, Result, Reply>

/** What the caller's device remembers between visits. */
export interface Device {
  access: string | null
  accessUntilMs: number
  refresh: string | null
}

export interface Ask {
  readonly id?: string | number
  readonly query?: string
  readonly body?: object
  /** Sent without a token. */
  readonly anonymous?: boolean
}

export const SECOND = 1000

/** One caller at one place: says requests in their name and keeps their token. */
export class Actor {
  readonly world: World
  readonly caller: Caller
  readonly random: Random
  readonly address: string
  readonly #device: Device

  constructor(world: World, caller: Caller, device: Device, random: Random, address = caller.address) {
    this.world = world
    this.caller = caller
    this.random = random
    this.address = address
    this.#device = device
  }

  *ask(waitMs: number, route: RouteName, ask: Ask = {}): Part<Reply> {
    const { routes } = this.world
    const target = routes.path(route, ask.id) + (ask.query === undefined ? '' : `?${ask.query}`)
    return yield* this.send(waitMs, routes.method(route), target, ask)
  }

  *send(waitMs: number, method: string, target: string, ask: Ask = {}): Part<Reply> {
    const token = ask.anonymous === true ? null : this.#device.access
    return yield {
      waitMs,
      call: {
        method,
        target,
        authorization: token === null ? null : `Bearer ${token}`,
        body: ask.body === undefined ? '' : JSON.stringify(ask.body),
        address: this.address,
        userAgent: this.caller.userAgent,
      },
    }
  }

  /** Gets a valid token the way this caller does. */
  *open(nowMs: number): Part {
    const device = this.#device
    if (this.caller.quirk === 'refresh-loop' && this.random.chance(0.6)) return yield* this.#expiredForGood(nowMs)
    if (device.access !== null && nowMs < device.accessUntilMs) return
    if (device.refresh === null || (!this.caller.hasApp && this.random.chance(0.5))) return yield* this.login()
    if (device.access !== null && this.random.chance(0.3)) {
      // Noticed only by the refusal: the usual 401, refresh, again.
      for (const route of ['me', 'orders', 'cart'] as const) yield* this.ask(this.random.between(20, 90), route)
    }
    if (!(yield* this.#refresh(this.random.between(40, 200)))) yield* this.login()
  }

  /** Types the password, with the slips this caller makes; `slips` is how likely one is, where it is not the caller's own habit. */
  *login(slips: number | null = null): Part {
    const { random, caller } = this
    const wrong = wrongPasswords(caller, random, slips)
    if (random.chance(0.02)) {
      const mistyped = caller.email.replace('.', '')
      yield* this.#try(random.skewed(3 * SECOND), mistyped, caller.password)
    }
    for (const password of wrong) yield* this.#try(random.skewed(3.5 * SECOND) + 900, caller.email, password)
    yield* this.signIn(random.skewed(4 * SECOND) + 900)
  }

  /** Logs in with the right password, again when the shop is away for a moment. */
  *signIn(waitMs: number): Part {
    let reply = yield* this.#try(waitMs, this.caller.email, this.caller.password)
    for (let again = 0; again < 3 && reply.status === 503; again++) {
      reply = yield* this.#try(waitMs, this.caller.email, this.caller.password)
    }
    this.#keep(reply)
  }

  /** One attempt with this password, from this actor's address. */
  *guess(waitMs: number, email: string, password: string): Part<Reply> {
    return yield* this.#try(waitMs, email, password)
  }

  *#try(waitMs: number, email: string, password: string): Part<Reply> {
    return yield* this.ask(waitMs, 'login', { anonymous: true, body: { email, password } })
  }

  *#refresh(waitMs: number): Part<boolean> {
    const body = { refresh_token: this.#device.refresh }
    const reply = yield* this.ask(waitMs, 'refresh', { anonymous: true, body })
    this.#keep(reply)
    return reply.status === 200
  }

  /** A phone left in a drawer: both tokens ran out, and the app keeps asking before it shows the login form. */
  *#expiredForGood(nowMs: number): Part {
    const long = Math.floor(nowMs / 1000) - 40 * 86_400
    this.#device.access = issueAccess(this.caller.sub, this.caller.role, long)
    this.#device.refresh = issueRefresh(this.caller.sub, long)
    const rounds = this.random.between(6, 11)
    for (let i = 0; i < rounds; i++) {
      yield* this.ask(this.random.between(300, 900), 'me')
      if (yield* this.#refresh(80)) return
    }
    yield* this.login()
  }

  #keep(reply: Reply): void {
    if (reply.status !== 200) return
    const body = JSON.parse(reply.body) as { access_token: string; refresh_token: string }
    this.#device.access = body.access_token
    this.#device.refresh = body.refresh_token
    this.#device.accessUntilMs = reply.atMs + 3500 * SECOND
  }
}

/** A shopper's visit: look around, perhaps buy, perhaps see after an order. */
export function* shop(actor: Actor, startMs: number): Script {
  const { random, caller } = actor
  const browser = !caller.hasApp
  if (browser && random.chance(0.3)) {
    yield* actor.send(60, 'GET', '/favicon.ico', { anonymous: true })
    if (caller.userAgent.includes('Safari')) yield* actor.send(20, 'GET', '/apple-touch-icon.png', { anonymous: true })
  }
  if (browser) yield* actor.ask(random.between(30, 120), 'products', { anonymous: true })
  yield* actor.open(startMs)
  yield* actor.ask(random.between(30, 150), 'me')
  // A home screen that was taken out of the API a version ago: old apps still ask, at every start and every tab change.
  if (caller.quirk === 'old-app') yield* missingHome(actor, random.between(2, 5))
  const parts = random.between(1, 3)
  for (let i = 0; i < parts; i++) {
    if (random.chance(0.55)) yield* browse(actor)
    else yield* ownOrders(actor)
    if (caller.quirk === 'old-app' && random.chance(0.5)) yield* missingHome(actor, 1)
  }
}

function* missingHome(actor: Actor, times: number): Part {
  for (let i = 0; i < times; i++) {
    yield* actor.send(actor.random.between(80, 900), 'GET', actor.world.routes.renamed('/v1/recommendations'))
  }
}

function* browse(actor: Actor): Part {
  const { random, world } = actor
  yield* actor.ask(random.skewed(2 * SECOND), 'products', { query: `page=${random.between(1, 12)}` })
  const looks = random.between(1, 4)
  let product = world.products[0]!
  for (let i = 0; i < looks; i++) {
    product = random.chance(0.02) ? 9000 + random.between(0, 90) : random.pick(world.products)
    yield* actor.ask(random.skewed(2.5 * SECOND), 'product', { id: product })
  }
  if (random.chance(0.4)) {
    const quantity = random.chance(0.06) ? 0 : random.between(1, 3)
    const reply = yield* actor.ask(random.skewed(2 * SECOND), 'addToCart', { body: { product, quantity } })
    yield* actor.ask(random.between(50, 200), 'cart')
    if (reply.status === 201 && random.chance(0.5)) {
      yield* actor.ask(random.skewed(4 * SECOND), 'createOrder', { body: { product } })
    }
  }
}

function* ownOrders(actor: Actor): Part {
  const { random, caller, world } = actor
  const list = yield* actor.ask(random.skewed(2 * SECOND), 'orders')
  const own = orderIds(list)
  const looks = Math.min(own.length, random.between(0, 3))
  for (let i = 0; i < looks; i++) {
    const id = own[i]!
    const storm = caller.quirk === 'bad-network' && random.chance(0.4) ? random.between(6, 14) : 0
    yield* actor.ask(random.skewed(2 * SECOND), 'order', { id })
    // The answer never arrives in the tunnel; the app asks again, and again.
    for (let again = 0; again < storm; again++) yield* actor.ask(random.between(120, 320), 'order', { id })
    if (random.chance(0.4)) yield* actor.ask(random.skewed(1.5 * SECOND), 'invoice', { id })
  }
  // A link from somebody in the family, or a number copied wrongly from a letter.
  if (random.chance(0.05))
    yield* actor.ask(random.skewed(3 * SECOND), 'order', { id: random.pick([...world.orders.keys()]) })
  if (random.chance(0.04)) {
    yield* actor.ask(random.skewed(3 * SECOND), 'invoice', { id: random.pick([...world.orders.keys()]) })
  }
  if (random.chance(0.02)) yield* actor.ask(random.skewed(3 * SECOND), 'order', { id: random.between(100, 900) })
}

/** An agent on the phone: finds the customer, opens their orders. All of these are other people's objects. */
export function* supportCalls(actor: Actor, startMs: number): Script {
  const { random, world } = actor
  yield* actor.open(startMs)
  const customers = withRole(world, 'customer')
  const calls = random.between(8, 14)
  for (let i = 0; i < calls; i++) {
    const customer = random.pick(customers)
    yield* actor.ask(random.skewed(9 * SECOND), 'supportCustomer', { id: customer.sub.slice(2) })
    const list = yield* actor.ask(random.between(100, 300), 'orders', { query: `customer=${customer.sub}` })
    const ids = orderIds(list).slice(0, random.between(1, 3))
    for (const id of ids) yield* actor.ask(random.skewed(3 * SECOND), 'order', { id })
    if (ids[0] !== undefined && random.chance(0.4))
      yield* actor.ask(random.skewed(2 * SECOND), 'invoice', { id: ids[0] })
  }
}

/** The refund queue: one order after another, from anyone, every couple of seconds. */
export function* supportReview(actor: Actor, startMs: number): Script {
  const { random, world } = actor
  yield* actor.open(startMs)
  const cases = random.shuffled([...world.orders.keys()]).slice(0, random.between(35, 55))
  for (const id of cases) yield* actor.ask(600 + random.skewed(1.1 * SECOND), 'order', { id })
}

/** Hourly export to book-keeping: pages through what is new, then takes the orders one by one, in sequence. */
export function* exportRun(actor: Actor, startMs: number): Script {
  yield* actor.open(startMs)
  for (let page = 1; page <= 3; page++) {
    const list = yield* actor.ask(200, 'exportOrders', { query: `page=${page}` })
    for (const id of orderIds(list)) yield* actor.ask(actor.random.between(120, 180), 'order', { id })
  }
}

export function* healthCheck(actor: Actor): Script {
  yield* actor.ask(0, 'health', { anonymous: true })
}

/** A price comparison site: polite, anonymous, steady, and it asks for a robots.txt that an API does not have. */
export function* compareAllPrices(actor: Actor): Script {
  const { random, world } = actor
  yield* actor.send(0, 'GET', '/robots.txt', { anonymous: true })
  const from = random.between(1, 10)
  for (let page = from; page < from + 4; page++) {
    yield* actor.ask(random.between(700, 1400), 'products', { anonymous: true, query: `page=${page}` })
    for (let i = 0; i < 4; i++) {
      const id = random.chance(0.05) ? 9100 + random.between(0, 40) : random.pick(world.products)
      yield* actor.ask(random.between(700, 1400), 'product', { anonymous: true, id })
    }
  }
}

/** A mail widget that never got the new password: the same wrong one, at a fixed pace, then it gives up for a while. */
export function* stalePassword(actor: Actor): Script {
  for (let i = 0; i < 12; i++) {
    const waitMs = 4 * SECOND + actor.random.between(0, 40)
    yield* actor.guess(waitMs, actor.caller.email, `${actor.caller.password}-old`)
  }
}

/** The wrong attempts before the right one. People who forgot go through their old ones, and repeat themselves. */
function wrongPasswords(caller: Caller, random: Random, slips: number | null): string[] {
  const mistyped = (): string => {
    const at = random.between(1, caller.password.length - 2)
    return caller.password.slice(0, at) + caller.password.slice(at + random.between(0, 1) + 1)
  }
  if (caller.quirk === 'forgetful' && random.chance(0.5)) {
    const old = [1, 2, 3, 4].map((version) => caller.password.replace(/\d+$/, String(version)))
    return [...old.slice(0, random.between(2, 4)), old[0]!]
  }
  const likely = slips ?? (caller.quirk === 'typist' ? 0.35 : 0.06)
  if (!random.chance(likely)) return []
  return random.chance(0.25) ? [mistyped(), mistyped()] : [mistyped()]
}

function orderIds(list: Reply): number[] {
  if (list.status !== 200) return []
  return (JSON.parse(list.body) as { orders: { id: number }[] }).orders.map((order) => order.id)
}
