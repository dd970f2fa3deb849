import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from '../daemon/model/time.ts'
import { Random } from '../demo/random.ts'
import type { Assault } from './attacks/attack.ts'
import { type Caller, PLAIN } from './caller.ts'
import { type Condition, darkens, holds, WELL } from './condition.ts'
import { Connections } from './connections.ts'
import { Deploys } from './deploys.ts'
import { exponential } from './draw.ts'
import { Descriptions } from './estate/descriptions.ts'
import { createEstate, type Estate } from './estate/estate.ts'
import type { Operation, Service } from './estate/operation.ts'
import type { Exchange } from './exchange.ts'
import { TimeHeap } from './heap.ts'
import { createPopulation, type Population } from './people.ts'
import { busiest, busyness } from './season.ts'
import { Secrets } from './secrets.ts'
import { type VisitKind, visitKinds } from './visits/kinds.ts'
import type { Script } from './visits/script.ts'

export interface WorldOptions {
  /** Names everything: who exists, what they do, what is drawn. */
  readonly seed: string
  /** People with an account. */
  readonly users: number
}

export interface RunOptions {
  readonly startUs: number
  readonly days: number
  /** Exchanges a second of event time, averaged over a week, attacks not counted. */
  readonly rate: number
  readonly assaults: readonly Assault[]
  /** Ends the run after so many exchanges. */
  readonly most?: number
  /** Exchanges come by the time they end (the default), or by the time they start. */
  readonly order?: 'end' | 'start'
}

/** 2026-11-16, a Monday, 00:00 UTC. */
export const DEFAULT_START_US = Date.UTC(2026, 10, 16) * 1000

interface Visitor {
  readonly caller: Caller
  readonly script: Script
}

/**
 * A company's API estate and everybody who calls it, on event time. One seed gives the same traffic, byte for byte.
 * Nothing outside the `simulate` command and the evaluations may import it.
 */
export class World {
  readonly seed: string
  readonly users: number
  readonly random: Random
  readonly secrets: Secrets
  readonly estate: Estate
  readonly population: Population
  readonly connections = new Connections()
  readonly deploys = new Deploys()
  readonly descriptions: Descriptions
  #conditions: Condition[] = []
  /** All there ever were, for whoever judges what was found. */
  readonly imposed: Condition[] = []
  readonly #visitors = new TimeHeap<Visitor>()
  readonly #open = new TimeHeap<Exchange>()
  #serial = 0
  #byStart = false

  constructor({ seed, users }: WorldOptions) {
    const random = new Random(`estate/${seed}`)
    this.seed = seed
    this.users = users
    this.random = random.fork('world')
    this.secrets = new Secrets(random.fork('secrets'))
    this.estate = createEstate(random.fork('services'))
    this.descriptions = new Descriptions(Object.values(this.estate.services))
    this.population = createPopulation(random.fork('people'), this.secrets, users)
  }

  /** The condition an operation is in; null when all is well. */
  conditionOf(operation: Operation, nowUs: number): Condition | null {
    return this.#conditions.find((condition) => holds(condition, operation, nowUs)) ?? null
  }

  /** Whether nothing of a service is seen: it is gone, or the tap that shows it. */
  isDark(service: Service, nowUs: number): boolean {
    return this.#conditions.some((condition) => darkens(condition, service, nowUs))
  }

  impose(condition: Condition): void {
    this.#begin(condition)
    this.imposed.push(condition)
  }

  /** One of these services that was well for the longest time. */
  restedService(services: readonly Service[]): Service {
    const since = new Map(services.map((service) => [service, Number.NEGATIVE_INFINITY]))
    for (const { service, untilUs } of this.imposed) {
      if (since.has(service)) since.set(service, Math.max(since.get(service)!, untilUs))
    }
    const longest = Math.min(...since.values())
    return this.random.pick(services.filter((service) => since.get(service) === longest))
  }

  /** A new version of a service is put in place: for a few minutes some requests meet an instance that is only starting. */
  release(service: Service, nowUs: number): void {
    this.deploys.release(service, nowUs)
    const starting = { errors: 0.004, slower: 1.3, fromUs: nowUs, untilUs: nowUs + STARTING_US }
    this.#begin({ ...WELL, ...starting, service, operation: null, label: PLAIN })
  }

  /** Tells apart what would have the same name. */
  nextSerial(): number {
    return this.#serial++
  }

  /** From a caller: an exchange that begins now. */
  emit(exchange: Exchange): void {
    this.#open.push(this.#byStart ? exchange.startUs : exchange.endUs, exchange)
  }

  /** A caller who plays a script from a time on. */
  enter(caller: Caller, script: Script, atUs: number): void {
    caller.now = Math.round(atUs)
    this.#visitors.push(caller.now, { caller, script })
  }

  /** All exchanges of a run, in order. */
  *run({
    startUs,
    days,
    rate,
    assaults,
    most = Number.POSITIVE_INFINITY,
    order = 'end',
  }: RunOptions): Generator<Exchange, void, void> {
    const endUs = startUs + days * DAY_US
    this.#byStart = order === 'start'
    const kinds = visitKinds(this)
    const arrivals = new TimeHeap<Arrival>()
    for (const kind of kinds) {
      const arrival = new Arrival(kind, this.random.fork(kind.name), (rate * kind.share) / kind.calls)
      arrivals.push(arrival.after(startUs), arrival)
    }
    const plans = new TimeHeap<Pick<Assault, 'begin'>>()
    for (const service of Object.values(this.estate.services)) this.#planReleases(plans, service, startUs, endUs)
    for (const assault of assaults) plans.push(assault.atUs, assault)
    let left = most
    for (;;) {
      const now = Math.min(this.#visitors.next, arrivals.next, plans.next)
      while (this.#open.next < now) {
        yield this.#open.pop()
        if (--left <= 0) return
      }
      if (now >= endUs) break
      if (plans.next === now) {
        const assault = plans.pop()
        for (const { caller, script, delayUs } of assault.begin(this, now)) this.enter(caller, script, now + delayUs)
      } else if (arrivals.next === now) {
        const arrival = arrivals.pop()
        const { caller, script } = arrival.kind.begin(this, arrival.random, now)
        this.enter(caller, script, now)
        arrivals.push(arrival.after(now), arrival)
      } else this.#step(this.#visitors.pop())
    }
    while (this.#open.size > 0 && left-- > 0) yield this.#open.pop()
  }

  /** Ordinary releases, in working hours, every few days. Those of others are none of ours. */
  #planReleases(plans: TimeHeap<Pick<Assault, 'begin'>>, service: Service, startUs: number, endUs: number): void {
    if (service.entry === 'abroad') return
    const random = this.random.fork(`releases of ${service.key}`)
    const begin = (world: World, nowUs: number) => {
      world.release(service, nowUs)
      return []
    }
    for (let at = startUs; ; ) {
      at += exponential(random, RELEASE_EVERY_US)
      if (at >= endUs) return
      if (random.next() * busiest('office') < busyness('office', at)) plans.push(Math.round(at), { begin })
    }
  }

  #begin(condition: Condition): void {
    // Every call asks for the present one: those that are over are forgotten.
    this.#conditions = this.#conditions.filter(({ untilUs }) => untilUs > condition.fromUs)
    this.#conditions.push(condition)
  }

  #step(visitor: Visitor): void {
    const { caller, script } = visitor
    const next = script.next()
    if (next.done === true) return
    caller.now += Math.max(1, next.value)
    this.#visitors.push(caller.now, visitor)
  }
}

/** Between releases of a service, if all hours were working hours. */
const RELEASE_EVERY_US = 10 * HOUR_US
const STARTING_US = 2 * MINUTE_US

/** When visits of one kind begin: a Poisson process with the season's rate, by thinning. */
class Arrival {
  readonly kind: VisitKind
  readonly random: Random
  readonly #meanUs: number

  constructor(kind: VisitKind, random: Random, perSecond: number) {
    this.kind = kind
    this.random = random
    this.#meanUs = SECOND_US / (perSecond * busiest(kind.season))
  }

  after(timeUs: number): number {
    const { random, kind } = this
    let time = timeUs
    do time += Math.max(1, Math.round(exponential(random, this.#meanUs)))
    while (random.next() * busiest(kind.season) > busyness(kind.season, time))
    return time
  }
}
