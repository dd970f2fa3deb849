import type { StatusJson } from '../../daemon/api/operations.ts'
import type { DescribedRoute } from '../../daemon/inventory/descriptions.ts'
import type { ClientJson } from '../../daemon/inventory/views.ts'
import type { Action } from '../../daemon/model/action.ts'
import type { Incident } from '../../daemon/model/incident.ts'

/** Records for the tests of this room and of the commands that show them. */

export function sampleIncident(fields: Partial<Incident> = {}): Incident {
  return {
    id: 'inc1',
    policy: 'bruteforce',
    detector: 'auth.bruteforce',
    detectors: ['auth.bruteforce'],
    owasp: 'API2:2023',
    owaspAll: ['API2:2023'],
    attack: ['T1110.001'],
    severity: 'high',
    title: 'Password guessing',
    why: 'because',
    openedAt: 1_000_000,
    updatedAt: 2_000_000,
    closedAt: null,
    subject: { kind: 'ip', value: '203.0.113.9', members: [] },
    service: 'api.shop.test',
    endpoints: ['POST /v1/login'],
    signalCount: 3,
    transactionCount: 40,
    evidence: [{ transactionId: '01jd4k0000000000000000000a', time: 1_000_000, status: 401 }],
    outcome: { pSuccess: 0.1, objectsExposed: 0, accounts: [] },
    maturity: 1,
    completeness: 1,
    status: 'open',
    actions: [],
    simulated: false,
    targets: [],
    doubts: [],
    ...fields,
  }
}

export function sampleAction(fields: Partial<Action> = {}): Action {
  return {
    id: 'act1',
    incidentId: 'inc1',
    policy: 'bruteforce',
    step: 'throttle',
    connector: 'edge',
    target: { kind: 'ip', value: '203.0.113.9' },
    mode: 'stage',
    simulated: false,
    state: 'awaiting_approval',
    reason: 'Password guessing',
    idempotencyKey: 'act1',
    proposedAtMs: 1_000,
    leaseUntilMs: null,
    ttlMs: 900_000,
    attempts: 0,
    error: null,
    receipt: {},
    history: [{ state: 'proposed', atMs: 1_000, why: 'Password guessing' }],
    ...fields,
  }
}

export function sampleStatus(fields: Partial<StatusJson> = {}): StatusJson {
  return {
    version: '0.1.0',
    pid: 4242,
    started_at: '2026-11-21T20:00:00.000Z',
    event_time: '2026-11-21T20:12:03.123456Z',
    sources: [
      { kind: 'pcap', name: 'eth1', state: 'capturing' },
      { kind: 'exec', name: 'tcpdump', state: 'down' },
    ],
    funnel: {
      frames: { in: 1_204_331, delivered: 1_180_202, dropped: { no_flow: 24_000, kernel: 129 } },
      bytes: { in: 982_771_220, delivered: 982_700_000, dropped: { retransmitted: 71_220 } },
      messages: { in: 160_012, delivered: 160_004, dropped: { gap: 8 } },
      pairs: { in: 80_003, delivered: 80_001, dropped: { request_only_timeout: 2 } },
    },
    quality: {
      loss: { last_10s: 0.002, last_60s: 0.004, total: 0.0001 },
      sources: [
        {
          kind: 'pcap',
          name: 'eth1',
          loss: { last_10s: 0.002, last_60s: 0.004, total: 0.0001 },
          frames: 1_204_331,
          bytes: 982_771_220,
          unseen_bytes: 98_000,
          holes: 41,
          cut_bytes: 0,
          kernel_drops: 129,
          interface_drops: 0,
          shed_frames: 0,
          links: [
            { vlan: 12, vni: null, both_sides: 4000, requests_only: 1, responses_only: 0, one_sided: false },
            { vlan: 13, vni: null, both_sides: 2, requests_only: 900, responses_only: 0, one_sided: true },
          ],
        },
      ],
    },
    learning: { frozen: true, since: '2026-11-21T20:11:00.000000Z', blind_to: ['exec:tcpdump'] },
    tables: { 'identity/credentials': { entries: 4000, limit: 131_072, evicted: 0 } },
    pairs_per_second: 412.5,
    weirds: { 'http.bad_chunk': 3 },
    counters: { 'evidence.expired': 2 },
    detectors: [
      { id: 'auth.bruteforce', enabled: true, maturity: 1 },
      { id: 'object.enumeration', enabled: true, maturity: 0.42 },
      { id: 'scan.probing', enabled: false, maturity: 0 },
    ],
    incidents: { open: 2, by_severity: { high: 1, low: 1 } },
    actions: { live: 1, awaiting_approval: 1, simulated: 0 },
    policies: {
      count: 7,
      loaded_at: '2026-11-21T20:00:00.000Z',
      error: null,
      demoted: [{ policy: 'bruteforce', at: '2026-11-21T20:00:00.000Z', why: '2 of its incidents were false' }],
      verdicts: { bruteforce: { attack: 3, benign: 1, false: 2 } },
    },
    store: {
      where: 'embedded ./offpath-data/clickhouse',
      down: null,
      schemaVersion: 6,
      spool: {
        batches: 4,
        rows: 12_000,
        bytes: 3_200_000,
        maxBytes: 1_073_741_824,
        oldestSeconds: 2,
        droppedRows: 0,
        lastsSeconds: 7_260,
      },
      rowsStored: { transactions: 80_001, signals: 12, incidents: 5 },
      counters: { 'insert.retried': 1 },
    },
    webhooks: [
      {
        endpoint: 'soc',
        url: 'https://hooks.example.test/offpath',
        state: 'failing',
        pending: 3,
        dead: 1,
        delivered: 27,
        last_error: 'status 503',
      },
    ],
    processes: [
      { name: 'control', pid: 4242, rss_bytes: 98_000_000 },
      { name: 'engine', pid: 4250, rss_bytes: 310_000_000 },
      { name: 'store', pid: null, rss_bytes: null },
    ],
    ...fields,
  }
}

export function sampleRoute(): DescribedRoute {
  return {
    service: 'api.shop.test',
    endpoint: 'GET /v1/orders/{id}',
    method: 'GET',
    path: '/v1/orders/{id}',
    state: 'established',
    first_seen: '2026-11-21T20:00:00.000000Z',
    last_seen: '2026-11-21T20:10:00.000000Z',
    requests: 12,
    statuses: { '200': 11, '404': 1 },
    callers: 3,
    authentication: {
      seen: { 'jwt.sub': 12 },
      anonymous: { requests: 0, granted: 0, refused: 0 },
      enforced: 'unknown',
    },
    request_types: [],
    response_types: ['application/json'],
    samples: { taken: 11, requests: 0, responses: 11 },
    privilege: [],
    deprecated: null,
    documented: true,
    fields: [
      {
        in: 'path',
        name: 'id',
        type: 'int',
        types: { int: 11 },
        seen: 11,
        share: 1,
        min: 1000,
        max: 1042,
        min_length: null,
        max_length: null,
        enum: null,
        sensitive: {},
        object_id: true,
        shared: true,
      },
    ],
    sensitive: {},
  }
}

export function sampleCaller(): ClientJson {
  return {
    kind: 'user',
    id: 'hmac:5b1e5b1e5b1e5b1e5b1e5b1e5b1e5b1e',
    display: 'u_1042',
    via: 'jwt.sub',
    first_seen: '2026-11-21T20:00:00.000000Z',
    last_seen: '2026-11-21T20:10:00.000000Z',
    requests: 12,
    endpoints: 1,
    addresses: 1,
    role: 'customer',
    reasons: ['signed in, with an app'],
    labels: ['vip'],
    calls: [{ service: 'api.shop.test', endpoint: 'GET /v1/orders/{id}', share: 0.917 }],
    networks: ['203.0.113.0/24'],
    asns: [{ number: 64_497, organisation: 'Example Mobile' }],
    agents: ['Firefox'],
    devices: 1,
    credentials: 2,
    shared: false,
    refused_share: 0.083,
  }
}
