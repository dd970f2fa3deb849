import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { type FakeRequest, fakeExchange, fakeTelemetry, fakeToken } from '../../test/fake-exchange.ts'
import type { Header, Transaction } from '../model/transaction.ts'
import { TEST_KEY } from './privacy-key.ts'
import { IDENTITY_DEFAULTS, type IdentityOptions, Recorder } from './recorder.ts'
import { Resolver } from './resolver.ts'

/** Who acts, in whose name, and by whose word: from exchanges as they come off the wire. */
function resolving(options: Partial<IdentityOptions> = {}) {
  const resolver = new Resolver()
  let last: Transaction | null = null
  const recorder = new Recorder({
    key: TEST_KEY,
    options: { ...IDENTITY_DEFAULTS, ...options },
    bodies: true,
    telemetry: fakeTelemetry(),
    emit: (tx) => {
      resolver.resolve(tx)
      last = tx
    },
  })
  return (headers: readonly Header[], more: FakeRequest = {}): Transaction => {
    recorder.exchange(fakeExchange({ ...more, headers }))
    return last!
  }
}

const bearer = (token: string): Header => ['Authorization', `Bearer ${token}`]
const cookie = (value: string): Header => ['Cookie', `sid=${value}`]

test('whoever acts in the name of a user is not merged with that user', () => {
  const send = resolving()
  const own = send([bearer(fakeToken({ iss: 'id', sub: 'u_1' }))])
  const acting = fakeToken({ iss: 'id', sub: 'u_1', act: { sub: 'agent_7', act: { sub: 'gateway' } } })
  // The cookie is that of the agent.
  const lent = send([bearer(acting), cookie('agent-session')])
  expect(lent.principal).toEqual(own.principal)
  expect(lent.claims?.actor).toBe('agent_7')
  expect(own.claims).not.toHaveProperty('actor')
  expect(send([cookie('agent-session')]).principal).toMatchObject({ kind: 'session' })
  expect(send([bearer(fakeToken({ sub: 'u_2', act: { sub: 'jo@shop.test' } }))]).claims?.actor).toMatch(/^hmac:/)
})

test('a support desk that acts for many customers is no shared address', () => {
  const send = resolving()
  const from = { client: '203.0.113.50' }
  for (let user = 0; user < 6; user++) {
    const token = fakeToken({ sub: `u_${user}`, act: { sub: 'agent_7' } })
    for (let request = 0; request < 10; request++) send([bearer(token)], from)
  }
  expect(send([], from).sharedAddress).toBe(false)
})

test('the holder of a certificate is a consumer, by the word of a trusted hop only', () => {
  const cert: Header = ['X-Forwarded-Client-Cert', 'By=x;URI=spiffe://mesh/ns/shop/sa/web']
  const named = resolving({ trustedHops: ['198.51.100.0/24'] })
  expect(named([cert], { client: '198.51.100.4' }).principal).toMatchObject({
    kind: 'consumer',
    display: 'spiffe://mesh/ns/shop/sa/web',
    via: 'certificate',
  })
  const forged = named([cert], { client: '203.0.113.7' })
  expect(forged.principal.kind).toBe('ip')
  expect(forged.weirds).toContain('certificate.untrusted')
  expect(resolving()([cert], { client: '10.0.0.4' }).principal).toMatchObject({ via: 'certificate.default' })
  const beside = named([cert, bearer(fakeToken({ sub: 'u_1' }))], { client: '198.51.100.4', target: '/me' })
  expect(beside.principal).toMatchObject({ kind: 'user', display: 'u_1' })
})

test('tokens that were accepted are checked with the keys that are given, refused ones are not', () => {
  const secret = Buffer.alloc(32, 9)
  const text = JSON.stringify({ keys: [{ kty: 'oct', kid: 'h1', k: secret.toString('base64url') }] })
  const send = resolving({ keySets: [{ issuer: null, text }] })
  const unsigned = fakeToken({ sub: 'u_1' }, { alg: 'HS256', kid: 'h1' }).split('.').slice(0, 2).join('.')
  const good = `${unsigned}.${createHmac('sha256', secret).update(unsigned).digest('base64url')}`
  expect(send([bearer(good)]).claims?.verified).toBe('yes')
  expect(send([bearer(good)], { status: 403 }).claims).not.toHaveProperty('verified')
  expect(send([bearer(`${unsigned}.AAAA`)]).claims?.verified).toBe('no')
  expect(resolving()([bearer(good)]).claims).not.toHaveProperty('verified')
})
