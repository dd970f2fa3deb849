import { expect, test } from 'vitest'
import { classesNamed, planWorlds, withoutAttack } from './detectors-plan.ts'
import { evaluate } from './detectors-run.ts'
import { median, wilsonLow } from './detectors-score.ts'

test('the lower end of a share found among few is far below it', () => {
  expect(wilsonLow(128, 128)).toBeGreaterThanOrEqual(0.97)
  expect(wilsonLow(127, 127)).toBeLessThan(0.971)
  expect(wilsonLow(5, 10)).toBeCloseTo(0.2366, 3)
  expect(wilsonLow(0, 0)).toBe(0)
  expect(median([5, 1, 9])).toBe(5)
})

test('a class is asked for by its name, or many by how theirs begin, and what nothing answers to is refused', () => {
  const attacks = (...names: string[]) =>
    classesNamed(names)
      .filter(({ detector }) => detector !== null)
      .map(({ name }) => name)
  expect(attacks('auth.stuffing')).toEqual(['auth.stuffing'])
  expect(attacks('auth.stuff')).toEqual(['auth.stuffing', 'auth.stuffing.crowd'])
  expect(attacks('auth.otp', 'graphql.depth')).toEqual(['auth.otp', 'graphql.depth'])
  expect(classesNamed(['auth.otp', 'twin.flash_sale']).map(({ name }) => name)).toEqual(['auth.otp', 'twin.flash_sale'])
  expect(() => classesNamed(['auth.typo'])).toThrow(RangeError)
  expect(withoutAttack()).toContain('egress.redirect')
})

test('what else is asked for changes neither how many there are of a class nor when they begin', () => {
  const settings = { seed: 'draws', attacks: 3, worlds: 2, days: 2 }
  const begin = (classes: readonly string[]) =>
    planWorlds({ ...settings, classes }).map(({ assaults, planned }) =>
      planned.flatMap(({ label }, i) => (label.startsWith('scan.probing/') ? [[label, assaults[i]!.atUs]] : [])),
    )
  expect(begin(['scan.probing']).flat()).toHaveLength(9)
  expect(begin(['scan.', 'auth.'])).toEqual(begin(['scan.probing']))
})

test('those that take hold of all sign-ins follow one another', () => {
  const [plan] = planWorlds({
    seed: 'turns',
    attacks: 60,
    worlds: 1,
    days: 2,
    classes: ['auth.stuffing.crowd', 'twin.flash_sale'],
  })
  const at = plan!.planned.flatMap(({ attack }, i) => (attack.crowded ? [plan!.assaults[i]!.atUs] : []))
  const gaps = at.slice(1).map((each, i) => each - at[i]!)
  const even = (Math.max(...at) - Math.min(...at)) / at.length
  expect(at.length).toBeGreaterThan(2)
  expect(Math.min(...gaps)).toBeGreaterThan(0.4 * even)
})

test('blatant guessing, counting and probing is found, each time as one incident or so', async () => {
  const report = await evaluate({
    seed: 'preset',
    requests: 40_000,
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
}, 300_000)
