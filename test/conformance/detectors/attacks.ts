import { HOUR_US, MINUTE_US, SECOND_US } from '../../../daemon/model/time.ts'
import { crowd, NINE, orderOf, PAGES, type Person, type World } from './world.ts'

const EVIL = '203.0.113.66'
const mallory: Person = { name: 'mallory', ip: EVIL, role: null, kind: 'user' }
const WORDS =
  'admin backup old test dev staging private config internal debug console metrics status hidden secret api2 portal login2 upload shell db dump root manage monitor jenkins git svn trace env beta v3 graphql soap rpc cron jobs queue cache export'.split(
    ' ',
  )

function shuffled<T>(world: World, list: readonly T[]): T[] {
  const out = [...list]
  for (let i = out.length - 1; i > 0; i--) {
    const j = world.between(0, i)
    ;[out[i], out[j]] = [out[j]!, out[i]!]
  }
  return out
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i)

function each<T>(list: readonly T[], act: (value: T, i: number) => unknown): void {
  for (const [i, value] of list.entries()) act(value, i)
}

/** A number of requests; `missed` if the detectors say themselves that they do not see it; `sometimes` is no promise. */
export type Within = number | 'missed' | 'sometimes'

export interface Attack {
  readonly plays: (world: World) => void
  /** Requests within which an incident opens, after a learnt day and from a cold start. */
  readonly learnt: Within
  readonly cold: Within
}

export const ATTACKS: Readonly<Record<string, Attack>> = {
  'a program guesses at one account': {
    learnt: 8,
    cold: 8,
    plays: (world) => each(range(60), (i) => world.signIn(NINE + i * 200_000, EVIL, 'p7', `guess-${i}`, 401)),
  },
  'one guess every three hours at one account': {
    learnt: 30,
    cold: 30,
    plays: (world) => each(range(60), (i) => world.signIn(NINE + i * 3 * HOUR_US, EVIL, 'p7', `guess-${i}`, 401)),
  },
  'one password at 2,000 accounts, from one address': {
    learnt: 20,
    cold: 20,
    plays: (world) =>
      each(range(2000), (i) => world.signIn(NINE + i * SECOND_US, EVIL, `p${i}`, 'Winter2026', i === 900 ? 200 : 401)),
  },
  'one password at 2,000 accounts, each after signing in to an account of his own': {
    learnt: 50,
    cold: 50,
    plays: (world) =>
      each(range(2000), (i) => {
        world.signIn(NINE + i * SECOND_US, EVIL, 'mallory', 'right', 200)
        world.signIn(NINE + i * SECOND_US + 300_000, EVIL, `p${i}`, 'Winter2026', 401)
      }),
  },
  'one password at 2,000 accounts, from 500 addresses': {
    learnt: 20,
    cold: 'sometimes',
    plays: (world) =>
      each(range(2000), (i) =>
        world.signIn(NINE + i * SECOND_US, `10.${i % 250}.${i % 2}.9`, `p${i}`, 'Winter2026', 401),
      ),
  },
  'guessing with sign-ins to an account of his own between the guesses': {
    learnt: 30,
    cold: 30,
    plays: (world) =>
      each(range(60), (i) => {
        world.signIn(NINE + i * 2 * SECOND_US, EVIL, 'mallory', 'right', 200)
        world.signIn(NINE + i * 2 * SECOND_US + 300_000, EVIL, 'p7', `guess-${i}`, 401)
      }),
  },
  'orders in a row, all answered': {
    learnt: 30,
    cold: 'missed',
    plays: (world) => each(range(400), (i) => world.ask(NINE + i * 200_000, mallory, `/v1/orders/${10_000 + i}`)),
  },
  'orders in a row, all refused': {
    learnt: 20,
    cold: 20,
    plays: (world) => each(range(100), (i) => world.ask(NINE + i * 200_000, mallory, `/v1/orders/${10_000 + i}`, 403)),
  },
  'orders in random order, all answered': {
    learnt: 300,
    cold: 'missed',
    plays: (world) =>
      each(shuffled(world, range(400)), (id, i) => world.ask(NINE + i * 200_000, mallory, `/v1/orders/${10_000 + id}`)),
  },
  'orders in random order, half of the requests for own ones': {
    learnt: 600,
    cold: 'missed',
    plays: (world) =>
      each(shuffled(world, range(400)), (id, i) => {
        world.ask(NINE + i * 400_000, mallory, `/v1/orders/${10_000 + id}`)
        world.ask(NINE + i * 400_000 + 200_000, mallory, `/v1/orders/${90_000 + ((i * 37) % 300)}`)
      }),
  },
  'orders in a row by an API key that never read orders': {
    learnt: 'missed',
    cold: 'missed',
    plays: (world) => {
      const key: Person = { name: 'key', ip: EVIL, role: null, kind: 'api_key' }
      for (let i = 0; i < 400; i++) world.ask(NINE + i * 200_000, key, `/v1/orders/${10_000 + i}`)
    },
  },
  'orders in a row by an API key, most of them refused': {
    learnt: 30,
    cold: 30,
    plays: (world) => {
      const key: Person = { name: 'key', ip: EVIL, role: null, kind: 'api_key' }
      for (let i = 0; i < 400; i++)
        world.ask(NINE + i * 200_000, key, `/v1/orders/${10_000 + i}`, i % 4 === 0 ? 200 : 403)
    },
  },
  'orders in a row through 20 accounts in rotation': {
    learnt: 400,
    cold: 'missed',
    plays: (world) =>
      each(range(1000), (i) =>
        world.ask(NINE + i * 200_000, { ...mallory, name: `mule${i % 20}` }, `/v1/orders/${10_000 + i}`),
      ),
  },
  'a word list': {
    learnt: 10,
    cold: 10,
    plays: (world) => each(WORDS, (word, i) => world.ask(NINE + i * SECOND_US, EVIL, `/${word}`, 404)),
  },
  'a word list, one miss per 50 requests for the same good page': {
    learnt: 51 * 20,
    cold: 51 * 20,
    plays: (world) =>
      between(
        world,
        WORDS.map((word) => `/${word}`),
        100_000,
        ['/v1/products'],
      ),
  },
  'a word list, one miss per 50 requests for different good pages': {
    learnt: 51 * 20,
    cold: 'sometimes',
    plays: (world) =>
      between(
        world,
        WORDS.map((word) => `/${word}`),
        100_000,
        PAGES,
      ),
  },
  'a word list, one miss per 50 requests for different good pages, at reading speed': {
    learnt: 'missed',
    cold: 'missed',
    plays: (world) =>
      between(
        world,
        WORDS.map((word) => `/${word}`),
        3 * SECOND_US,
        PAGES,
      ),
  },
  'known targets between good pages': {
    learnt: 51 * 6,
    cold: 51 * 6,
    plays: (world) =>
      between(
        world,
        ['/.env', '/.git/config', '/wp-login.php', '/actuator/env', '/backup.sql', '/phpinfo.php'],
        100_000,
        PAGES,
      ),
  },
  'after a day of good conduct: guessing, from an address that signed in there': {
    learnt: 10,
    cold: 10,
    plays: (world) => {
      behave(world)
      for (let i = 0; i < 60; i++) world.signIn(NINE + i * 200_000, EVIL, 'p7', `guess-${i}`, 401)
    },
  },
  'after a day of good conduct: orders in a row': {
    learnt: 40,
    cold: 'missed',
    plays: (world) => {
      behave(world)
      for (let i = 0; i < 400; i++) world.ask(NINE + i * 200_000, mallory, `/v1/orders/${10_000 + i}`)
    },
  },
  'after a day of good conduct: a word list': {
    learnt: 15,
    cold: 15,
    plays: (world) => {
      behave(world)
      each(WORDS, (word, i) => world.ask(NINE + i * SECOND_US, mallory, `/${word}`, 404))
    },
  },
  'a frog boiled for eleven hours: eight per cent more of others’ orders every twenty minutes, then 300 at once': {
    learnt: 300,
    cold: 'missed',
    plays: (world) => {
      world.watching = false
      for (let step = 0; step < 33; step++) {
        const reach = Math.ceil(3 * 1.08 ** step)
        const at = NINE - 11 * HOUR_US + step * 20 * MINUTE_US
        for (let k = 0; k < reach; k++) {
          world.ask(at + k * 3 * SECOND_US, mallory, `/v1/orders/${orderOf(world.between(0, 149), k)}`)
        }
      }
      world.watching = true
      for (let i = 0; i < 300; i++) world.ask(NINE + i * 200_000, mallory, `/v1/orders/${10_000 + i}`)
    },
  },
}

/** Mallory is an ordinary user, with own orders, for the eleven hours before nine. */
function behave(world: World): void {
  world.watching = false
  for (let hour = 0; hour < 11; hour++) {
    const at = NINE - 11 * HOUR_US + hour * HOUR_US
    world.signIn(at, EVIL, 'mallory', 'right', 200)
    for (let k = 0; k < 12; k++) world.ask(at + k * 9 * SECOND_US, mallory, world.pick(PAGES))
    for (let k = 0; k < 3; k++)
      world.ask(at + (120 + k * 9) * SECOND_US, mallory, `/v1/orders/${80_000 + hour * 3 + k}`)
  }
  world.watching = true
}

/** Bad paths with fifty good requests before each. */
function between(world: World, paths: readonly string[], gapUs: number, good: readonly string[]): void {
  let at = NINE
  for (const path of paths) {
    for (let i = 0; i < 50; i++) {
      at += gapUs
      world.ask(at, EVIL, good[i % good.length]!)
    }
    at += gapUs
    world.ask(at, EVIL, path, 404)
  }
}

/** The attack among the crowd. */
export function attack(world: World, plays: Attack['plays']): void {
  world.watching = false
  crowd(world)
  world.watching = true
  plays(world)
}
