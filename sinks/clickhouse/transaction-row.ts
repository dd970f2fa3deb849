import type { LoginMark, Mark, Transaction } from '../../daemon/model/transaction.ts'
import type { TsvText } from './tsv-text.ts'

/** In the order of the bytes. */
export const TRANSACTION_COLUMNS = [
  'id',
  'ts',
  'end_ts',
  'duration_us',
  'client_ip',
  'client_port',
  'server_ip',
  'server_port',
  'http_version',
  'method',
  'scheme',
  'host',
  'path',
  'query',
  'endpoint',
  'service',
  'status',
  'request_body_bytes',
  'response_body_bytes',
  'principal_kind',
  'principal_id',
  'principal_display',
  'principal_via',
  'principal_app',
  'claims_iss',
  'claims_sub',
  'claims_tenant',
  'claims_role',
  'claims_scope',
  'claims_alg',
  'claims_kid',
  'claims_iat',
  'claims_exp',
  'forwarded',
  'consumer',
  'tls_sni',
  'tls_ja4',
  'trace_id',
  'state',
  'pairing',
  'weirds',
  'truncated',
  'login_account',
  'login_guess',
  'payload_classes',
  'key_id',
  'source_kind',
  'source_name',
  'vlan',
  'vni',
] as const

const NO_ADDRESS = '::'
const NONE: readonly string[] = []

/** All scalars of a transaction; its headers and bodies are evidence. Neither reads bodies nor header arrays. */
export function writeTransaction(row: TsvText, tx: Transaction): void {
  row.text(tx.id)
  row.time(tx.time)
  row.time(tx.endTime)
  row.number(tx.durationUs)
  row.text(tx.clientIp)
  row.number(tx.clientPort)
  row.text(tx.serverIp ?? NO_ADDRESS)
  row.number(tx.serverPort)
  row.text(tx.httpVersion)
  row.text(tx.method)
  row.text(tx.scheme)
  row.text(tx.host)
  row.text(tx.path)
  row.text(tx.query)
  row.text(tx.endpoint)
  row.text(tx.service)
  row.number(tx.status)
  row.number(tx.requestBodyBytes)
  row.number(tx.responseBodyBytes)
  const { principal, claims } = tx
  row.text(principal.kind)
  row.text(principal.id)
  row.text(principal.display)
  row.text(principal.via)
  row.text(principal.app)
  row.text(claims === null ? null : claims.iss)
  row.text(claims === null ? null : claims.sub)
  row.text(claims === null ? null : claims.tenant)
  row.list(claims === null ? NONE : claims.role)
  row.list(claims === null ? NONE : claims.scope)
  row.text(claims === null ? null : claims.alg)
  row.text(claims === null ? null : claims.kid)
  row.number(claims === null ? 0 : seconds(claims.iat))
  row.number(claims === null ? 0 : seconds(claims.exp))
  row.list(tx.forwarded)
  row.text(tx.consumer)
  row.text(tx.tls.sni)
  row.text(tx.tls.ja4)
  row.text(tx.traceId)
  row.text(tx.state)
  row.text(tx.pairing)
  row.list(tx.weirds)
  row.list(tx.truncated)
  const { marks } = tx
  const login = marks.length === 0 ? undefined : marks.find(isLogin)
  row.text(login === undefined ? null : login.account)
  row.text(login === undefined ? null : login.guess)
  row.list(marks.length === 0 ? NONE : payloadClasses(marks))
  row.text(tx.keyId)
  row.text(tx.source.kind)
  row.text(tx.source.name)
  row.number(tx.source.vlan)
  row.number(tx.source.vni)
  row.endRow()
}

/** A token says what it likes; the column has 32 bits. */
function seconds(value: number | null): number {
  return value === null ? 0 : Math.min(value, 0xffff_ffff)
}

function isLogin(mark: Mark): mark is LoginMark {
  return mark.kind === 'login'
}

function payloadClasses(marks: readonly Mark[]): readonly string[] {
  return [...new Set(marks.flatMap((mark) => (mark.kind === 'payload' ? [mark.class] : [])))]
}
