import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { KnownIncident } from '../../daemon/api/incident-detail.ts'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { DurableMap } from '../../daemon/durable/durable-map.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import type { IncidentChange } from '../../daemon/model/incident.ts'
import { openInput } from '../../daemon/sources/capture-file.ts'
import { assemble, nativeReader } from '../../daemon/topology/assemble.ts'
import { buildDetection } from '../../daemon/topology/detection.ts'
import { drive, type Input } from '../../daemon/topology/inputs.ts'
import { ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'
import { RowFeed } from '../../sinks/clickhouse/row-feed.ts'
import { incidentEventRow, incidentRow, SmallRows } from '../../sinks/clickhouse/small-rows.ts'
import { openStore } from '../../sinks/store/local-store.ts'
import type { Store } from '../../sinks/store/store.ts'

/** The captures of the tests grow old. */
const KEEP_DAYS = { transactions: 3650, evidence: 3650, signals: 3650, incidents: 3650 }

/** The embedded store of a data folder, in this process. */
export async function openEmbeddedStore(folder: string): Promise<Store> {
  const inserter = new ClickHouseStore({
    kind: 'embedded',
    folder: join(folder, 'clickhouse'),
    database: 'offpath',
    keepDays: KEEP_DAYS,
  })
  const store = await openStore({ folder, inserter, spoolMaxBytes: 64 * 1024 * 1024 })
  // Making the tables can take longer than the start waits; a question waits for it.
  await store.query({ sql: 'SELECT 1' })
  return store
}

/**
 * Replays files into a data folder as a daemon leaves it: rows in the store, incidents in state/incidents. Returns what
 * was told, in order. The store stays open: one process opens one such folder.
 */
export async function replayInto(folder: string, store: Store, files: readonly string[]): Promise<IncidentChange[]> {
  const changes: IncidentChange[] = []
  const sealing: Promise<void>[] = []
  const emit = (batch: Parameters<Store['seal']>[0]) => void sealing.push(store.seal(batch))
  const pending: { feed?: RowFeed } = {}
  const assembly = assemble({
    config: effectiveConfig(CONFIG_SCHEMA, null, {}).config,
    key: TEST_KEY,
    bodies: true,
    detect: buildDetection,
    listeners: {
      transaction: (tx) => pending.feed!.transaction(tx),
      signal: (signal) => pending.feed!.signal(signal),
      incident: (change) => {
        changes.push(change)
        pending.feed!.incident(change)
      },
    },
    detectorFailed: (detector, error) => {
      throw new Error(`${detector} failed`, { cause: error })
    },
  })
  const feed = new RowFeed({
    bodies: 'evidence',
    evidenceBytes: 64 * 1024 * 1024,
    reread: false,
    emit,
    telemetry: assembly.telemetry,
  })
  pending.feed = feed
  const inputs: Input[] = []
  for (const path of files) {
    const opened = await openInput(path, { counters: assembly.telemetry.counters })
    const { info } = opened.source
    inputs.push({ opened, info, reader: nativeReader(assembly, info) })
  }
  await drive(assembly.chain, inputs, new AbortController().signal, async () => {})
  await assembly.chain.close()
  const last = assembly.finish()
  const small = new SmallRows({ emit })
  await mkdir(join(folder, 'state'), { recursive: true, mode: 0o700 })
  const known = await DurableMap.open<KnownIncident>(join(folder, 'state', 'incidents'))
  for (const incident of last) {
    feed.incident({ kind: 'updated', incident, keys: [] })
    small.push(incidentRow(incident, 1))
    small.push(incidentEventRow(incident, 'opened', 1, incident.openedAt))
    await known.set(incident.id, { incident, history: [{ at: incident.openedAt, kind: 'opened', why: '' }] })
  }
  feed.flush()
  small.tick()
  await Promise.all(sealing)
  await known.close()
  return changes
}

/** Until everything sealed is in the database. */
export async function drained(store: Store): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const { down, spool } = await store.status()
    if (down !== null) throw new Error(down)
    if (spool.batches === 0) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('the spool was not drained')
}
