import { describe, expect, test } from 'vitest'
import type { Signal } from '../../daemon/model/signal.ts'
import { DAY_US, SECOND_US } from '../../daemon/model/time.ts'
import { START, transaction, user } from '../../test/conformance/traffic.ts'
import { propertyMassAssignment } from './property-mass-assignment.ts'

/** A profile that 30 people change, whose answers name who made it. */
class Profile {
  readonly detector = propertyMassAssignment.create(propertyMassAssignment.options.parse({}))
  now = START

  constructor(requests = 400) {
    for (let i = 0; i < requests; i++) {
      const city = `c${i}`
      expect(this.change(i % 30, { city }, { city, serialNo: 'system' })).toBeNull()
    }
  }

  change(person: number, body: object, answer: object | null, status = 200): Signal | null {
    this.now += SECOND_US
    const requestBody = JSON.stringify(body)
    return this.detector.observe(
      transaction({
        time: this.now,
        principal: user(`p${person}`).principal,
        method: 'PATCH',
        path: '/v1/me',
        endpoint: 'PATCH /v1/me',
        knownEndpoint: true,
        status,
        requestBody,
        requestBodyBytes: requestBody.length,
        responseBody: answer === null ? '' : JSON.stringify(answer),
      }),
      this.now,
    )
  }
}

describe('a field that nobody else sends', () => {
  test.each<[string, object, object | null, number, string | null]>([
    ['gives power, and is taken', { role: 'admin' }, { role: 'admin' }, 200, 'high'],
    ['gives power, with no sign of it', { isAdmin: true }, { ok: true }, 200, 'medium'],
    ['gives power, and the answer says otherwise', { role: 'admin' }, { role: 'user' }, 200, 'medium'],
    ['gives power, and is refused', { role: 'admin' }, null, 403, 'low'],
    ['was only ever answered, and is taken', { serialNo: 'me' }, { serialNo: 'me' }, 200, 'medium'],
    ['was only ever answered', { serial_no: 'me' }, { ok: true }, 200, 'low'],
    ['is a new field like any other', { theme: 'dark' }, { theme: 'dark' }, 200, null],
  ])('%s', (_, body, answer, status, severity) => {
    expect(new Profile().change(7, body, answer, status)?.severity ?? null).toBe(severity)
  })

  test('too little is known of the endpoint to say so', () => {
    expect(new Profile(9).change(7, { role: 'admin' }, { role: 'admin' })).toBeNull()
    expect(new Profile(17).change(7, { role: 'admin' }, { role: 'admin' })?.severity).toBe('high')
  })

  test('others send it, too: it is part of the interface', () => {
    const profile = new Profile()
    const severities = [1, 2, 3].map((person) => profile.change(person, { theme: 'dark', plan: 'pro' }, null)?.severity)
    // Told each time: what is told teaches nothing.
    expect(severities).toEqual(['medium', 'medium', 'medium'])
    const early = new Profile(6)
    for (let i = 0; i < 60; i++) early.change(i % 30, { city: 'x', plan: 'pro' }, null)
    expect(early.change(7, { plan: 'pro' }, null)).toBeNull()
  })

  test('one who sent it before anything was known has not made it so', () => {
    const early = new Profile(9)
    for (let i = 0; i < 400; i++) early.change(i % 30, { city: 'x', ...(i === 3 ? { role: 'admin' } : {}) }, null)
    expect(early.change(7, { role: 'admin' }, { role: 'admin' })?.severity).toBe('high')
  })

  test('one who came before anything was known, with fields that nobody else has, hides nobody after him', () => {
    const profile = new Profile(9)
    for (let i = 0; i < 8; i++) profile.change(3, { role: 'admin', [`x${i}`]: 1, [`y${i}`]: 2 }, null)
    for (let i = 0; i < 30; i++) profile.change(i, { city: 'x' }, null)
    expect(profile.change(40, { role: 'admin' }, { role: 'admin' })?.severity).toBe('high')
  })

  test('where many bring fields that nobody had, one that gives privilege is no more than that', () => {
    const forms = new Profile(6)
    for (let i = 0; i < 200; i++) forms.change(i % 30, { city: 'x', [`field ${i}`]: i }, null)
    expect(forms.change(40, { points: 3 }, null)).toBeNull()
  })

  test('who is under suspicion teaches nothing, and the state outlives the process', () => {
    const profile = new Profile()
    profile.detector.suspect!('hmac:p9', true, profile.now)
    for (let i = 0; i < 5; i++) profile.change(9, { city: 'x', nick: 'n' }, { createdBy: 's' })
    const next = propertyMassAssignment.create(propertyMassAssignment.options.parse({}))
    for (const line of profile.detector.snapshot!()) next.restore!(JSON.parse(JSON.stringify(line)))
    expect([...next.snapshot!()]).toEqual([...profile.detector.snapshot!()])
    expect(JSON.stringify([...next.snapshot!()])).toMatch(/"suspects",\[\["hmac:p9",\d+\]\]/)
  })
  test('a suspicion that nobody closes ends after a day', () => {
    const profile = new Profile()
    const learnt = () => [...profile.detector.snapshot!()].filter((line) => (line as unknown[])[0] === 'endpoint')
    profile.detector.suspect!('hmac:p9', true, profile.now)
    const before = JSON.stringify(learnt())
    profile.change(9, { city: 'x' }, { city: 'x' })
    expect(JSON.stringify(learnt())).toBe(before)
    profile.now += DAY_US
    profile.change(9, { city: 'x' }, { city: 'x' })
    expect(JSON.stringify(learnt())).not.toBe(before)
  })
})
