import type { RowSink } from '../../daemon/model/row-batch.ts'

/** A question in SQL, run readonly and bounded. `params` fill `{name:Type}` placeholders. */
export interface StoreQuery {
  readonly sql: string
  readonly params?: Readonly<Record<string, string | number | boolean | readonly string[]>>
  /** Most rows returned; more are cut and said. */
  readonly maxRows?: number
}

export interface StoreResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly (readonly unknown[])[]
  /** More rows were there. */
  readonly cut: boolean
  readonly elapsedMs: number
}

export interface SpoolStatus {
  readonly batches: number
  readonly rows: number
  readonly bytes: number
  readonly maxBytes: number
  /** Age of the oldest sealed batch that is not confirmed, in seconds; 0 when there is none. */
  readonly oldestSeconds: number
  /** Rows given up because the spool was full or the disk was, since the start. */
  readonly droppedRows: number
  /** How long the rest of the spool lasts at the present rate, in seconds; null while nothing comes in. */
  readonly lastsSeconds: number | null
}

export interface StoreStatus {
  /** `embedded ./offpath-data/clickhouse`, or the server's URL without credentials. */
  readonly where: string
  /** Null while it is reachable; else what went wrong last. */
  readonly down: string | null
  readonly schemaVersion: number | null
  readonly spool: SpoolStatus
  /** Since the start, by table. */
  readonly rowsStored: Readonly<Record<string, number>>
  /** Everything given up or odd, by name. */
  readonly counters: Readonly<Record<string, number>>
}

/** The store as the daemon uses it: in this process, or in a process of its own. */
export interface Store extends RowSink {
  query(query: StoreQuery): Promise<StoreResult>
  status(): Promise<StoreStatus>
  /** Waits up to `graceMs` for sealed batches to be stored; the rest stays in the spool for the next start. */
  close(graceMs: number): Promise<void>
}
