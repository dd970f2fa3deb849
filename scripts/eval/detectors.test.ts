import { expect, test } from 'vitest'
import type { Incident, IncidentChange } from '../../daemon/model/incident.ts'
import { DAY_US, HOUR_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { attackNamed } from '../../world/attacks/registry.ts'
import { classesNamed, planWorlds, withoutAttack } from './detectors-plan.ts'
import { reportOf, tableOf } from './detectors-report.ts'
import { evaluate } from './detectors-run.ts'
import { DetectorJudge, median, wilsonLow } from './detectors-score.ts'

test('the lower end of a share found among few is far below it', () => {
  expect(wilsonLow(128, 128)).toBeGreaterThanOrEqual(0.97)
  expect(wilsonLow(127, 127)).toBeLessThan(0.971)
  expect(wilsonLow(5, 10)).toBeCloseTo(0.2366, 3)
  expect(wilsonLow(0, 0)).toBe(0)
  expect(median([5, 1, 9])).toBe(5)
})

test('a class is asked for by its name, or many by how theirs begin, and what nothing answers to is refused', () => {
  const attacks = (...names: string[]) =>
    classesNamed(names)
      .filter(({ detector }) => detector !== null)
      .map(({ name }) => name)
  expect(attacks('auth.stuffing')).toEqual(['auth.stuffing'])
  expect(attacks('auth.stuff')).toEqual(['auth.stuffing', 'auth.stuffing.crowd'])
  expect(attacks('auth.otp', 'graphql.depth')).toEqual(['auth.otp', 'graphql.depth'])
  expect(classesNamed(['auth.otp', 'twin.flash_sale']).map(({ name }) => name)).toEqual(['auth.otp', 'twin.flash_sale'])
  expect(() => classesNamed(['auth.typo'])).toThrow(RangeError)
  expect(withoutAttack()).toEqual(['capture.blind'])
})

test('what else is asked for changes neither how many there are of a class nor when they begin', () => {
  const settings = { seed: 'draws', attacks: 3, worlds: 2, days: 2 }
  const begin = (classes: readonly string[]) =>
    planWorlds({ ...settings, classes }).map(({ assaults, planned }) =>
      planned.flatMap(({ label }, i) => (label.startsWith('scan.probing/') ? [[label, assaults[i]!.atUs]] : [])),
    )
  expect(begin(['scan.probing']).flat()).toHaveLength(9)
  expect(begin(['scan.', 'auth.'])).toEqual(begin(['scan.probing']))
})

test('crowds follow one another, and so does what takes hold of a service, in working hours', () => {
  const classes = ['auth.stuffing', 'auth.spray', 'regression.', 'twin.']
  const [plan] = planWorlds({ seed: 'turns', attacks: 6, worlds: 1, days: 3, classes })
  const at = (grip: string) =>
    plan!.planned.flatMap((each, i) => (each.attack.grip === grip ? [plan!.assaults[i]!.atUs] : []))
  for (const grip of ['crowd', 'service']) {
    const times = at(grip)
    const gaps = times.slice(1).map((each, i) => each - times[i]!)
    const even = (Math.max(...times) - Math.min(...times)) / times.length
    expect(times.length).toBeGreaterThan(20)
    expect(Math.min(...gaps)).toBeGreaterThan(0.25 * even)
  }
  const hours = at('service').map((each) => Math.floor(each / HOUR_US) % 24)
  expect(hours.every((hour) => hour >= 7 && hour <= 20)).toBe(true)
})

test('no attack begins before something of a working day was seen, whatever the weekday a world begins', () => {
  const plans = planWorlds({ seed: 'weekend', attacks: 1, worlds: 60, days: 3, classes: ['auth.otp'] })
  const worked = plans.map(({ startUs }) => {
    const hours = Array.from({ length: 21 }, (_, i) => new Date((startUs + i * HOUR_US) / 1000))
    return hours.filter((at) => at.getUTCDay() % 6 !== 0 && at.getUTCHours() >= 7 && at.getUTCHours() < 20).length
  })
  expect(Math.min(...worked)).toBeGreaterThanOrEqual(4)
  // Weekends are in their course.
  const onWeekends = plans.flatMap(({ assaults }) => assaults.map(({ atUs }) => new Date(atUs / 1000).getUTCDay() % 6))
  expect(onWeekends.filter((day) => day === 0).length).toBeGreaterThan(onWeekends.length / 16)
})

test('where there are as many worlds as attacks each has one of a class and intensity; what takes weeks has a world of its own', () => {
  const plans = planWorlds({ seed: 'one', attacks: 4, worlds: 4, days: 3, classes: ['scan.', 'inventory.zombie'] })
  const count = (plan: number, name: string) => plans[plan]!.planned.filter(({ attack }) => attack.name === name).length
  expect(plans.map(({ days }) => days)).toEqual([3, 3, 3, 3, 40])
  expect([0, 1, 2, 3, 4].map((plan) => count(plan, 'scan.probing'))).toEqual([3, 3, 3, 3, 0])
  expect([0, 1, 2, 3, 4].map((plan) => count(plan, 'inventory.zombie'))).toEqual([0, 0, 0, 0, 12])
  const { startUs, assaults, days } = plans[4]!
  const zombies = plans[4]!.planned.flatMap(({ attack }, i) => (attack.detector === null ? [] : [assaults[i]!.atUs]))
  expect(Math.max(...zombies)).toBeLessThanOrEqual(startUs + (days - 35) * DAY_US)
})

test('an incident that two attacks have a part in counts for the one that most of it is of', () => {
  const [bruteForce, probing] = ['auth.bruteforce', 'scan.probing'].map((name) => attackNamed(name)!)
  const planned = [bruteForce!, probing!].map((attack) => ({
    attack,
    intensity: 'blatant' as const,
    label: attack.name,
  }))
  const judge = new DetectorJudge(planned, [])
  const truth = { actor: 'x', role: 'attacker', service: 'shop', operation: null, known: true, twin: null }
  const evidence = ['a', 'b', 'c'].map((id) => ({ transactionId: id }))
  const principal = { kind: 'ip', id: '203.0.113.9', display: '203.0.113.9', via: 'peer', app: null }
  const subject = { kind: 'service', value: 'shop', members: [] }
  for (const { transactionId: id } of evidence) {
    const attack = id === 'c' ? 'scan.probing' : 'auth.bruteforce'
    judge.take({ id, endTime: 0, principal } as unknown as Transaction, { ...truth, attack })
  }
  const incident = { id: 'i', evidence, detectors: ['auth.bruteforce'], subject, updatedAt: 0 } as unknown as Incident
  judge.incident({ kind: 'opened', incident } as IncidentChange)
  const { outcomes } = judge.result(0, 1, 0)
  expect(outcomes.map(({ found, incidents, own }) => [found, incidents, own])).toEqual([
    [true, 1, 1],
    [true, 0, 0],
  ])
})

test.each([
  ['who is named in an incident', 'service', ['u6', 'u7', 'u8']],
  ['what an incident about an endpoint shows', 'endpoint', []],
])('%s of the detector for it has a part in it, however little of the evidence', (_, kind, members) => {
  const planned = ['auth.token_hygiene', 'scan.probing'].map((name) => ({
    attack: attackNamed(name)!,
    intensity: 'stealthy' as const,
    label: name,
  }))
  const judge = new DetectorJudge(planned, [])
  const truth = { actor: 'x', role: 'attacker', service: 'shop', operation: null, known: true, twin: null }
  // Evidence of who is only named has been crowded out.
  const evidence = Array.from({ length: 20 }, (_, i) => ({ transactionId: `t${members.length > 0 ? i + 10 : i}` }))
  for (let i = 0; i < 30; i++) {
    const principal = { kind: 'user', id: `hmac:${i}`, display: `u${i}`, via: 'jwt.sub', app: null }
    const attack = i === 7 ? 'auth.token_hygiene' : i === 8 ? 'scan.probing' : null
    judge.take({ id: `t${i}`, endTime: 0, principal } as unknown as Transaction, { ...truth, attack })
  }
  const subject = { kind, value: 'shop', members }
  const incident = {
    id: 'i',
    evidence,
    detectors: ['auth.token_hygiene'],
    subject,
    updatedAt: 0,
  } as unknown as Incident
  judge.incident({ kind: 'opened', incident } as IncidentChange)
  expect(judge.result(0, 1, 0).outcomes.map(({ name, found }) => [name, found])).toEqual([
    ['auth.token_hygiene', true],
    ['scan.probing', false],
  ])
})

test('what no tap has seen is neither found nor missed; what is done to a service needs no requests to be', () => {
  const names = ['scan.probing', 'auth.otp', 'regression.silence']
  const planned = names.map((name) => ({
    attack: attackNamed(name)!,
    intensity: 'blatant' as const,
    label: name,
  }))
  const judge = new DetectorJudge(planned, [])
  const truth = { actor: 'x', role: 'attacker', service: 'shop', operation: null, known: true, twin: null }
  const principal = { kind: 'ip', id: '203.0.113.9', display: '203.0.113.9', via: 'peer', app: null }
  judge.take({ id: 'a', endTime: 1, principal } as unknown as Transaction, { ...truth, attack: 'auth.otp' })
  const report = reportOf([judge.result(3, 1, 0)])
  expect(report.classes.map(({ name, attacks }) => [name, attacks])).toEqual([
    ['auth.otp', 1],
    ['regression.silence', 1],
  ])
  expect(report.missed.map(({ name }) => name)).toEqual(['auth.otp', 'regression.silence'])
  expect(report.unseen.map(({ name, world }) => [name, world])).toEqual([['scan.probing', 3]])
  expect(tableOf(report)).toContain('nothing of these passed a tap, they count nowhere: scan.probing/blatant (world 3)')
})

test('alarms that are set off on purpose count for nothing; that they are is found, and told of attackers it is true', () => {
  const planned = ['baseline.frozen', 'scan.probing'].map((name) => ({
    attack: attackNamed(name)!,
    intensity: 'blatant' as const,
    label: name,
  }))
  const judge = new DetectorJudge(planned, [])
  const truth = { actor: 'x', role: 'attacker', service: 'shop', operation: null, known: true, twin: null }
  const meet = (id: string, address: string, attack: string | null) =>
    judge.take(
      {
        id,
        endTime: 0,
        principal: { kind: 'ip', id: address, display: address, via: 'peer', app: null },
      } as unknown as Transaction,
      { ...truth, attack },
    )
  const open = (id: string, detector: string, evidence: readonly string[], members: readonly string[]) => {
    const subject = { kind: 'service', value: 'learning', members }
    const cited = evidence.map((transactionId) => ({ transactionId }))
    const incident = { id, evidence: cited, detectors: [detector], subject, service: null, updatedAt: 0 }
    judge.incident({ kind: 'opened', incident } as unknown as IncidentChange)
  }
  meet('a', '203.0.113.1', 'baseline.frozen')
  meet('b', '203.0.113.2', 'scan.probing')
  meet('c', '203.0.113.3', null)
  open('cheap', 'scan.probing', ['a'], [])
  expect(judge.incidents).toBe(0)
  expect(judge.result(0, 1, 0).outcomes[0]).toMatchObject({ found: false, incidents: 0 })
  open('by others', 'baseline.frozen', [], ['203.0.113.2', '203.0.113.3'])
  open('of nobody', 'baseline.frozen', [], ['203.0.113.3'])
  open('found', 'baseline.frozen', [], ['203.0.113.1', '203.0.113.3'])
  const { outcomes, falseIncidents, incidents } = judge.result(0, 1, 0)
  expect(outcomes[0]).toMatchObject({ found: true, incidents: 1, own: 1 })
  expect([incidents, falseIncidents.length]).toEqual([3, 1])
})

test('blatant guessing, counting and probing is found, each time as one incident or so', async () => {
  const report = await evaluate({
    seed: 'preset',
    requests: 15_000,
    attacks: 1,
    worlds: 1,
    days: 1,
    users: 600,
    only: [],
    classes: ['auth.bruteforce', 'object.enumeration', 'scan.probing', 'twin.forgotten_password'],
  })
  const blatant = report.classes.filter(
    ({ name, intensity }) =>
      intensity === 'blatant' && ['auth.bruteforce', 'object.enumeration', 'scan.probing'].includes(name),
  )
  expect(blatant.map(({ name, found }) => [name, found])).toEqual([
    ['auth.bruteforce', 1],
    ['object.enumeration', 1],
    ['scan.probing', 1],
  ])
  const ours = ['auth-bruteforce', 'object-enumeration', 'scan-probing']
  expect(report.false_incidents.filter(({ policy }) => ours.includes(policy))).toEqual([])
}, 300_000)
