import { describe, expect, test } from 'vitest'
import type { Signal } from '../../daemon/model/signal.ts'
import { HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { shippedPolicies } from '../../daemon/policies/load.ts'
import { login, play, randomFrom, START, transaction, user } from '../../test/conformance/traffic.ts'
import { authBruteforce } from './auth-bruteforce.ts'

const OPENS = shippedPolicies().rules.find((rule) => rule.detectors.includes('auth.bruteforce'))!.maxLog10P

function run(transactions: Iterable<Transaction>): { signals: Signal[]; opening: Signal[]; requestsToOpen: number } {
  const detector = authBruteforce.create(authBruteforce.options.parse({}))
  const signals: Signal[] = []
  let seen = 0
  let requestsToOpen = -1
  play(transactions, detector, (signal) => {
    seen++
    if (signal === null) return
    signals.push(signal)
    if (requestsToOpen < 0 && signal.log10P <= OPENS) requestsToOpen = seen
  })
  return { signals, opening: signals.filter((signal) => signal.log10P <= OPENS), requestsToOpen }
}

function* guesses(count: number, gapUs: number, from = '203.0.113.9', account = 'ada'): Generator<Transaction> {
  for (let i = 0; i < count; i++) yield login(START + i * gapUs, from, account, false)
}

describe('auth.bruteforce', () => {
  test('a program guessing at one account is found within 6 guesses, before anything was learnt', () => {
    const { requestsToOpen, opening, signals } = run(guesses(30, 200_000))
    expect(requestsToOpen).toBeGreaterThan(3)
    expect(requestsToOpen).toBeLessThanOrEqual(6)
    expect(opening[0]).toMatchObject({ subject: { kind: 'user', value: 'hmac:ada' }, severity: 'low' })
    expect(opening[0]!.why).toMatch(
      /different wrong passwords for one account in .* from one source \(203\.0\.113\.9\)/,
    )
    expect(signals[0]!.evidenceBefore.length + signals.length).toBe(30)
  })

  test('however many are refused, it stays low; what is usual comes with how many callers that is known of', () => {
    const last = run(guesses(400, 200_000)).opening.at(-1)!
    expect(last).toMatchObject({ severity: 'low', evidence: { usual_of_callers: 0 } })
    expect(last.outcome.refused).toBeGreaterThan(300)
  })

  test('twin: the same wrong password sent 300 times is a stale configuration', () => {
    const repeats = [login(START, '203.0.113.9', 'ada', false)]
    for (let i = 1; i < 300; i++) repeats.push(login(START + i * 200_000, '203.0.113.9', 'ada', false, 'repeated'))
    expect(run(repeats).signals).toEqual([])
  })

  test('a slow guesser, one try a minute, is found within 14 guesses', () => {
    const { requestsToOpen } = run(guesses(40, MINUTE_US))
    expect(requestsToOpen).toBeGreaterThan(6)
    expect(requestsToOpen).toBeLessThanOrEqual(14)
  })

  test('one try every three hours is still found', () => {
    const { requestsToOpen } = run(guesses(60, 3 * HOUR_US))
    expect(requestsToOpen).toBeGreaterThan(0)
    expect(requestsToOpen).toBeLessThanOrEqual(30)
  })

  test('one account guessed at from a hundred addresses is found, and named as the account', () => {
    const attack = Array.from({ length: 100 }, (_, i) =>
      login(START + i * 20 * SECOND_US, `203.0.113.${i + 1}`, 'ada', false),
    )
    const { requestsToOpen, opening } = run(attack)
    expect(requestsToOpen).toBeLessThanOrEqual(14)
    expect(opening[0]!.subject).toEqual({ kind: 'user', value: 'hmac:ada' })
    expect(opening.at(-1)!.evidence.sources).toBeGreaterThan(8)
  })

  test('one source trying many accounts is found by source within 14 accounts', () => {
    const attack = Array.from({ length: 60 }, (_, i) => login(START + i * 5 * SECOND_US, '203.0.113.9', `a${i}`, false))
    const { requestsToOpen, opening } = run(attack)
    expect(requestsToOpen).toBeLessThanOrEqual(14)
    expect(opening[0]!.subject).toEqual({ kind: 'ip', value: '203.0.113.9' })
  })

  test('twin: an office of 120 people behind that address, with more failures, who then sign in', () => {
    const random = randomFrom(7)
    const transactions: Transaction[] = []
    let failures = 0
    for (let person = 0; person < 120; person++) {
      const at = START + Math.floor(random() * 40 * 60) * SECOND_US
      const typos = random() < 0.5 ? 1 + Math.floor(random() * 3) : 0
      for (let i = 0; i < typos; i++)
        transactions.push(login(at + i * 6 * SECOND_US, '203.0.113.9', `p${person}`, false))
      failures += typos
      transactions.push(login(at + typos * 6 * SECOND_US, '203.0.113.9', `p${person}`, true))
    }
    transactions.sort((a, b) => a.endTime - b.endTime)
    expect(failures).toBeGreaterThan(60)
    expect(run(transactions).signals).toEqual([])
  })

  test('twin: an owner who forgot a password tries as often as a slow guesser, from where she signed in before', () => {
    const before = [login(START - 24 * HOUR_US, '203.0.113.9', 'ada', true)]
    expect(run([...before, ...guesses(14, MINUTE_US)]).opening).toEqual([])
  })

  test('a password that is right after the guessing means the account is taken', () => {
    const { opening } = run([...guesses(20, 200_000), login(START + HOUR_US / 10, '203.0.113.9', 'ada', true)])
    expect(opening.at(-1)).toMatchObject({ severity: 'critical', outcome: { accounts: ['hmac:ada'], answered: 1 } })
    expect(opening.at(-1)!.why).toContain('then a guess was right')
  })

  test('the owner signing in from elsewhere during the guessing neither clears nor confirms it', () => {
    const attack = [...guesses(12, MINUTE_US)]
    const owner = login(START + 5.5 * MINUTE_US, '198.51.100.20', 'ada', true)
    const { opening } = run([...attack, owner].sort((a, b) => a.endTime - b.endTime))
    expect(opening.length).toBeGreaterThan(0)
    expect(opening.every((signal) => signal.outcome.accounts.length === 0)).toBe(true)
  })

  test('a log-in service that is down refuses nobody', () => {
    const down = [...guesses(200, 200_000)].map((tx) => ({ ...tx, status: 503 }))
    expect(run(down).signals).toEqual([])
  })

  test('an attacker cannot hide by signing in to an account of his own between guesses', () => {
    const mixed: Transaction[] = []
    for (let i = 0; i < 40; i++) {
      mixed.push(login(START + i * 10 * SECOND_US, '203.0.113.9', 'ada', false))
      mixed.push(login(START + i * 10 * SECOND_US + SECOND_US, '203.0.113.9', 'mallory', true))
    }
    expect(run(mixed).requestsToOpen).toBeGreaterThan(0)
  })

  test('a source behind a session is its network’s /64, whatever address of it is used', () => {
    const attack = Array.from({ length: 40 }, (_, i) =>
      transaction({
        time: START + i * 10 * SECOND_US,
        principal: { kind: 'session', id: `hmac:s${i}`, display: '', via: 'cookie.sid', app: null },
        clientIp: `2001:db8:1:2::${(i + 1).toString(16)}`,
        endpoint: 'POST /v1/login',
        status: 401,
        marks: [{ kind: 'login', field: 'body:/password', account: `hmac:a${i}`, guess: 'new' }],
      }),
    )
    expect(run(attack).opening[0]!.subject).toMatchObject({ kind: 'ip' })
    expect(run(attack).requestsToOpen).toBeLessThanOrEqual(12)
  })

  test('while those who have signed in before are refused too, an office that fails is no attack', () => {
    const outage = START + 10 * MINUTE_US
    const traffic: Transaction[] = []
    for (let i = 0; i < 30; i++) {
      traffic.push(login(START + i * SECOND_US, `198.51.${i}.7`, `u${i}`, true))
      traffic.push(login(outage + i * SECOND_US, `198.51.${i}.7`, `u${i}`, false))
    }
    const office = Array.from({ length: 40 }, (_, i) =>
      login(outage + 20 * SECOND_US + i * SECOND_US, '203.0.113.1', `o${i}`, false),
    )
    const inOrder = (list: Transaction[]) => list.sort((a, b) => a.endTime - b.endTime)
    expect(run(inOrder([...traffic, ...office])).opening).toEqual([])
    const healthy = traffic.filter((tx) => tx.endTime < outage)
    expect(run(inOrder([...healthy, ...office])).opening.length).toBeGreaterThan(0)
  })

  test('a failed Basic attempt counts for the address, not for the victim it names', () => {
    const attack = Array.from({ length: 20 }, (_, i) =>
      transaction({
        time: START + i * 300_000,
        principal: { ...user('ada').principal, via: 'basic' },
        clientIp: '203.0.113.9',
        endpoint: 'GET /v1/me',
        status: 401,
        marks: [{ kind: 'login', field: 'header:authorization', account: 'hmac:ada', guess: 'new' }],
      }),
    )
    expect(run(attack).opening[0]!.evidence.source).toBe('203.0.113.9')
  })
})
