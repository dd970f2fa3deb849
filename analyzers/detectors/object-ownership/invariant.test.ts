import { expect, test } from 'vitest'
import { MINUTE_US } from '../../../daemon/model/time.ts'
import { ONCE } from './caller.ts'
import { Invariant } from './invariant.ts'

const START = Date.UTC(2026, 10, 22) * 1000

/** Held by 80 callers, five times each, and broken by so many others. */
function invariant(broken: number): Invariant {
  const made = new Invariant()
  for (let i = 0; i < 400; i++) made.learnOne(i < 80, START + i * MINUTE_US)
  for (let i = 0; i < broken; i++) made.learnBreak(ONCE, START + 400 * MINUTE_US)
  return made
}

test('who breaks a rule is no witness for being allowed to', () => {
  expect(invariant(3).scoreOne(2, 0.002, true)).toBe(invariant(2).scoreOne(2, 0.002, false))
  expect(invariant(3).scoreOne(2, 0.002, false)).toBeGreaterThan(invariant(2).scoreOne(2, 0.002, false)!)
})
