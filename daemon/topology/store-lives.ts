import type { StoreStatus } from '../../sinks/store/store.ts'

export const NOTHING_YET: StoreStatus = {
  where: '',
  down: null,
  schemaVersion: null,
  spool: { batches: 0, rows: 0, bytes: 0, maxBytes: 0, oldestSeconds: 0, droppedRows: 0, lastsSeconds: null },
  rowsStored: {},
  counters: {},
}

/** The state of `now` with what was counted `before` it: each life of the process begins at nought. */
export function addLives(
  before: StoreStatus,
  now: StoreStatus,
  own: readonly (readonly [string, number])[],
): StoreStatus {
  return {
    ...now,
    spool: { ...now.spool, droppedRows: before.spool.droppedRows + now.spool.droppedRows },
    rowsStored: sum(before.rowsStored, now.rowsStored),
    counters: sum(sum(before.counters, now.counters), Object.fromEntries(own)),
  }
}

function sum(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> {
  const total = { ...a }
  for (const [name, count] of Object.entries(b)) total[name] = (total[name] ?? 0) + count
  return total
}
