import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Connection } from '../../daemon/api/connect.ts'
import type { Connect } from '../../daemon/cli/connection.ts'
import type { CliContext } from '../../daemon/cli/context.ts'
import { explainFailure } from '../../daemon/cli/failure.ts'
import { addStore } from '../../daemon/cli/store.ts'
import { createLogger } from '../../daemon/telemetry/log.ts'
import { ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'
import { sink } from '../in-process.ts'
import { sampleBatches } from './sample.ts'

const scratch = mkdtempSync(join(tmpdir(), 'offpath-cli-store-'))
const data = join(scratch, 'data')
const config = join(scratch, 'offpath.yaml')
const UNTIL = ['--param', 'until=2026-11-20 14:00:00']

afterAll(() => rmSync(scratch, { recursive: true, force: true }))
beforeAll(() => writeFileSync(config, `state:\n  folder: ${data}\n`))

async function store(args: readonly string[], connect?: Connect) {
  const out: string[] = []
  const err: string[] = []
  const context: CliContext = {
    environment: {},
    stdin: process.stdin,
    stdout: sink(out, false),
    stderr: sink(err, false),
    logger: createLogger('info', { write: (record) => void err.push(record) }),
    width: 120,
    colour: false,
    stop: new AbortController(),
    exitCode: 0,
  }
  const program = new Command('offpath').exitOverride().configureOutput({ outputError: () => {}, writeErr: () => {} })
  addStore(program, context, connect)
  let status = 0
  try {
    const named = args.includes('--list') ? [] : ['--config', config]
    await program.parseAsync(['store', ...args, ...named], { from: 'user' })
  } catch (error) {
    const failure = explainFailure(error, false)
    err.push(failure.text)
    status = failure.exitCode
  }
  return { status, stdout: out.join(''), stderr: err.join('') }
}

test('migrate --dry-run prints what would run and makes nothing', async () => {
  const { stdout, status } = await store(['migrate', '--dry-run'])
  expect(status).toBe(0)
  expect(stdout).toContain('-- From version 0 to 6.')
  expect(stdout).toContain('CREATE TABLE IF NOT EXISTS offpath.transactions')
  expect(stdout).toContain('toIntervalDay(730)')
  expect(stdout).not.toContain('{{')
  expect(readdirSync(scratch)).toEqual(['offpath.yaml'])
})

test('a question to a store that is not there says so, and makes nothing', async () => {
  mkdirSync(data, { mode: 0o700 })
  const { status, stderr } = await store(['query', 'SELECT 1'])
  expect(status).toBe(1)
  expect(stderr).toMatch(/there is no store|nothing is stored/)
  expect(readdirSync(data)).toEqual([])
})

test('migrate brings the schema up, and once is enough', async () => {
  expect((await store(['migrate'])).stdout).toMatch(/^The schema of embedded .* is at version 6\.\n$/)
  expect((await store(['migrate', '--dry-run'])).stdout).toBe('Nothing to do: the schema is at version 6.\n')
})

test('query asks the folder when no daemon runs', async () => {
  const database = new ClickHouseStore({
    kind: 'embedded',
    folder: join(data, 'clickhouse'),
    database: 'offpath',
    keepDays: { transactions: 30, evidence: 14, signals: 30, incidents: 730 },
  })
  await database.open()
  for (const [index, batch] of sampleBatches().entries()) await database.insert({ ...batch, token: `cli-${index}` })
  await database.close()

  const sql = 'SELECT endpoint, count() AS n, min(ts) AS first FROM transactions GROUP BY endpoint ORDER BY n DESC'
  expect((await store(['query', sql])).stdout).toBe(
    `endpoint              n  first
GET /v1/orders/{id}  70  2026-11-20 12:00:00.000000
POST /login          20  2026-11-20 12:00:40.000000
GET /v1/export       10  2026-11-20 12:01:00.000000
`,
  )
  const json = await store(['query', sql, '-o', 'json', '--max-rows', '1'])
  expect(JSON.parse(json.stdout)).toEqual([
    { endpoint: 'GET /v1/orders/{id}', n: '70', first: '2026-11-20 12:00:00.000000' },
  ])
  expect(json.stderr).toContain('Cut after 1 rows')
  const lines = (await store(['query', sql, '-o', 'jsonl'])).stdout.trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line).n)).toEqual(['70', '20', '10'])
  const given = await store([
    'query',
    'SELECT {a:String} AS a, {b:UInt8} AS b',
    '--param',
    'a=x=y',
    '--param',
    'b=2',
    '-o',
    'jsonl',
  ])
  expect(given.stdout).toBe('{"a":"x=y","b":2}\n')
  expect((await store(['query', 'SELECT 1 WHERE 0'])).stdout).toBe('No rows.\n')
})

test('saved queries are listed, and asked with parameters', async () => {
  const list = (await store(['query', '--list'])).stdout
  expect(list).toMatch(/^probed-ids +hours=24 until=now min_refused=5 +Who tried ids/m)
  const { stdout } = await store(['query', '--saved', 'probed-ids', ...UNTIL, '-o', 'jsonl'])
  expect(JSON.parse(stdout)).toMatchObject({ caller: 'u_66', paths_refused: '10' })
})

test('text from traffic cannot act on the terminal', async () => {
  const { stdout } = await store(['query', "SELECT 'a\u001b[2J' AS text, 1 AS `x\u001b]0;t`"])
  expect(stdout).not.toContain('\u001b')
  expect(stdout).toContain('a\\x1b[2J')
})

test('status without a daemon has the tables and their sizes', async () => {
  const { stdout } = await store(['status'])
  expect(stdout).toMatch(/^Daemon +does not run/)
  expect(stdout).toMatch(/^transactions +100 +\d/m)
  const { tables } = JSON.parse((await store(['status', '-o', 'json'])).stdout) as {
    tables: { table: string; rows: number }[]
  }
  expect(tables.find(({ table }) => table === 'transactions')).toMatchObject({ rows: 100 })
})

test.each([
  [['query'], 2, 'one question is needed'],
  [['query', 'SELECT 1', '--saved', 'actions'], 2, 'one question is needed'],
  [['query', '--saved', 'action'], 2, 'did you mean actions?'],
  [['query', '--saved', 'actions', '--param', 'hour=1'], 2, "has no parameter 'hour'"],
  [['query', '--saved', 'principal-activity'], 2, 'needs --param principal='],
  [['query', 'SELECT 1', '--param', 'novalue'], 2, 'Expected name=value'],
  [['query', 'SELECT 1', '--max-rows', '0'], 2, 'whole number'],
  [['query', 'DROP TABLE transactions'], 1, 'OFFPATH_E_QUERY'],
])('wrong use is explained: %j', async (args, status, text) => {
  const ran = await store(args)
  expect(ran.stderr).toContain(text)
  expect(ran.status).toBe(status)
  expect(ran.stdout).toBe('')
})

const running = {
  online: true,
  close: () => Promise.resolve(),
  query: () => Promise.resolve({ columns: [], rows: [['transactions', '12345', '2048']], cut: false, elapsedMs: 1 }),
  status: () =>
    Promise.resolve({
      store: {
        where: 'https://clickhouse.example:8443',
        down: null,
        schemaVersion: 2,
        spool: {
          batches: 2,
          rows: 1_500,
          bytes: 4096,
          maxBytes: 8192,
          oldestSeconds: 3,
          droppedRows: 7,
          lastsSeconds: 60,
        },
        rowsStored: {},
        counters: {},
      },
    }),
} as unknown as Connection

test('status of a daemon says what waits and what was given up', async () => {
  const { stdout } = await store(['status'], () => Promise.resolve(running))
  expect(stdout).toMatch(/^Store +https:\/\/clickhouse\.example:8443$/m)
  expect(stdout).toMatch(/^Waiting +1,500 rows in 2 batches, 4\.0 KiB, the oldest for 3/m)
  expect(stdout).toMatch(/^Given up +7 rows$/m)
  expect(stdout).toMatch(/^transactions +12,345 +2\.0 KiB$/m)
})

test('migrate leaves the store of a running daemon alone', async () => {
  const { status, stderr } = await store(['migrate'], () => Promise.resolve(running))
  expect(status).toBe(1)
  expect(stderr).toContain('OFFPATH_E_STATE')
})
