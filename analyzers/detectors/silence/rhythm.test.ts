import { expect, test } from 'vitest'
import { HOUR_US, MINUTE_US } from '../../../daemon/model/time.ts'
import { Rhythm } from './rhythm.ts'

/** Ninety minutes, of which the last thirty have traffic in all but one of `every`. */
function after(every: number): Rhythm {
  const rhythm = new Rhythm(MINUTE_US, 90)
  for (let minute = 0; minute < 90; minute++) {
    const isEmpty = minute >= 60 && minute % every === 0
    rhythm.learnOne(isEmpty ? 0 : 12, 9 * HOUR_US + minute * MINUTE_US)
  }
  return rhythm
}

test('ten minutes without anything are an outage after full ones, and no wonder where traffic was ending', () => {
  const now = 11 * HOUR_US
  expect(after(1000).silence(10, now)!.log10P).toBeLessThan(-15)
  expect(after(4).silence(10, now)!.log10P).toBeGreaterThan(-7)
})
