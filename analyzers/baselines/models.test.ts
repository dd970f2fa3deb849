import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { DAY_US, HOUR_US, MINUTE_US } from '../../daemon/model/time.ts'
import { address, randomFrom, user } from '../../test/conformance/traffic.ts'
import { ADMISSION_DEFAULTS, Admission, AdmissionState } from './admission.ts'
import { BetaBinomial, logGamma, logRun } from './beta-binomial.ts'
import { DriftCap } from './drift-cap.ts'
import { FirstTouch } from './first-touch.ts'
import { GuardedRate } from './guarded-rate.ts'
import { KeyedTable } from './keyed-table.ts'
import { PopulationTail } from './population-tail.ts'
import { PresentShare } from './present-share.ts'
import { networkOf, principalKey, voteKey } from './principal-key.ts'
import { SequentialTest } from './sequential-test.ts'
import { WindowHistory } from './window-history.ts'

const NOW = Date.UTC(2026, 10, 20) * 1000

describe('BetaBinomial', () => {
  test('logGamma is right to 1e-9', () => {
    for (const [x, exact] of [
      [1, 0],
      [2, 0],
      [10, Math.log(362_880)],
      [0.5, 0.5 * Math.log(Math.PI)],
    ] as const) {
      expect(Math.abs(logGamma(x) - exact)).toBeLessThan(1e-9)
    }
    expect(Math.exp(logRun(1, 1, 3, 0))).toBeCloseTo(1 / 4, 9)
  })

  test('after 1,000 votes the mean is within 0.02 of the callers’, and capped', () => {
    const random = randomFrom(2)
    for (const rate of [0.01, 0.1, 0.3]) {
      const model = new BetaBinomial(1, 19, 0.4)
      for (let i = 0; i < 1000; i++) {
        let hits = 0
        for (let trial = 0; trial < 20; trial++) if (random() < rate) hits++
        model.learnOne(hits, 20, 1)
      }
      expect(Math.abs(model.mean - rate)).toBeLessThan(0.02)
    }
    const capped = new BetaBinomial(1, 19, 0.4)
    for (let i = 0; i < 1000; i++) capped.learnOne(20, 20, 1)
    expect(capped.mean).toBeLessThanOrEqual(0.4)
  })

  test('a caller with a million requests counts like one with ten; merging equals observing both', () => {
    const loud = new BetaBinomial(1, 19, 0.4)
    const quiet = new BetaBinomial(1, 19, 0.4)
    loud.learnOne(500_000, 1_000_000, 1)
    quiet.learnOne(5, 10, 1)
    expect(loud.mean).toBeCloseTo(quiet.mean, 9)
    const both = new BetaBinomial(1, 19, 0.4)
    both.learnOne(5, 10, 1)
    both.learnOne(1, 10, 1)
    const other = new BetaBinomial(1, 19, 0.4)
    other.learnOne(1, 10, 1)
    quiet.merge(other)
    expect(quiet.alpha).toBeCloseTo(both.alpha, 12)
  })
})

test('SequentialTest: under H0 the share of walks that ever reach ln(1/p) before they restart is at most p', () => {
  const random = randomFrom(3)
  const reached = [1e-1, 1e-2, 1e-3].map(() => 0)
  const walks = 20_000
  for (let walk = 0; walk < walks; walk++) {
    // The rate of each caller is drawn from Beta(1, 19): by inversion, 1 - (1 - u)^(1/19).
    const rate = 1 - (1 - random()) ** (1 / 19)
    const state = new SequentialTest()
    let highest = 0
    for (let i = 0; i < 30; i++) {
      highest = Math.max(highest, state.learnOne(random() < rate, NOW + i, 1, 19, 0.8, HOUR_US))
      // Back at 0 is a restart, which is another walk.
      if (state.evidence === 0) break
    }
    ;[1e-1, 1e-2, 1e-3].forEach((p, i) => {
      if (highest >= -Math.log(p)) reached[i]!++
    })
  }
  ;[1e-1, 1e-2, 1e-3].forEach((p, i) => {
    expect(reached[i]! / walks).toBeLessThanOrEqual(p + 3 * Math.sqrt(p / walks))
  })
})

test('SequentialTest: an unbroken run never stops speaking for the attack, and evidence halves with its half-life', () => {
  const walk = new SequentialTest()
  let last = 0
  for (let i = 0; i < 5000; i++) {
    const evidence = walk.learnOne(true, NOW, 1, 19, 0.8, HOUR_US)
    expect(evidence).toBeGreaterThan(last)
    last = evidence
  }
  walk.fade(NOW + HOUR_US, HOUR_US)
  expect(walk.evidence).toBeCloseTo(last / 2, 6)
  expect(SequentialTest.fromState(walk.toState()).toState()).toEqual(walk.toState())
})

describe('KeyedTable', () => {
  test('a flood of single-use keys does not push out the busy ones', () => {
    const table = new KeyedTable(100, () => ({ count: 0 }))
    for (let use = 0; use < 5; use++) for (let busy = 0; busy < 50; busy++) table.use(`busy${busy}`).count++
    for (let i = 0; i < 100_000; i++) table.use(`flood${i}`)
    expect(table.size).toBeLessThanOrEqual(100)
    expect(table.evicted).toBe(100_050 - table.size)
    for (let busy = 0; busy < 50; busy++) expect(table.peek(`busy${busy}`)?.count).toBe(5)
  })

  test('among busy keys the least recently used leaves', () => {
    const table = new KeyedTable(8, () => ({}))
    for (let key = 0; key < 6; key++) for (let use = 0; use < 4; use++) table.use(`k${key}`)
    for (let use = 0; use < 2; use++) for (const key of ['k1', 'k2', 'k3', 'k4', 'k5']) table.use(key)
    for (let use = 0; use < 4; use++) table.use('new')
    expect(table.peek('k0')).toBeUndefined()
    expect(table.peek('new')).toBeDefined()
  })
})

describe('Admission', () => {
  test('a blind sensor teaches nothing: what came lately and meanwhile is dropped, what waited longer goes in later', () => {
    const learnt: string[] = []
    const admission = new Admission<string>(ADMISSION_DEFAULTS, (summary) => learnt.push(summary))
    admission.offer('a', 'a', 'sound', false, NOW)
    admission.offer('b', 'b', 'in doubt', false, NOW + 14 * MINUTE_US)
    admission.freeze(true, NOW + 15 * MINUTE_US)
    admission.offer('c', 'c', 'blind', false, NOW + 16 * MINUTE_US)
    admission.release(NOW + HOUR_US)
    expect(learnt).toEqual([])
    expect(admission.isSuspect('anybody', NOW + HOUR_US)).toBe(true)
    admission.freeze(false, NOW + HOUR_US)
    admission.release(NOW + HOUR_US)
    expect(learnt).toEqual(['sound'])
    expect(admission.dropped).toBe(2)
    expect(admission.isSuspect('anybody', NOW + HOUR_US)).toBe(false)
    admission.offer('d', 'd', 'sees again', false, NOW + HOUR_US)
    admission.release(NOW + 2 * HOUR_US)
    expect(learnt).toEqual(['sound', 'sees again'])
  })

  const learner = () => {
    const learnt: { summary: string; weight: number }[] = []
    const admission = new Admission<string>(ADMISSION_DEFAULTS, (summary, weight) => learnt.push({ summary, weight }))
    return { admission, learnt }
  }

  test('an observation waits 15 minutes, an hour once the model is mature', () => {
    const { admission, learnt } = learner()
    admission.offer('a', 'a', 'young', false, NOW)
    admission.offer('b', 'b', 'mature', true, NOW)
    admission.release(NOW + 14 * MINUTE_US)
    expect(learnt).toEqual([])
    admission.release(NOW + 15 * MINUTE_US)
    expect(learnt.map(({ summary }) => summary)).toEqual(['young'])
    admission.release(NOW + HOUR_US)
    expect(learnt.map(({ summary }) => summary)).toEqual(['young', 'mature'])
  })

  test('what a suspect taught in quarantine is dropped, others are not, and a forgotten suspicion ends', () => {
    const { admission, learnt } = learner()
    admission.offer('mallory', 'mallory', 'poison', false, NOW)
    admission.offer('ada', 'ada', 'honest', false, NOW)
    admission.suspect('mallory', true, NOW + MINUTE_US)
    admission.offer('mallory', 'mallory', 'more poison', false, NOW + 2 * MINUTE_US)
    admission.release(NOW + HOUR_US)
    expect(learnt.map(({ summary }) => summary)).toEqual(['honest'])
    expect(admission.dropped).toBe(2)
    expect(admission.isSuspect('mallory', NOW + 25 * HOUR_US)).toBe(false)
  })

  test('a suspicion that was wrong lets in what was kept from learning, also after a restart; one that is a day old does not', () => {
    const codec = { schema: z.string(), toState: (summary: string) => summary, fromState: (state: string) => state }
    const learnt: string[] = []
    const make = () => new Admission<string, string>(ADMISSION_DEFAULTS, (summary) => learnt.push(summary), codec)
    const before = make()
    before.offer('ada', 'ada', 'waited', false, NOW)
    before.offer('bob', 'bob', 'of an attacker', false, NOW)
    for (const caller of ['ada', 'bob']) before.suspect(caller, true, NOW + MINUTE_US)
    before.offer('ada', 'ada', 'meanwhile', false, NOW + 2 * MINUTE_US)
    before.release(NOW + HOUR_US)
    // An incident that closes by itself clears nobody.
    before.suspect('ada', false, NOW + HOUR_US)
    const admission = make()
    for (const part of before.snapshot()) admission.restore(AdmissionState.parse(JSON.parse(JSON.stringify(part))))
    expect(learnt).toEqual([])
    admission.pardon('ada', NOW + 2 * HOUR_US)
    expect(learnt).toEqual(['waited', 'meanwhile'])
    expect(admission.dropped).toBe(1)
    expect(admission.isSuspect('ada', NOW + 2 * HOUR_US)).toBe(false)
    admission.release(NOW + 26 * HOUR_US)
    admission.pardon('bob', NOW + 26 * HOUR_US)
    expect(learnt).toEqual(['waited', 'meanwhile'])
  })

  test('a million lessons of suspects cost no more than what is kept of them', () => {
    const { admission, learnt } = learner()
    for (let i = 0; i < 10_000; i++) {
      const caller = `suspect ${i}`
      admission.offer(caller, caller, caller, false, NOW + i)
      admission.suspect(caller, true, NOW + i)
    }
    for (let i = 0; i < 10_000; i++) admission.pardon(`suspect ${i}`, NOW + HOUR_US)
    expect(learnt.length).toBe(4096)
    expect(learnt.at(-1)?.summary).toBe('suspect 9999')
  })

  test('a hundred observations of one voter weigh ten', () => {
    const { admission, learnt } = learner()
    for (let i = 0; i < 100; i++) admission.offer('a', 'a', 'x', false, NOW)
    admission.release(NOW + HOUR_US)
    expect(learnt.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(10, 9)
  })

  test('quarantine is bounded', () => {
    const { admission } = learner()
    for (let i = 0; i < 100_000; i++) admission.offer(`c${i}`, 'a', 'x', false, NOW)
    expect(admission.occupancy.entries).toBeLessThanOrEqual(ADMISSION_DEFAULTS.maxHeld)
    expect(admission.occupancy.evicted).toBeGreaterThan(0)
  })
})

test('addresses of one network share a vote, accounts have their own', () => {
  expect(voteKey(address('203.0.113.9'))).toBe(voteKey(address('203.0.113.200')))
  expect(networkOf('2001:db8:7:1::1')).toBe(networkOf('2001:DB8:0007:2:3::9'))
  expect(networkOf('2001:db8::1')).not.toBe(networkOf('2001:db8:7::1'))
  expect(networkOf('::ffff:192.0.2.7')).toBe('192.0.2')
  expect(voteKey(user('ada').principal)).not.toBe(voteKey(user('bob').principal))
})

test('callers of different kinds are two, also where one secret gave both their ids', () => {
  const kinds = ['user', 'session', 'api_key', 'consumer', 'device'] as const
  const keys = kinds.map((kind) => principalKey({ kind, id: 'hmac:one', display: '', via: '', app: null }))
  expect(new Set(keys).size).toBe(kinds.length)
})

test('PresentShare: what everybody suffers shows, what one voter does shows to the others only, and it passes', () => {
  const share = new PresentShare()
  for (let i = 0; i < 30; i++) share.learnOne('loud', true, NOW)
  expect(share.scoreOne('loud', 0.1, NOW)).toBeCloseTo(0.1, 9)
  expect(share.scoreOne('quiet', 0.1, NOW)).toBeLessThan(0.3)
  for (let i = 0; i < 30; i++) share.learnOne(`v${i}`, true, NOW)
  expect(share.scoreOne('quiet', 0.1, NOW)).toBeGreaterThan(0.8)
  expect(share.scoreOne('quiet', 0.1, NOW + HOUR_US)).toBeCloseTo(0.1, 6)
  for (let i = 0; i < 30; i++) share.learnOne(`v${i}`, false, NOW)
  expect(share.scoreOne('quiet', 0.1, NOW)).toBeLessThan(0.1)
})

test('DriftCap: 20 % a day, unless three in ten carry the rise; down at once', () => {
  const cap = new DriftCap()
  expect(cap.admit(10, 0, NOW)).toBe(10)
  expect(cap.admit(100, 0.1, NOW + DAY_US)).toBeCloseTo(12, 9)
  expect(cap.admit(100, 0.1, NOW + 2 * DAY_US)).toBeCloseTo(14.4, 9)
  expect(cap.admit(100, 0.35, NOW + 2 * DAY_US)).toBe(100)
  expect(cap.admit(5, 0, NOW + 2 * DAY_US)).toBe(5)
  expect(cap.held).toBe(2)
})

test('GuardedRate: one in ten callers cannot push it, half of them can', () => {
  const run = (share: number): number => {
    const rate = new GuardedRate(1, 19, 0.6)
    for (let i = 0; i < 200; i++) rate.learnOne(1, 20, 1, NOW)
    for (let i = 0; i < 1000; i++) rate.learnOne((i % 10) / 10 < share ? 10 : 1, 20, 1, NOW + i * MINUTE_US)
    return rate.mean
  }
  expect(run(0.1)).toBeLessThan(0.06)
  expect(run(0.5)).toBeGreaterThan(0.2)
})

test('PopulationTail: among ordinary values the share with p <= x is at most 2x, light and heavy tails', () => {
  const draws: ((random: () => number) => number)[] = [
    (random) => 1 + Math.floor(-Math.log(1 - random()) * 4),
    (random) => Math.floor((1 - random()) ** -0.4),
    (random) => 1 + Math.floor(random() * 6),
  ]
  draws.forEach((draw, kind) => {
    const random = randomFrom(kind + 1)
    const tail = new PopulationTail(20)
    expect(tail.scoreOne(1000)).toBeNull()
    for (let i = 0; i < 500; i++) tail.learnOne(draw(random), 1, NOW + i * MINUTE_US)
    const count = 100_000
    const values = Array.from({ length: count }, () => tail.scoreOne(draw(random))!)
    for (const x of [1e-2, 1e-3, 1e-4]) {
      expect(values.filter((p) => p <= x).length / count, `kind ${kind}, x ${x}`).toBeLessThanOrEqual(2 * x)
    }
  })
})

test('WindowHistory: a minority of odd windows does not move it, and a stretched habit is held', () => {
  const history = new WindowHistory()
  for (let i = 0; i < 2; i++) history.learnOne(10, NOW)
  expect(history.upper(3)).toBeNull()
  for (let i = 0; i < 8; i++) history.learnOne(10, NOW)
  const before = history.upper(3)!
  for (let i = 0; i < 6; i++) history.learnOne(10_000, NOW + HOUR_US)
  expect(history.upper(3)!).toBeLessThanOrEqual(before * 1.2)
  for (let i = 0; i < 20; i++) history.learnOne(10_000, NOW + 2 * HOUR_US)
  expect(history.upper(3)!).toBeLessThanOrEqual(before * 1.2)
})

test('FirstTouch: the first caller keeps an object, strangers are told so, memory is fixed', () => {
  const touch = new FirstTouch(1024)
  expect(touch.learnOne(1, 7, 100, true)).toBe('unknown')
  expect(touch.learnOne(1, 7, 100, true)).toBe('own')
  expect(touch.learnOne(1, 7, 200, true)).toBe('foreign')
  expect(touch.learnOne(2, 7, 200, false)).toBe('unknown')
  expect(touch.learnOne(2, 7, 300, true)).toBe('unknown')
  for (let i = 0; i < 100_000; i++) touch.learnOne(3, i, 1, true)
  expect(touch.occupancy.entries).toBeLessThanOrEqual(touch.occupancy.limit)
  expect(touch.occupancy.evicted).toBeGreaterThan(0)
})
