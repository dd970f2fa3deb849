import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { TABLES } from '../../scripts/kill/rows.ts'
import { openEmbedded } from '../../sinks/clickhouse/embedded-engine.ts'
import { migrate } from '../../sinks/clickhouse/migrations.ts'
import { forgetUnfinished } from '../../sinks/clickhouse/unfinished-parts.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-unfinished-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const keepDays = { transactions: 30, evidence: 7, signals: 90, incidents: 400, rollups: 400 }
const TABLE = 'offpath.transactions'
const made = TABLES.find(({ table }) => table === 'transactions')!

test('a token that was noted without its rows, as a kill leaves it, does not keep them out; others still do', async () => {
  const engine = await openEmbedded(folder)
  await migrate(engine, { database: 'offpath', keepDays: keepDays as never })
  const insert = (batch: number) =>
    engine.insert('offpath', made.make(batch, 100), {
      insert_deduplication_token: `token ${batch}`,
      deduplicate_blocks_in_dependent_materialized_views: 1,
    })
  const counts = async (column: string, table: string) =>
    (await engine.ask(`SELECT endpoint, ${column} FROM ${table} GROUP BY endpoint ORDER BY endpoint`)).data.map((row) =>
      row.map(Number),
    )
  const rows = () => counts('count()', TABLE)
  await engine.command(`SYSTEM STOP MERGES ${TABLE}`)
  for (const batch of [0, 1, 2]) await insert(batch)
  expect(await rows()).toHaveLength(3)
  const [[uuid]] = (await engine.ask(`SELECT toString(uuid) FROM system.tables WHERE name = 'transactions'`)).data as [
    [string],
  ]
  await engine.command(`DETACH TABLE ${TABLE} SYNC`)
  const place = join(folder, 'store', uuid.slice(0, 3), uuid)
  const last = readdirSync(place).find((name) => name.includes('_3_3_'))!
  rmSync(join(place, last), { recursive: true })
  await engine.command(`ATTACH TABLE ${TABLE}`)
  await insert(2)
  expect(await rows()).toHaveLength(2)
  await forgetUnfinished(engine, folder, 'offpath')
  for (const batch of [0, 1, 2, 2]) await insert(batch)
  const hundred = [0, 1, 2].map((batch) => [batch, 100])
  expect(await rows()).toEqual(hundred)
  expect(await counts('sum(requests)', 'offpath.endpoint_minute')).toEqual(hundred)
  // What was merged is still known for what it was made of.
  await engine.command(`OPTIMIZE TABLE ${TABLE} FINAL`)
  await forgetUnfinished(engine, folder, 'offpath')
  for (const batch of [0, 1, 2]) await insert(batch)
  expect(await rows()).toEqual(hundred)
  await engine.close()
})
