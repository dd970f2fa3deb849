import { expect, test } from 'vitest'
import type { Signal } from '../../daemon/model/signal.ts'
import { SECOND_US } from '../../daemon/model/time.ts'
import type { Claims, Transaction } from '../../daemon/model/transaction.ts'
import { address, order, play, START } from '../../test/conformance/traffic.ts'
import { authTokenForged } from './auth-token-forged.ts'

const claims = (exp: number | null = null): Claims => ({
  iss: null,
  sub: 'u',
  tenant: null,
  role: [],
  scope: [],
  alg: 'RS256',
  kid: null,
  iat: null,
  exp,
})

function run(list: readonly Transaction[]): Signal[] {
  const detector = authTokenForged.create(authTokenForged.options.parse({}))
  const signals: Signal[] = []
  play(list, detector, (signal) => signal !== null && signals.push(signal))
  return signals
}

const at = (i: number) => START + i * SECOND_US
const usual = (count = 30) =>
  Array.from({ length: count }, (_, i) => ({ ...order(at(i), `p${i}`, i), claims: claims() }))
const odd = (i: number, weird: string, status: number): Transaction => ({
  ...order(at(100 + i), 'ada', 1, status),
  clientIp: '203.0.113.9',
  claims: claims(),
  weirds: [weird],
})
const stranger = (i: number, status: number): Transaction => ({
  ...order(at(50 + i), '', 1, status),
  principal: address(`203.0.${i}.7`),
  clientIp: `203.0.${i}.7`,
})

test.each(['jwt.alg_none', 'jwt.embedded_key', 'jwt.odd_kid', 'jwt.remote_key'])(
  '%s, granted where others are refused, is critical',
  (weird) => {
    expect(run([...usual(), stranger(1, 401), odd(1, weird, 200)])).toMatchObject([
      { severity: 'critical', subject: { kind: 'ip', value: '203.0.113.9' }, outcome: { accounts: ['hmac:ada'] } },
    ])
  },
)

test('refused ones are low, and counted', () => {
  const signals = run([...usual(), ...Array.from({ length: 50 }, (_, i) => odd(i, 'jwt.alg_none', 401))])
  expect(signals.at(-1)).toMatchObject({ severity: 'low', outcome: { answered: 0, refused: 50 } })
})

test('twin: a token proves nothing where strangers are answered, too', () => {
  expect(run([...usual(), stranger(1, 200), stranger(2, 200), odd(1, 'jwt.alg_none', 200)])).toEqual([])
})

test('twin: behind a gateway all tokens are unsigned', () => {
  expect(run(Array.from({ length: 80 }, (_, i) => odd(i, 'jwt.alg_none', 200)))).toEqual([])
})

test('a token that ended weeks ago and is granted counts until it is a habit; refused it is a client’s', () => {
  const old = (i: number, status: number, ip: string): Transaction => ({
    ...odd(i, '', status),
    claims: claims(START / 1e6 - 30 * 86_400),
    clientIp: ip,
  })
  expect(run([...usual(), old(1, 401, '203.0.113.9')])).toEqual([])
  expect(run([...usual(), old(1, 200, '203.0.113.9')])).toMatchObject([{ severity: 'high' }])
  const habit = Array.from({ length: 9 }, (_, i) => old(i, 200, `203.0.${i}.9`))
  expect(run([...usual(), ...habit])).toHaveLength(2)
})

test('a few networks among hundreds of subjects are no habit, and one that names many subjects votes once', () => {
  const plain = Array.from({ length: 8000 }, (_, i) => ({
    ...odd(i, '', 200),
    claims: { ...claims(), sub: `s${i >> 4}` },
    clientIp: `198.51.${i % 40}.9`,
  }))
  const old = Array.from({ length: 60 }, (_, i) => ({
    ...odd(8000 + i, '', 200),
    claims: { ...claims(START / 1e6 - 30 * 86_400), sub: `s${i}` },
    clientIp: `203.0.${i % 6}.9`,
  }))
  expect(run([...plain, ...old])).toHaveLength(60)
})

test('a few strangers do not open an endpoint that many show tokens to', () => {
  const shown = Array.from({ length: 2000 }, (_, i) => ({ ...odd(i, '', 200), claims: claims() }))
  const strangers = [stranger(2001, 200), { ...stranger(2002, 200), clientIp: '203.0.7.9' }]
  expect(run([...shown, ...strangers, odd(2003, 'jwt.alg_none', 200)])).toHaveLength(1)
})

test('while the sensor is blind it learns nothing', () => {
  const maturityAfter = (frozen: boolean) => {
    const detector = authTokenForged.create(authTokenForged.options.parse({}))
    detector.freeze!(frozen, START)
    play(usual(), detector, () => undefined)
    return detector.maturity()
  }
  expect(maturityAfter(false)).toBeGreaterThan(0)
  expect(maturityAfter(true)).toBe(0)
})
