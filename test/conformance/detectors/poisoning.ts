import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from '../../../daemon/model/time.ts'
import { learntDay, NINE, orderOf, type Person, type World } from './world.ts'

/** Ordinary days after the one that is learnt, with the poison in them; the attack comes on the morning after. */
const DAYS = 2
const BEGINS = NINE
export const STRIKES_AT = NINE + DAYS * DAY_US
const SYLLABLES =
  'ba be bi bo bu da de di do du ka ke ki ko ku la le li lo lu ma me mi mo mu na ne ni no nu ra re ri ro ru'.split(' ')

/** Does a share of what an attack is made of, from `at` on. */
type Strike = (world: World, who: Person, at: number, share: number) => void

function each(count: number, act: (i: number) => void): void {
  for (let i = 0; i < count; i++) act(i)
}

const othersOrder = (world: World) => `/v1/orders/${orderOf(world.between(0, 149), world.between(0, 7))}`
const word = (world: World) => `/${Array.from({ length: 4 }, () => world.pick(SYLLABLES)).join('')}`

/** Attacks that learnt models find, by the detector that does. */
export const STRIKES: Readonly<Record<string, Strike>> = {
  'auth.bruteforce: 60 guesses at an account': (world, { ip, name }, at, share) =>
    each(Math.ceil(60 * share), (i) => world.signIn(at + i * SECOND_US, ip, `victim-${name}`, `guess-${at}-${i}`, 401)),
  'object.enumeration: 300 orders in a row': (world, who, at, share) =>
    each(Math.ceil(300 * share), (i) =>
      world.ask(at + i * 300_000, who, share === 1 ? `/v1/orders/${10_000 + i}` : othersOrder(world)),
    ),
  'scan.probing: 60 words': (world, who, at, share) =>
    each(Math.ceil(60 * share), (i) => world.ask(at + i * SECOND_US, who, word(world), 404)),
  'consumption.rate: 4,000 searches': (world, who, at, share) =>
    each(Math.ceil(4000 * share), (i) => world.ask(at + i * 100_000, who, '/v1/search')),
}

export const mallory: Person = { name: 'mallory', ip: '203.0.113.66', role: null, kind: 'user' }
/** His other accounts, all at one provider. */
const sybil = (i: number): Person => ({ ...mallory, name: `mule${i}`, ip: `203.0.113.${100 + i}` })

/** What is done over two days so that the attack passes for usual afterwards. */
export const POISONS: Readonly<Record<string, (world: World, strike: Strike) => void>> = {
  'nothing before': () => {},
  'ever more of it, from a hundredth to a third': (world, strike) =>
    each(48, (step) => strike(world, mallory, BEGINS + step * HOUR_US, 0.01 * 1.075 ** step)),
  '20 accounts do a tenth of it each, four times': (world, strike) =>
    each(20, (i) => each(4, (turn) => strike(world, sybil(i), BEGINS + (turn * 12 * 60 + i * 30) * MINUTE_US, 0.1))),
  'a hundredth of it every half hour': (world, strike) =>
    each(96, (turn) => strike(world, mallory, BEGINS + turn * 30 * MINUTE_US, 0.01)),
  '200 cheap incidents, so that learning stands still': (world) =>
    each(200, (i) =>
      each(12, () =>
        world.ask(BEGINS + i * 14 * MINUTE_US + world.between(0, 60) * SECOND_US, `198.18.${i}.7`, word(world), 404),
      ),
    ),
}

/** A learnt day, the days of poison among ordinary traffic, and the attack. What mallory does is watched. */
export function poisonedWorld(world: World, strike: Strike, poison: (world: World, strike: Strike) => void): void {
  for (let day = 0; day <= DAYS; day++) learntDay(world, NINE + day * DAY_US)
  poison(world, strike)
  world.watching = true
  strike(world, mallory, STRIKES_AT, 1)
}
