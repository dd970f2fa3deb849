import { describe, expect, test } from 'vitest'
import { type FakeRequest, fakeExchange, fakeTelemetry, fakeToken } from '../../test/fake-exchange.ts'
import { DAY_US } from '../model/time.ts'
import type { Header, Principal, Transaction } from '../model/transaction.ts'
import { TEST_KEY } from './privacy-key.ts'
import { IDENTITY_DEFAULTS, Recorder } from './recorder.ts'
import { Resolver } from './resolver.ts'

/** Several credentials of one person, or of one consumer, and what of that outlives the process. */
function resolving(resolver = new Resolver()) {
  let last: Transaction | null = null
  const recorder = new Recorder({
    key: TEST_KEY,
    options: IDENTITY_DEFAULTS,
    bodies: true,
    telemetry: fakeTelemetry(),
    emit: (tx) => {
      resolver.resolve(tx)
      last = tx
    },
  })
  const send = (fake: FakeRequest): Transaction => {
    recorder.exchange(fakeExchange(fake))
    return last!
  }
  return {
    resolver,
    send,
    who: (...headers: readonly Header[]): Principal => send({ target: '/a', headers }).principal,
  }
}

const json: Header = ['Content-Type', 'application/json']
const cookie = (value: string): Header => ['Cookie', `sid=${value}`]
const bearer = (token: string): Header => ['Authorization', `Bearer ${token}`]
const tokenOf = (sub: string, iat = 1) => fakeToken({ iss: 'id', sub, iat })

const login = (email: string): FakeRequest => ({
  ...{ method: 'POST', target: '/login', status: 200, headers: [json] },
  body: JSON.stringify({ email, password: 'correct horse' }),
})
const webLogin = (email: string, session: string): FakeRequest => ({
  ...login(email),
  status: 303,
  responseHeaders: [
    ['Location', '/account'],
    ['Set-Cookie', `sid=${session}; Path=/`],
  ],
})
const appLogin = (email: string, token: string): FakeRequest => ({
  ...login(email),
  responseHeaders: [json],
  responseBody: JSON.stringify({ access_token: token }),
})

describe('browser and app of one person', () => {
  test('browser first: the id stays, and the token gives the name', () => {
    const { send, who } = resolving()
    send(webLogin('jo@shop.test', 'session-1'))
    const browser = who(cookie('session-1'))
    expect(browser).toMatchObject({ kind: 'user', via: 'login' })
    send(appLogin('jo@shop.test', tokenOf('u_1')))
    const app = who(bearer(tokenOf('u_1')))
    expect(app).toMatchObject({ kind: 'user', id: browser.id, display: 'u_1', via: 'jwt.sub' })
    expect(who(cookie('session-1'))).toEqual(app)
    // Tokens that no login handed out, too.
    expect(who(bearer(tokenOf('u_1', 2)))).toEqual(app)
  })

  test('app first: the browser is the user of the token', () => {
    const { send, who } = resolving()
    send(appLogin('jo@shop.test', tokenOf('u_1')))
    const app = who(bearer(tokenOf('u_1')))
    send(webLogin('jo@shop.test', 'session-1'))
    expect(who(cookie('session-1'))).toEqual(app)
  })

  test('both before they were known to be one: the account becomes the user of the token', () => {
    const { send, who } = resolving()
    send(webLogin('jo@shop.test', 'session-1'))
    const browser = who(cookie('session-1'))
    const app = who(bearer(tokenOf('u_1')))
    expect(app.id).not.toBe(browser.id)
    send(appLogin('jo@shop.test', tokenOf('u_1', 2)))
    expect(who(bearer(tokenOf('u_1', 2))).id).toBe(app.id)
    expect(who(cookie('session-1')).id).toBe(app.id)
  })

  test('the first user of an account stays: a second one is somebody else', () => {
    const { send, who } = resolving()
    send(webLogin('desk@shop.test', 'session-1'))
    const desk = who(cookie('session-1'))
    send(appLogin('desk@shop.test', tokenOf('u_1')))
    send(appLogin('desk@shop.test', tokenOf('u_2')))
    expect(who(bearer(tokenOf('u_1'))).id).toBe(desk.id)
    expect(who(bearer(tokenOf('u_2'))).id).not.toBe(desk.id)
    expect(who(cookie('session-1')).id).toBe(desk.id)
  })
})

test('what is known of callers outlives the process, without any raw secret', () => {
  const before = resolving()
  before.send(webLogin('jo@shop.test', 'session-1'))
  const browser = before.who(cookie('session-1'))
  before.send(appLogin('jo@shop.test', tokenOf('u_1')))
  const app = before.who(bearer(tokenOf('u_1')))
  before.send(webLogin('kim@shop.test', 'session-2'))
  const kim = before.who(cookie('session-2'))
  const lines = [...before.resolver.snapshot()]
  expect(JSON.stringify(lines)).not.toMatch(/session-|correct|shop\.test/)

  const after = resolving()
  for (const line of JSON.parse(JSON.stringify(lines)) as unknown[]) after.resolver.restore(line)
  expect([...after.resolver.snapshot()]).toEqual(lines)
  expect(after.who(cookie('session-1'))).toEqual(app)
  expect(after.who(bearer(tokenOf('u_1', 5))).id).toBe(browser.id)
  expect(after.who(cookie('session-2'))).toEqual(kim)
  // Without it each is a session of its own, if anything.
  expect(resolving().who(cookie('session-1')).kind).toBe('session')
  after.resolver.reset()
  expect([...after.resolver.snapshot()]).toEqual([])
  for (const broken of [{}, ['session', 1, 2], ['owned', 'x', { kind: 'god' }], ['shared'], ['none']]) {
    expect(() => after.resolver.restore(broken)).toThrow(TypeError)
  }
})

test.each(['203.0.113.7', '2001:db8:1:2::7'])('that %s is shared outlives the process', (client) => {
  const { resolver, send } = resolving()
  const from = (n: number, more: FakeRequest = {}): FakeRequest => ({
    ...more,
    client,
    target: '/a',
    headers: [cookie(`s${n}`)],
  })
  for (let n = 0; n < 4; n++) for (let i = 0; i < 10; i++) send(from(n))
  expect(send(from(0)).sharedAddress).toBe(true)
  const next = new Resolver()
  for (const line of resolver.snapshot()) next.restore(line)
  const after = resolving(next)
  expect(after.send({ client }).sharedAddress).toBe(true)
  expect(after.send({ client, time: 1_795_000_000_000_000 + 2 * DAY_US }).sharedAddress).toBe(false)
})
