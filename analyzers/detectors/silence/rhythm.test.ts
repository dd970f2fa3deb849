import { expect, test } from 'vitest'
import { type EventTime, HOUR_US, MINUTE_US, SECOND_US } from '../../../daemon/model/time.ts'
import { randomFrom } from '../../../test/conformance/traffic.ts'
import { Rhythm } from './rhythm.ts'
import { SilenceWatch } from './silence-watch.ts'

/** Visits of six requests seven seconds apart, at random, so many a minute by hour; what a watch that looks every ten seconds tells. */
function told(perMinute: (at: EventTime) => number, days: number, seed: number, report: number): EventTime[] {
  const random = randomFrom(seed)
  const limits = { silentSeconds: 300, unknownHourSeconds: 600, report }
  const watch = new SilenceWatch(0, new Rhythm(90 * MINUTE_US))
  const requests = new Map<number, number>()
  const signals: EventTime[] = []
  for (let step = 0; step < days * 8640; step++) {
    const now = step * 10 * SECOND_US
    if (random() < perMinute(now) / 6)
      for (let i = 0; i < 5; i++) requests.set(step + i, (requests.get(step + i) ?? 0) + 1)
    const back = watch.count(requests.get(step) ?? 0, now)
    requests.delete(step)
    if (back && watch.toldAt !== null) watch.over(true, now)
    if (watch.toldAt !== null || watch.fallen(limits, now) === null) continue
    watch.told(now)
    signals.push(now)
  }
  return signals
}

const hourOf = (at: EventTime) => Math.floor(at / HOUR_US) % 24
/** Busy by day, hardly anybody at night, a fifth of it at the weekend. */
const company = (at: EventTime) => {
  const hour = hourOf(at)
  const weekend = at / HOUR_US >= 5 * 24 ? 0.2 : 1
  return weekend * (hour >= 8 && hour < 18 ? 1 : hour >= 18 && hour < 20 ? 0.3 : 0.02)
}

test('of twelve weeks of evenings, nights and a weekend without an outage few bring a silence, as p says', () => {
  let weeks = 0
  for (let seed = 1; seed <= 12; seed++) if (told(company, 7, seed, 1e-2).length > 0) weeks++
  // 12 x 1e-2 are to be expected; two come less than once in a hundred times.
  expect(weeks).toBeLessThan(2)
})

test('an outage at noon of the third day is told while it lasts, one at night never ends up as one', () => {
  const from = 2 * 24 * HOUR_US + 12 * HOUR_US
  const dark = (at: EventTime) => (at >= from && at < from + HOUR_US ? 0 : company(at))
  const [at] = told(dark, 3, 1, 1e-2)
  expect(at! - from).toBeGreaterThan(5 * MINUTE_US)
  expect(at! - from).toBeLessThan(50 * MINUTE_US)
  const night = (at: EventTime) => (hourOf(at) < 6 ? 0 : company(at))
  expect(told(night, 4, 2, 1e-2)).toEqual([])
})

test('an outage that was told teaches nothing: the next one is told as soon', () => {
  const dark = (at: EventTime) => (at >= 48 * HOUR_US && hourOf(at) === 12 ? 0 : company(at))
  const signals = told(dark, 4, 3, 1e-2)
  expect(signals).toHaveLength(2)
})
