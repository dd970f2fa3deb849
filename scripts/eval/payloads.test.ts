import { expect, test } from 'vitest'
import { attacks } from '../../test/payload/attacks.ts'
import { benign, REPORTED } from '../../test/payload/benign/requests.ts'
import { contextOf } from './payloads-context.ts'
import { payloadCost } from './payloads-cost.ts'
import { alarmsOf, answersOf, freshLook, recallOf, sampled } from './payloads-score.ts'

/** Of the reporting set, one in so many: the whole is `npm run eval -- payloads`. */
const STEP = 20
/** The same of the attacks that are sent to every application; what these learn needs all of the traffic. */
const SENT_STEP = 400

test('what attacks are found, in each class, and how much of what only looks like them', () => {
  const recall = recallOf(sampled(attacks('reporting'), STEP, 3))
  expect(recall.all.found / recall.all.total).toBeGreaterThanOrEqual(0.97)
  for (const [name, { found, total }] of recall.classes) expect(found / total, name).toBeGreaterThanOrEqual(0.9)
  const alarms = alarmsOf(sampled(benign('reporting', REPORTED), STEP, 3))
  expect(alarms.all.found / alarms.all.total).toBeLessThanOrEqual(0.002)
})

test('as traffic of applications that learn, attacks stay found and what is benign is learnt', () => {
  const context = contextOf(benign('reporting', REPORTED), sampled(attacks('reporting'), SENT_STEP, 3))
  expect(context.lateBefore.found).toBeGreaterThan(5)
  expect(context.late.found / context.late.total).toBeLessThanOrEqual(0.0001)
  expect(context.attacks.found / context.attacks.total).toBeGreaterThanOrEqual(0.97)
  for (const [name, { attacks: sent }] of context.applications)
    expect(sent.found / sent.total, name).toBeGreaterThanOrEqual(0.93)
})

test('what was written after the tuning stays found', () => {
  const { attacks: fresh, benign: calm } = freshLook()
  expect(fresh.found / fresh.total).toBeGreaterThanOrEqual(0.97)
  expect(calm.found).toBe(0)
})

test('what answers give away is found in each class, and what only looks so is not', () => {
  const { classes, calm } = answersOf('reporting')
  for (const [name, { named, total }] of classes) expect(named / total, name).toBeGreaterThanOrEqual(0.9)
  for (const [kind, { found }] of calm) expect(found, kind).toBe(0)
})

test('no hostile body costs more a byte the longer it is, and none much more than a benign one', () => {
  // Other work on the machine makes single measurements slow: what is slow every time is slow.
  let slow: string[] = []
  for (let tries = 0; tries < 4; tries++) {
    const { benignNs, hostile } = payloadCost(4)
    // What is quadratic costs four times as much.
    const now = hostile
      .filter(({ ns }) => ns.at(-1)! / ns[0]! >= 3 || ns.at(-1)! / benignNs >= 60)
      .map(({ name }) => name)
    slow = tries === 0 ? now : slow.filter((name) => now.includes(name))
    if (slow.length === 0) break
  }
  expect(slow).toEqual([])
})
