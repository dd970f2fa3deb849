import { describe, expect, test } from 'vitest'
import type { Incident } from '../daemon/model/incident.ts'
import { fakeIncident } from '../test/fake-incident.ts'
import { clock, type PlantedAttack, renderScorecard, scorecard } from './scorecard.ts'

const START_MS = 1_700_000_000_000

const attack: PlantedAttack = {
  name: 'guess',
  title: 'password guessing',
  detectors: ['auth.bruteforce'],
  subjects: [
    { kind: 'ip', value: '192.0.2.61' },
    { kind: 'user', value: 'hmac:0123' },
  ],
  endpoint: 'POST /v1/login',
  service: 'api.shop.test',
  firstMs: START_MS + 6_000,
  lastMs: START_MS + 16_000,
}

function incident(change: Partial<Incident> = {}): Incident {
  const at = (START_MS + 9_000) * 1000
  return fakeIncident({
    openedAt: at,
    updatedAt: at,
    subject: { kind: 'ip', value: '192.0.2.61', members: [] },
    service: 'api.shop.test',
    endpoints: ['POST /v1/login'],
    ...change,
  })
}

describe('an incident that names attacker, endpoint and time', () => {
  test('counts as found, and the card is clean', () => {
    const card = scorecard([attack], [incident()])
    expect(card.clean).toBe(true)
    expect(renderScorecard(card, START_MS).at(-1)).toBe('1 of 1 planted attacks found, 0 false incidents')
  })

  test('may be about the attacked account instead', () => {
    const subject = { kind: 'user', value: 'hmac:0123', members: [] }
    expect(scorecard([attack], [incident({ subject })]).clean).toBe(true)
  })

  test('may come twice for one attack', () => {
    expect(scorecard([attack], [incident(), incident({ id: '02' })]).clean).toBe(true)
  })
})

describe.each<[string, Partial<Incident>]>([
  ['another address', { subject: { kind: 'ip', value: '192.0.2.62', members: [] } }],
  ['a user of the same name as the address', { subject: { kind: 'user', value: '192.0.2.61', members: [] } }],
  ['another endpoint', { endpoints: ['GET /v1/me'] }],
  ['another service', { service: 'other.test' }],
  ['another detector', { detector: 'scan.probing' }],
  ['a time before the attack', { openedAt: (START_MS + 5_000) * 1000 }],
  ['a time long after it', { openedAt: (START_MS + 22_000) * 1000 }],
  ['the day before', { openedAt: (START_MS - 80_000_000) * 1000 }],
])('an incident with %s', (_what, change) => {
  test('finds nothing and is false', () => {
    const card = scorecard([attack], [incident(change)])
    expect(card.clean).toBe(false)
    expect(card.verdicts[0]!.incidents).toEqual([])
    expect(card.falseIncidents.length).toBe(1)
    expect(renderScorecard(card, START_MS).at(-1)).toBe('0 of 1 planted attacks found, 1 false incidents')
  })

  test('spoils the card even beside a right one', () => {
    expect(scorecard([attack], [incident(), incident(change)]).clean).toBe(false)
  })
})

test('nothing found is not a clean card', () => {
  expect(scorecard([attack], []).clean).toBe(false)
})

test('an attack on no endpoint is matched by its service', () => {
  const probe = { ...attack, endpoint: null, detectors: ['scan.probing'] }
  const found = incident({ detector: 'scan.probing', endpoints: [] })
  expect(scorecard([probe], [found]).clean).toBe(true)
  expect(scorecard([probe], [{ ...found, service: 'other.test' }]).clean).toBe(false)
})

test('text from traffic cannot move the cursor', () => {
  const card = scorecard([attack], [incident({ why: '\x1b[2J', detector: 'scan.probing' })])
  expect(renderScorecard(card, START_MS).join('\n')).not.toContain('\x1b')
})

test('scene time is minutes and seconds', () => {
  expect([clock(0), clock(21_400), clock(61_000), clock(-7_200_000)]).toEqual(['0:00', '0:21', '1:01', '-2.0h'])
})
