import type { LedgerEntry } from '../../scripts/capture/note.ts'

/** The fields of a native transaction line that a ledger knows too. */
export interface TransactionLine {
  readonly id: string
  readonly ts: string
  readonly end_ts: string
  readonly client_ip: string
  readonly client_port: number
  readonly server_ip: string
  readonly server_port: number
  readonly method: string | null
  readonly host: string | null
  readonly path: string | null
  readonly query: string
  readonly status: number | null
  readonly request_body_bytes: number
  readonly response_body_bytes: number
  readonly state: string
  readonly pairing: string
  readonly weirds: readonly string[]
  readonly source: { readonly vlan: number | null }
}

export function parseLines(lines: readonly string[]): TransactionLine[] {
  return lines.map((line) => JSON.parse(line) as TransactionLine)
}

/** Everything a ledger tells of a transaction but the size of its response body, which it may not know. */
export function ledgerKey(entry: LedgerEntry): string {
  const target = entry.target?.replace(/^http:\/\/[^/]*/, '') ?? null
  const grade = `${entry.state ?? 'complete'} ${entry.pairing ?? 'exact'}`
  return `${entry.method} ${target} ${entry.status} ${entry.requestBody} ${entry.client} ${entry.server} ${grade}`
}

/** What must be printed for an entry: one transaction, or the two halves of a pair that must be refused. */
export function printed(entry: LedgerEntry): LedgerEntry[] {
  if (entry.refused === undefined) return [entry]
  const { refused: _, ...plain } = entry
  return [
    { ...plain, status: null, responseBody: null, state: 'request_only', pairing: 'ambiguous' },
    { ...plain, method: null, target: null, requestBody: 0, state: 'response_only', pairing: 'ambiguous' },
  ]
}

/** The same text from what Offpath printed; pseudonyms become `*`. */
export function lineKey(line: TransactionLine): string {
  const authority = line.method === 'CONNECT' ? line.host : null
  const target = line.path === null ? authority : line.path + (line.query === '' ? '' : `?${line.query}`)
  const shown = target?.replace(/hmac:[^&/]*/g, '*') ?? null
  const ends = `${line.client_ip} ${line.client_port} ${line.server_ip} ${line.server_port}`
  return `${line.method} ${shown} ${line.status} ${line.request_body_bytes} ${ends} ${line.state} ${line.pairing}`
}
