import { describe, expect, test } from 'vitest'
import { type FakeRequest, fakeExchange, fakeTelemetry, fakeToken } from '../../test/fake-exchange.ts'
import { DAY_US } from '../model/time.ts'
import type { Header, Principal, Transaction } from '../model/transaction.ts'
import { TEST_KEY } from './privacy-key.ts'
import type { TransactionRecord } from './record.ts'
import { IDENTITY_DEFAULTS, type IdentityOptions, Recorder } from './recorder.ts'
import { Resolver } from './resolver.ts'

function resolving(options: Partial<IdentityOptions> = {}) {
  const telemetry = fakeTelemetry()
  const resolver = new Resolver(undefined, telemetry)
  let last: Transaction | null = null
  const recorder = new Recorder({
    key: TEST_KEY,
    options: { ...IDENTITY_DEFAULTS, ...options },
    bodies: true,
    telemetry,
    emit: (tx) => {
      resolver.resolve(tx)
      last = tx
    },
  })
  const send = (fake: FakeRequest): Transaction => {
    recorder.exchange(fakeExchange(fake))
    return last!
  }
  const who = (headers: readonly Header[], status = 200, more: FakeRequest = {}): Principal =>
    send({ ...more, headers, status }).principal
  return { send, who, resolver }
}

const bearer = (token: string): Header => ['Authorization', `Bearer ${token}`]
const basic = (user: string, password: string): Header => [
  'Authorization',
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
]
const token = fakeToken({
  iss: 'https://id.test',
  sub: 'u_481',
  tenant: 't1',
  role: 'agent',
  scope: 'a b',
  iat: 1,
  exp: 2,
})
const json: Header = ['Content-Type', 'application/json']

describe('the order of contracts.md', () => {
  test('token subject, then session, Basic user, key, address', () => {
    const { who } = resolving()
    const key: Header = ['X-Api-Key', 'key-0001']
    const cookie: Header = ['Cookie', 'sid=session-1']
    const opaque = who([cookie])
    expect(opaque).toMatchObject({ kind: 'session', via: 'cookie.sid' })
    expect(who([key])).toMatchObject({ kind: 'api_key', via: 'header.x-api-key', app: null })
    const user = who([bearer(token), cookie, key])
    expect(user).toMatchObject({ kind: 'user', display: 'u_481', via: 'jwt.sub', app: who([key]).id })
    expect(who([basic('jo', 'pw')])).toMatchObject({ kind: 'user', via: 'basic' })
    expect(who([bearer('opaque-token')])).toMatchObject({ kind: 'session', via: 'bearer' })
    expect(who([])).toEqual({ kind: 'ip', id: '203.0.113.7', display: '203.0.113.7', via: 'peer', app: null })
    expect(who([cookie]), 'the session of a user stands for the user').toMatchObject({ kind: 'user', id: user.id })
  })

  test('two tokens of one subject are one user; another issuer or tenant is another', () => {
    const { who } = resolving()
    const of = (claims: object) => who([bearer(fakeToken({ iss: 'a', sub: '1', tenant: 't', ...claims }))]).id
    expect(of({ jti: 'x' })).toBe(of({ jti: 'y' }))
    expect(new Set([of({}), of({ iss: 'b' }), of({ tenant: 'u' }), of({ sub: '2' })]).size).toBe(4)
  })

  test('an e-mail address or a phone number as subject is shown as a pseudonym', () => {
    const { send } = resolving()
    for (const sub of ['jo@shop.test', '+49 30 901820', '49309018200', 'hmac:00000000000000000000000000000000']) {
      const tx = send({ headers: [bearer(fakeToken({ sub }))] })
      expect(tx.claims?.sub).toMatch(/^hmac:[0-9a-f]{32}$/)
      expect(tx.claims?.sub).not.toBe(sub)
      expect(tx.principal.display).toMatch(/^hmac:/)
    }
  })
})

test('a token that is too long or cannot be read is odd, and a session of its own', () => {
  const { send } = resolving()
  const long = send({ headers: [bearer(fakeToken({ sub: 'u', pad: 'x'.repeat(8192) }))] })
  expect([long.weirds, long.principal.kind]).toEqual([['token.too_long'], 'session'])
  const broken = send({ headers: [bearer('eyJhbGciOiJub25lIn0.bm8ganNvbg.')] })
  expect([broken.weirds, broken.principal.kind]).toEqual([['token.malformed'], 'session'])
})

describe('a credential counts once the server accepted it', () => {
  test('a scanner with a fresh credential per request stays its address while it is refused', () => {
    const { who } = resolving()
    for (const status of [401, 403, 404, 400, 429, 500]) {
      expect(
        who([bearer(`made-up-${status}`), ['Cookie', `sid=m-${status}`], ['X-Api-Key', `k-${status}`]], status).kind,
      ).toBe('ip')
    }
    expect(who([bearer(fakeToken({ sub: 'forged' }))], 401).kind).toBe('ip')
    expect(who([['Cookie', 'sid=x']], 302, { responseHeaders: [['Location', '/login?next=/a']] }).kind).toBe('ip')
  })

  test('once accepted, it goes on standing for its owner where access is denied', () => {
    const { who } = resolving()
    const good = who([bearer(token)])
    expect(who([bearer(token)], 403)).toEqual(good)
    expect(who([bearer(token)], 404)).toEqual(good)
  })

  test('a session counts from the answer on that handed it out', () => {
    const { send, who } = resolving()
    send({ status: 401, responseHeaders: [['Set-Cookie', 'sid=fresh-1; Path=/']] })
    expect(who([['Cookie', 'sid=fresh-1']], 404).kind).toBe('session')
  })

  test('a wrong Basic password is not the user, however well known the user is', () => {
    const { who } = resolving()
    expect(who([basic('jo', 'right')]).kind).toBe('user')
    expect(who([basic('jo', 'wrong')], 401).kind).toBe('ip')
  })
})

describe('login', () => {
  const login = (password: string, status: number, account = 'jo'): FakeRequest => ({
    method: 'POST',
    target: '/login',
    headers: [json],
    body: JSON.stringify({ username: account, password }),
    status,
    responseHeaders: status < 400 ? [json, ['Set-Cookie', `sid=s-${account}; HttpOnly`]] : [json],
    responseBody: status < 400 ? JSON.stringify({ access_token: `opaque-${account}-1` }) : '{}',
  })

  test('guesses are new, repeated for the account, or shared with another', () => {
    const { send } = resolving()
    const guess = (password: string, account?: string) => {
      const [mark] = send(login(password, 401, account)).marks
      return mark?.kind === 'login' ? [mark.field, mark.guess] : null
    }
    expect(guess('a')).toEqual(['body:/password', 'new'])
    expect(guess('a')).toEqual(['body:/password', 'repeated'])
    expect(guess('b')).toEqual(['body:/password', 'new'])
    expect(guess('a', 'mia')).toEqual(['body:/password', 'shared'])
    expect(guess('a')).toEqual(['body:/password', 'repeated'])
  })

  test('the session and the token that it hands out belong to the account', () => {
    const { send, who } = resolving()
    const account = send(login('right', 200)).marks[0]
    if (account?.kind !== 'login' || account.account === null) throw new Error('no mark')
    expect(who([['Cookie', 'sid=s-jo']])).toMatchObject({ kind: 'user', id: account.account, via: 'login' })
    expect(who([bearer('opaque-jo-1')])).toMatchObject({ kind: 'user', id: account.account })
  })

  test('a login page shown again links nobody', () => {
    const { send, who } = resolving()
    send({
      ...login('wrong', 200),
      responseHeaders: [
        ['Content-Type', 'text/html'],
        ['Set-Cookie', 'sid=guest'],
      ],
    })
    expect(who([['Cookie', 'sid=guest']]).kind).toBe('session')
  })

  test('forms, Basic and keys that are refused are attempts; changes of a password and plain requests are none', () => {
    const { send } = resolving()
    const form: Header = ['Content-Type', 'application/x-www-form-urlencoded']
    const marks = (fake: FakeRequest) => send(fake).marks.map((mark) => mark.field)
    expect(marks({ method: 'POST', headers: [form], body: 'email=a%40b.test&user[password]=x', status: 401 })).toEqual([
      'body:/user[password]',
    ])
    expect(marks({ method: 'POST', headers: [json], body: '{"otp":"123456"}', status: 401 })).toEqual(['body:/otp'])
    expect(marks({ headers: [basic('jo', 'x')], status: 401 })).toEqual(['header:authorization'])
    expect(marks({ headers: [basic('jo', 'x')], status: 200 })).toEqual([])
    expect(marks({ headers: [['X-Api-Key', 'k']], status: 401 })).toEqual(['header:x-api-key'])
    expect(marks({ headers: [bearer('t')], status: 401 })).toEqual(['header:authorization'])
    expect(marks({ method: 'POST', headers: [json], body: '{"note":"password","code":"A"}', status: 401 })).toEqual([])
    expect(marks({ method: 'POST', headers: [json], body: '{"new_password":"a"}' })).toEqual([])
  })
})

describe('whose a token is', () => {
  const form: Header = ['Content-Type', 'application/x-www-form-urlencoded']
  const asking = (body: string, answer: object, status = 200): FakeRequest => ({
    method: 'POST',
    target: '/oauth/token',
    headers: [form],
    body,
    status,
    responseHeaders: [json],
    responseBody: JSON.stringify(answer),
  })
  const jwt = (sub: string, more: object = {}) => fakeToken({ iss: 'a', sub, ...more })
  const login = (account: string, tokens: object): FakeRequest => ({
    ...asking('', tokens),
    target: '/login',
    headers: [json],
    body: JSON.stringify({ email: account, password: 'right' }),
  })

  test('a key that many share names nobody while somebody shows a token of their own', () => {
    const { who } = resolving()
    const key: Header = ['X-Api-Key', 'app-key-0001']
    const app = who([key]).id
    expect(who([key, bearer(jwt('1'))], 404)).toMatchObject({ kind: 'ip', app })
    expect(who([key, ['Cookie', 'sid=made-up']], 401)).toMatchObject({ kind: 'ip', app })
    expect(who([key, bearer(jwt('1'))])).toMatchObject({ kind: 'user', app })
    expect(who([key], 404)).toMatchObject({ kind: 'api_key', id: app })
  })

  test('a token counts from its renewal on, and is the one it takes the place of', () => {
    const { send, who } = resolving()
    send(login('jo@shop.test', { access_token: 'opaque-access-1', refresh_token: 'opaque-refresh-1' }))
    const first = who([bearer('opaque-access-1')])
    expect(first).toMatchObject({ kind: 'user', via: 'login' })
    const renewal = { access_token: 'opaque-access-2', refresh_token: 'opaque-refresh-2' }
    send(asking('grant_type=refresh_token&refresh_token=opaque-refresh-1&client_id=app', renewal))
    expect(who([bearer('opaque-access-2')], 404)).toEqual(first)
    send(asking('refresh_token=opaque-refresh-2', { access_token: 'opaque-access-3' }))
    expect(who([bearer('opaque-access-3')], 404)).toEqual(first)
    send(asking('grant_type=refresh_token&refresh_token=opaque-refresh-1', { error: 'invalid_grant' }, 400))
    expect(who([bearer('opaque-access-4')], 404).kind).toBe('ip')
  })

  test('a token exchanged for another belongs to nobody yet', () => {
    const { send, who } = resolving()
    send(login('jo@shop.test', { access_token: 'opaque-access-1', refresh_token: 'opaque-refresh-1' }))
    const body = 'grant_type=urn:ietf:params:oauth:grant-type:token-exchange&refresh_token=opaque-refresh-1'
    send(asking(body, { access_token: 'opaque-access-2' }))
    expect(who([bearer('opaque-access-2')], 404)).toMatchObject({ kind: 'session', via: 'bearer' })
  })

  test("a client's tokens are the client, by its id in the body or by Basic", () => {
    const { send, who } = resolving()
    const own = (client: string) => `grant_type=client_credentials&client_id=${client}&client_secret=s3cr3t`
    send(asking(own('partner-5'), { access_token: 'opaque-a-1' }))
    send(asking(own('partner-5'), { access_token: 'opaque-a-2' }))
    send(asking(own('partner-6'), { access_token: 'opaque-b-1' }))
    const client = who([bearer('opaque-a-1')])
    expect(client).toMatchObject({ kind: 'api_key', via: 'client_id' })
    expect(JSON.stringify(client)).not.toContain('partner-5')
    expect(who([bearer('opaque-a-2')], 404)).toEqual(client)
    expect(who([bearer('opaque-b-1')]).id).not.toBe(client.id)
    const byBasic = asking('grant_type=client_credentials', { access_token: 'opaque-c-1' })
    const named = send({ ...byBasic, headers: [form, basic('partner-7', 's3cr3t')] }).principal
    expect(who([bearer('opaque-c-1')], 404)).toEqual(named)
    send(asking(own('partner-5'), { access_token: 'opaque-a-3' }, 401))
    expect(who([bearer('opaque-a-3')], 404).kind).toBe('ip')
  })

  test('the account that got a token is the user it names, for its sessions by password too', () => {
    const { send, who } = resolving()
    const web = login('jo@shop.test', {})
    const setCookie: Header = ['Set-Cookie', 'sid=web-session-1']
    send({ ...web, status: 303, responseHeaders: [setCookie] })
    expect(who([['Cookie', 'sid=web-session-1']])).toMatchObject({ kind: 'user', via: 'login' })
    send(login('jo@shop.test', { access_token: jwt('481') }))
    const user = who([bearer(jwt('481'))])
    expect(user).toMatchObject({ kind: 'user', via: 'jwt.sub' })
    expect(who([['Cookie', 'sid=web-session-1']])).toEqual(user)
    send({ ...web, status: 303, responseHeaders: [['Set-Cookie', 'sid=web-session-2']] })
    expect(who([['Cookie', 'sid=web-session-2']])).toEqual(user)
  })

  test('an account stays the first user it was: a token of another tenant moves nobody', () => {
    const { send, who } = resolving()
    const setCookie: Header = ['Set-Cookie', 'sid=web-session-1']
    for (const tenant of ['t1', 't2']) {
      send(login('jo@shop.test', { access_token: jwt('481', { tenant }) }))
      who([bearer(jwt('481', { tenant }))])
    }
    send({ ...login('jo@shop.test', {}), status: 303, responseHeaders: [setCookie] })
    expect(who([['Cookie', 'sid=web-session-1']])).toEqual(who([bearer(jwt('481', { tenant: 't1' }))]))
  })
})

describe('credentials that are made up', () => {
  const fresh = (n: number) => bearer(fakeToken({ iss: 'made-up', sub: `u-${n}` }))
  const open: FakeRequest = { target: '/v1/products/12' }

  test('where whoever shows nothing is answered, a new token with each request is no new caller', () => {
    const { send, who, resolver } = resolving()
    send(open)
    const seen = Array.from({ length: 100 }, (_, n) => who([fresh(n)], 200, { target: `/v1/products/${n}` }))
    expect(new Set(seen.map(({ id }) => id))).toEqual(new Set(['203.0.113.7']))
    expect(resolver.sizes().credentials!.entries).toBe(0)
    expect(who([fresh(1)], 200, { target: '/v1/orders' }), 'elsewhere it counts').toMatchObject({ kind: 'user' })
    expect(who([fresh(1)], 200, open).kind).toBe('user')
  })

  test('there one counts from its fourth answer on, and at once when that place refuses who shows nothing', () => {
    const { send, who } = resolving()
    send(open)
    expect([1, 2, 3, 4].map(() => who([fresh(0)], 200, open).kind)).toEqual(['ip', 'ip', 'ip', 'user'])
    send({ ...open, status: 401 })
    expect(who([fresh(1)], 200, open).kind).toBe('user')
  })

  test('an address whose credentials never come again is given 64 of them, also one that moves about its /64', () => {
    for (const client of [() => '203.0.113.7', (n: number) => `2001:db8::${n.toString(16)}`]) {
      const { who } = resolving()
      const kinds = Array.from({ length: 500 }, (_, n) => who([fresh(n)], 200, { client: client(n + 1) }).kind)
      expect(kinds.filter((kind) => kind === 'user').length).toBe(64)
    }
  })

  test('people behind one address, whose credentials do come again, are all known', () => {
    const { who } = resolving()
    for (let n = 0; n < 500; n++) {
      who([fresh(n)])
      expect(who([fresh(n)]).kind).toBe('user')
    }
  })

  test('a flood of keys, ten thousand a second for two, leaves memory within its bounds', () => {
    const { who, resolver } = resolving()
    for (let n = 0; n < 20_000; n++) who([['X-Api-Key', `flood-key-${n}`]])
    const { credentials, pending_credentials: pending } = resolver.sizes()
    expect(credentials!.entries).toBe(64)
    expect(pending!.entries).toBeLessThanOrEqual(pending!.limit)
  })
})

describe('an address that many share', () => {
  const at = (n: number, times: number, who: ReturnType<typeof resolving>['who'], client = '203.0.113.7') => {
    for (let i = 0; i < times; i++) who([bearer(fakeToken({ iss: 'a', sub: `u-${n}` }))], 200, { client })
  }

  test('four people at home make it shared, for a day', () => {
    const { send, who } = resolving()
    const shared = (more: FakeRequest = {}) => (send(more) as TransactionRecord).sharedAddress
    for (let n = 0; n < 3; n++) at(n, 20, who)
    expect(shared()).toBe(false)
    at(3, 20, who)
    expect(shared()).toBe(true)
    expect(shared({ client: '203.0.113.8' })).toBe(false)
    expect(shared({ time: send({}).time + DAY_US + 10_000 })).toBe(false)
  })

  test('accounts somebody got into for a moment do not: a guesser would hide behind them', () => {
    const { send, who } = resolving()
    for (let n = 0; n < 40; n++) at(n, 3, who)
    expect((send({}) as TransactionRecord).sharedAddress).toBe(false)
  })
})

describe('callers behind proxies', () => {
  const via = (value: string): Header => ['X-Forwarded-For', value]

  test('a public peer is never believed', () => {
    const tx = resolving().send({ headers: [via('198.51.100.9')] })
    expect(tx).toMatchObject({ forwarded: [], clientIp: '203.0.113.7', weirds: ['forwarded.untrusted'] })
    expect(tx.principal).toMatchObject({ id: '203.0.113.7', via: 'peer' })
  })

  test('a private peer is, from right to left, up to the first address that is not trusted', () => {
    const { send } = resolving()
    const tx = send({ client: '10.0.0.5', headers: [via('192.0.2.66, 198.51.100.9, 10.0.0.7')] })
    expect(tx.forwarded).toEqual(['10.0.0.7', '198.51.100.9'])
    expect(tx.principal).toMatchObject({ kind: 'ip', id: '198.51.100.9', via: 'forwarded.default' })
    expect(tx.weirds).toEqual(['forwarded.beyond'])
    expect(send({ client: '10.0.0.5', headers: [via('198.51.100.9, 10.0.0.7')] }).weirds).toEqual([])
    expect(send({ client: '10.0.0.5', headers: [via('198.51.100.9'), via('garbage')] }).forwarded).toEqual([])
    expect(
      send({ client: '10.0.0.5', headers: [['Forwarded', 'for="[2001:db8:1:2::9]:4711";proto=https']] }).principal.id,
    ).toBe('2001:db8:1:2::/64')
    expect(send({ client: '10.0.0.5', headers: [['X-Real-IP', '198.51.100.9']] }).principal.id).toBe('198.51.100.9')
  })

  test("a delivery network's header counts behind its edge only, and only where it was named", () => {
    const hops = { trustedHops: ['203.0.113.0/24', '192.0.2.0/24'], cdn: 'cloudflare' } as const
    const cf = (value: string): Header => ['CF-Connecting-IP', value]
    const { send } = resolving(hops)
    const ends = (...headers: Header[]) => send({ headers }).forwarded
    expect(ends(cf('198.51.100.9'))).toEqual(['198.51.100.9'])
    expect(ends(via('192.0.2.17'), cf('198.51.100.9'))).toEqual(['192.0.2.17', '198.51.100.9'])
    expect(ends(via('198.51.100.9, 192.0.2.17'), cf('198.51.100.9'))).toEqual(['192.0.2.17', '198.51.100.9'])
    expect(ends(via('198.51.100.66'), cf('10.9.9.9')), 'sent past the network').toEqual(['198.51.100.66'])
    expect(ends(cf('garbage'))).toEqual([])
    expect(ends(['True-Client-IP', '198.51.100.9']), 'of another network').toEqual([])
    const past = send({ client: '198.51.100.1', headers: [cf('198.51.100.9')] })
    expect([past.forwarded, past.weirds]).toEqual([[], ['forwarded.untrusted']])
    expect(resolving({ ...hops, cdn: null }).send({ headers: [cf('198.51.100.9')] }).forwarded).toEqual([])
  })

  test('configured hops are believed, and nobody else', () => {
    const { send } = resolving({ trustedHops: ['203.0.113.0/24'] })
    expect(send({ headers: [via('198.51.100.9')] }).principal).toMatchObject({ id: '198.51.100.9', via: 'forwarded' })
    expect(send({ client: '10.0.0.5', headers: [via('198.51.100.9')] }).principal.id).toBe('10.0.0.5')
  })

  test('IPv6 callers are their /64', () => {
    const { send } = resolving()
    expect(send({ client: '2001:db8::1' }).principal).toMatchObject({ id: '2001:db8::/64', via: 'peer' })
    expect(send({ client: '2001:db8::1' }).clientIp).toBe('2001:db8::1')
    expect(send({ client: '::ffff:198.51.100.9' }).principal.id).toBe('198.51.100.9')
  })
})

test('a million credentials never accepted take no memory, and bounded memory forgets the oldest', () => {
  const { send, resolver } = resolving()
  for (let i = 0; i < 2000; i++) send({ headers: [bearer(`t-${i}`)], status: 401 })
  expect(resolver.sizes().credentials!.entries).toBe(0)
  const small = new Resolver({ maxCredentials: 10, maxAddresses: 10 })
  const recorder = new Recorder({
    key: TEST_KEY,
    options: IDENTITY_DEFAULTS,
    bodies: false,
    telemetry: fakeTelemetry(),
    emit: (tx) => small.resolve(tx),
  })
  for (let i = 0; i < 100; i++)
    recorder.exchange(fakeExchange({ headers: [bearer(`t-${i}`)], client: `203.0.113.${i}` }))
  expect(small.sizes().credentials).toEqual({ entries: 10, limit: 10, evicted: 90 })
})
