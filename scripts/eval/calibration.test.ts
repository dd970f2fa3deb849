import { expect, test } from 'vitest'
import { DETECTORS } from '../../analyzers/registry.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import { randomFrom } from '../../test/conformance/traffic.ts'
import { fakeSignal } from '../../test/fake-signal.ts'
import { calibrate } from './calibration-run.ts'
import { CalibrationJudge, isHonest, LEVELS } from './calibration-score.ts'

const KEYS = 20_000

/** 20,000 callers, each told with the least of five p-values; `factor`: so much lower than they should be. */
function judged(factor: number) {
  const random = randomFrom(5)
  const judge = new CalibrationJudge()
  for (let key = 0; key < KEYS; key++) {
    const p = (1 - (1 - random()) ** (1 / 5)) * 5 * factor
    for (let each = 0; each < 5; each++) judge.signal('w', signalOf(`c${key}`, each === 2 ? p : Math.min(1, p * 4)))
  }
  judge.world(['scan.probing'], {}, KEYS)
  return judge.result(() => 1)
}

function signalOf(value: string, p: number): Signal {
  return { ...fakeSignal(1), log10P: Math.log10(p), subject: { kind: 'user', value } }
}

test('a share is honest up to twice what it may be, as far as chance allows', () => {
  expect(isHonest(200, 100_000, 1e-3)).toBe(true)
  expect(isHonest(300, 100_000, 1e-3)).toBe(false)
  expect(isHonest(0, 10, 1e-4)).toBe(true)
  expect(isHonest(2, 4000, 1e-6)).toBe(false)
})

test('each key counts once, by its lowest p-value; ten times too low is told', () => {
  const [honest] = judged(1)
  expect(honest).toMatchObject({ detector: 'scan.probing', keys: KEYS, honest: true })
  expect(honest!.reached[0]).toBeGreaterThan(5)
  expect(honest!.reached[0]).toBeLessThan(2 * LEVELS[0] * KEYS)
  expect(judged(0.1)[0]).toMatchObject({ honest: false })
})

test('every detector is honest about a benign company', async () => {
  const { transactions, detectors } = await calibrate({ seed: 'q', worlds: 1, days: 1, users: 1200, requests: 12_000 })
  expect(transactions).toBeGreaterThan(6_000)
  const running = DETECTORS.filter(({ reads }) => reads !== 'descriptions')
  expect(detectors.map(({ detector }) => detector).sort()).toEqual(running.map(({ id }) => id))
  expect(detectors.filter(({ honest }) => !honest)).toEqual([])
}, 300_000)
