import { expect, test } from 'vitest'
import type { ActionJson } from '../daemon/api/operations.ts'
import type { Action } from '../daemon/model/action.ts'
import { actionJson } from './action-json.ts'

test('an action is shown without its receipt, with times in UTC', () => {
  const action: Action = {
    id: 'a1',
    incidentId: 'i1',
    policy: 'bruteforce',
    step: 'ban',
    connector: 'edge',
    target: { kind: 'ip', value: '203.0.113.9' },
    mode: 'enforce',
    simulated: false,
    state: 'applied',
    reason: 'Password guessing: 400 failed logins',
    idempotencyKey: 'a1',
    proposedAtMs: 1_795_300_000_000,
    leaseUntilMs: 1_795_300_900_000,
    ttlMs: 900_000,
    attempts: 1,
    error: null,
    receipt: { decision: '7' },
    history: [{ state: 'proposed', atMs: 1_795_300_000_000, why: 'policy bruteforce, step ban' }],
    nextTryMs: null,
  }
  const shown: ActionJson = actionJson(action)
  expect(shown).toEqual({
    id: 'a1',
    incident_id: 'i1',
    policy: 'bruteforce',
    step: 'ban',
    connector: 'edge',
    target: { kind: 'ip', value: '203.0.113.9' },
    mode: 'enforce',
    simulated: false,
    state: 'applied',
    reason: 'Password guessing: 400 failed logins',
    idempotency_key: 'a1',
    proposed_at: '2026-11-21T22:26:40.000000Z',
    lease_until: '2026-11-21T22:41:40.000000Z',
    ttl_seconds: 900,
    attempts: 1,
    error: null,
    history: [{ state: 'proposed', at: '2026-11-21T22:26:40.000000Z', why: 'policy bruteforce, step ban' }],
  })
  expect(actionJson({ ...action, leaseUntilMs: null }).lease_until).toBeNull()
})
