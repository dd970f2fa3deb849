import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DistinctCounter } from '../../baselines/distinct-counter.ts'
import { NO_ROW } from '../../baselines/place-rows.ts'
import { Place } from '../../baselines/places.ts'
import { ReachColumns, SHORT_ANSWERED } from './reach-columns.ts'
import { SeenIds } from './seen-ids.ts'

const PLACE = new Place('shop', 'GET /orders/{id}', 0)

const step = fc.oneof(
  { weight: 20, arbitrary: fc.record({ id: fc.integer({ min: 0, max: 0xffffffff }), answered: fc.boolean() }) },
  { weight: 10, arbitrary: fc.record({ id: fc.integer({ min: 0, max: 90 }), answered: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constantFrom('short' as const, 'long' as const) },
)

test('one list says what two counters say, kept and put back at any time, and past what is kept exactly', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), fc.nat(300), (steps, restartAt) => {
      const columns = new ReachColumns()
      const seen = new SeenIds(columns)
      const caller = { first: NO_ROW }
      let row = columns.add(caller, PLACE)
      let long = new DistinctCounter()
      let short = new DistinctCounter()
      let shortAnswered = 0
      for (const [i, each] of steps.entries()) {
        if (i === restartAt) {
          const state = seen.toState(row)
          const answered = columns.count(row, SHORT_ANSWERED)
          columns.evicted(caller)
          row = columns.add(caller, PLACE)
          seen.restore(row, state)
          columns.setCount(row, SHORT_ANSWERED, answered)
        }
        if (typeof each === 'string') {
          short = new DistinctCounter()
          shortAnswered = 0
          if (each === 'long') long = new DistinctCounter()
          if (each === 'long') seen.beginLong(row)
          else seen.beginShort(row)
          continue
        }
        if (each.answered) shortAnswered += short.learnOne(each.id)
        expect(seen.see(row, each.id, each.answered)).toBe(long.learnOne(each.id))
        expect([columns.count(row, SHORT_ANSWERED), columns.estimates(row) === null]).toEqual([
          shortAnswered,
          long.exact,
        ])
      }
      const [longState, shortState] = seen.toState(row)
      expect(longState).toEqual(long.toState())
      expect(sorted(shortState)).toEqual(sorted(short.toState()))
    }),
    { numRuns: 80 },
  )
})

/** Which of the ids was answered first in the short window is not kept. */
function sorted(state: readonly (string | number)[]): readonly (string | number)[] {
  return typeof state[0] === 'string' ? state : [...state].sort()
}
