import { HOUR_US, MINUTE_US, SECOND_US } from '../../../daemon/model/time.ts'
import { agent, crowd, NINE, orderOf, PAGES, type Person, person, visit, type World } from './world.ts'

const OFFICE = '203.0.113.1'

function member(i: number): Person {
  return { name: `o${i}`, ip: OFFICE, role: null, kind: 'user' }
}

function browse(world: World, who: Person | string, at: number, requests: number, status = 200): number {
  let now = at
  for (let i = 0; i < requests; i++) {
    now += world.between(1, 8) * SECOND_US
    world.ask(now, who, world.pick(PAGES), status)
  }
  return now
}

/** Traffic that looks hostile and is not: no incident may open, neither from a cold start nor after a day. */
export const BENIGN_WORLDS: Readonly<Record<string, (world: World) => void>> = {
  'an office of 60 signs in at nine, with typos, from one address': (world) => {
    for (let i = 0; i < 60; i++) {
      let at = NINE + world.between(0, 600) * SECOND_US
      const typos = world.random() < 0.3 ? world.between(1, 3) : 0
      for (let k = 0; k < typos; k++) {
        world.signIn(at, OFFICE, `o${i}`, `typo-${k}-${world.between(0, 99)}`, 401)
        at += world.between(4, 20) * SECOND_US
      }
      world.signIn(at, OFFICE, `o${i}`, `right-${i}`, 200)
      browse(world, member(i), at, 8)
    }
  },
  'all passwords expired: a third fail up to four times, then reset': (world) => {
    for (let i = 0; i < 400; i++) {
      const name = `p${i}`
      const ip = i % 2 === 0 ? OFFICE : `198.51.100.${i % 250}`
      let at = NINE + world.between(0, 3600) * SECOND_US
      if (world.random() < 0.3) {
        const fails = world.between(1, 4)
        for (let k = 0; k < fails; k++) {
          world.signIn(at, ip, name, k === 0 ? `right-${name}` : `old-${name}-${k}`, 401)
          at += world.between(4, 40) * SECOND_US
        }
        world.ask(at, ip, '/v1/password-reset', 200, 'POST')
        at += world.between(60, 600) * SECOND_US
      }
      world.signIn(at, ip, name, `new-${name}`, 200)
    }
  },
  'a release asks for four routes that are gone, on every phone': (world) => {
    for (let i = 0; i < 500; i++) {
      const who: Person = { name: `m${i}`, ip: `198.51.${100 + (i % 8)}.${i % 250}`, role: null, kind: 'user' }
      let at = browse(world, who, NINE + world.between(0, 3600) * SECOND_US, 6)
      for (const path of ['/v2/feed', '/v2/feed/new', '/v2/badges', '/v2/push']) {
        at += world.between(1, 3) * SECOND_US
        world.ask(at, who, path, 404)
        at = browse(world, who, at, 3)
      }
    }
  },
  'a release asks for four routes that are gone, on three testers’ phones': (world) => {
    for (let i = 0; i < 3; i++) {
      const who: Person = { name: `m${i}`, ip: `198.51.100.${i}`, role: null, kind: 'user' }
      let at = NINE + i * MINUTE_US
      for (let start = 0; start < 12; start++) {
        at = browse(world, who, at, 6)
        for (const path of ['/v2/feed', '/v2/feed/new', '/v2/badges', '/v2/push']) {
          at += SECOND_US
          world.ask(at, who, path, 404)
          at = browse(world, who, at, 2)
        }
        at += 5 * MINUTE_US
      }
    }
  },
  'a partner’s key reads products and orders 1 to 5,000, the first night ever': (world) => {
    const partner: Person = { name: 'partner', ip: '203.0.113.40', role: null, kind: 'api_key' }
    for (let i = 1; i <= 5000; i++) {
      const at = NINE + i * 300_000
      world.ask(at, partner, `/v1/products/${i}`, world.random() < 0.15 ? 404 : 200)
      if (i % 2 === 0) world.ask(at + 1000, partner, `/v1/orders/${9000 + i}`, world.random() < 0.1 ? 404 : 200)
    }
  },
  'a crawler works through the sitemap and its dead links': (world) => {
    const crawler = '203.0.113.50'
    for (let i = 0; i < 2000; i++) {
      const at = NINE + i * 400_000
      world.ask(at, crawler, i % 3 === 0 ? `/docs/page-${'abcdefghij'[i % 10]}${i}` : `/v1/products/${i}`)
      if (i % 50 === 49) world.ask(at + 1000, crawler, `/docs/gone/${'abcdefghijklmnopqrst'[(i / 50) % 20]}-${i}x`, 404)
    }
  },
  'list views prefetch fifty of the caller’s own orders': (world) => {
    for (let i = 0; i < 30; i++) {
      const start = NINE + world.between(0, 3000) * SECOND_US
      for (let k = 0; k < 50; k++) {
        const id = 40_000 + (((i * 50 + k) * 7919) % 20_000)
        world.ask(start + k * 60_000, person(i), `/v1/orders/${id}`, world.random() < 0.02 ? 404 : 200)
      }
    }
  },
  'an album of sixty pictures that were uploaded one after the other': (world) => {
    for (let i = 0; i < 12; i++) {
      const start = NINE + world.between(0, 3000) * SECOND_US
      for (let k = 0; k < 60; k++) world.ask(start + k * 60_000, person(i), `/v1/orders/${50_000 + i * 60 + k}`)
    }
  },
  'a new support agent starts today': (world) => {
    for (const name of ['anna', 'ben', 'cleo', 'newcomer']) {
      for (let k = 0; k < 100; k++) {
        const at = NINE + k * 5 * MINUTE_US + world.between(0, 120) * SECOND_US
        world.ask(at, agent(name), `/v1/orders/${orderOf(world.between(0, 149), world.between(0, 7))}`)
      }
    }
  },
  'a load test from one address': (world) => {
    const tester: Person = { name: 'qa', ip: '203.0.113.60', role: null, kind: 'user' }
    for (let i = 0; i < 6000; i++) {
      const at = NINE + i * 10_000
      const what = i % 20
      if (what === 0) world.signIn(at, tester.ip, `qa${i % 100}`, `right-${i % 100}`, 200)
      else if (what === 1) world.signIn(at, tester.ip, 'qa-negative', 'wrong', 401)
      else if (what === 2) world.ask(at, tester, '/v1/orders/99999999', 404)
      else if (what < 6) world.ask(at, tester, `/v1/orders/${60_000 + ((i * 31) % 50)}`)
      else if (what === 6) world.ask(at, tester, '/v1/does-not-exist', 404)
      else world.ask(at, tester, PAGES[i % PAGES.length]!)
    }
  },
  'health checks ten times a second, one of them at a path that is gone': (world) => {
    for (let i = 0; i < 9000; i++) {
      world.ask(NINE + i * 100_000, '192.0.2.200', i % 2 === 0 ? '/healthz' : '/status', i % 2 === 0 ? 200 : 404)
    }
  },
  'everything is answered 401 for ten minutes': (world) => {
    crowd(world)
    for (let i = 0; i < 60; i++) outageFor(world, member(i), 401)
    for (let i = 0; i < 150; i++) outageFor(world, person(i), 401)
  },
  'everything is answered 404 after a bad deploy': (world) => {
    crowd(world)
    for (let i = 0; i < 60; i++) outageFor(world, member(i), 404)
    for (let i = 0; i < 150; i++) outageFor(world, person(i), 404)
  },
  'an old key is retried every five seconds after its rotation': (world) => {
    for (let i = 0; i < 2000; i++)
      world.present(NINE + i * 5 * SECOND_US, '203.0.113.70', '/v1/products', 'old-key', 401)
  },
  'password managers try two or three stored passwords within a second': (world) => {
    for (let i = 0; i < 200; i++) {
      const { name, ip } = person(i)
      let at = NINE + world.between(0, 7200) * SECOND_US
      const stored = world.between(2, 3)
      for (let k = 0; k < stored; k++) {
        const right = k === stored - 1 && world.random() < 0.7
        world.signIn(at, ip, name, right ? `right-${name}` : `stored-${name}-${k}`, right ? 200 : 401)
        at += world.between(200, 400) * 1000
      }
      if (world.random() < 0.5) {
        at += world.between(10, 40) * SECOND_US
        world.signIn(at, ip, name, `typed-${name}`, 401)
      }
      world.signIn(at + world.between(60, 300) * SECOND_US, ip, name, `reset-${name}`, 200)
    }
  },
  'a household changes its IPv6 privacy addresses': (world) => {
    for (let i = 0; i < 40; i++) {
      const ip = `2001:db8:7:9::${(i * 977 + 16).toString(16)}`
      const at = NINE + i * 10 * MINUTE_US
      const name = `h${i % 4}`
      if (i % 3 === 0) world.signIn(at, ip, name, `typo-${i}`, 401)
      world.signIn(at + 10 * SECOND_US, ip, name, `right-${name}`, 200)
      browse(world, ip, at + 12 * SECOND_US, 5)
      world.ask(at + MINUTE_US, ip, `/v1/${'abcd'[i % 4]}/missing.png`, 404)
    }
  },
  'five thousand callers meet one wrong path each': (world) => {
    for (let i = 0; i < 5000; i++) {
      const ip = `10.${i >> 8}.${i & 255}.7`
      const at = NINE + i * SECOND_US
      world.ask(at, ip, world.pick(PAGES))
      world.ask(at + SECOND_US, ip, `/old-${(i * 2654435761).toString(36).replace(/\d/g, 'x')}`, 404)
    }
  },
  'an ordinary morning': (world) => {
    for (let i = 0; i < 200; i++) visit(world, NINE + world.between(0, 2 * 3600) * SECOND_US, i % 150)
  },
}

/** Ten minutes from half past nine in which nothing works, and what people do then: reload, sign in again, try variants. */
function outageFor(world: World, who: Person, status: number): void {
  const outage = NINE + HOUR_US / 2
  if (world.random() < 0.7) browse(world, who, outage - world.between(5, 25) * MINUTE_US, 6)
  let at = browse(world, who, outage + world.between(0, 300) * SECOND_US, 8, status)
  for (let k = 0; k < 5; k++) {
    at += SECOND_US
    world.ask(at, who, `/v1/orders/${orderOf(Number(who.name.slice(1)), k)}`, status)
  }
  const tries = ['right', 'right']
  if (world.random() < 0.4) tries.push('older')
  if (world.random() < 0.2) tries.push('typed')
  for (const what of tries) {
    at += 7 * SECOND_US
    world.signIn(at, who.ip, who.name, `${what}-${who.name}`, status)
  }
  const back = outage + 10 * MINUTE_US + world.between(0, 600) * SECOND_US
  world.signIn(back, who.ip, who.name, `right-${who.name}`, 200)
  browse(world, who, back, 4)
}
