import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import type { RowBatch } from '../../daemon/model/row-batch.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { openInput } from '../../daemon/sources/capture-file.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import { assemble } from '../../daemon/topology/assemble.ts'
import { ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'
import { RowFeed } from '../../sinks/clickhouse/row-feed.ts'
import { syntheticCapture } from './synthetic-capture.ts'

/**
 * What storing costs: rows per CPU second from transactions in memory to rows and roll-ups in the embedded engine (serialise
 * and insert, all threads of the engine), bytes per row on disk, and how long the inserting process's loop is held up.
 * `npm run bench -- store [--pairs 100000]`
 */
const SOURCE = { kind: 'file', name: 'bench' } as const

async function transactionsOf(path: string): Promise<Transaction[]> {
  const all: Transaction[] = []
  const { config } = effectiveConfig(CONFIG_SCHEMA, null)
  const detectorFailed = (detector: string, error: unknown) => {
    throw new Error(detector, { cause: error })
  }
  const listeners = { transaction: (tx: Transaction) => void all.push(tx) }
  const { chain } = assemble({ config, key: TEST_KEY, bodies: false, detect: null, listeners, detectorFailed })
  const opened = await openInput(path, { counters: new Counters() })
  if (opened.kind !== 'frames') throw new Error(`${path} is no capture`)
  for await (const batch of opened.source.batches(new AbortController().signal))
    chain.frames(SOURCE, batch, 0, batch.count)
  await chain.close()
  // An id is made on first use; making it is no part of storing.
  for (const tx of all) void tx.id
  return all
}

function cpuSeconds(since?: NodeJS.CpuUsage): number {
  const used = process.cpuUsage(since)
  return (used.user + used.system) / 1e6
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { pairs: { type: 'string', default: '100000' } }, allowPositionals: true })
  const all = await transactionsOf(syntheticCapture(join('.cache', 'bench'), Number(values.pairs)).path)
  const folder = mkdtempSync(join(tmpdir(), 'offpath-bench-store-'))
  const store = new ClickHouseStore({
    kind: 'embedded',
    folder,
    database: 'offpath',
    keepDays: { transactions: 30, evidence: 14, signals: 30, incidents: 730 },
  })
  try {
    await store.open()
    await measure(store, all)
  } finally {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure(store: ClickHouseStore, all: readonly Transaction[]): Promise<void> {
  const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  const batches: RowBatch[] = []
  const feed = new RowFeed({
    bodies: 'evidence',
    evidenceBytes: 64 * 1024 * 1024,
    reread: false,
    emit: (batch) => void batches.push(batch),
    telemetry,
  })
  let serialising = 0
  let inserting = 0
  let inserted = 0
  let bytes = 0
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const wall = performance.now()
  const next = all[Symbol.iterator]()
  for (let more = true; more; ) {
    const before = process.cpuUsage()
    while (batches.length === 0) {
      const { value, done } = next.next()
      if (done === true) {
        feed.flush()
        more = false
        break
      }
      feed.transaction(value)
    }
    serialising += cpuSeconds(before)
    for (const batch of batches.splice(0)) {
      const start = process.cpuUsage()
      delay.enable()
      await store.insert({ ...batch, token: `bench-${inserted}` })
      delay.disable()
      inserting += cpuSeconds(start)
      inserted += batch.rows
      bytes += batch.bytes.length
    }
  }
  const seconds = (performance.now() - wall) / 1000
  const perRow = (total: number) => ((total / inserted) * 1e6).toFixed(2)
  print('rows', String(inserted))
  print('TSV bytes per row', (bytes / inserted).toFixed(0))
  print('serialise, us per row', perRow(serialising))
  print('insert, CPU us per row', perRow(inserting))
  print('rows per CPU second', Math.round(inserted / (serialising + inserting)).toLocaleString('en'))
  print('rows per second', Math.round(inserted / seconds).toLocaleString('en'))
  print(
    'loop delay while inserting, p50 / p99.9 / max, ms',
    [50, 99.9, 100].map((at) => (delay.percentile(at) / 1e6).toFixed(1)).join(' / '),
  )
  await store.optimize()
  const { rows } = await store.query({
    sql: "SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'offpath' AND rows > 0 GROUP BY table ORDER BY 3 DESC",
  })
  for (const [table, count, size] of rows) {
    print(
      `${table}: rows, bytes per row, per transaction`,
      `${count}, ${(Number(size) / Number(count)).toFixed(1)}, ${(Number(size) / inserted).toFixed(1)}`,
    )
  }
  if (process.env.OFFPATH_BENCH_COLUMNS === '1') {
    const columns = await store.query({
      sql: "SELECT name, data_compressed_bytes FROM system.columns WHERE database = 'offpath' AND table = 'transactions' ORDER BY 2 DESC LIMIT 25",
    })
    for (const [name, size] of columns.rows) print(`  ${name}`, (Number(size) / inserted).toFixed(2))
  }
}

function print(name: string, value: string): void {
  process.stdout.write(`${name.padEnd(56)} ${value}\n`)
}

await main()
