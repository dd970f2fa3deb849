/** Rows of one table and one UTC day, serialised as they arrived: what is sealed, inserted and resent as one. */
export interface RowBatch {
  readonly table: string
  /** `YYYY-MM-DD`: the day of every row, so a batch never spans two partitions. */
  readonly day: string
  /** Columns in the order of the bytes. A batch sealed by an older version still says what it holds. */
  readonly columns: readonly string[]
  readonly format: 'TabSeparated' | 'JSONEachRow'
  readonly rows: number
  readonly bytes: Uint8Array
  /**
   * Ids of the rows when the input may have been read before (a file): rows already stored are left out before sealing. Null
   * where each row arrives once.
   */
  readonly rereadIds: readonly string[] | null
}

/** Takes rows for good. */
export interface RowSink {
  /** Resolves once the batch is in the spool and would survive a kill. */
  seal(batch: RowBatch): Promise<void>
}
