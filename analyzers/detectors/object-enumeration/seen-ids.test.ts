import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DistinctCounter } from '../../baselines/distinct-counter.ts'
import { SeenIds } from './seen-ids.ts'

const step = fc.oneof(
  { weight: 20, arbitrary: fc.record({ id: fc.integer({ min: 0, max: 0xffffffff }), answered: fc.boolean() }) },
  { weight: 10, arbitrary: fc.record({ id: fc.integer({ min: 0, max: 90 }), answered: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constantFrom('short' as const, 'long' as const) },
)

test('one list says what two counters say, kept and put back at any time, and past what is kept exactly', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), fc.nat(300), (steps, restartAt) => {
      let seen = new SeenIds()
      let long = new DistinctCounter()
      let short = new DistinctCounter()
      let shortAnswered = 0
      for (const [i, each] of steps.entries()) {
        if (i === restartAt) seen = SeenIds.fromState(seen.toState(), seen.shortAnswered)
        if (typeof each === 'string') {
          short = new DistinctCounter()
          shortAnswered = 0
          if (each === 'long') long = new DistinctCounter()
          if (each === 'long') seen.beginLong()
          else seen.beginShort()
          continue
        }
        if (each.answered) shortAnswered += short.learnOne(each.id)
        expect(seen.see(each.id, each.answered)).toBe(long.learnOne(each.id))
        expect([seen.shortAnswered, seen.exact]).toEqual([shortAnswered, long.exact])
      }
      const [longState, shortState] = seen.toState()
      expect(longState).toEqual(long.toState())
      expect(sorted(shortState)).toEqual(sorted(short.toState()))
    }),
    { numRuns: 200 },
  )
})

/** Which of the ids was answered first in the short window is not kept. */
function sorted(state: readonly (string | number)[]): readonly (string | number)[] {
  return typeof state[0] === 'string' ? state : [...state].sort()
}
