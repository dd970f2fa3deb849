import { describe, expect, test } from 'vitest'
import { DAY_US, HOUR_US, SECOND_US } from '../model/time.ts'
import type { Header, Principal, PrincipalKind, Transaction } from '../model/transaction.ts'
import { deviceOf } from './device.ts'
import { CallerProfiles } from './profiles.ts'

const START = Date.UTC(2026, 10, 20, 9) * 1000

const who = (kind: PrincipalKind, id: string): Principal => ({ kind, id, display: id, via: 'test', app: null })

interface Made {
  readonly principal: Principal
  readonly second: number
  readonly endpoint?: string
  readonly object?: string
  readonly agent?: string
  readonly bytes?: number
  readonly role?: string
  readonly client?: string
  readonly method?: string
  readonly shared?: boolean
  readonly weirds?: readonly string[]
}

function made({ principal, second, endpoint = 'GET /a', object, agent = 'curl/8.1', ...more }: Made): Transaction {
  const requestHeaders: Header[] = [
    ['Host', 'a.test'],
    ['User-Agent', agent],
  ]
  return {
    ...({ time: START + second * SECOND_US, endTime: START + second * SECOND_US } as Transaction),
    ...{ principal, endpoint, service: 'a.test', method: more.method ?? 'GET', status: 200, requestHeaders },
    ...{
      objectIds: object === undefined ? [] : [object],
      responseBodyBytes: more.bytes ?? 100,
      forwarded: [],
      tls: { sni: null, ja4: null },
    },
    ...{
      clientIp: more.client ?? '203.0.113.7',
      claims: null,
      ownWeirds: more.weirds ?? [],
      sharedAddress: more.shared === true,
    },
  }
}

function played(profiles: CallerProfiles, count: number, each: (i: number) => Made) {
  for (let i = 0; i < count; i++) profiles.observe(made(each(i)))
  return profiles.observe(made(each(count)))!
}

const PHONE = 'Shop/7.1 (iPhone; iOS 19)'
const key = who('api_key', 'hmac:key')
const user = who('user', 'hmac:user')
const address = who('ip', '203.0.113.7')

describe('a role, and why', () => {
  test.each<[string, string | null, (i: number) => Made, RegExp]>([
    ['a probe each minute', 'monitor', (i) => ({ principal: address, second: 60 * i }), /a pause of 60 s/],
    [
      'a bot',
      'crawler',
      (i) => ({ principal: address, second: i, object: `p${i}`, agent: 'Mozilla/5.0 (compatible; FindBot1/2.0)' }),
      /calls itself a bot/,
    ],
    [
      'one list after the other with a key',
      'export',
      (i) => ({ principal: key, second: i * (1 + (i % 7)), bytes: 20_000 }),
      /100 % of its requests are one operation/,
    ],
    [
      'a program that writes, from outside',
      'partner',
      (i) => ({ principal: key, second: i * (1 + (i % 7)), endpoint: `POST /${i % 9}`, method: 'POST' }),
      /from outside/,
    ],
    [
      'the same from inside',
      'service',
      (i) => ({
        principal: key,
        second: i * (1 + (i % 7)),
        endpoint: `POST /${i % 9}`,
        method: 'POST',
        client: '10.1.2.3',
      }),
      /private network/,
    ],
    ['a phone', 'customer', (i) => ({ principal: user, second: i * (1 + (i % 7)), agent: PHONE }), /with an app/],
    ['an address with a phone', null, (i) => ({ principal: address, second: i * (1 + (i % 7)), agent: PHONE }), /^$/],
    [
      'a shared address',
      null,
      (i) => ({ principal: address, second: 60 * i, shared: true }),
      /^several people behind one address$/,
    ],
    [
      'an edge that nobody named',
      null,
      (i) => ({ principal: address, second: 60 * i, weirds: ['forwarded.beyond'] }),
      /^it names callers behind it, and is no trusted hop: see offpath doctor$/,
    ],
  ])('%s: %s', (_, role, each, reason) => {
    const { behaviour } = played(new CallerProfiles(), 60, each)
    expect(behaviour.role).toBe(role)
    expect(behaviour.reasons.join('; ')).toMatch(reason)
  })

  test('a robot in the clothes of a browser is shown under its own name', () => {
    const agent = 'Mozilla/5.0 (compatible; FindBot1/2.0; +https://find.test/bot)'
    const { behaviour } = played(new CallerProfiles(), 20, (i) => ({ principal: address, second: i, agent }))
    expect(behaviour.agents).toEqual(['FindBot1'])
  })

  test('who works where hardly anybody else does is staff', () => {
    const profiles = new CallerProfiles()
    const desk = who('user', 'hmac:desk')
    for (let i = 0; i < 200; i++) {
      const customer = who('user', `hmac:customer-${i}`)
      played(profiles, 30, (n) => ({
        principal: customer,
        second: i * 40 + n,
        endpoint: 'GET /orders/{id}',
        agent: PHONE,
      }))
    }
    const found = played(profiles, 400, (n) => ({
      ...{ principal: desk, second: 9000 + n * (1 + (n % 5)), endpoint: 'GET /backoffice/{id}' },
      agent: 'Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/141.0',
    }))
    expect(found.behaviour).toMatchObject({ role: 'staff', agents: ['Firefox'] })
    expect(found.behaviour.reasons[0]).toMatch(/operations that hardly anybody else uses/)
  })

  test('is a cohort after a day in which nothing spoke against the caller', () => {
    const profiles = new CallerProfiles()
    const hourly = (from: number, hours: number) =>
      played(profiles, hours * 10, (i) => ({ principal: user, second: from * 3600 + i * 360, agent: PHONE }))
    expect(hourly(0, 20)).toMatchObject({ role: 'customer', cohort: null })
    expect(hourly(20, 6).cohort).toBe('customer')
    profiles.disturb(user, START + 26 * HOUR_US)
    expect(hourly(26, 2)).toMatchObject({ role: 'customer', cohort: null })
    expect(hourly(28, 24).cohort).toBe('customer')
    expect(DAY_US).toBe(24 * HOUR_US)
  })
})

test('a flood of callers that come once pushes out none that came often, and what it holds is bounded', () => {
  const limits = { maxRegulars: 64, maxNewcomers: 128, maxServices: 2, maxOperations: 16 }
  const profiles = new CallerProfiles({ limits })
  const regular = played(profiles, 40, (i) => ({ principal: user, second: i * 60, agent: PHONE }))
  for (let i = 0; i < 20_000; i++) {
    const principal = who('session', `hmac:${i}`)
    profiles.observe(
      made({ principal, second: 3000, endpoint: `GET /${i}`, object: `o${i}`, client: `198.51.${i % 256}.7` }),
    )
  }
  expect(profiles.observe(made({ principal: user, second: 4000 }))).toBe(regular)
  const { regulars, newcomers } = profiles.sizes()
  expect(regulars!.entries).toBe(1)
  expect(newcomers!.entries).toBeLessThanOrEqual(128)
  expect(newcomers!.evicted).toBeGreaterThan(19_000)
  // Whoever comes again gets in nevertheless.
  for (let i = 0; i < 60; i++) {
    const profile = played(profiles, 30, (n) => ({
      principal: who('user', `hmac:late-${i}`),
      second: 5000 + n,
      agent: PHONE,
    }))
    expect(profile.role).toBe('customer')
  }
})

test('a program is known by its name without version, and by the order of its headers', () => {
  const headers = (...list: Header[]) => deviceOf([['Host', 'a'], ...list])
  const agent: Header = ['User-Agent', 'okhttp/4.12']
  const ja4 = 't13d1516h2_8daaf6152771_02713d6af862'
  expect(deviceOf([agent], ja4).order).not.toBe(deviceOf([agent]).order)
  expect(deviceOf([agent], ja4)).toEqual(deviceOf([agent], ja4))
  const firefox: Header = ['User-Agent', 'Mozilla/5.0 (X11; rv:141.0) Gecko/20100101 Firefox/141.0']
  const accept: Header = ['Accept', '*/*']
  expect(headers(firefox, accept)).toMatchObject({ agent: 'Firefox', agentClass: 'browser' })
  expect(headers(firefox, accept, ['Cookie', 'a=b'], ['Content-Length', '3']).order).toBe(
    headers(firefox, accept).order,
  )
  expect(headers(accept, firefox).order).not.toBe(headers(firefox, accept).order)
  expect(deviceOf([['User-Agent', '\u202e<script>'.repeat(99)]]).agent).toBe('')
  expect(deviceOf([])).toMatchObject({ agent: '', agentClass: 'none' })
  expect(deviceOf([['User-Agent', `${'a'.repeat(1e6)}/1`]]).agent.length).toBeLessThanOrEqual(32)
})

test('what callers did outlives the process: the same values, the same role, the same cohort', () => {
  const before = new CallerProfiles()
  const hourly = (profiles: CallerProfiles, from: number, hours: number) =>
    played(profiles, hours * 10, (i) => ({
      ...{ principal: user, second: from * 3600 + i * 360, agent: PHONE },
      ...{ endpoint: `GET /${i % 7}`, object: `o${i % 90}`, client: `203.0.${i % 3}.7` },
    }))
  hourly(before, 0, 23)
  played(before, 60, (i) => ({ principal: key, second: 90_000 + i * (1 + (i % 7)), bytes: 20_000 }))
  const lines = JSON.parse(JSON.stringify([...before.snapshot()])) as unknown[]
  const after = new CallerProfiles()
  for (const line of lines) after.restore(line)
  expect([...after.snapshot()]).toEqual(lines)
  const found = hourly(after, 23, 2)
  expect(found.cohort).toBe('customer')
  expect(found.behaviour).toEqual(hourly(before, 23, 2).behaviour)
  after.reset()
  expect(JSON.stringify([...after.snapshot()])).not.toContain('hmac:user')
  for (const broken of [{}, ['caller'], ['use', 1], ['caller', ['x']], ['users', [-1]]]) {
    expect(() => after.restore(broken)).toThrow()
  }
})
