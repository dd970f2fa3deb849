import type { Action, ActionState } from '../../daemon/model/action.ts'
import type { Incident } from '../../daemon/model/incident.ts'

/** An incident and an action as the daemon makes them, for the tests of events. */

export const OPENED_MS = Date.UTC(2026, 10, 21, 20, 0, 0)

export function incident(change: Partial<Incident> = {}): Incident {
  const openedAt = OPENED_MS * 1000 + 123_456
  return {
    id: '01kapsg0000000000000000001',
    policy: 'auth-bruteforce',
    detector: 'auth.bruteforce',
    detectors: ['auth.bruteforce', 'auth.spray'],
    owasp: 'API2:2023',
    owaspAll: ['API2:2023', 'API4:2023'],
    attack: ['T1110.001', 'T1595'],
    severity: 'high',
    title: 'Password guessing against one account, and it worked',
    why: '41 refused logins of u_17 in 90 s from 203.0.113.9, then one that was granted; callers here usually fail 0 to 3 times',
    openedAt,
    updatedAt: openedAt + 2_500_000,
    closedAt: null,
    subject: { kind: 'user', value: 'u_17', members: [] },
    service: 'api.shop.test',
    endpoints: ['POST /v1/login'],
    signalCount: 2,
    transactionCount: 42,
    evidence: [
      { transactionId: '01kapsfz000000000000000001', time: openedAt - 90_000_000, status: 401 },
      { transactionId: '01kapsg0000000000000000002', time: openedAt, status: 200 },
    ],
    outcome: { pSuccess: 0.98, objectsExposed: 0, accounts: ['u_17'] },
    maturity: 0.87,
    completeness: 1,
    status: 'open',
    actions: [],
    simulated: false,
    targets: [{ kind: 'ip', value: '203.0.113.9' }],
    doubts: [],
    ...change,
  }
}

export function action(change: Partial<Action> = {}): Action {
  const states: ActionState[] = ['proposed', 'dispatched']
  return {
    id: '01kapsg0000000000000000010',
    incidentId: incident().id,
    policy: 'auth-bruteforce',
    step: 'block',
    connector: 'webhook',
    target: { kind: 'ip', value: '203.0.113.9' },
    mode: 'enforce',
    simulated: false,
    state: 'dispatched',
    reason: 'auth-bruteforce: 41 refused logins of u_17, then one that was granted',
    idempotencyKey: '01kapsg0000000000000000010',
    proposedAtMs: OPENED_MS + 200,
    leaseUntilMs: OPENED_MS + 900_200,
    ttlMs: 900_000,
    attempts: 1,
    error: null,
    receipt: {},
    history: states.map((state, index) => ({ state, atMs: OPENED_MS + 200 + index, why: 'policy auth-bruteforce' })),
    ...change,
  }
}
