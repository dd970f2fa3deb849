import { expect, test } from 'vitest'
import { EndpointUse, UseCounts } from '../../analyzers/detectors/auth-missing/endpoint-use.ts'
import { UseElsewhere, UsePopulation } from '../../analyzers/detectors/consumption/population.ts'
import { ONCE } from '../../analyzers/detectors/object-ownership/caller.ts'
import { Invariant, InvariantElsewhere } from '../../analyzers/detectors/object-ownership/invariant.ts'
import { ErrorRates, RatesElsewhere } from '../../analyzers/detectors/regression/error-rates.ts'
import { Guard } from '../../analyzers/detectors/regression/guard.ts'
import { Slowness, SlownessElsewhere } from '../../analyzers/detectors/regression/slowness.ts'
import { type EventTime, HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'

/** Two halves of what one analyzer saw, each of which hears of the other, say what the whole says. */
const START = Date.UTC(2026, 10, 22) * 1000
const at = (i: number): EventTime => START + i * MINUTE_US

test('a relation holds by the observations of both, and is broken by the callers of both', () => {
  const whole = new Invariant()
  const halves = [new Invariant(), new Invariant()] as const
  for (let i = 0; i < 400; i++) {
    whole.learnOne(i < 40, at(i))
    halves[i % 2]!.learnOne(i < 40, at(i))
  }
  halves[1].learnBreak(ONCE, at(401))
  whole.learnBreak(ONCE, at(401))
  expect([whole.isInForce, halves[0].isInForce, halves[0].holds]).toEqual([true, false, false])
  const others = new InvariantElsewhere()
  others.add(halves[1].toState())
  const kept = halves[0].toState()
  halves[0].hear(others)
  expect([halves[0].isInForce, halves[0].observations, halves[0].broken]).toEqual([true, 400, 1])
  expect(halves[0].scoreOne(2, null, false)).toBe(whole.scoreOne(2, null, false))
  expect(halves[0].toState()).toEqual(kept)
})

test('what is to be expected of an endpoint is the failures of both among the answers of both', () => {
  const [here, there] = [new ErrorRates(), new ErrorRates()]
  for (let minute = 0; minute < 120; minute++) {
    for (let i = 0; i < 20; i++) there.add('GET /flaky', i < 4, i, at(minute))
    here.add('GET /flaky', false, 1, at(minute))
    here.tick(at(minute), false)
    there.tick(at(minute), false)
  }
  const expected = (rates: ErrorRates) => {
    const before = rates.window(60, at(125), 0).expected
    rates.add('GET /flaky', false, 1, at(125))
    return rates.window(60, at(125), 0).expected - before
  }
  expect(here.answers).toBeLessThan(200)
  expect(expected(here)).toBeLessThan(0.01)
  const others = new RatesElsewhere()
  others.add(there.told())
  here.hear(others)
  expect(here.answers).toBeGreaterThan(1200)
  expect(expected(here)).toBeCloseTo(0.19, 1)
  expect(here.told()).toHaveLength(1)
  here.hear(null)
  expect(expected(here)).toBeLessThan(0.01)
})

test('a protection that the answers of the other always had is usual here', () => {
  const [here, there] = [new Guard(), new Guard()]
  for (let i = 0; i < 200; i++) {
    there.learnOne(true, i % 9, at(i))
    there.tick(at(i), true)
  }
  expect(here.isUsual).toBe(false)
  here.hear(there.told())
  expect([here.isUsual, here.share, here.told()]).toEqual([true, 1, [0, 0]])
})

test('how long an endpoint takes is known by the medians of the other', () => {
  const [here, there] = [new Slowness(), new Slowness()]
  for (let i = 0; i < 6000; i++) {
    there.add('GET /slow', 20_000, i % 50)
    there.tick(START + i * 10 * SECOND_US, true)
  }
  expect(here.add('GET /slow', 60_000, 1)).toBeNull()
  const others = new SlownessElsewhere()
  others.add(there.told())
  here.hear(others)
  expect(here.add('GET /slow', 60_000, 2)).toBeCloseTo(3, 1)
  expect(here.add('GET /other', 60_000, 2)).toBeNull()
})

test('signed-in callers of both are counted once, strangers and refusals of both together', () => {
  const [here, there] = [new EndpointUse(), new EndpointUse()]
  for (let caller = 0; caller < 30; caller++) {
    here.answer(caller)
    there.answer(caller + 20)
  }
  there.own.strangers = 2
  there.own.refusals = 3
  const others = new UseCounts()
  others.add(there.own.toState())
  here.hear(others)
  expect([here.callers, here.answers, here.strangers, here.refusals]).toEqual([50, 60, 2, 3])
  expect(here.answer(45), 'new here, known there').toBe(true)
  expect(here.callers).toBe(50)
  here.hear(null)
  expect([here.callers, here.strangers]).toEqual([31, 0])
})

test('callers of a role that nobody here has yet are compared with those of the other', () => {
  const [here, there] = [new UsePopulation(20), new UsePopulation(20)]
  for (let i = 0; i < 60; i++)
    there.learnOne([1 + (i % 7), 2 + (i % 9), 3 + (i % 11)], 'partner', 1, START + i * HOUR_US)
  const kept = here.toState()
  expect(here.tail('partner', 2)).toBeNull()
  const others = new UseElsewhere()
  others.add(there.told())
  here.hear(others)
  expect(here.knows('partner', 2)).toBe(true)
  expect(here.tail('partner', 2)!.scoreOne(500)).toBeCloseTo(there.tail('partner', 2)!.scoreOne(500)!, 6)
  expect(here.toState()).toEqual(kept)
})
