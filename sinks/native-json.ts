import { formatTime } from '../daemon/model/time.ts'
import type { Transaction } from '../daemon/model/transaction.ts'

/**
 * One transaction as one line of JSON, without the line end: keys in the order of contracts.md, so equal transactions give equal
 * bytes. Reads header arrays and bodies, so call it while they may be read. Bodies are absent when they are off.
 */
export function encodeTransaction(tx: Transaction): string {
  // Bodies first: they decide on `weirds` and `truncated`.
  const requestBody = tx.requestBody
  const responseBody = tx.responseBody
  return JSON.stringify({
    id: tx.id,
    ts: formatTime(tx.time),
    end_ts: formatTime(tx.endTime),
    duration_us: tx.durationUs,
    client_ip: tx.clientIp,
    client_port: tx.clientPort,
    server_ip: tx.serverIp,
    server_port: tx.serverPort,
    http_version: tx.httpVersion,
    method: tx.method,
    scheme: tx.scheme,
    host: tx.host,
    path: tx.path,
    query: tx.query,
    endpoint: tx.endpoint,
    service: tx.service,
    status: tx.status,
    request_headers: tx.requestHeaders,
    response_headers: tx.responseHeaders,
    request_body_bytes: tx.requestBodyBytes,
    response_body_bytes: tx.responseBodyBytes,
    request_body: requestBody,
    response_body: responseBody,
    principal: encodePrincipal(tx.principal),
    claims: encodeClaims(tx.claims),
    forwarded: tx.forwarded,
    consumer: tx.consumer,
    tls: { sni: tx.tls.sni, ja4: tx.tls.ja4 },
    trace_id: tx.traceId,
    state: tx.state,
    pairing: tx.pairing,
    weirds: tx.weirds,
    truncated: tx.truncated,
    marks: tx.marks.map(encodeMark),
    redacted: true,
    key_id: tx.keyId,
    source: { kind: tx.source.kind, name: tx.source.name, vlan: tx.source.vlan, vni: tx.source.vni },
  })
}

function encodePrincipal({ kind, id, display, via, app }: Transaction['principal']): object {
  return { kind, id, display, via, app }
}

function encodeClaims(claims: Transaction['claims']): object | null {
  if (claims === null) return null
  const { iss, sub, tenant, role, scope, alg, kid, iat, exp } = claims
  return { iss, sub, tenant, role, scope, alg, kid, iat, exp }
}

function encodeMark(mark: Transaction['marks'][number]): object {
  if (mark.kind === 'login') {
    return { kind: mark.kind, field: mark.field, account: mark.account, guess: mark.guess }
  }
  return { kind: mark.kind, class: mark.class, field: mark.field, score: mark.score }
}
