import { expect, test } from 'vitest'
import { CallerProfiles } from '../../daemon/callers/profiles.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { IDENTITY_DEFAULTS, type IdentityOptions, Recorder } from '../../daemon/identity/recorder.ts'
import { Resolver } from '../../daemon/identity/resolver.ts'
import { SECOND_US } from '../../daemon/model/time.ts'
import type { Header, Transaction } from '../../daemon/model/transaction.ts'
import { type FakeRequest, fakeExchange, fakeFlow, fakeTelemetry, fakeToken, START } from '../fake-exchange.ts'

/** What an attacker can send to become many, to become somebody, or to cost much. */
function resolving(options: Partial<IdentityOptions> = {}) {
  const telemetry = fakeTelemetry()
  const resolver = new Resolver(undefined, telemetry)
  const profiles = new CallerProfiles()
  let last: Transaction | null = null
  const recorder = new Recorder({
    key: TEST_KEY,
    options: { ...IDENTITY_DEFAULTS, ...options },
    bodies: true,
    telemetry,
    emit: (tx) => {
      resolver.resolve(tx)
      profiles.observe(tx)
      last = tx
    },
  })
  const send = (fake: FakeRequest): Transaction => {
    recorder.exchange(fakeExchange(fake))
    return last!
  }
  return { send, resolver, profiles, telemetry }
}

/** Spent by this process: other programs on the machine take none of it. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

const bearer = (token: string): Header => ['Authorization', `Bearer ${token}`]

test.each<[string, (i: number) => Header]>([
  ['API keys', (i) => ['X-Api-Key', `key-${i}-0123456789`]],
  ['opaque tokens', (i) => bearer(`opaque-${i}-0123456789`)],
  ['tokens of made-up users', (i) => bearer(fakeToken({ iss: 'id', sub: `u_${i}` }))],
  ['session cookies', (i) => ['Cookie', `sid=session-${i}`]],
])('ten thousand %s a second, all accepted: at most 64 callers, and one address', (_, shown) => {
  const { send, resolver, profiles } = resolving()
  const flow = fakeFlow('203.0.113.7')
  const callers = new Set<string>()
  for (let i = 0; i < 10_000; i++) {
    const { principal } = send({ flow, target: '/v1/me', headers: [shown(i)], time: START + (i * SECOND_US) / 10_000 })
    callers.add(`${principal.kind} ${principal.id}`)
  }
  expect(callers.size).toBeLessThanOrEqual(65)
  for (const { entries, limit } of Object.values(resolver.sizes())) expect(entries).toBeLessThanOrEqual(limit)
  expect(profiles.sizes().newcomers!.entries).toBeLessThanOrEqual(65)
})

test('forged X-Forwarded-For: from a stranger nothing, through a hop the right end counts, and addresses are bounded', () => {
  const hops = ['10.0.0.0/8']
  const { send, resolver, telemetry } = resolving({ trustedHops: hops })
  const edge = fakeFlow('10.0.0.7', 'edge')
  const forged = (list: string): readonly Header[] => [['X-Forwarded-For', list]]
  const stranger = send({ client: '203.0.113.9', headers: forged('198.51.100.1') })
  expect(stranger).toMatchObject({ forwarded: [], principal: { id: '203.0.113.9', via: 'peer' } })
  expect(stranger.weirds).toContain('forwarded.untrusted')
  const victim = send({ flow: edge, headers: forged('198.51.100.1, 127.0.0.1, 10.9.9.9, 203.0.113.9, 10.0.0.8') })
  expect(victim.principal).toMatchObject({ id: '203.0.113.9', via: 'forwarded' })

  const huge = `${'198.51.100.1, '.repeat(50_000)}203.0.113.9`
  const before = cpuMs()
  for (let i = 0; i < 20; i++)
    expect(send({ flow: edge, headers: forged(`${i}.${huge}`) }).forwarded).toEqual(['203.0.113.9'])
  for (const garbage of [',,,', '[', '[::', '"', 'for=', '1'.repeat(4000), '\u0000', 'unknown, _hidden, ']) {
    expect(send({ flow: edge, headers: [...forged(garbage), ['Forwarded', garbage]] }).principal.kind).toBe('ip')
  }
  expect(cpuMs() - before).toBeLessThan(1000)
  for (let i = 0; i < 70_000; i++)
    send({ flow: edge, headers: forged(`2001:db8:${(i >> 8).toString(16)}:${i & 255}::1`) })
  const { entries, limit, evicted } = resolver.sizes().addresses!
  expect(entries).toBeLessThanOrEqual(limit)
  expect(evicted).toBeGreaterThan(0)
  expect(telemetry.weirds.entries()).toEqual([
    ['forwarded.beyond', 21],
    ['forwarded.untrusted', 1],
  ])
})

test('giant and broken tokens: not read, said so, and no slower than their length', () => {
  const { send } = resolving()
  const giant = fakeToken({ sub: 'u_1', more: 'x'.repeat(1_000_000) })
  const before = cpuMs()
  const big = send({ target: '/v1/me', headers: [bearer(giant)] })
  expect(big.principal.kind).not.toBe('user')
  expect(big.weirds).toContain('token.too_long')
  const deep = `eyJ${Buffer.from('['.repeat(5000)).toString('base64url')}.e30.x`
  for (const token of [
    deep,
    'eyJ..',
    `eyJ${'.'.repeat(8000)}`,
    `eyJ${'A'.repeat(8000)}.e30.`,
    'eyJhbGciOiJub25lIn0.W10.',
  ]) {
    expect(send({ target: '/v1/me', headers: [bearer(token)] }).principal.kind).not.toBe('user')
  }
  for (const sub of [{ a: 1 }, ['x'], null, true, '']) {
    expect(send({ target: '/v1/me', headers: [bearer(fakeToken({ sub }))] }).principal.kind).not.toBe('user')
  }
  const act = fakeToken({ sub: 'u_1', act: { sub: { toString: 'x' }, act: { act: {} } } })
  expect(send({ target: '/v1/me', headers: [bearer(act)] }).claims).not.toHaveProperty('actor')
  const cookies = Array.from({ length: 5000 }, (_, i) => `sid${i}=${giant.slice(0, 20)}`).join('; ')
  send({ target: '/v1/me', headers: [['Cookie', cookies]] })
  expect(cpuMs() - before).toBeLessThan(1500)
})
