import type { Random } from '../demo/random.ts'
import { heavyIndex, token } from './draw.ts'
import type { Header } from './exchange.ts'
import { nameOf, personName } from './identifiers.ts'
import type { Place, PlaceKind } from './network.ts'
import type { Secrets } from './secrets.ts'

export type Role =
  | 'customer'
  | 'staff'
  | 'partner'
  | 'export'
  | 'monitor'
  | 'crawler'
  | 'worker'
  | 'backend'
  | 'visitor'
  | 'attacker'
export type Channel = 'app' | 'web' | 'both' | 'machine'

/** Somebody, or something, that calls. Truth knows them by `name`. */
export interface Actor {
  readonly name: string
  readonly role: Role
  readonly channel: Channel
  /** Users own objects by their number; machines and staff own none. */
  readonly number: number
  readonly sub: string
  readonly email: string
  readonly person: string
  readonly password: string
  readonly tenant: string
  /** Home first, then where else they are. */
  readonly places: readonly Place[]
  readonly userAgent: string
  /** Accept-Language; that of the region where there is none. */
  readonly language?: string
  /** Sent with every request, after the others. */
  readonly headers?: readonly Header[]
  /** API key, Basic secret or client secret of a machine. */
  readonly secret: string
  /** How machines prove who they are. */
  readonly scheme: 'jwt' | 'key' | 'basic' | 'client' | 'opaque' | 'none'
}

export interface Population {
  readonly users: readonly Actor[]
  readonly staff: readonly Actor[]
  readonly partners: readonly Actor[]
  readonly exports: readonly Actor[]
  readonly monitors: readonly Actor[]
  readonly crawlers: readonly Actor[]
  readonly workers: readonly Actor[]
  /** Our own services, as callers of others'. */
  readonly backends: readonly Actor[]
  /** In every request of the app: it names the app, not its user. */
  readonly appKeys: readonly string[]
}

export const BROWSERS = [
  'Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15',
]
export const APPS = [
  'Larder/7.4.1 (iPhone; iOS 19.2)',
  'Larder/7.4.0 (Android 16; Pixel 9)',
  'Larder/7.1.2 (Android 14; SM-A54)',
]
const TENANTS = 24
const PASSWORD_WORDS = 'meadow harbor copper winter island ribbon garden silver falcon cedar'.split(' ')

export function createPopulation(random: Random, secrets: Secrets, users: number): Population {
  const make = (role: Role, number: number, more: Partial<Actor>): Actor => ({
    name: `${role}-${number}`,
    role,
    channel: 'machine',
    number: -1,
    sub: `${role}:${number}`,
    email: `${role}${number}@${role}.example`,
    person: personName(number),
    password: secrets.password(random, PASSWORD_WORDS),
    tenant: `t-${number % TENANTS}`,
    places: [{ kind: 'hosting', number: 16 * role.length + number }],
    userAgent: 'Go-http-client/2.0',
    secret: '',
    scheme: 'none',
    ...more,
  })
  const people = Array.from({ length: users }, (_, number) => {
    const draw = random.next()
    const channel: Channel = draw < 0.62 ? 'app' : draw < 0.88 ? 'web' : 'both'
    return make('customer', number, {
      channel,
      number,
      sub: number % 3 === 0 ? `u_${10_000 + number}` : String(10_000 + number),
      email: nameOf('email', 3, '', number),
      places: placesOf(random, number),
      userAgent: channel === 'web' ? random.pick(BROWSERS) : random.pick(APPS),
      scheme: 'jwt',
    })
  })
  const many = (role: Role, count: number, more: (number: number) => Partial<Actor>): Actor[] =>
    Array.from({ length: count }, (_, number) => make(role, number, more(number)))
  return {
    users: people,
    staff: many('staff', Math.max(6, Math.round(users / 120)), () => ({
      channel: 'web',
      userAgent: BROWSERS[1]!,
      places: [
        { kind: 'office', number: 60 },
        { kind: 'home', number: 60_000 + random.between(0, 4000) },
      ],
      scheme: 'jwt',
    })),
    partners: many('partner', 18, (number) => ({
      scheme: (['key', 'basic', 'client'] as const)[number % 3]!,
      secret: secrets.key(random, number % 3 === 0 ? 'pk' : 'cs'),
      userAgent: ['ShipLink/3.1', 'python-requests/2.32.3', 'axios/1.7.9'][number % 3]!,
    })),
    exports: many('export', 3, () => ({ scheme: 'opaque', secret: secrets.key(random, 'ex') })),
    monitors: many('monitor', 4, () => ({ userAgent: 'uptime-probe/2.2' })),
    crawlers: many('crawler', 5, (number) => ({ userAgent: `Mozilla/5.0 (compatible; IndexBot${number}/2.1)` })),
    workers: many('worker', 14, (number) => ({
      scheme: number % 2 === 0 ? 'opaque' : 'jwt',
      secret: secrets.key(random, 'wk'),
      userAgent: 'okhttp/5.1.0',
    })),
    backends: many('backend', 4, (number) => ({
      scheme: 'opaque',
      secret: secrets.key(random, 'sk'),
      userAgent: 'larder-backend/5',
      places: [{ kind: 'backend', number }],
    })),
    appKeys: [secrets.key(random, 'app'), secrets.key(random, 'app')],
  }
}

/** A stranger: no account, some address. */
export function stranger(random: Random, role: Role, kind: PlaceKind, name: string): Actor {
  const place = { kind, number: random.between(0, kind === 'cgnat' || kind === 'office' ? 50 : 12_000) }
  return {
    name,
    role,
    channel: 'web',
    number: -1,
    sub: '',
    email: '',
    person: '',
    password: '',
    tenant: '',
    places: [place],
    userAgent: random.pick(BROWSERS),
    secret: '',
    scheme: 'none',
  }
}

/** Half at home, a third behind shared addresses; most have a phone too. */
function placesOf(random: Random, number: number): Place[] {
  const draw = random.next()
  const first: Place =
    draw < 0.35
      ? { kind: 'home', number }
      : draw < 0.5
        ? { kind: 'home6', number }
        : draw < 0.68
          ? { kind: 'office', number: heavyIndex(random, 60) }
          : { kind: 'cgnat', number: random.between(0, 5) }
  const places = [first]
  if (random.chance(0.7)) places.push({ kind: 'mobile', number: random.between(0, 7) })
  if (random.chance(0.08)) places.push({ kind: 'mobile', number: 64 + random.between(0, 30) })
  return places
}

/** For identifiers of devices and browsers. */
export function deviceToken(random: Random): string {
  return token(random, 22)
}
