import { describe, expect, test } from 'vitest'
import { HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Asn, Transaction } from '../../daemon/model/transaction.ts'
import { START, transaction, user } from '../../test/conformance/traffic.ts'
import { authTokenTheft } from './auth-token-theft.ts'

const APP = 'ShopApp/5.2 (iPhone; iOS 18.1)'
const CURL = 'curl/8.11.0'

interface Use {
  readonly ip: string
  readonly agent?: string
  readonly token?: string
  readonly status?: number
  readonly key?: string
}

function use(at: number, who: string, { ip, agent = APP, token = `t-${who}`, status = 200, key }: Use): Transaction {
  return transaction({
    time: at,
    principal:
      key === undefined
        ? user(who).principal
        : { kind: 'api_key', id: key, display: key, via: 'header.x-api-key', app: null },
    clientIp: ip,
    status,
    requestHeaders: [
      ['User-Agent', agent],
      ['Authorization', `Bearer hmac:${token}`],
    ],
  })
}

/** A detector that has watched so many people for an hour. */
function watched(people = 300) {
  const detector = authTokenTheft.create(authTokenTheft.options.parse({}))
  for (let i = 0; i < people; i++) {
    for (let k = 0; k < 3; k++) {
      const at = START + i * SECOND_US + k * 20 * MINUTE_US
      expect(detector.observe(use(at, `p${i}`, { ip: `198.51.${i % 200}.7` }), at)).toBeNull()
    }
  }
  return { detector, now: START + HOUR_US }
}

const home = { ip: '198.51.7.7' }
const thief = { ip: '203.0.113.9', agent: CURL }

describe('a token in other hands', () => {
  test('used at once: high, from the first request, with both in the sentence', () => {
    const { detector, now } = watched()
    detector.observe(use(now, 'p7', home), now)
    const signal = detector.observe(use(now + SECOND_US, 'p7', thief), now + SECOND_US)!
    expect(signal.severity).toBe('high')
    expect(signal.log10P).toBeLessThan(-3)
    expect(signal.why).toContain(
      'the token of p7 is used by another program (curl/8.11.0) in another network, 203.0.113.9',
    )
    expect(signal.why).toContain(
      'within a minute of its holder; it was used by ShopApp/5.2 (iPhone; iOS 18.1) at 198.51.7.7',
    )
    expect(signal.subject).toEqual({ kind: 'user', value: 'p7' })
    expect(signal.evidence).toMatchObject({ source: '203.0.113.9', source_kind: 'ip', at_once: true })
    // Turn about, and each request of the thief is evidence; none of the holder is.
    for (let i = 2; i < 10; i += 2) {
      expect(detector.observe(use(now + i * SECOND_US, 'p7', home), now + i * SECOND_US)).toBeNull()
      expect(detector.observe(use(now + (i + 1) * SECOND_US, 'p7', thief), now + (i + 1) * SECOND_US)).not.toBeNull()
    }
  })

  test('who shows it first is not its holder when the other one has the program that the caller always had', () => {
    const { detector, now } = watched()
    const fresh = { token: 'fresh' }
    const carrier = { ip: '192.0.2.9', ...fresh }
    for (let i = 0; i < 8; i++) {
      detector.observe(use(now - 2 * HOUR_US, `p${20 + i}`, { ip: carrier.ip }), now - 2 * HOUR_US)
    }
    const seen = [
      { ...thief, ...fresh },
      // At a network where many use the same app.
      carrier,
      { ...thief, ...fresh },
      carrier,
    ].map((each, i) => detector.observe(use(now + i * SECOND_US, 'p7', each), now + i * SECOND_US))
    expect(seen.map((signal) => signal?.evidence.program ?? null)).toEqual([null, null, CURL, null])
    expect(seen[2]!.severity).toBe('high')
    expect(seen[2]!.why).toContain('it was used by ShopApp/5.2 (iPhone; iOS 18.1) at 198.51.7.7')
  })

  test('a new device with a token of its own, and a server that passes on what a known one was given, are nobody else', () => {
    const { detector, now } = watched()
    const tablet = { ip: '192.0.2.5', agent: 'Tablet/1.0', token: 'fresh' }
    const server = { ip: '203.0.113.80', agent: 'backend/2.0' }
    for (let i = 0; i < 8; i++) {
      detector.observe(use(now - 2 * HOUR_US, `p${20 + i}`, server), now - 2 * HOUR_US)
    }
    for (let i = 0; i < 4; i++) {
      const at = now + i * SECOND_US
      expect(detector.observe(use(at, 'p7', tablet), at)).toBeNull()
      expect(detector.observe(use(at, 'p8', { ip: '198.51.8.7', token: 'other' }), at)).toBeNull()
      expect(detector.observe(use(at, 'p8', { ...server, token: 'other' }), at)).toBeNull()
    }
  })

  test('used later: medium', () => {
    const { detector, now } = watched(2000)
    const later = now + HOUR_US
    const signal = detector.observe(use(later, 'p7', thief), later)!
    expect([signal.severity, signal.why]).toEqual(['medium', expect.stringMatching(/, \d+ min after its holder/)])
  })

  test('later, in another network of the same operator: they moved; at once they did not, and the sentence says whose networks', () => {
    const mobile = { number: 64_497, organisation: 'Example Mobile' }
    const hosting = { number: 64_498, organisation: null }
    const seen = (asn: Asn, after: number) => {
      const { detector, now } = watched(2000)
      detector.observe({ ...use(now, 'p7', home), asn: mobile }, now)
      return detector.observe({ ...use(now + after, 'p7', thief), asn }, now + after)
    }
    expect(seen(mobile, HOUR_US)).toBeNull()
    expect(seen(hosting, HOUR_US)?.severity).toBe('medium')
    const atOnce = seen(mobile, SECOND_US)!
    expect(atOnce.severity).toBe('high')
    expect(atOnce.why).toContain('203.0.113.9 (AS64497 Example Mobile)')
    expect(seen(hosting, SECOND_US)!.evidence).toMatchObject({
      network_of: 'AS64498',
      holders_network_of: 'AS64497 Example Mobile',
    })
  })

  test('a key that had one user for days has another', () => {
    const detector = authTokenTheft.create(authTokenTheft.options.parse({}))
    const partner = { ip: '192.0.2.77', agent: 'ShipLink/3.1', key: 'hmac:k' }
    for (let hour = 0; hour < 60; hour++) {
      const at = START + hour * HOUR_US
      detector.observe(use(at, '', partner), at)
    }
    const now = START + 59.1 * HOUR_US
    const signal = detector.observe(use(now, '', { ...thief, key: 'hmac:k' }), now)!
    expect(signal.why).toContain('the key of hmac:k is used by another program')
    expect([signal.subject.kind, signal.severity]).toEqual(['api_key', 'medium'])
    // The partner has not moved: it goes on using it, and so does the other.
    const later = [1, 2].map((hours) => now + hours * HOUR_US)
    const back = detector.observe(use(later[0]!, '', partner), later[0]!)!
    expect([back.severity, back.why]).toEqual(['high', expect.stringContaining('and its holder goes on using it')])
    expect(back.evidence).toMatchObject({ source: '203.0.113.9', program: CURL })
    expect(detector.observe(use(later[0]! + 1, '', partner), later[0]! + 1)).toBeNull()
    const graver = detector.observe(use(later[1]!, '', { ...thief, key: 'hmac:k' }), later[1]!)!
    expect([graver.severity, graver.why]).toEqual(['high', expect.stringContaining('and its holder goes on using it')])
    expect(graver.log10P).toBeLessThan(-2.7)
  })

  test('of keys that are a day old it is told when the holder comes back, with what the others say; not of one that apps share', () => {
    const detector = authTokenTheft.create(authTokenTheft.options.parse({}))
    const KEYS = 8
    const partner = (key: number) => ({
      ip: `192.0.${key}.77`,
      agent: `Link${'abcdefgh'[key]}/3.1`,
      key: `hmac:k${key}`,
    })
    const inApp = (i: number) => ({ ip: `198.51.${i % 200}.7`, agent: `App ${'abcdefgh'[i % 8]}`, key: 'hmac:app' })
    let at = START
    for (let hour = 0; hour < 12; hour++) {
      for (let i = 0; i < 60; i++) {
        at = START + hour * HOUR_US + i * MINUTE_US
        expect(detector.observe(use(at, '', inApp(hour * 60 + i)), at)).toBeNull()
        if (i < KEYS) expect(detector.observe(use(at, '', partner(i)), at)).toBeNull()
      }
    }
    const stranger = { ip: '203.0.113.9', agent: CURL }
    expect(detector.observe(use(at + 1, '', { ...stranger, key: 'hmac:app' }), at + 1)).toBeNull()
    // Two servers of the same stranger, and both gone before the holder comes.
    for (const i of [7, 8]) {
      const signal = detector.observe(use(at + i, '', { ...stranger, ip: `203.0.${i}.9`, key: 'hmac:k3' }), at + i)
      expect(signal?.log10P ?? 0).toBeGreaterThan(-2.7)
    }
    const back = detector.observe(use(at + HOUR_US, '', partner(3)), at + HOUR_US)!
    expect(back.severity).toBe('high')
    expect(back.log10P).toBeLessThan(-2.7)
    expect(back.evidenceBefore.map(({ time }) => time - at)).toEqual([7, 8])
  })

  test('strangers with a key do not push out its holder, and what they do is learnt after a day', () => {
    const detector = authTokenTheft.create(authTokenTheft.options.parse({ report: 1e-4 }))
    const partner = { ip: '192.0.2.77', agent: 'ShipLink/3.1', key: 'hmac:k' }
    let at = START
    for (let hour = 0; hour < 12; hour++, at += HOUR_US) detector.observe(use(at, '', partner), at)
    for (let i = 0; i < 20; i++) {
      expect(detector.observe(use(at + i, '', { ...thief, ip: `203.0.${i}.9`, key: 'hmac:k' }), at + i)).toBeNull()
    }
    const shared = () => JSON.stringify([...detector.snapshot!()].find((line) => (line as unknown[])[0] === 'counts'))
    expect(shared()).toBe('["counts","api_key",1,0,11,0]')
    const later = at + 25 * HOUR_US
    detector.observe(use(later, '', { ...thief, ip: '203.0.19.9', key: 'hmac:k' }), later)
    expect(shared()).toBe('["counts","api_key",1,1,12,1]')
  })
})

describe('what is no theft', () => {
  const steps: readonly (readonly [string, readonly Use[]])[] = [
    ['a phone between networks', [home, { ip: '203.0.113.70' }, home, { ip: '2001:db8:1:2::3' }]],
    ['an app after its update, abroad', [home, { ip: '203.0.113.70', agent: 'ShopApp/5.3 (iPhone; iOS 18.2)' }]],
    ['another program at home', [home, { ...home, agent: CURL }]],
    ['a browser with a session of its own', [home, { ip: '203.0.113.70', agent: 'Mozilla/5.0', token: 'other' }]],
    ['a token that is refused', [home, { ...thief, status: 401 }]],
  ]
  test.each(steps)('%s', (_, uses) => {
    const { detector, now } = watched()
    for (let i = 0; i < 20; i++) {
      const at = now + i * 5 * SECOND_US
      expect(detector.observe(use(at, 'p7', uses[i % uses.length]!), at)).toBeNull()
    }
  })

  test('somebody who acts in the name of the holder, as the token says', () => {
    const { detector, now } = watched()
    detector.observe(use(now, 'p7', home), now)
    const claims = {
      iss: null,
      sub: null,
      tenant: null,
      role: [],
      scope: [],
      alg: null,
      kid: null,
      iat: null,
      exp: null,
    }
    const acting = { ...use(now + SECOND_US, 'p7', thief), claims: { ...claims, actor: 'hmac:agent' } }
    expect(detector.observe(acting, now + SECOND_US)).toBeNull()
  })

  test('a backend that passes on the tokens of many, once it has done so for a while', () => {
    const { detector, now } = watched()
    const relay = { ip: '10.0.0.5', agent: 'Go-http-client/2.0' }
    let signals = 0
    for (let i = 0; i < 100; i++) {
      const at = now + i * 2 * MINUTE_US
      detector.observe(use(at, `p${i}`, { ip: `198.51.${i % 200}.7` }), at)
      if (detector.observe(use(at + SECOND_US, `p${i}`, relay), at + SECOND_US) !== null) signals++
    }
    // Where it is new it looks like a thief of many tokens, for an hour.
    expect(signals).toBeGreaterThan(0)
    expect(signals).toBeLessThanOrEqual(30)
  })

  test('where backends are there from the start nothing is told', () => {
    const detector = authTokenTheft.create(authTokenTheft.options.parse({}))
    for (let i = 0; i < 300; i++) {
      const at = START + i * 10 * SECOND_US
      expect(detector.observe(use(at, `p${i}`, { ip: `198.51.${i % 200}.7` }), at)).toBeNull()
      expect(detector.observe(use(at + 1, `p${i}`, { ip: '10.0.0.5', agent: 'Go-http-client/2.0' }), at + 1)).toBeNull()
    }
  })
})
