import { TransactionRecord } from '../daemon/identity/record.ts'
import { JsonText } from '../daemon/model/json-text.ts'
import type { Claims, Mark, Principal, Transaction } from '../daemon/model/transaction.ts'

const text = new JsonText()

/**
 * One transaction as one line of JSON, without the line end: keys in the order of contracts.md, so equal transactions give equal
 * bytes. Reads header arrays and bodies, so call it while they may be read. Bodies are absent when they are off.
 */
export function encodeTransaction(tx: Transaction): string {
  // Bodies first: they decide on `weirds` and `truncated`.
  const requestBody = tx.requestBody
  const responseBody = tx.responseBody
  text.raw('{"id":')
  text.string(tx.id)
  text.raw(',"ts":')
  text.time(tx.time)
  text.raw(',"end_ts":')
  text.time(tx.endTime)
  text.raw(',"duration_us":')
  text.number(tx.durationUs)
  text.raw(',"client_ip":')
  text.string(tx.clientIp)
  text.raw(',"client_port":')
  text.number(tx.clientPort)
  text.raw(',"server_ip":')
  text.string(tx.serverIp)
  text.raw(',"server_port":')
  text.number(tx.serverPort)
  text.raw(',"http_version":')
  text.string(tx.httpVersion)
  text.raw(',"method":')
  text.string(tx.method)
  text.raw(',"scheme":')
  text.string(tx.scheme)
  text.raw(',"host":')
  text.string(tx.host)
  text.raw(',"path":')
  text.string(tx.path)
  text.raw(',"query":')
  text.string(tx.query)
  text.raw(',"endpoint":')
  text.string(tx.endpoint)
  text.raw(',"service":')
  text.string(tx.service)
  text.raw(',"status":')
  text.number(tx.status)
  text.raw(',"request_headers":')
  if (tx instanceof TransactionRecord) {
    tx.writeRequestHeaders(text)
    text.raw(',"response_headers":')
    tx.writeResponseHeaders(text)
  } else {
    text.pairs(tx.requestHeaders)
    text.raw(',"response_headers":')
    text.pairs(tx.responseHeaders)
  }
  text.raw(',"request_body_bytes":')
  text.number(tx.requestBodyBytes)
  text.raw(',"response_body_bytes":')
  text.number(tx.responseBodyBytes)
  if (requestBody !== undefined) {
    text.raw(',"request_body":')
    text.string(requestBody)
  }
  if (responseBody !== undefined) {
    text.raw(',"response_body":')
    text.string(responseBody)
  }
  text.raw(',"principal":')
  writePrincipal(tx.principal)
  text.raw(',"claims":')
  writeClaims(tx.claims)
  text.raw(',"forwarded":')
  text.strings(tx.forwarded)
  text.raw(',"consumer":')
  text.string(tx.consumer)
  text.raw(',"tls":{"sni":')
  text.string(tx.tls.sni)
  text.raw(',"ja4":')
  text.string(tx.tls.ja4)
  text.raw('},"trace_id":')
  text.string(tx.traceId)
  text.raw(',"state":')
  text.string(tx.state)
  text.raw(',"pairing":')
  text.string(tx.pairing)
  text.raw(',"weirds":')
  text.strings(tx.weirds)
  text.raw(',"truncated":')
  text.strings(tx.truncated)
  text.raw(',"marks":[')
  for (let i = 0; i < tx.marks.length; i++) writeMark(tx.marks[i]!, i > 0)
  text.raw('],"redacted":true,"key_id":')
  text.string(tx.keyId)
  text.raw(',"source":{"kind":')
  text.string(tx.source.kind)
  text.raw(',"name":')
  text.string(tx.source.name)
  text.raw(',"vlan":')
  text.number(tx.source.vlan)
  text.raw(',"vni":')
  text.number(tx.source.vni)
  text.raw('}}')
  return text.take()
}

function writePrincipal({ kind, id, display, via, app }: Principal): void {
  text.raw('{"kind":')
  text.string(kind)
  text.raw(',"id":')
  text.string(id)
  text.raw(',"display":')
  text.string(display)
  text.raw(',"via":')
  text.string(via)
  text.raw(',"app":')
  text.string(app)
  text.raw('}')
}

function writeClaims(claims: Claims | null): void {
  if (claims === null) {
    text.raw('null')
    return
  }
  text.raw('{"iss":')
  text.string(claims.iss)
  text.raw(',"sub":')
  text.string(claims.sub)
  text.raw(',"tenant":')
  text.string(claims.tenant)
  text.raw(',"role":')
  text.strings(claims.role)
  text.raw(',"scope":')
  text.strings(claims.scope)
  text.raw(',"alg":')
  text.string(claims.alg)
  text.raw(',"kid":')
  text.string(claims.kid)
  text.raw(',"iat":')
  text.number(claims.iat)
  text.raw(',"exp":')
  text.number(claims.exp)
  text.raw('}')
}

function writeMark(mark: Mark, more: boolean): void {
  text.raw(more ? ',{"kind":' : '{"kind":')
  text.string(mark.kind)
  if (mark.kind === 'login') {
    text.raw(',"field":')
    text.string(mark.field)
    text.raw(',"account":')
    text.string(mark.account)
    text.raw(',"guess":')
    text.string(mark.guess)
  } else {
    text.raw(',"class":')
    text.string(mark.class)
    text.raw(',"field":')
    text.string(mark.field)
    text.raw(',"score":')
    text.number(mark.score)
  }
  text.raw('}')
}
