/**
 * Names of what the spool and the store give up or find odd; `StoreStatus.counters` holds those that happened since the
 * start. NAME counts batches, NAME.rows their rows and NAME.rows.TABLE the rows by table, unless it says otherwise.
 *
 * spool.full           dropped, oldest first, because the spool is at its size; what waits in one segment goes together
 * spool.disk_full      not taken because the disk refused it (no room, quota, file size, I/O error)
 * spool.damaged        records that no longer check; .rows where the header still says how many, .bytes passed over
 * spool.damaged.files  segments kept as `*.damaged`; spool.damaged.removed: kept ones removed, oldest first
 * spool.torn           tails of writes that a kill or a power loss cut short, cut off; .bytes. None of them was sealed
 * spool.repeated       batches sealed before under the same token: acknowledged, not written twice
 * spool.unmarked       stored batches whose mark could not be written: sent once more after a restart, and told by token
 * store.refused        batches the database will never take, laid aside in `refused/`; store.refused.removed: files of it
 *                      removed, oldest first; store.refused.lost: not even laid aside, because the disk refused
 * store.retried        inserts tried again
 * store.reread.rows    rows of inputs read again that were stored already (not lost)
 * store.shed           batches given up by control because the store process did not take them in time
 * store.restarted      how often the store process was started again
 */
export type StoreCounter =
  | 'spool.full'
  | 'spool.disk_full'
  | 'spool.damaged'
  | 'spool.damaged.bytes'
  | 'spool.damaged.files'
  | 'spool.damaged.removed'
  | 'spool.torn'
  | 'spool.torn.bytes'
  | 'spool.repeated'
  | 'spool.unmarked'
  | 'store.refused'
  | 'store.refused.removed'
  | 'store.refused.lost'
  | 'store.retried'
  | 'store.reread.rows'
  | 'store.shed'
  | 'store.restarted'

interface Countable {
  add(name: string, count?: number): void
}

/** Counts one batch given up: itself, its rows, and its rows by table. */
export function countBatch(
  counters: Countable,
  name: StoreCounter,
  batch: { readonly table: string; readonly rows: number },
): void {
  counters.add(name)
  counters.add(`${name}.rows`, batch.rows)
  counters.add(`${name}.rows.${batch.table}`, batch.rows)
}
