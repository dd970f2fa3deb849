import { expect, test } from 'vitest'
import { KeyedTable } from '../../baselines/keyed-table.ts'
import { NO_ROW } from '../../baselines/place-rows.ts'
import { Places } from '../../baselines/places.ts'
import { Usage } from './usage.ts'
import { Caller, CallerState, Uses } from './uses.ts'

const MINUTE_US = 60e6

/** A generator of whole numbers below a bound, the same in every run. */
function numbers(): (below: number) => number {
  let random = 7
  return (below) => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0
    return (random >>> 8) % below
  }
}

test('each caller keeps the sums of the sixteen places it used last, whoever comes and goes beside it', () => {
  const places = new Places()
  const uses = new Uses()
  const usage = new Usage(uses)
  const callers = new KeyedTable(50, () => new Caller(), null, uses)
  // What each has, as plain lists; it begins anew where the table let a caller go.
  const expected = new Map<Caller, { place: string; sum: number; at: number }[]>()
  const next = numbers()
  let most = 0
  for (let i = 1; i <= 30_000; i++) {
    const caller = callers.use(`u${next(2) === 0 ? next(20) : next(2000)}`)
    const place = places.of('api', `/${next(24)}`)
    usage.at(uses.rowOf(caller, place)).add(i % 5, false, 1, i)

    const list = expected.get(caller) ?? []
    expected.set(caller, list)
    let known = list.find((each) => each.place === place.key)
    if (known === undefined) {
      if (list.length === 16) {
        const oldest = list.reduce((old, each) => (each.at < old.at ? each : old))
        list.splice(list.indexOf(oldest), 1)
      }
      known = { place: place.key, sum: 0, at: 0 }
      list.push(known)
    }
    known.sum += i % 5
    known.at = i
    most = Math.max(most, list.length)
  }
  expect([most, callers.evicted > 1000]).toEqual([16, true])
  callers.forEach((caller) => {
    const kept: { place: string; sum: number; at: number }[] = []
    for (let row = caller.first; row !== NO_ROW; row = uses.next(row)) {
      const { place, inHour } = usage.at(row)
      kept.push({ place: place.key, sum: inHour, at: uses.toState(caller)[5][kept.length]![5][1] })
    }
    expect(kept).toEqual(expected.get(caller))
  })
})

test('rows of callers that left are given to those that come', () => {
  const places = new Places()
  const uses = new Uses()
  const callers = new KeyedTable(10, () => new Caller(), null, uses)
  for (let i = 0; i < 1000; i++) {
    const caller = callers.use(`u${i}`)
    for (let k = 0; k <= i % 7; k++) uses.rowOf(caller, places.of('api', `/${k}`))
  }
  expect(uses.places.length).toBeLessThanOrEqual(70)
})

test('a caller is read back with all of its uses, the heavy one among them', () => {
  const places = new Places()
  const uses = new Uses()
  const usage = new Usage(uses)
  const caller = Object.assign(new Caller(), { key: 'u1', voter: 'u1', cohort: 'customer' })
  caller.call(3)
  for (const template of ['/a', '/b', '/c']) {
    usage.at(uses.rowOf(caller, places.of('api', template))).add(7, false, 31, 31 * MINUTE_US)
    usage.call()
    if (template === '/b') usage.watch(31, 31 * MINUTE_US)
  }
  const state = CallerState.parse(JSON.parse(JSON.stringify(uses.toState(caller))))
  const others = new Uses()
  expect(others.toState(others.fromState(state, places))).toEqual(uses.toState(caller))
  expect(state[5].map((use) => use[6] !== null)).toEqual([false, true, false])
})
