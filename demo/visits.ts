import { newDevice } from './attacks.ts'
import {
  Actor,
  compareAllPrices,
  type Device,
  exportRun,
  healthCheck,
  type Script,
  SECOND,
  shop,
  stalePassword,
  supportCalls,
  supportReview,
} from './behaviour.ts'
import type { Random } from './random.ts'
import { issueRefresh } from './tokens.ts'
import { type Caller, type World, withQuirk, withRole } from './world.ts'

/** Who turns up when: over a day, for learning, and in the half minute of the live scene. */
export interface Visit {
  readonly startMs: number
  readonly caller: Caller
  begin(nowMs: number): Script
}

export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** Shoppers per hour of the day, as a weight: quiet nights, a bump at lunch, most in the evening. */
const HOURS = [3, 2, 1, 1, 1, 2, 5, 9, 14, 16, 17, 18, 21, 19, 17, 17, 18, 20, 23, 25, 24, 19, 12, 6]
/** At work, for the support desk. */
const OFFICE_HOURS = [8, 9, 10, 11, 13, 14, 15, 16]

/** What every caller's device remembers, for as long as the world lasts. */
export class Devices {
  readonly #bySub = new Map<string, Device>()
  readonly #startMs: number

  constructor(startMs: number) {
    this.#startMs = startMs
  }

  of(caller: Caller): Device {
    let device = this.#bySub.get(caller.sub)
    if (device === undefined) {
      device = newDevice()
      if (caller.hasApp) device.refresh = issueRefresh(caller.sub, Math.floor(this.#startMs / SECOND) - 3600)
      this.#bySub.set(caller.sub, device)
    }
    return device
  }
}

/** Visits of one day that ends at `endMs`, which is early afternoon for the people in it. Unordered. */
export function visitsOfDay(world: World, devices: Devices, endMs: number): Visit[] {
  const startMs = endMs - DAY
  const visits: Visit[] = []
  const add = (caller: Caller, atMs: number, play: (actor: Actor, nowMs: number) => Script): void => {
    if (atMs >= startMs && atMs < endMs) visits.push(visitOf(world, devices, caller, atMs, `${atMs}`, play))
  }
  const timeOfDay = (hour: number, random: Random): number => startMs + (((hour + 24 - 14) % 24) + random.next()) * HOUR

  for (const caller of world.callers) {
    const random = world.random.fork(`day/${caller.sub}`)
    switch (caller.role) {
      case 'customer': {
        const count = random.between(1, 4)
        for (let i = 0; i < count; i++) add(caller, timeOfDay(weighted(HOURS, random), random), shop)
        if (caller.quirk !== 'stale-password') break
        for (let i = 0; i < 3; i++) add(caller, timeOfDay(random.between(0, 23), random), stalePassword)
        break
      }
      case 'support':
        for (const hour of OFFICE_HOURS) {
          if (random.chance(0.4)) add(caller, timeOfDay(hour, random), supportCalls)
          if (random.chance(0.3)) add(caller, timeOfDay(hour, random), supportReview)
        }
        break
      case 'export':
        for (let hour = 0; hour < 24; hour++) add(caller, startMs + hour * HOUR + 5 * MINUTE, exportRun)
        break
      case 'monitor':
        for (let at = 0; at < DAY; at += 2 * MINUTE) add(caller, startMs + at, healthCheck)
        break
      case 'visitor':
        for (let hour = 0; hour < 24; hour += 2) add(caller, timeOfDay(hour, random), compareAllPrices)
        break
    }
  }
  // Nine in the morning: an office arrives, and everyone logs in.
  const office = world.callers.filter((caller) => caller.address === world.officeAddress)
  const arrival = world.random.fork('arrival')
  const nineMs = startMs + 19 * HOUR
  for (const caller of office) add(caller, nineMs + arrival.between(0, 60) * SECOND, arriveAtWork)
  return visits
}

/**
 * Visits of a scene of `lengthMs`: everyone who is easy to take for an attacker, and a crowd of ordinary people.
 * Times are from the start of the scene.
 */
export function visitsOfScene(world: World, devices: Devices, lengthMs: number, without: ReadonlySet<string>): Visit[] {
  const random = world.random.fork('scene')
  const visits: Visit[] = []
  const add = (caller: Caller, play: (actor: Actor, nowMs: number) => Script, latestMs = 0.6 * lengthMs): void => {
    if (without.has(caller.sub)) return
    visits.push(visitOf(world, devices, caller, random.between(0, latestMs), 'scene', play))
  }
  const [agentOnPhone, agentInQueue, thirdAgent] = withRole(world, 'support') as [Caller, Caller, Caller]
  add(agentOnPhone, supportCalls, 1 * SECOND)
  add(agentInQueue, supportReview, 1 * SECOND)
  add(thirdAgent, supportCalls, 4 * SECOND)
  for (const caller of withRole(world, 'export')) add(caller, exportRun, 6 * SECOND)
  for (const caller of withRole(world, 'monitor')) add(caller, healthCheck)
  for (const caller of withRole(world, 'visitor')) add(caller, compareAllPrices, 3 * SECOND)
  for (const caller of withQuirk(world, 'stale-password').slice(0, 1)) add(caller, stalePassword, 2 * SECOND)
  for (const caller of withQuirk(world, 'forgetful').slice(0, 8)) add(caller, loginThenShop, 3 * SECOND)
  for (const caller of withQuirk(world, 'refresh-loop').slice(0, 3)) add(caller, shop, 5 * SECOND)
  for (const caller of withQuirk(world, 'old-app').slice(0, 6)) add(caller, shop)
  for (const caller of withQuirk(world, 'bad-network').slice(0, 6)) add(caller, shop)
  const office = world.callers.filter((caller) => caller.address === world.officeAddress)
  for (const caller of office) add(caller, arriveAtWork, 15 * SECOND)

  const present = new Set(visits.map((visit) => visit.caller.sub))
  const crowd = random.shuffled(withRole(world, 'customer').filter((caller) => !present.has(caller.sub))).slice(0, 70)
  for (const caller of crowd) add(caller, shop)
  return visits
}

/** Somebody at a new device: the password has to be typed. */
function* loginThenShop(actor: Actor, nowMs: number): Script {
  yield* actor.login()
  yield* shop(actor, nowMs)
}

/** One address, thirty people, a minute: a dozen of the passwords are wrong at first. */
function* arriveAtWork(actor: Actor, nowMs: number): Script {
  yield* actor.login(0.4)
  yield* shop(actor, nowMs)
}

function visitOf(
  world: World,
  devices: Devices,
  caller: Caller,
  startMs: number,
  occasion: string,
  play: (actor: Actor, nowMs: number) => Script,
): Visit {
  const random = world.random.fork(`visit/${caller.sub}/${occasion}/${play.name}`)
  const address = random.chance(0.6) ? caller.address : caller.away
  return {
    startMs,
    caller,
    begin: (nowMs) => play(new Actor(world, caller, devices.of(caller), random, address), nowMs),
  }
}

function weighted(weights: readonly number[], random: Random): number {
  let left = random.next() * weights.reduce((sum, weight) => sum + weight, 0)
  const found = weights.findIndex((weight) => {
    left -= weight
    return left < 0
  })
  return Math.max(0, found)
}
