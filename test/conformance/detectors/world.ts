import { DetectorSet } from '../../../analyzers/analysis.ts'
import { DETECTORS } from '../../../analyzers/registry.ts'
import { ENDPOINT_DEFAULTS, EndpointMapper } from '../../../daemon/endpoints/mapper.ts'
import { addressPrincipal } from '../../../daemon/identity/forwarded.ts'
import { GuessMemory } from '../../../daemon/identity/guess-memory.ts'
import { IncidentBook } from '../../../daemon/incidents/incident-book.ts'
import type { Incident } from '../../../daemon/model/incident.ts'
import { HOUR_US, MINUTE_US, SECOND_US } from '../../../daemon/model/time.ts'
import type { Claims, Principal, Transaction } from '../../../daemon/model/transaction.ts'
import { shippedPolicies } from '../../../daemon/policies/load.ts'
import { Counters } from '../../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../../daemon/telemetry/weirds.ts'
import { play, randomFrom, transaction } from '../traffic.ts'

/** When the scenario of a world begins; what comes before is the day that is learnt. */
export const NINE = Date.UTC(2026, 10, 20, 9) * 1000

/** Somebody with an account and an address. */
export interface Person {
  readonly name: string
  readonly ip: string
  readonly role: string | null
  readonly kind: Principal['kind']
}

/** Incidents, how many watched requests came before the first about them (-1: none), and how many are about nobody watched. */
export interface Outcome {
  readonly opened: readonly Incident[]
  readonly untilOpened: number
  readonly others: number
}

/** Writes down what a set of callers do. Everything random comes from one seed. */
export class World {
  readonly random: () => number
  readonly transactions: Transaction[] = []
  /** The transactions of whoever the world is about, to count requests until an incident. */
  readonly watched = new Set<string>()
  /** Who they are: what they did before may be told of as well. */
  readonly #watchedNames = new Set<string>()
  readonly #secrets = new Map<Transaction, { account: string | null; secret: string; field: string }>()
  watching = false

  constructor(seed: number) {
    this.random = randomFrom(seed)
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.random() * list.length)]!
  }

  between(low: number, high: number): number {
    return low + Math.floor(this.random() * (high - low + 1))
  }

  /** A request: of a person, or of a bare address. Service, endpoint and ids are found by the mapper. */
  ask(at: number, who: Person | string, path: string, status = 200, method = 'GET', bytes = 400): Transaction {
    const ip = typeof who === 'string' ? who : who.ip
    const principal: Principal =
      typeof who === 'string'
        ? { kind: 'ip', id: addressPrincipal(ip), display: ip, via: 'peer', app: null }
        : { kind: who.kind, id: `hmac:${who.name}`, display: who.name, via: 'jwt.sub', app: null }
    const role = typeof who === 'string' || who.role === null ? [] : [who.role]
    const claims: Claims | null =
      role.length === 0
        ? null
        : { iss: null, sub: null, tenant: null, role, scope: [], alg: null, kid: null, iat: null, exp: null }
    const tx = transaction({
      time: Math.floor(at),
      principal,
      clientIp: ip,
      claims,
      method,
      path,
      status,
      responseBodyBytes: bytes,
      service: null,
    })
    this.transactions.push(tx)
    if (this.watching) {
      this.watched.add(tx.id)
      this.#watchedNames.add(principal.display)
    }
    return tx
  }

  /** An attempt to sign in with this password. */
  signIn(at: number, ip: string, account: string, password: string, status: number): void {
    const tx = this.ask(at, ip, '/v1/login', status, 'POST')
    this.#secrets.set(tx, { account: `hmac:a-${account}`, secret: password, field: 'body:/password' })
  }

  /** A request that carries a key or Basic credentials in a header. */
  present(at: number, ip: string, path: string, secret: string, status: number): void {
    this.#secrets.set(this.ask(at, ip, path, status), { account: null, secret, field: 'header:authorization' })
  }

  /** In order of time, with the marks that identity would have made. */
  play(): Outcome {
    const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
    const enabled = DETECTORS.map((declaration) => ({ declaration, options: {} }))
    const set = new DetectorSet(enabled, telemetry, (detector, error) => {
      throw new Error(detector, { cause: error })
    })
    const book = new IncidentBook({ telemetry, rules: shippedPolicies().rules })
    const mapper = new EndpointMapper(ENDPOINT_DEFAULTS, telemetry)
    const guesses = new GuessMemory()
    const opened: Incident[] = []
    let asked = 0
    let untilOpened = -1
    let others = 0
    const report = (changes: ReturnType<IncidentBook['push']>, now: number): void => {
      for (const { kind, incident } of changes) {
        if (kind === 'updated') continue
        for (const id of incident.detectors) set.suspect(id, incident.subject, kind === 'opened', now)
        if (kind !== 'opened') continue
        opened.push(incident)
        if (incident.evidence.some(({ transactionId }) => this.watched.has(transactionId))) {
          if (untilOpened < 0) untilOpened = asked
        } else if (!this.#watchedNames.has(incident.subject.value)) others++
      }
    }
    const observe = (tx: Transaction, now: number): void => {
      if (this.watched.has(tx.id)) asked++
      const secret = this.#secrets.get(tx)
      const marked: Transaction = { ...tx }
      if (secret !== undefined) {
        const mark = {
          kind: 'login',
          field: secret.field,
          account: secret.account,
          guess: guesses.judge(secret),
        } as const
        Object.assign(marked, { marks: [mark] })
      }
      mapper.map(marked)
      for (const signal of set.observe(marked, now)) report(book.push(signal), now)
    }
    const tick = (now: number): void => {
      set.tick(now)
      for (const signal of set.sense({ now, sources: [] })) report(book.push(signal), now)
      report(book.tick(now), now)
    }
    const ordered = [...this.transactions].sort((a, b) => a.endTime - b.endTime || (a.id < b.id ? -1 : 1))
    play(ordered, { observe, tick })
    return { opened, untilOpened, others }
  }
}

export const PAGES = ['/v1/products', '/v1/cart', '/v1/me', '/v1/search', '/v1/basket', '/v1/stores', '/v1/news']
const DEAD = ['/v1/banner', '/v1/old/logo.png', '/v1/help', '/v1/promo/xmas']

/** Ids are handed out in order of purchase, so those of one person lie scattered among everybody's. */
export function orderOf(person: number, k: number): number {
  return 10_000 + (((person * 8 + (k % 8)) * 7919) % 4800)
}

export function person(i: number): Person {
  return {
    name: `p${i}`,
    ip: i % 2 === 0 ? `2001:db8:${(i % 40) + 1}::7` : `198.51.100.${i % 40}`,
    role: null,
    kind: 'user',
  }
}

export const agent = (name: string): Person => ({ name, ip: '203.0.113.77', role: 'support', kind: 'user' })

/** One visit: signing in with a typo now and then, browsing, a look at one's own orders and at what is for sale. */
export function visit(world: World, at: number, i: number): void {
  const who = person(i)
  let now = at
  const password = `right-${who.name}`
  while (world.random() < 0.1) {
    world.signIn(now, who.ip, who.name, `${password}-${world.between(0, 99)}`, 401)
    now += world.between(3, 15) * SECOND_US
  }
  world.signIn(now, who.ip, who.name, password, 200)
  const steps = world.between(4, 25)
  for (let step = 0; step < steps; step++) {
    now += world.between(1, 20) * SECOND_US
    const what = world.random()
    if (what < 0.2)
      world.ask(now, who, `/v1/orders/${orderOf(i, world.between(0, 7))}`, world.random() < 0.02 ? 404 : 200)
    else if (what < 0.4) world.ask(now, who, `/v1/products/${Math.floor(world.random() ** 2 * 3000)}`)
    else if (what < 0.43) world.ask(now, who, world.pick(DEAD), 404)
    else world.ask(now, who, world.pick(PAGES))
  }
}

/** 150 people and three support agents over the eleven hours before `nine`: about 6,000 transactions. */
export function learntDay(world: World, nine = NINE): void {
  const start = nine - 11 * HOUR_US
  for (let i = 0; i < 150; i++) {
    const visits = world.between(1, 4)
    for (let n = 0; n < visits; n++) visit(world, start + world.between(0, 10 * 3600) * SECOND_US, i)
  }
  for (const name of ['anna', 'ben', 'cleo']) {
    for (let hour = 0; hour < 10; hour++) {
      for (let k = 0; k < 12; k++) {
        const at = start + hour * HOUR_US + world.between(0, 3500) * SECOND_US
        world.ask(at, agent(name), `/v1/orders/${orderOf(world.between(0, 149), world.between(0, 7))}`)
      }
    }
  }
}

/** The crowd that is there in any case, from nine for an hour. */
export function crowd(world: World, minutes = 60): void {
  for (let i = 0; i < 60; i++) visit(world, NINE + world.between(0, minutes) * MINUTE_US, world.between(0, 149))
}
