import type { z } from 'zod'
import type { StoreStatus } from '../../sinks/store/store.ts'
import type { StatusJson } from './operations.ts'
import type { StoreStatusSchema } from './schemas.ts'

/** The one shape of operations.ts that has other names inside the process than in JSON. */
export type StoreStatusJson = z.infer<typeof StoreStatusSchema>
export type WireStatus = Omit<StatusJson, 'store'> & { readonly store: StoreStatusJson | null }

export function wireStatus(status: StatusJson): WireStatus {
  return { ...status, store: status.store === null ? null : toWire(status.store) }
}

export function statusFromWire(status: WireStatus): StatusJson {
  return { ...status, store: status.store === null ? null : fromWire(status.store) }
}

function toWire({ where, down, schemaVersion, spool, rowsStored, counters }: StoreStatus): StoreStatusJson {
  return {
    where,
    down,
    schema_version: schemaVersion,
    spool: {
      batches: spool.batches,
      rows: spool.rows,
      bytes: spool.bytes,
      max_bytes: spool.maxBytes,
      oldest_seconds: spool.oldestSeconds,
      dropped_rows: spool.droppedRows,
      lasts_seconds: spool.lastsSeconds,
    },
    rows_stored: rowsStored,
    counters,
  }
}

function fromWire({ where, down, schema_version, spool, rows_stored, counters }: StoreStatusJson): StoreStatus {
  return {
    where,
    down,
    schemaVersion: schema_version,
    spool: {
      batches: spool.batches,
      rows: spool.rows,
      bytes: spool.bytes,
      maxBytes: spool.max_bytes,
      oldestSeconds: spool.oldest_seconds,
      droppedRows: spool.dropped_rows,
      lastsSeconds: spool.lasts_seconds,
    },
    rowsStored: rows_stored,
    counters,
  }
}
