import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HOUR_US, MINUTE_US, SECOND_US } from '../model/time.ts'
import { FileClockGuard, judgeRows, LiveClockGuard } from './clock-guard.ts'

const BASE = Date.UTC(2026, 10, 21, 10) * 1000

interface Verdict {
  readonly clock: number
  readonly bogus: boolean
}

function judge(times: readonly number[]): Verdict[] {
  const columns = {
    time: Float64Array.from(times),
    clock: new Float64Array(times.length),
    flags: new Uint8Array(times.length),
  }
  judgeRows(new FileClockGuard(), columns, times.length, times.length)
  return times.map((_, row) => ({ clock: columns.clock[row]!, bogus: columns.flags[row] !== 0 }))
}

function bogusRows(...hours: readonly number[]): number[] {
  return judge(hours.map((hour) => BASE + hour * HOUR_US)).flatMap((verdict, row) => (verdict.bogus ? [row] : []))
}

test('a jump that nothing agrees with is bogus, in either direction', () => {
  expect(bogusRows(0, 0.1, 7, 0.2, 0.3)).toEqual([2])
  expect(bogusRows(0, 0.1, -7, 0.2, 0.3)).toEqual([2])
})

test('a bogus record stands at the latest honest time', () => {
  const verdicts = judge([BASE, BASE + 5, BASE + 9 * HOUR_US, BASE + 6])
  expect(verdicts[2]).toEqual({ clock: BASE + 5, bogus: true })
  expect(verdicts[3]).toEqual({ clock: BASE + 6, bogus: false })
})

test('a jump that the next record agrees with is a real gap', () => {
  expect(bogusRows(0, 0.1, 7, 7.1, 7.2)).toEqual([])
})

test('a clock set back for good stays honest to the last record', () => {
  expect(bogusRows(0, 0.1, -5, -4.9, -4.8, -4.7)).toEqual([])
})

test('a bogus record right after a real gap does not condemn the one before it', () => {
  expect(bogusRows(0, 0.1, 7, -90, 7.2, 7.3)).toEqual([3])
})

test('a jump at the very end has nothing to agree with it', () => {
  expect(bogusRows(0, 0.1, 7)).toEqual([2])
})

test('the first record is bogus when the next two agree with each other and not with it', () => {
  expect(bogusRows(-300, 0, 0.1, 0.2)).toEqual([0])
  expect(judge([BASE - 300 * HOUR_US, BASE, BASE + 1])[0]?.clock).toBe(BASE)
  expect(bogusRows(0, 300, 0.1)).toEqual([1])
  expect(bogusRows(0, 0.1, 300)).toEqual([2])
})

test('an hour exactly is no jump', () => {
  expect(bogusRows(0, 1, 1.1)).toEqual([])
})

/** Runs of at least three records, minutes apart inside a run and hours apart between runs. */
const honestCapture = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 2 * HOUR_US, max: 50 * HOUR_US }),
      back: fc.boolean(),
      steps: fc.array(fc.integer({ min: -2 * MINUTE_US, max: 10 * MINUTE_US }), { minLength: 2, maxLength: 12 }),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((runs) => {
    const times: number[] = []
    let at = BASE
    runs.forEach(({ gap, back, steps }, index) => {
      if (index > 0) at += back ? -gap : gap
      times.push(at)
      for (const step of steps) {
        at += step
        times.push(at)
      }
    })
    return times
  })

test('an honest capture has no bogus record, and every clock is its own time', () => {
  fc.assert(
    fc.property(honestCapture, (times) => {
      expect(judge(times)).toEqual(times.map((time) => ({ clock: time, bogus: false })))
    }),
  )
})

test('one bogus timestamp, wherever it stands, changes no other verdict and no other clock', () => {
  fc.assert(
    fc.property(honestCapture, fc.nat(), fc.boolean(), fc.nat({ max: 400_000 }), (times, place, ahead, hours) => {
      const at = place % times.length
      const far = 20_000 * HOUR_US + hours * HOUR_US
      const bogus = ahead ? Math.max(...times) + far : Math.max(0, Math.min(...times) - far)
      const verdicts = judge(times.map((time, row) => (row === at ? bogus : time)))
      expect(verdicts[at]?.bogus).toBe(true)
      times.forEach((time, row) => {
        if (row !== at) expect(verdicts[row]).toEqual({ clock: time, bogus: false })
      })
    }),
    { numRuns: 1000 },
  )
})

test('live, only what is over a minute ahead of the host is bogus', () => {
  let host = BASE
  const guard = new LiveClockGuard(() => host)
  expect(guard.admit(BASE + 61 * SECOND_US)).toBe(false)
  expect(guard.clock).toBe(BASE)
  expect(guard.admit(BASE + 59 * SECOND_US)).toBe(true)
  expect(guard.admit(BASE - 30 * HOUR_US)).toBe(true)
  expect(guard.clock).toBe(BASE - 30 * HOUR_US)
  expect(guard.admit(BASE + 61 * SECOND_US)).toBe(false)
  expect(guard.clock).toBe(BASE + 59 * SECOND_US)
  host += 2 * SECOND_US
  expect(guard.admit(BASE + 61 * SECOND_US)).toBe(true)
})

test('times past what can be printed do not vouch for each other', () => {
  const beyond = Number.MAX_SAFE_INTEGER
  const verdicts = judge([BASE, BASE + 1, beyond, beyond, beyond, BASE + 2])
  expect(verdicts.map(({ bogus }) => bogus)).toEqual([false, false, true, true, true, false])
  expect(verdicts.map(({ clock }) => clock - BASE)).toEqual([0, 1, 1, 1, 1, 2])
})
