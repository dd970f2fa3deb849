import type { StoreQuery, StoreResult } from '../../sinks/store/store.ts'
import { type EventTime, formatTime } from '../model/time.ts'

export type Ask = (query: StoreQuery) => Promise<StoreResult>
export type Row = Readonly<Record<string, unknown>>

export const TRANSACTION_COLUMNS = `id, ts, end_ts, toFloat64(duration_us) AS duration, client_address, client_port, server_address,
  server_port, http_version, method, scheme, host, path, query, endpoint, service, status,
  toFloat64(request_body_bytes) AS request_bytes, toFloat64(response_body_bytes) AS response_bytes, principal_kind,
  principal_id, principal_display, principal_via, principal_app, claims_iss, claims_sub, claims_tenant, claims_role, claims_scope,
  claims_alg, claims_kid, claims_iat, claims_exp, forwarded, consumer, trace_id, state, pairing, weirds, truncated, login_account,
  login_guess, key_id`

/** Rows of one question. */
const PAGE = 20_000

/** A row in the shape of a native transaction (contracts.md), without what only the whole one has: headers and bodies. */
export function transactionOf(row: Row): Row {
  return {
    id: row.id,
    ts: rfc3339(row.ts),
    end_ts: rfc3339(row.end_ts),
    duration_us: row.duration,
    client_ip: row.client_address,
    client_port: row.client_port,
    server_ip: orNull(row.server_address),
    server_port: orNull(row.server_port),
    http_version: orNull(row.http_version),
    method: orNull(row.method),
    scheme: orNull(row.scheme),
    host: orNull(row.host),
    path: orNull(row.path),
    query: row.query,
    endpoint: orNull(row.endpoint),
    service: orNull(row.service),
    status: orNull(row.status),
    request_body_bytes: row.request_bytes,
    response_body_bytes: row.response_bytes,
    principal:
      row.principal_kind === ''
        ? null
        : {
            kind: row.principal_kind,
            id: row.principal_id,
            display: row.principal_display,
            via: row.principal_via,
            app: orNull(row.principal_app),
          },
    claims: claimsOf(row),
    forwarded: row.forwarded,
    consumer: orNull(row.consumer),
    trace_id: orNull(row.trace_id),
    state: row.state,
    pairing: row.pairing,
    weirds: row.weirds,
    truncated: row.truncated,
    marks:
      row.login_guess === ''
        ? []
        : [{ kind: 'login', field: '', account: orNull(row.login_account), guess: row.login_guess }],
    redacted: true,
    key_id: row.key_id,
  }
}

/** The transactions since a time, in their order, a page of rows at a time. */
export async function* transactionsSince(since: EventTime, ask: Ask): AsyncGenerator<readonly Row[]> {
  let [end, id] = ['1970-01-01 00:00:00.000000', '']
  for (;;) {
    const sql = `SELECT ${TRANSACTION_COLUMNS} FROM transactions WHERE ts >= {since:DateTime64(6, 'UTC')}
      AND (end_ts, id) > ({end:DateTime64(6, 'UTC')}, {id:String}) ORDER BY end_ts, id LIMIT 1 BY end_ts, id LIMIT ${PAGE}`
    const rows = rowsOf(await ask({ sql, params: { since: databaseTime(since), end, id }, maxRows: PAGE }))
    if (rows.length === 0) return
    yield rows.map(transactionOf)
    ;[end, id] = [String(rows.at(-1)!.end_ts), String(rows.at(-1)!.id)]
  }
}

export function rowsOf({ columns, rows }: StoreResult): Row[] {
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, index) => [name, row[index]])))
}

export function databaseTime(time: EventTime): string {
  return formatTime(time).replace('T', ' ').slice(0, -1)
}

function claimsOf(row: Row): Row | null {
  const { claims_iss: iss, claims_sub: sub, claims_alg: alg, claims_exp: exp, claims_role: role } = row
  const none = [iss, sub, alg].every((each) => each === '') && exp === 0 && (role as readonly unknown[]).length === 0
  if (none) return null
  return {
    iss: orNull(iss),
    sub: orNull(sub),
    tenant: orNull(row.claims_tenant),
    role,
    scope: row.claims_scope,
    alg: orNull(alg),
    kid: orNull(row.claims_kid),
    iat: orNull(row.claims_iat),
    exp: orNull(exp),
  }
}

function orNull(value: unknown): unknown {
  return value === '' || value === 0 ? null : value
}

/** ClickHouse has `2026-11-21 20:00:00.123456`. */
export function rfc3339(value: unknown): string {
  return `${String(value).replace(' ', 'T')}Z`
}
