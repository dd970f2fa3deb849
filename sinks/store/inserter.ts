import type { RowBatch } from '../../daemon/model/row-batch.ts'
import type { StoreQuery, StoreResult } from './store.ts'

/** A batch whose bytes are fixed. */
export interface SealedBatch extends RowBatch {
  /** Names the bytes: the same batch has the same token however often it is sent, so the database can tell a repeat. */
  readonly token: string
}

/** Try again later: the database cannot be reached, is read-only, has no room. */
export class StoreDown extends Error {
  override readonly name = 'StoreDown'
}

/** These bytes will never be taken: they are laid aside with the reason. */
export class BatchRefused extends Error {
  override readonly name = 'BatchRefused'
}

/** The database side of the store: what the spool empties into. */
export interface Inserter {
  /** `embedded ./offpath-data/clickhouse`, or the server's URL without credentials. */
  readonly where: string
  /** Connects and migrates. Throws StoreDown when a later try may do, or OffpathError OFFPATH_E_MIGRATION. */
  open(): Promise<{ readonly schemaVersion: number }>
  /** Resolves when the rows and their roll-ups are stored, once, however often the same token was sent. */
  insert(batch: SealedBatch): Promise<void>
  /** Which of `ids` the table's day holds already. */
  knownIds(table: string, day: string, ids: readonly string[]): Promise<ReadonlySet<string>>
  query(query: StoreQuery): Promise<StoreResult>
  close(): Promise<void>
}
