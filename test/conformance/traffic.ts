import { SECOND_US } from '../../daemon/model/time.ts'
import type { Principal, Transaction } from '../../daemon/model/transaction.ts'

/** mulberry32: the tests' only source of chance, seeded. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export const START = Date.UTC(2026, 10, 20, 8) * 1000

export function user(name: string, role: readonly string[] = []): { principal: Principal; role: readonly string[] } {
  return { principal: { kind: 'user', id: `hmac:${name}`, display: name, via: 'jwt.sub', app: null }, role }
}

export function address(ip: string): Principal {
  return { kind: 'ip', id: ip, display: ip, via: 'peer', app: null }
}

let serial = 0

/** A transaction of the ordinary kind, with what a test says about it. */
export function transaction(given: Partial<Transaction> & { readonly time: number }): Transaction {
  serial++
  const principal = given.principal ?? address('198.51.100.7')
  return {
    id: `t${String(serial).padStart(10, '0')}`,
    endTime: given.time,
    durationUs: 2000,
    clientIp: principal.kind === 'ip' ? principal.id : '198.51.100.7',
    clientPort: 40_000,
    serverIp: '192.0.2.10',
    serverPort: 443,
    httpVersion: '1.1',
    method: 'GET',
    scheme: 'http',
    host: 'api.shop.test',
    path: '/v1/orders/1',
    query: '',
    status: 200,
    requestHeaders: [],
    responseHeaders: [],
    requestBodyBytes: 0,
    responseBodyBytes: 400,
    requestBody: undefined,
    responseBody: undefined,
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
    keyId: 'test',
    source: { kind: 'pcap', name: 'test', vlan: null, vni: null },
    principal,
    endpoint: null,
    service: 'api.shop.test',
    objectIds: [],
    knownEndpoint: false,
    ...given,
  }
}

/** A log-in attempt at POST /v1/login. */
export function login(
  time: number,
  from: string,
  account: string | null,
  right: boolean,
  guess: 'new' | 'repeated' | 'shared' = 'new',
): Transaction {
  return transaction({
    time,
    principal: address(from),
    method: 'POST',
    path: '/v1/login',
    endpoint: 'POST /v1/login',
    knownEndpoint: true,
    status: right ? 200 : 401,
    marks: [{ kind: 'login', field: 'body:/password', account: account === null ? null : `hmac:${account}`, guess }],
  })
}

/** GET /v1/orders/{id} by a user. */
export function order(time: number, name: string, id: number | string, status = 200): Transaction {
  return transaction({
    time,
    principal: user(name).principal,
    path: `/v1/orders/${id}`,
    endpoint: 'GET /v1/orders/{id}',
    knownEndpoint: true,
    objectIds: [String(id)],
    status,
  })
}

/** A request for a path that matches nothing. */
export function missing(time: number, from: Principal, path: string, status = 404): Transaction {
  return transaction({ time, principal: from, path, status, responseBodyBytes: status < 300 ? 1234 : 120 })
}

/** Runs transactions through anything with observe and tick, ticking once per event-time second at most. */
export function play<Out>(
  transactions: Iterable<Transaction>,
  target: { observe(tx: Transaction, now: number): Out; tick(now: number): void },
  each: (out: Out, tx: Transaction) => void = () => {},
): void {
  let tickedAt = 0
  for (const tx of transactions) {
    if (tx.endTime - tickedAt >= SECOND_US) {
      target.tick(tx.endTime)
      tickedAt = tx.endTime
    }
    each(target.observe(tx, tx.endTime), tx)
  }
}
