import type { Signal } from '../daemon/model/signal.ts'

/** A signal of the ordinary kind, with what a test says about it. */
export function fakeSignal(time: number, given: Partial<Signal> = {}): Signal {
  return {
    time,
    detector: 'scan.probing',
    transactionId: `t${time}`,
    transactionTime: time - 1000,
    status: 404,
    principal: { kind: 'ip', id: '203.0.113.9', display: '203.0.113.9', via: 'peer', app: null },
    endpoint: null,
    service: 'api.shop.test',
    pValue: 1e-8,
    log10P: -8,
    maturity: 0.5,
    score: 0.9,
    severity: 'low',
    owasp: ['API8:2023'],
    attack: ['T1595.003'],
    why: 'seven paths',
    expected: null,
    observed: 7,
    evidence: {},
    subject: { kind: 'ip', value: '203.0.113.9' },
    outcome: { answered: 0, refused: 7, objectsExposed: 0, accounts: [], pSuccess: 0.02 },
    evidenceBefore: [],
    ...given,
  }
}
