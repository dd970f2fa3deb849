import { expect, test } from 'vitest'
import { evaluate } from './detectors-run.ts'
import { median, wilsonLow } from './detectors-score.ts'

test('the lower end of a share found among few is far below it', () => {
  expect(wilsonLow(128, 128)).toBeGreaterThanOrEqual(0.97)
  expect(wilsonLow(127, 127)).toBeLessThan(0.971)
  expect(wilsonLow(5, 10)).toBeCloseTo(0.2366, 3)
  expect(wilsonLow(0, 0)).toBe(0)
  expect(median([5, 1, 9])).toBe(5)
})

test('blatant guessing, counting and probing is found, each time as one incident or so', async () => {
  const report = await evaluate({
    seed: 'preset',
    requests: 25_000,
    attacks: 1,
    worlds: 1,
    days: 1,
    users: 1000,
    classes: ['auth.bruteforce', 'object.enumeration', 'scan.probing'],
  })
  const blatant = report.classes.filter(
    ({ name, intensity }) =>
      intensity === 'blatant' && ['auth.bruteforce', 'object.enumeration', 'scan.probing'].includes(name),
  )
  expect(blatant.map(({ name, found }) => [name, found])).toEqual([
    ['auth.bruteforce', 1],
    ['object.enumeration', 1],
    ['scan.probing', 1],
  ])
  const ours = ['auth-bruteforce', 'object-enumeration', 'scan-probing']
  expect(report.false_incidents.filter(({ policy }) => ours.includes(policy))).toEqual([])
}, 60_000)
