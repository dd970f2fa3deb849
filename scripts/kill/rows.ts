import type { RowBatch } from '../../daemon/model/row-batch.ts'

/** Batches that anyone can make again from their number, and what to ask the database about each. */
export interface KillTable {
  readonly table: string
  readonly share: number
  /** Expression that is the number of the batch a row came in. */
  readonly batchOf: string
  /** Expression that tells two rows apart. */
  readonly rowOf: string
  make(batch: number, rows: number): RowBatch
}

const DAY = '2026-11-21'
const TS = `${DAY} 20:00:00.123456`

/** A number as 26 letters and figures. */
const id = (batch: number, row: number): string => `${batch}`.padStart(16, '0') + `${row}`.padStart(10, '0')

function tabSeparated(table: string, rows: number, columns: Record<string, (row: number) => string>) {
  const names = Object.keys(columns)
  const lines = Array.from({ length: rows }, (_, row) => `${names.map((name) => columns[name]!(row)).join('\t')}\n`)
  const made: RowBatch = {
    table,
    day: DAY,
    columns: names,
    format: 'TabSeparated',
    rows,
    bytes: Buffer.from(lines.join('')),
    rereadIds: null,
  }
  return made
}

export const TABLES: readonly KillTable[] = [
  {
    table: 'transactions',
    share: 6,
    batchOf: 'endpoint',
    rowOf: 'id',
    make: (batch, rows) =>
      tabSeparated('transactions', rows, {
        id: (row) => id(batch, row),
        ts: () => TS,
        end_ts: () => TS,
        method: () => 'GET',
        path: (row) => `/v1/orders/${row}?${'x'.repeat(row % 300)}`,
        endpoint: () => `${batch}`,
        service: () => 'api.shop.test',
        status: () => '200',
        principal_kind: () => 'user',
        principal_id: (row) => `u${row % 50}`,
      }),
  },
  {
    table: 'signals',
    share: 2,
    batchOf: 'why',
    rowOf: 'id',
    make: (batch, rows) =>
      tabSeparated('signals', Math.ceil(rows / 20), {
        id: (row) => id(batch, row).padStart(32, '0'),
        ts: () => TS,
        detector: () => 'object.enumeration',
        why: () => `${batch}`,
      }),
  },
  {
    table: 'incident_events',
    share: 1,
    batchOf: 'why',
    rowOf: 'incident_id',
    make: (batch, rows) =>
      tabSeparated('incident_events', Math.ceil(rows / 100), {
        incident_id: (row) => id(batch, row),
        at: () => TS,
        kind: () => 'opened',
        why: () => `${batch}`,
      }),
  },
  {
    // Sums: a row stored twice shows even after the engine has merged its parts.
    table: 'capture_quality',
    share: 1,
    batchOf: 'name',
    rowOf: 'stage',
    make: (batch, rows) =>
      tabSeparated('capture_quality', Math.ceil(rows / 100), {
        minute: () => `${DAY} 20:00:00`,
        stage: (row) => `${row}`,
        name: () => `${batch}`,
        count: () => '1',
      }),
  },
]

/** The ids of a transactions batch, for whoever reads it again. */
export function idsOf(batch: number, rows: number): string[] {
  return Array.from({ length: rows }, (_, row) => id(batch, row))
}
