import { Random } from './random.ts'
import { type Renames, RouteTable } from './routes.ts'

/**
 * The people, machines and addresses around the sample API: who exists, behind which address, with which habits.
 * What they do is in behaviour.ts; the day generator and the live clients both play that, over this one world.
 *
 * 312 callers behind 40 addresses. Sharing is deliberate: an office of 30 and two mobile carriers stand behind one
 * address each, so an address alone says little about a caller.
 */
export const HOST = 'api.shop.test'

export type Role = 'customer' | 'support' | 'export' | 'monitor' | 'visitor'
/** Ways of being annoying without being an attacker. */
export type Quirk = 'none' | 'typist' | 'forgetful' | 'old-app' | 'stale-password' | 'bad-network' | 'refresh-loop'

export interface Caller {
  /** Subject claim of the tokens; visitors and the monitor have none in use. */
  readonly sub: string
  readonly email: string
  readonly password: string
  readonly role: Role
  readonly quirk: Quirk
  /** Where they usually are. */
  readonly address: string
  /** Where their phone is when they are out; the same when they never are. */
  readonly away: string
  readonly userAgent: string
  /** Most people have the app installed, and it keeps a refresh token. */
  readonly hasApp: boolean
}

export interface World {
  readonly seed: string
  readonly host: string
  readonly routes: RouteTable
  readonly callers: readonly Caller[]
  readonly addresses: readonly string[]
  /** Order number to subject, for the orders that exist when the world begins. */
  readonly orders: ReadonlyMap<number, string>
  readonly products: readonly number[]
  readonly random: Random
  readonly officeAddress: string
}

const CUSTOMERS = 300
const SUPPORT = 6
const VISITORS = 4
const HOMES = 31

const FIRST =
  'anna ben clara david elif finn greta hugo ida jan kofi lena mira noah olga paul quinn rosa sami tara'.split(' ')
const LAST = 'adler berg cano dorn ek frost gomez holm ivan jung klein lund maler novak okafor peters roth sato'.split(
  ' ',
)
const WORDS = 'amber birch coral delta ember fjord grove heron indigo juniper kite lagoon maple nectar opal'.split(' ')

const BROWSERS = [
  'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/141.0',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 15) Safari/18.4',
]
const APP = 'ShopApp/5.2 (Android 15)'
const OLD_APP = 'ShopApp/3.9 (Android 12)'

export function createWorld(seed: string, renames: Renames = {}): World {
  const random = new Random(`world/${seed}`)
  const people = random.fork('people')
  const office = '198.51.100.17'
  const carriers = ['203.0.113.200', '203.0.113.201']
  const campus = '198.51.100.80'
  const supportDesk = '192.0.2.10'
  const exporter = '192.0.2.20'
  const monitor = '192.0.2.30'
  const shopWindow = ['198.51.100.240', '198.51.100.241']
  const homes = homeAddresses(people)

  const callers: Caller[] = []
  const add = (role: Role, quirk: Quirk, address: string, away: string, userAgent: string, hasApp: boolean): void => {
    const number = 1000 + callers.length
    const first = people.pick(FIRST)
    const last = people.pick(LAST)
    callers.push({
      sub: role === 'export' ? 'svc_export' : role === 'support' ? `s_${number}` : `u_${number}`,
      email: `${first}.${last}.${number}@mail.example`,
      password: `${people.pick(WORDS)}-${people.pick(WORDS)}-${people.between(10, 99)}`,
      role,
      quirk,
      address,
      away,
      userAgent,
      hasApp,
    })
  }

  const quirks = quirkList(people)
  for (let i = 0; i < CUSTOMERS; i++) {
    const quirk = quirks[i] ?? 'none'
    const carrier = people.pick(carriers)
    const address = i < 30 ? office : i < 55 ? campus : i < 100 ? carrier : homes[i % homes.length]!
    const hasApp = quirk === 'old-app' || quirk === 'bad-network' || quirk === 'refresh-loop' || people.chance(0.7)
    const userAgent = quirk === 'old-app' ? OLD_APP : hasApp ? APP : people.pick(BROWSERS)
    add('customer', quirk, address, hasApp && people.chance(0.5) ? carrier : address, userAgent, hasApp)
  }
  for (let i = 0; i < SUPPORT; i++) add('support', 'none', supportDesk, supportDesk, BROWSERS[0]!, false)
  add('export', 'none', exporter, exporter, 'ledger-export/2.1', false)
  add('monitor', 'none', monitor, monitor, 'uptime-check/1.0', false)
  for (let i = 0; i < VISITORS; i++) {
    const address = shopWindow[i % shopWindow.length]!
    add('visitor', 'none', address, address, i < 2 ? 'price-compare/0.9' : BROWSERS[2]!, false)
  }

  return {
    seed,
    host: HOST,
    routes: new RouteTable(renames),
    callers,
    addresses: [...new Set(callers.flatMap((caller) => [caller.address, caller.away]))],
    orders: pastOrders(random.fork('orders'), callers),
    products: Array.from({ length: 180 }, (_, i) => 300 + i * 3),
    random,
    officeAddress: office,
  }
}

export function withRole(world: World, role: Role): Caller[] {
  return world.callers.filter((caller) => caller.role === role)
}

export function withQuirk(world: World, quirk: Quirk): Caller[] {
  return world.callers.filter((caller) => caller.role === 'customer' && caller.quirk === quirk)
}

function homeAddresses(random: Random): string[] {
  const last = random.shuffled(Array.from({ length: 140 }, (_, i) => 20 + i))
  return Array.from({ length: HOMES }, (_, i) =>
    i < 4 ? `2001:db8:${(0x40 + i).toString(16)}::${(last[i]! * 7).toString(16)}` : `203.0.113.${last[i]}`,
  )
}

function quirkList(random: Random): Quirk[] {
  const counts: readonly (readonly [Quirk, number])[] = [
    ['typist', 70],
    ['forgetful', 24],
    ['old-app', 18],
    ['bad-network', 14],
    ['refresh-loop', 6],
    ['stale-password', 3],
  ]
  const list: Quirk[] = counts.flatMap(([quirk, count]) => Array.from({ length: count }, () => quirk))
  while (list.length < CUSTOMERS) list.push('none')
  return random.shuffled(list)
}

/** Order numbers grow by one whoever orders, as in a shop with one table: a neighbour's number is one step away. */
function pastOrders(random: Random, callers: readonly Caller[]): Map<number, string> {
  const owners: string[] = []
  for (const caller of callers) {
    if (caller.role !== 'customer') continue
    const count = Math.min(24, Math.round(random.skewed(6)))
    for (let i = 0; i < count; i++) owners.push(caller.sub)
  }
  const first = 48_000 + random.between(0, 2_000)
  return new Map(random.shuffled(owners).map((owner, i) => [first + i, owner]))
}
