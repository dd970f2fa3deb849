import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openEmbedded } from '../../sinks/clickhouse/embedded-engine.ts'
import type { Engine } from '../../sinks/clickhouse/engine.ts'
import {
  checksumOf,
  migrate,
  planMigration,
  shippedMigrations,
  statementsOf,
} from '../../sinks/clickhouse/migrations.ts'
import { inventoryBatches, sampleBatches } from './sample.ts'

const scratch = mkdtempSync(join(tmpdir(), 'offpath-migrations-'))
const keepDays = { transactions: 30, evidence: 14, signals: 30, incidents: 730 }
const shipped = shippedMigrations()
let engine: Engine
beforeAll(async () => {
  engine = await openEmbedded(join(scratch, 'clickhouse'))
})
afterAll(async () => {
  await engine.close()
  rmSync(scratch, { recursive: true, force: true })
})

async function fill(database: string): Promise<void> {
  for (const [index, batch] of sampleBatches().entries()) {
    await engine.insert(database, batch, { async_insert: 0, insert_deduplication_token: String(index) })
  }
}

/** Everything that a table's rows say, whatever order they came in. */
async function content(database: string): Promise<unknown[]> {
  const tables = ['transactions', 'evidence', 'signals', 'incidents', 'actions', 'incident_events', 'capture_quality']
  const counts = await Promise.all(
    tables.map((table) => engine.ask(`SELECT count() FROM ${database}.${table} FINAL`).then(({ data }) => data[0]![0])),
  )
  const endpoints = await engine.ask(
    `SELECT service, endpoint, min(first_seen), max(last_seen), sum(requests), sum(unauthenticated), uniqCombined64Merge(12)(callers) FROM ${database}.endpoints GROUP BY ALL ORDER BY ALL`,
  )
  const minutes = await engine.ask(`SELECT sum(requests) FROM ${database}.endpoint_minute`)
  return [...counts, endpoints.data, minutes.data]
}

test.each(shipped.slice(0, -1).map(({ version }) => version))(
  'a database of version %d with data in it comes to what one made anew has',
  async (version) => {
    const old = { database: `from_${version}`, keepDays }
    expect(await migrate(engine, old, shipped.slice(0, version))).toBe(version)
    await fill(old.database)
    const plan = await planMigration(engine, old)
    expect(plan).toMatchObject({ from: version, to: shipped.length })
    expect(await migrate(engine, old)).toBe(shipped.length)
    expect((await planMigration(engine, old)).statements).toEqual([])

    const anew = { database: `anew_${version}`, keepDays }
    await migrate(engine, anew)
    await fill(anew.database)
    expect(await content(old.database)).toEqual(await content(anew.database))
  },
)

test('routes that were stored before descriptions were known are kept, and say so when they are written again', async () => {
  const placement = { database: 'undocumented', keepDays }
  await migrate(engine, placement, shipped.slice(0, 3))
  await engine.command(
    "INSERT INTO undocumented.routes (service, endpoint, version, state, requests, route) VALUES ('api.shop.test', 'GET /v1/team', 1, 'established', 7, '{}'), ('api.shop.test', 'GET /v1/old', 1, 'established', 8, '{}')",
  )
  expect(await migrate(engine, placement)).toBe(shipped.length)
  const routes = async () =>
    (
      await engine.ask(
        "SELECT endpoint, toUInt32(requests), documented FROM undocumented.routes FINAL WHERE endpoint IN ('GET /v1/team', 'GET /v1/old') ORDER BY endpoint",
      )
    ).data
  expect(await routes()).toEqual([
    ['GET /v1/old', 8, ''],
    ['GET /v1/team', 7, ''],
  ])
  for (const batch of inventoryBatches()) {
    await engine.insert(placement.database, batch, { async_insert: 0 })
  }
  expect(await routes()).toEqual([
    ['GET /v1/old', 8, ''],
    ['GET /v1/team', 1, 'no'],
  ])
  const counts = await engine.ask(
    "SELECT countIf(documented = 'yes') > 0, countIf(documented = '' AND state = 'merged') FROM undocumented.routes FINAL",
  )
  expect(counts.data.map((row) => row.map(Number))).toEqual([[1, 1]])
})

test('a migration that was interrupted anywhere runs again from its start', async () => {
  const placement = { database: 'interrupted', keepDays }
  await migrate(engine, placement, shipped.slice(0, 1))
  await fill(placement.database)
  const statements = statementsOf(shipped[1]!, placement)
  for (let stop = 1; stop <= statements.length; stop++) {
    for (const statement of statements.slice(0, stop)) await engine.command(statement)
  }
  await migrate(engine, placement)
  expect((await engine.ask('SELECT sum(requests) FROM interrupted.endpoints')).data).toEqual([[100]])
})

test('a database that is newer than the program is left alone', async () => {
  const placement = { database: 'newer', keepDays }
  const later = {
    version: shipped.length + 1,
    name: '0099_later',
    text: 'CREATE TABLE {{database}}.later (a UInt8) ENGINE = Memory;',
  }
  await migrate(engine, placement, [...shipped, later])
  for (const refuse of [migrate, planMigration]) {
    await expect(refuse(engine, placement)).rejects.toMatchObject({
      code: 'OFFPATH_E_MIGRATION',
      message: expect.stringContaining(`schema version ${shipped.length + 1}`),
    })
  }
})

test('a migration that is not the one that ran is refused', async () => {
  const placement = { database: 'changed', keepDays }
  await migrate(engine, placement)
  const [first, ...rest] = shipped
  await expect(migrate(engine, placement, [{ ...first!, text: `${first!.text}\n` }, ...rest])).rejects.toMatchObject({
    code: 'OFFPATH_E_MIGRATION',
    message: expect.stringContaining('0001_tables'),
  })
})

test('a migration that fails is not recorded', async () => {
  const placement = { database: 'failing', keepDays }
  const bad = {
    version: shipped.length + 1,
    name: '0099_bad',
    text: 'CREATE TABLE {{database}}.bad (a Moon) ENGINE = Memory;',
  }
  await expect(migrate(engine, placement, [...shipped, bad])).rejects.toMatchObject({ code: 'OFFPATH_E_MIGRATION' })
  const plan = await planMigration(engine, placement)
  expect(plan.from).toBe(shipped.length)
  expect(plan.statements.filter((statement) => !statement.startsWith('ALTER TABLE'))).toEqual([])
})

test('shipped migrations do not change', () => {
  // A file that has been released is never edited: what it made is out there. A new file is a new line here.
  expect(Object.fromEntries(shipped.map((each) => [each.name, checksumOf(each).slice(0, 16)]))).toMatchInlineSnapshot(`
    {
      "0001_tables": "383711578520f0e4",
      "0002_endpoints": "8f3b087c4731f3c4",
      "0003_inventory": "e0d818d032ff734e",
      "0004_documented": "9dff2822b124daba",
      "0005_learning": "0128b0ad90898133",
      "0006_verdicts": "b6068c4aa034c216",
    }
  `)
})

test('rows are kept so many days from when they came in, whatever their time', async () => {
  const placement = { database: 'kept', keepDays }
  await migrate(engine, placement)
  const line = (id: string, stored: string) => `${id.padStart(26, '0')}\t2001-01-01 00:00:00.000000\t${stored}\n`
  const insert = (text: string, token: string) =>
    engine.insert(
      placement.database,
      { table: 'transactions', columns: ['id', 'ts', 'stored'], format: 'TabSeparated', bytes: Buffer.from(text) },
      { insert_deduplication_token: token, async_insert: 0 },
    )
  await insert(line('old', '2001-01-01 00:00:00'), 'old')
  await insert(line('new', new Date().toISOString().slice(0, 19).replace('T', ' ')), 'new')
  const left = async () =>
    (await engine.ask('SELECT id FROM kept.transactions')).data.map(([id]) => String(id).replace(/^0+/, ''))
  await expect.poll(left, { timeout: 10_000 }).toEqual(['new'])
})

test('without the package the embedded store says what to install', () => {
  const bundle = spawnSync(
    join(import.meta.dirname, '../../node_modules/.bin/esbuild'),
    [
      join(import.meta.dirname, '../../sinks/clickhouse/embedded-engine.ts'),
      '--bundle', '--platform=node', '--format=esm', '--external:chdb', `--outfile=${join(scratch, 'engine.mjs')}`,
      "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    ],
    { encoding: 'utf8' },
  ) // biome-ignore format: options and their values
  expect(bundle.stderr).not.toContain('error')
  // Nothing is installed around it there.
  const script = `import { openEmbedded } from './engine.mjs'\nawait openEmbedded('x').catch((error) => console.log(error.code, error.remedy))\n`
  writeFileSync(join(scratch, 'try.mjs'), script)
  const ran = spawnSync(process.execPath, ['try.mjs'], { cwd: scratch, encoding: 'utf8' })
  expect(ran.stdout).toMatch(/^OFFPATH_E_CHDB_MISSING npm install chdb/)
})
