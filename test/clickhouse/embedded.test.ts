import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'
import { openEmbedded } from '../../sinks/clickhouse/embedded-engine.ts'
import { storeSuite } from './store-suite.ts'

const scratch = mkdtempSync(join(tmpdir(), 'offpath-embedded-'))
const folder = join(scratch, 'clickhouse')
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const KEEP = { transactions: 30, evidence: 14, signals: 30, incidents: 730 }

storeSuite(async () => ({
  store: new ClickHouseStore({ kind: 'embedded', folder, database: 'offpath', keepDays: KEEP }),
  engine: await openEmbedded(folder),
  scratch,
}))

test('the folder is for its owner alone', () => {
  expect(statSync(folder).mode & 0o777).toBe(0o700)
})

test('retention follows the configuration, and can be changed again', async () => {
  const store = new ClickHouseStore({
    kind: 'embedded',
    folder,
    database: 'offpath',
    keepDays: { ...KEEP, evidence: 3 },
  })
  await store.open()
  const { rows } = await store.query({
    sql: "SELECT extract(engine_full, 'toIntervalDay.([0-9]+).') FROM system.tables WHERE database = 'offpath' AND name IN ('evidence', 'transactions') ORDER BY name",
  })
  expect(rows).toEqual([['3'], ['30']])
  expect((await store.plan()).statements).toEqual([])
  await store.close()
})

test('a folder that another process holds is said to be so', () => {
  const script = `const { createChdbConnection } = require('chdb/connection'); createChdbConnection({ path: ${JSON.stringify(folder)} })`
  const root = join(createRequire(import.meta.url).resolve('chdb'), '..', '..', '..')
  const other = spawnSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8', timeout: 30_000 })
  expect(other.status).not.toBe(0)
  expect(other.stderr).toContain('Failed to create connection')
})
