import { describe, expect, test } from 'vitest'
import { MINUTE_US } from '../../../daemon/model/time.ts'
import { randomFrom } from '../../../test/conformance/traffic.ts'
import { ONCE } from './caller.ts'
import { Invariant, InvariantState } from './invariant.ts'

const START = Date.UTC(2026, 10, 22) * 1000
const LATER = START + 400 * MINUTE_US

/** Held by so many callers, five times each, within 400 minutes. */
function heldBy(callers: number): Invariant {
  const made = new Invariant()
  const gapUs = (400 * MINUTE_US) / (5 * callers)
  for (let i = 0; i < 5 * callers; i++) made.learnOne(i < callers, START + i * gapUs)
  return made
}

function breakBy(invariant: Invariant, callers: number): Invariant {
  for (let i = 0; i < callers; i++) invariant.learnBreak(ONCE, LATER)
  return invariant
}

test('who breaks a rule is no witness for being allowed to', () => {
  const broken = (callers: number) => breakBy(heldBy(80), callers)
  expect(broken(3).scoreOne(2, 0.002, true)).toBe(broken(2).scoreOne(2, 0.002, false))
  expect(broken(3).scoreOne(2, 0.002, false)).toBeGreaterThan(broken(2).scoreOne(2, 0.002, false)!)
})

describe('before it is shown that hardly anybody breaks it', () => {
  test('one who did is enough to be silent about all others, and a further object of the same caller counts one in four', () => {
    const guess = heldBy(60)
    expect(guess.scoreOne(3, null, false)! - guess.scoreOne(1, null, false)!).toBeCloseTo(2 * Math.log10(0.25))
    breakBy(guess, 1)
    expect([guess.scoreOne(3, null, true), guess.scoreOne(3, null, false)]).toEqual([expect.any(Number), null])
    expect(breakBy(guess, 1).holds).toBe(false)
  })

  test('what the siblings of its endpoint show stands for it', () => {
    const guess = breakBy(heldBy(60), 1)
    expect(guess.scoreOne(1, 0.001, false)).toBeLessThan(-3)
  })

  test('that a few of many did is borne, and stays so when more do', () => {
    const shown = breakBy(heldBy(140), 2)
    shown.learnOne(true, LATER)
    expect(breakBy(shown, 6).scoreOne(1, null, false)).toEqual(expect.any(Number))
  })

  test('where one caller in fourteen has a reason to, it comes into force in one case of a hundred at most', () => {
    const random = randomFrom(11)
    const CASES = 400
    let inForce = 0
    for (let i = 0; i < CASES; i++) {
      const made = new Invariant()
      let ever = false
      for (let caller = 0; caller < 600; caller++) {
        const now = START + caller * MINUTE_US
        if (random() < 0.07) made.learnBreak(ONCE, now)
        else made.learnOne(true, now)
        ever ||= made.isInForce
      }
      if (ever) inForce++
    }
    expect(inForce).toBeLessThanOrEqual(CASES / 100)
  })
})

test('one in force is given up, and told, when it breaks; one that never was is dropped', () => {
  expect([heldBy(100), heldBy(60)].map((made) => breakBy(made, 8).takeEnd())).toEqual(['givenUp', 'dropped'])
  const inForce = heldBy(100)
  expect(breakBy(inForce, 6).takeEnd()).toBeNull()
})

test('a state from before it was kept whether that is shown says so by its counts', () => {
  const known = [heldBy(100), heldBy(60)].map((made) => InvariantState.parse(made.toState().slice(0, 10)))
  expect(known.map((state) => breakBy(Invariant.fromState(state), 2).holds)).toEqual([true, false])
})
