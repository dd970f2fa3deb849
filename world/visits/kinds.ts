import { HOUR_US } from '../../daemon/model/time.ts'
import type { Random } from '../../demo/random.ts'
import { Caller } from '../caller.ts'
import { heavyCount, heavyIndex } from '../draw.ts'
import { operationOf } from '../estate/estate.ts'
import { type Actor, stranger } from '../people.ts'
import type { World } from '../world.ts'
import { browse, Menu } from './browse.ts'
import { appLogin, machineLogin, webLogin } from './login.ts'
import { type Script, think } from './script.ts'

/** The shape of a week: how busy one kind of caller is at an hour of it, 1 being the average. */
export type Season = 'people' | 'office' | 'night' | 'flat'

/** One way of turning up. */
export interface VisitKind {
  readonly name: string
  /** Of all calls. */
  readonly share: number
  /** Calls of a visit, on average. */
  readonly calls: number
  readonly season: Season
  begin(world: World, random: Random, nowUs: number): { caller: Caller; script: Script }
}

/** What a device keeps between visits. */
interface Kept {
  authorization: string | null
  expires: number
  refresh: string | null
  cookie: string | null
  since: number
}

const COOKIE_LIFE_US = 8 * HOUR_US

export function visitKinds(world: World): readonly VisitKind[] {
  const { services } = world.estate
  const { population } = world
  const menus = {
    app: new Menu([services.shop, services.graph, services.files, services.social], ['user']),
    web: new Menu([services.web], ['user', 'public']),
    public: new Menu([services.catalogue], ['public']),
    partner: new Menu([services.partners], ['partner']),
    staff: new Menu([services.admin], ['staff']),
    worker: new Menu([services.ledger], ['machine']),
    backend: new Menu([services.payments, services.mailer], ['backend']),
  }
  const kept = new Map<string, Kept>()
  const steps = (random: Random, usual: number): number => Math.round(usual * 0.6 + heavyCount(random, usual * 12))
  const kind = (
    name: string,
    share: number,
    calls: number,
    season: Season,
    actor: (random: Random) => Actor,
    play: (caller: Caller) => Script,
  ): VisitKind => ({
    name,
    share,
    calls,
    season,
    begin: (world_, random, nowUs) => {
      const caller = new Caller(world_, actor(random), random)
      caller.now = nowUs
      return { caller, script: play(caller) }
    },
  })
  const someUser = (channel: 'app' | 'web') => (random: Random) => {
    // Few users are busy, most are not.
    for (;;) {
      const user = population.users[heavyIndex(random, population.users.length)]!
      if (user.channel === channel || user.channel === 'both') return user
    }
  }
  const remembered = (caller: Caller, place: string): Kept => {
    const key = `${place} ${caller.actor.name}`
    let device = kept.get(key)
    if (device === undefined) {
      device = { authorization: null, expires: 0, refresh: null, cookie: null, since: 0 }
      kept.set(key, device)
    }
    return device
  }

  function* appVisit(caller: Caller): Script {
    const device = remembered(caller, 'app')
    caller.refresh = device.refresh
    if (device.expires > caller.now) {
      caller.authorization = device.authorization
      caller.expires = device.expires
    }
    caller.apiKey = population.appKeys[caller.actor.number % 2]!
    if (caller.authorization === null) yield* appLogin(caller)
    // The app starts with the same few calls each time.
    caller.call(operationOf(services.shop, 'GET /v1/me'), { objects: [], answer: profileOf(caller) })
    yield think(caller.random, 0.2)
    device.authorization = caller.authorization
    device.expires = caller.expires
    device.refresh = caller.refresh
    yield* browse(caller, menus.app, { calls: steps(caller.random, 12), seconds: 6, follow: 0.5 })
    device.authorization = caller.authorization
    device.expires = caller.expires
    device.refresh = caller.refresh
  }

  function* webVisit(caller: Caller): Script {
    const device = remembered(caller, 'web')
    if (device.cookie !== null && caller.now - device.since < COOKIE_LIFE_US) caller.cookie = device.cookie
    else {
      yield* webLogin(caller)
      device.since = caller.now
      device.cookie = caller.cookie
    }
    yield* browse(caller, menus.web, { calls: steps(caller.random, 10), seconds: 9, follow: 0.45 })
    if (!caller.random.chance(0.15)) return
    caller.call(operationOf(services.web, 'POST /logout'), {
      status: 303,
      answer: '',
      responseHeaders: [['Set-Cookie', 'sid=; Max-Age=0; Path=/']],
    })
    device.cookie = null
  }

  function* staffVisit(caller: Caller): Script {
    yield* appLogin(caller)
    yield* browse(caller, menus.staff, { calls: steps(caller.random, 40), seconds: 15, follow: 0.6 })
  }

  function* partnerVisit(caller: Caller): Script {
    yield* machineLogin(caller)
    yield* browse(caller, menus.partner, { calls: steps(caller.random, 30), seconds: 0.8, follow: 0.6 })
  }

  function* workerVisit(caller: Caller): Script {
    yield* machineLogin(caller)
    yield* browse(caller, menus.worker, { calls: steps(caller.random, 20), seconds: 0.5, follow: 0.5 })
  }

  function* backendVisit(caller: Caller): Script {
    yield* machineLogin(caller)
    yield* browse(caller, menus.backend, { calls: steps(caller.random, 12), seconds: 3, follow: 0.5 })
  }

  function* exportVisit(caller: Caller): Script {
    yield* machineLogin(caller)
    const operation = operationOf(services.partners, 'GET /export/orders')
    const orders = operation.subject!
    const pages = caller.random.between(20, 60)
    for (let page = 1; page <= pages; page++) {
      const listed = Array.from({ length: 60 }, (_, i) => (60 * page + i) % orders.count)
      caller.call(operation, { listed, page, query: `from=2026-11-01&page=${page}&limit=60` })
      yield think(caller.random, 0.5)
    }
  }

  function* probe(caller: Caller): Script {
    for (let i = 0; i < 20; i++) {
      for (const service of [services.catalogue, services.partners]) {
        caller.call(operationOf(service, 'GET /health'), { authorization: null })
        yield think(caller.random, 0.1)
      }
      yield 30_000_000
    }
  }

  const publicVisit = (usual: number, seconds: number) =>
    function* visit(caller: Caller): Script {
      yield* browse(caller, menus.public, { calls: steps(caller.random, usual), seconds, follow: 0.6 })
    }

  let strangers = 0
  const PLACES = ['home', 'cgnat', 'office', 'mobile', 'home6'] as const
  return [
    kind('app', 0.42, 15, 'people', someUser('app'), appVisit),
    kind('web', 0.17, 11, 'people', someUser('web'), webVisit),
    kind(
      'visitor',
      0.12,
      9,
      'people',
      (random) => stranger(random, 'visitor', random.pick(PLACES), `visitor-${strangers++}`),
      publicVisit(7, 7),
    ),
    kind('crawler', 0.04, 70, 'flat', (random) => random.pick(population.crawlers), publicVisit(80, 2)),
    kind('partner', 0.09, 35, 'flat', (random) => random.pick(population.partners), partnerVisit),
    kind('worker', 0.06, 22, 'flat', (random) => random.pick(population.workers), workerVisit),
    kind('staff', 0.05, 40, 'office', (random) => random.pick(population.staff), staffVisit),
    kind('export', 0.01, 40, 'night', (random) => random.pick(population.exports), exportVisit),
    kind('backend', 0.02, 14, 'people', (random) => random.pick(population.backends), backendVisit),
    kind('monitor', 0.02, 40, 'flat', (random) => random.pick(population.monitors), probe),
  ]
}

function profileOf({ actor }: Caller): string {
  return JSON.stringify({ id: actor.sub, email: actor.email, name: actor.person, tenant: actor.tenant })
}
