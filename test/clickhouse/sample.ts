import { Inventory } from '../../daemon/inventory/inventory.ts'
import type { Action } from '../../daemon/model/action.ts'
import type { Incident } from '../../daemon/model/incident.ts'
import type { RowBatch } from '../../daemon/model/row-batch.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import { HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { SourceTally } from '../../daemon/telemetry/source-tallies.ts'
import { RowFeed } from '../../sinks/clickhouse/row-feed.ts'
import { actionRow, incidentEventRow, incidentRow, SmallRows } from '../../sinks/clickhouse/small-rows.ts'
import { fakeTelemetry } from '../fake-exchange.ts'

/** Noon of a day: what the sample is about. */
export const NOON = Date.UTC(2026, 10, 20, 12) * 1000
export const DAY = '2026-11-20'
export const PROBER = 'hmac:00000000000000000000000000000bad'
export const OWNER = 'hmac:0000000000000000000000000000900d'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** `time` in its first ten characters, as real ids have it. */
export function idOf(time: number, index: number): string {
  let text = ''
  let rest = Math.floor(time / 1000)
  for (let i = 0; i < 10; i++) {
    text = ALPHABET[rest % 32]! + text
    rest = Math.floor(rest / 32)
  }
  return text + index.toString().padStart(16, '0')
}

export function sampleTransaction(index: number, fields: Partial<Transaction> = {}): Transaction {
  const time = NOON + index * SECOND_US
  return {
    id: idOf(time, index),
    time,
    endTime: time + 2_000,
    durationUs: 2_000,
    clientIp: '203.0.113.7',
    clientPort: 40_000,
    serverIp: '192.0.2.80',
    serverPort: 80,
    httpVersion: '1.1',
    method: 'GET',
    scheme: 'http',
    host: 'api.shop.test',
    path: `/v1/orders/${index}`,
    query: '',
    status: 200,
    requestHeaders: [['Host', 'api.shop.test']],
    responseHeaders: [],
    requestBodyBytes: 0,
    responseBodyBytes: 500,
    requestBody: '',
    responseBody: `{"text":"line\\n\ttab ü"}`,
    claims: null,
    forwarded: [],
    consumer: null,
    tls: { sni: null, ja4: null },
    traceId: null,
    state: 'complete',
    pairing: 'exact',
    weirds: [],
    truncated: [],
    marks: [],
    keyId: 'k1',
    source: { kind: 'file', name: 'sample.pcap', vlan: null, vni: null },
    principal: { kind: 'user', id: OWNER, display: 'u_48', via: 'jwt.sub', app: null },
    endpoint: 'GET /v1/orders/{id}',
    service: 'api.shop.test',
    objectIds: [],
    knownEndpoint: true,
    ...fields,
  }
}

/** 100 requests: ordinary ones, one caller that reads forty orders of others, failed logins, an open endpoint, a slow one. */
export function sampleTransactions(): Transaction[] {
  const prober = { kind: 'user', id: PROBER, display: 'u_66', via: 'jwt.sub', app: null } as const
  const nobody = { kind: 'ip', id: '198.51.100.9', display: '198.51.100.9', via: 'peer', app: null } as const
  return Array.from({ length: 100 }, (_, i) => {
    if (i < 40) {
      const refused = i % 4 === 0
      return sampleTransaction(i, {
        principal: prober,
        clientIp: '198.51.100.66',
        status: refused ? 403 : 200,
        responseBodyBytes: refused ? 20 : 40_000,
      })
    }
    if (i < 60) {
      return sampleTransaction(i, {
        principal: nobody,
        clientIp: '198.51.100.9',
        method: 'POST',
        path: '/login',
        endpoint: 'POST /login',
        status: 401,
        marks: [{ kind: 'login', field: 'body:/password', account: `hmac:acc${i % 3}`, guess: 'new' }],
      })
    }
    if (i < 70) {
      return sampleTransaction(i, {
        principal: nobody,
        clientIp: '2001:db8::9',
        path: '/v1/export',
        endpoint: 'GET /v1/export',
        durationUs: 3_000_000,
        status: i === 69 ? 500 : 200,
      })
    }
    return sampleTransaction(i, { path: `/v1/orders/${i % 3}` })
  })
}

export function sampleSignal(tx: Transaction, fields: Partial<Signal> = {}): Signal {
  return {
    time: tx.endTime,
    detector: 'object.enumeration',
    transactionId: tx.id,
    transactionTime: tx.time,
    status: tx.status,
    principal: tx.principal,
    endpoint: tx.endpoint,
    service: tx.service,
    pValue: 1e-9,
    log10P: -9,
    maturity: 0.9,
    score: 0.97,
    severity: 'high',
    owasp: ['API1:2023'],
    attack: ['T1119'],
    why: 'read 40 orders; callers here read 2',
    expected: 2,
    observed: 40,
    evidence: {},
    subject: { kind: 'user', value: tx.principal.id },
    outcome: { answered: 30, refused: 10, objectsExposed: 30, accounts: [], pSuccess: 1 },
    evidenceBefore: [],
    ...fields,
  }
}

export function sampleIncident(evidence: readonly Transaction[], fields: Partial<Incident> = {}): Incident {
  const last = evidence.at(-1)!
  return {
    id: 'inc-01jd4k0000000000000000000',
    policy: 'object-enumeration',
    detector: 'object.enumeration',
    detectors: ['object.enumeration'],
    owasp: 'API1:2023',
    owaspAll: ['API1:2023'],
    attack: ['T1119'],
    severity: 'high',
    title: "It's reading\tother people's orders",
    why: 'read 40 orders; callers here read 2',
    openedAt: last.endTime,
    updatedAt: last.endTime,
    closedAt: null,
    subject: { kind: 'user', value: PROBER, members: [] },
    service: 'api.shop.test',
    endpoints: ['GET /v1/orders/{id}'],
    signalCount: 1,
    transactionCount: evidence.length,
    evidence: evidence.map(({ id, time, status }) => ({ transactionId: id, time, status })),
    outcome: { pSuccess: 1, objectsExposed: 30, accounts: [] },
    maturity: 0.9,
    completeness: 1,
    status: 'open',
    actions: [],
    simulated: false,
    targets: [],
    doubts: [],
    ...fields,
  }
}

function sampleAction(incidentId: string): Action {
  const atMs = NOON / 1000 + 60_000
  return {
    id: 'act-1',
    incidentId,
    policy: 'object-enumeration',
    step: 'block',
    connector: 'crowdsec',
    target: { kind: 'ip', value: '198.51.100.66' },
    mode: 'enforce',
    simulated: false,
    state: 'applied',
    reason: 'reads other people’s orders',
    idempotencyKey: 'k',
    proposedAtMs: atMs,
    leaseUntilMs: atMs + 3_600_000,
    ttlMs: 3_600_000,
    attempts: 1,
    error: null,
    receipt: {},
    history: [{ state: 'applied', atMs: atMs + 50, why: 'the receiver took it' }],
  }
}

/** All of it as batches, as the engine and control make them. */
export function sampleBatches(): RowBatch[] {
  const batches: RowBatch[] = []
  const emit = (batch: RowBatch) => void batches.push(batch)
  const feed = new RowFeed({ bodies: 'evidence', evidenceBytes: 1e9, reread: true, emit, telemetry: fakeTelemetry() })
  const all = sampleTransactions()
  for (const tx of all) feed.transaction(tx)
  const evidence = all.slice(0, 40)
  for (const tx of evidence.slice(-2)) feed.signal(sampleSignal(tx))
  const opened = sampleIncident(evidence)
  const closed = sampleIncident(evidence, {
    updatedAt: NOON + HOUR_US,
    closedAt: NOON + HOUR_US,
    status: 'resolved',
    signalCount: 2,
  })
  feed.incident({ kind: 'opened', incident: opened, keys: [] })
  const none = { in: 0, delivered: 0, dropped: {} }
  feed.quality(
    NOON + 2 * MINUTE_US,
    { frames: { in: 1_000, delivered: 990, dropped: { kernel: 10 } }, bytes: none, messages: none, pairs: none },
    [['tcp.gap', 2]],
    [],
    [{ ...new SourceTally({ kind: 'pcap', name: 'eth1' }).sample(), bytes: 900, unseenBytes: 100 }],
  )
  feed.flush()
  const small = new SmallRows({ emit })
  const action = sampleAction(opened.id)
  small.push(incidentRow(opened, 1))
  small.push(incidentRow(closed, 2))
  small.push(incidentEventRow(opened, 'opened', 1, opened.openedAt))
  small.push(incidentEventRow(closed, 'closed', 2, closed.updatedAt))
  small.push(actionRow(action, 1))
  small.push(actionRow({ ...action, state: 'reverted', error: 'none' }, 2))
  small.tick()
  return batches
}

/** What the inventory makes of the same transactions; one of its routes turned out to be another. */
export function inventoryBatches(): RowBatch[] {
  const batches: RowBatch[] = []
  const emit = (batch: RowBatch) => void batches.push(batch)
  const feed = new RowFeed({ bodies: 'evidence', evidenceBytes: 1e9, reread: true, emit, telemetry: fakeTelemetry() })
  const inventory = new Inventory()
  for (const tx of sampleTransactions()) inventory.observe(tx)
  const principal = { kind: 'ip', id: '203.0.113.7', display: '203.0.113.7', via: 'peer', app: null } as const
  const responseBody = '{"email":"lena@mail.test"}'
  inventory.observe(sampleTransaction(0, { endpoint: 'GET /v1/team', status: 200, principal, responseBody }))
  const { operations, clients } = inventory.state()
  for (const state of operations) {
    feed.route(NOON, { ...state, established: true }, state.endpoint !== 'GET /v1/team')
  }
  for (const state of clients) feed.client(NOON, state)
  feed.mergedRoute(NOON + 1, 'api.shop.test', 'GET /v1/export', 'GET /v1/{id}')
  feed.flush()
  return batches
}
