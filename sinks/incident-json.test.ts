import { expect, test } from 'vitest'
import type { Incident } from '../daemon/model/incident.ts'
import type { Signal } from '../daemon/model/signal.ts'
import { encodeIncident } from './incident-json.ts'
import { encodeSignal } from './signal-json.ts'

const OPENED = Date.UTC(2026, 10, 21, 20) * 1000 + 123_456

const incident: Incident = {
  id: '01jd4k00000000000000000000',
  policy: 'scan-probing',
  detector: 'scan.probing',
  detectors: ['scan.probing'],
  owasp: 'API8:2023',
  owaspAll: ['API8:2023'],
  attack: ['T1595.003'],
  severity: 'low',
  title: 'Probing for hidden paths',
  why: 'seven "paths"\n',
  openedAt: OPENED,
  updatedAt: OPENED + 1,
  closedAt: null,
  subject: { kind: 'ip', value: '203.0.113.9', members: [] },
  service: 'api.shop.test',
  endpoints: [],
  signalCount: 1,
  transactionCount: 7,
  evidence: [{ transactionId: 't1', time: OPENED - 5, status: 404, whole: false }],
  outcome: { pSuccess: 0.02, objectsExposed: 0, accounts: [] },
  maturity: 0.33333,
  completeness: 1,
  status: 'open',
  actions: [],
  simulated: false,
  targets: [],
  doubts: [],
}

test('an incident is one line with the key names and order of the contract', () => {
  const line = encodeIncident(incident)
  expect(line).not.toContain('\n')
  expect(Object.keys(JSON.parse(line))).toEqual(
    'id policy detector detectors owasp owasp_all attack severity title why opened_at updated_at closed_at subject service endpoints signal_count transaction_count evidence outcome maturity completeness status actions simulated'.split(
      ' ',
    ),
  )
  expect(JSON.parse(line)).toMatchObject({
    opened_at: '2026-11-21T20:00:00.123456Z',
    closed_at: null,
    evidence: [{ transaction_id: 't1', ts: '2026-11-21T20:00:00.123451Z', status: 404 }],
    outcome: { p_success: 0.02, objects_exposed: 0, accounts: [] },
  })
  expect(line).not.toContain('whole')
})

test('a signal is one line with the key names and order of the contract, and nothing internal', () => {
  const signal: Signal = {
    time: OPENED,
    detector: 'scan.probing',
    transactionId: 't1',
    transactionTime: OPENED,
    status: 404,
    principal: { kind: 'ip', id: '203.0.113.9', display: '203.0.113.9', via: 'peer', app: null },
    endpoint: null,
    service: 'api.shop.test',
    pValue: 1.23456789e-9,
    log10P: -8.90848,
    maturity: 0.5,
    score: 0.987654321,
    severity: 'low',
    owasp: ['API8:2023'],
    attack: ['T1595.003'],
    why: 'seven paths',
    expected: '5 %',
    observed: 7,
    evidence: { distinct: 7 },
    subject: { kind: 'ip', value: '203.0.113.9' },
    outcome: { answered: 0, refused: 7, objectsExposed: 0, accounts: [], pSuccess: 0.02 },
    evidenceBefore: [],
    whole: true,
  }
  const parsed = JSON.parse(encodeSignal(signal))
  expect(Object.keys(parsed)).toEqual(
    'ts detector transaction_id principal endpoint service p_value log10_p maturity score severity owasp attack why expected observed evidence'.split(
      ' ',
    ),
  )
  expect(parsed).toMatchObject({ p_value: 1.235e-9, log10_p: -8.908, ts: '2026-11-21T20:00:00.123456Z' })
})
