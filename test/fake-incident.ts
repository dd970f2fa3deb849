import type { Incident } from '../daemon/model/incident.ts'

/** An incident that has just opened, with what a test says about it. */
export function fakeIncident(given: Partial<Incident> = {}): Incident {
  return {
    id: 'i1',
    policy: 'auth-bruteforce',
    detector: 'auth.bruteforce',
    detectors: ['auth.bruteforce'],
    owasp: null,
    owaspAll: [],
    attack: [],
    severity: 'low',
    title: 'Password guessing',
    why: '40 wrong passwords',
    openedAt: 1000,
    updatedAt: 1000,
    closedAt: null,
    subject: { kind: 'user', value: 'u_1', members: [] },
    service: null,
    endpoints: [],
    signalCount: 1,
    transactionCount: 1,
    evidence: [],
    outcome: { pSuccess: 0, objectsExposed: 0, accounts: [] },
    maturity: 1,
    completeness: 1,
    status: 'open',
    actions: [],
    simulated: false,
    targets: [],
    doubts: [],
    ...given,
  }
}
