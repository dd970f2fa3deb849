import { describe, expect, test } from 'vitest'
import type { Signal } from '../../daemon/model/signal.ts'
import { HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { login, play, START } from '../../test/conformance/traffic.ts'
import type { DetectorDeclaration } from '../detector.ts'
import { authBruteforce } from './auth-bruteforce.ts'
import { authSpray } from './auth-spray.ts'
import { authStuffing } from './auth-stuffing.ts'

const DECLARATIONS: readonly DetectorDeclaration[] = [authBruteforce, authSpray, authStuffing]

function run(transactions: readonly Transaction[]): Signal[] {
  const detectors = DECLARATIONS.map((declaration) => declaration.create(declaration.options.parse({})))
  const signals: Signal[] = []
  const ordered = [...transactions].sort((a, b) => a.endTime - b.endTime)
  for (const detector of detectors) {
    play(ordered, detector, (signal) => {
      if (signal !== null) signals.push(signal)
    })
  }
  return signals
}

const found = (signals: readonly Signal[], detector: string) => signals.filter((signal) => signal.detector === detector)

/** The same attempt, by a program that says what it is. */
function by(agent: string, tx: Transaction): Transaction {
  return { ...tx, requestHeaders: [['User-Agent', agent]] }
}

const home = (i: number) => `198.51.${100 + (i >> 7)}.${i & 127}`
const APP = 'ShopApp/5.2'

/** Over some hours: people sign in from home, one in eight with a slip of the finger first. */
function people(count: number, from: number, everyUs: number): Transaction[] {
  return Array.from({ length: count }, (_, i) => {
    const at = from + i * everyUs
    const slip = i % 8 === 0 ? [by(APP, login(at - 5 * SECOND_US, home(i), `p${i}`, false))] : []
    return [...slip, by(APP, login(at, home(i), `p${i}`, true))]
  }).flat()
}

const LATER = START + 4 * HOUR_US
const BEFORE = people(240, START, MINUTE_US)
const MEANWHILE = people(60, LATER, 20 * SECOND_US)

/** Three tries from each of many addresses, each at another account. */
function crowd(
  sources: number,
  agent: string,
  more: Partial<{ hits: number; guess: 'new' | 'shared' }> = {},
): Transaction[] {
  const { hits = 0, guess = 'new' } = more
  return Array.from({ length: 3 * sources }, (_, i) => {
    const right = hits > 0 && i % hits === hits - 1
    return by(
      agent,
      login(LATER + i * SECOND_US, `203.${(i % sources) & 127}.7.${(i % sources) & 255}`, `v${i}`, right, guess),
    )
  })
}

describe('campaigns', () => {
  test('three tries from each of two hundred addresses are one campaign, with those who got in', () => {
    const signals = run([...BEFORE, ...MEANWHILE, ...crowd(200, 'python-requests/2.31', { hits: 100 })])
    const stuffing = found(signals, 'auth.stuffing')
    expect(new Set(stuffing.map(({ subject }) => subject.value))).toEqual(
      new Set(['user agent python-requests/2.31 at POST /v1/login']),
    )
    expect(stuffing[0]!.evidenceBefore.length).toBeLessThanOrEqual(15)
    expect(stuffing.at(-1)!).toMatchObject({ severity: 'critical', subject: { kind: 'campaign' } })
    expect(stuffing.at(-1)!.outcome.accounts).toEqual([99, 199, 299, 399, 499, 599].map((i) => `hmac:v${i}`))
    expect(found(signals, 'auth.spray')).toEqual([])
    // What the campaign explains is nobody's guessing.
    expect(found(signals, 'auth.bruteforce')).toEqual([])
  })

  test('one password at many accounts, by programs that say they are the app, is a spray', () => {
    const signals = run([...BEFORE, ...MEANWHILE, ...crowd(100, APP, { guess: 'shared' })])
    expect(found(signals, 'auth.stuffing')).toEqual([])
    const [first] = found(signals, 'auth.spray')
    expect(first!.subject.value).toBe('passwords that were tried at other accounts too at POST /v1/login')
  })

  test('one source is named as such, and its guessing is told beside it', () => {
    const attack = Array.from({ length: 60 }, (_, i) =>
      by('curl/8', login(LATER + i * SECOND_US, '203.0.113.9', `v${i}`, false)),
    )
    const signals = run([...BEFORE, ...MEANWHILE, ...attack])
    expect(found(signals, 'auth.stuffing').at(-1)!.evidence).toMatchObject({
      source: '203.0.113.9',
      trait: 'source 203.0.113.9',
    })
    expect(found(signals, 'auth.bruteforce').length).toBeGreaterThan(10)
  })

  test('twin: on the first morning everybody is a stranger', () => {
    expect(run([...people(20, START, MINUTE_US), ...crowd(40, APP)].filter(({ endTime }) => endTime < LATER))).toEqual(
      [],
    )
  })

  test('twin: an identity provider that is down refuses everybody', () => {
    const again = Array.from({ length: 240 }, (_, i) => by(APP, login(LATER + i * SECOND_US, home(i), `p${i}`, false)))
    const strangers = Array.from({ length: 24 }, (_, i) =>
      by(APP, login(LATER + i * 10 * SECOND_US, `192.0.2.${i}`, `n${i}`, false)),
    )
    const signals = run([...BEFORE, ...again, ...strangers])
    expect([...found(signals, 'auth.stuffing'), ...found(signals, 'auth.spray')]).toEqual([])
  })

  test('twin: new people come with a newsletter, one in four mistypes, and all get in', () => {
    const visits = Array.from({ length: 300 }, (_, i) => {
      const at = LATER + i * SECOND_US
      const slip = i % 4 === 0 ? [by(APP, login(at, `192.0.${i % 7}.${i % 200}`, `n${i}`, false))] : []
      return [...slip, by(APP, login(at + 6 * SECOND_US, `192.0.${i % 7}.${i % 200}`, `n${i}`, true))]
    }).flat()
    expect(run([...BEFORE, ...visits])).toEqual([])
  })

  test('twin: a hundred people with a new app that everybody likes are no campaign for having one name', () => {
    const visits = Array.from({ length: 100 }, (_, i) =>
      by('ShopApp/6.0', login(LATER + i * 10 * SECOND_US, `192.0.${i % 7}.${i}`, `n${i}`, i % 3 > 0)),
    )
    expect(
      found(run([...BEFORE, ...MEANWHILE, ...visits]), 'auth.stuffing').filter(
        ({ outcome }) => outcome.accounts.length > 0,
      ),
    ).toEqual([])
  })
})
