import { describe, expect, test } from 'vitest'
import type { Incident } from '../daemon/model/incident.ts'
import { renderIncidentTable } from './incident-table.ts'

const incident: Incident = {
  id: '01jd4k00000000000000000000',
  policy: 'object-enumeration',
  detector: 'object.enumeration',
  detectors: ['object.enumeration'],
  owasp: 'API1:2023',
  owaspAll: ['API1:2023'],
  attack: ['T1119'],
  severity: 'high',
  title: 'Object enumeration',
  why: '214 orders of other users in 12 s; usual 0-3',
  openedAt: Date.UTC(2026, 10, 21, 20) * 1000,
  updatedAt: Date.UTC(2026, 10, 21, 20) * 1000,
  closedAt: null,
  subject: { kind: 'ip', value: '203.0.113.9', members: [] },
  service: 'api.shop.test',
  endpoints: ['GET /v1/orders/{id}', 'GET /v1/invoices/{id}'],
  signalCount: 1,
  transactionCount: 214,
  evidence: [],
  outcome: { pSuccess: 0.9, objectsExposed: 214, accounts: [] },
  maturity: 1,
  completeness: 1,
  status: 'open',
  actions: [],
  simulated: false,
  targets: [],
  doubts: [],
}
const plain = { width: 80, colour: false }

describe('renderIncidentTable', () => {
  test('says who, what, where and why', () => {
    expect(renderIncidentTable([incident], plain)).toBe(
      [
        '2026-11-21 20:00:00Z  HIGH      Object enumeration  203.0.113.9  GET /v1/orders/{id} +1',
        '    214 orders of other users in 12 s; usual 0-3',
        '    214 requests, object.enumeration, API1:2023, id 01jd4k00000000000000000000',
        '',
      ].join('\n'),
    )
  })

  test('says so when there is none', () => {
    expect(renderIncidentTable([], plain)).toBe('No incidents.\n')
  })

  test('text from traffic neither moves the cursor nor breaks a line', () => {
    const hostile = '\u001b[2J\u202e\r\nHIGH fake \u009b31m'
    const table = renderIncidentTable(
      [
        {
          ...incident,
          why: hostile,
          endpoints: [`GET /${hostile}`],
          subject: { kind: 'user', value: hostile, members: [] },
        },
      ],
      plain,
    )
    expect(table).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
    expect(table.split('\n')).toHaveLength(4)
  })

  test('a long sentence is broken at words', () => {
    const table = renderIncidentTable([{ ...incident, why: 'word '.repeat(60).trim() }], plain)
    for (const line of table.split('\n').slice(1, -2)) expect(line.length).toBeLessThanOrEqual(80)
  })

  test('colours only when asked', () => {
    expect(renderIncidentTable([incident], plain)).not.toContain('\u001b')
    expect(renderIncidentTable([incident], { width: 80, colour: true })).toContain('\u001b')
  })
})
