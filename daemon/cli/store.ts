import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import type { ClickHouseOptions, ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'
import { emptyPlan, type MigrationPlan } from '../../sinks/clickhouse/migrations.ts'
import { type SavedQuery, savedQueries } from '../../sinks/clickhouse/saved-queries.ts'
import { escapeTerminal } from '../../sinks/escape.ts'
import type { StoreQuery, StoreResult } from '../../sinks/store/store.ts'
import { renderTable } from '../../sinks/text-table.ts'
import type { Connection } from '../api/connect.ts'
import { dataFolder } from '../api/data-folder.ts'
import { lockFolder } from '../api/lock.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { clickHouseOptions } from '../topology/store-settings.ts'
import { nearest } from '../yaml/suggest.ts'
import {
  answered,
  asking,
  type Connect,
  configOption,
  connectByConfig,
  type ListFormat,
  outputOption,
  writeJson,
  writeJsonLines,
} from './connection.ts'
import type { CliContext } from './context.ts'
import { usageError } from './failure.ts'
import { configPath, loadSettings } from './settings.ts'
import { bytes, duration, grouped } from './status-view.ts'
import { writeText } from './write-text.ts'

const DEFAULT_ROWS = 1_000
const MAX_ROWS = 100_000
/** Texts give way on a narrow terminal, down to so many characters; numbers and times do not. */
const LEAST_WIDTH = 8

interface QueryOptions {
  readonly config?: string
  readonly saved?: string
  readonly list?: true
  readonly param: Readonly<Record<string, string>>
  readonly maxRows: number
  readonly output: ListFormat
}

interface StatusOptions {
  readonly config?: string
  readonly output: 'table' | 'json'
}

interface MigrateOptions {
  readonly config?: string
  readonly dryRun?: true
}

export function addStore(program: Command, context: CliContext, connect: Connect = connectByConfig): void {
  const store = program.command('store').description('what is kept: status, schema, questions in SQL')

  store
    .command('status')
    .description('where the store is, what is in it, what waits for it')
    .addOption(configOption())
    .addOption(outputOption(['table', 'json']))
    .addHelpText('after', '\nExample:\n  $ offpath store status\n')
    .action((options: StatusOptions) =>
      asking(connect(options, 'allowed'), (operations) => status(operations, options, context)),
    )

  store
    .command('migrate')
    .description('bring the schema up to this version; the daemon does so itself when it starts')
    .option('--dry-run', 'print what would run, change nothing')
    .addOption(configOption())
    .addHelpText('after', '\nExample:\n  $ offpath store migrate --dry-run\n')
    .action((options: MigrateOptions) => migrate(options, context, connect))

  store
    .command('query')
    .description('ask the store in SQL; it only reads, within limits of time, memory and rows')
    .argument('[sql]', 'one SELECT; - reads it from standard input')
    .option('--saved <name>', 'a question that comes with Offpath')
    .option('--list', 'list those')
    .option('--param <name=value>', 'value for {name:Type} in the query; can be repeated', parseParam, {})
    .option('--max-rows <n>', `at most so many rows, up to ${MAX_ROWS}`, parseRows, DEFAULT_ROWS)
    .addOption(configOption())
    .addOption(outputOption(['table', 'json', 'jsonl']))
    .addHelpText(
      'after',
      `
Examples:
  $ offpath store query --list
  $ offpath store query --saved probed-ids --param hours=48
  $ offpath store query 'SELECT service, count() FROM transactions GROUP BY service' -o json
`,
    )
    .action(async (sql: string | undefined, options: QueryOptions) => {
      if (options.list === true) return listSaved(options.output, context)
      // What is wrong with the question is said before a daemon is looked for.
      const query = questionOf(sql, options)
      await asking(connect(options, 'allowed'), async (operations) => {
        await writeResult(await answered(operations.query(query)), options.output, context)
      })
    })
}

function parseParam(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? []
  if (name === undefined || value === undefined) throw new InvalidArgumentError('Expected name=value.')
  return { ...before, [name]: value }
}

function parseRows(text: string): number {
  const rows = Number(text)
  if (!/^\d+$/.test(text) || rows < 1 || rows > MAX_ROWS) {
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${MAX_ROWS}.`)
  }
  return rows
}

function questionOf(sql: string | undefined, { saved, param, maxRows }: QueryOptions): StoreQuery {
  if ((sql === undefined) === (saved === undefined)) {
    throw usageError('one question is needed: SQL, or --saved NAME', 'offpath store query --list')
  }
  if (saved === undefined) return { sql: sql === '-' ? readFileSync(0, 'utf8') : sql!, params: param, maxRows }
  const query = findSaved(saved)
  const unknown = Object.keys(param).find((name) => !query.params.some((each) => each.name === name))
  if (unknown !== undefined) {
    const names = query.params.map(({ name }) => name).join(', ')
    throw usageError(`${saved} has no parameter '${unknown}'`, names === '' ? 'it has none' : `it has ${names}`)
  }
  const params: Record<string, string> = {}
  for (const { name, default: value, meaning } of query.params) {
    const given = param[name] ?? value
    if (given === null) throw usageError(`${saved} needs --param ${name}=…`, meaning)
    params[name] = given
  }
  return { sql: query.sql, params, maxRows }
}

function findSaved(name: string): SavedQuery {
  const all = savedQueries()
  const found = all.find((each) => each.name === name)
  if (found !== undefined) return found
  const near = nearest(
    name,
    all.map((each) => each.name),
  )
  throw usageError(
    `no saved query '${name}'${near === null ? '' : ` (did you mean ${near}?)`}`,
    'offpath store query --list',
  )
}

async function listSaved(output: ListFormat, context: CliContext): Promise<void> {
  const all = savedQueries()
  if (output === 'json') return writeJson(context, all)
  if (output === 'jsonl') return writeJsonLines(context, all)
  const rows = all.map(({ name, question, params }) => [
    name,
    params.map((each) => `${each.name}=${each.default ?? '…'}`).join(' '),
    question,
  ])
  const columns = [{ title: 'NAME' }, { title: 'PARAMETERS' }, { title: 'QUESTION', least: 20 }]
  await writeText(context.stdout, renderTable(columns, rows, context))
}

async function writeResult(result: StoreResult, output: ListFormat, context: CliContext): Promise<void> {
  const { columns, rows, cut } = result
  if (output === 'table') await writeText(context.stdout, tableOf(result, context))
  else {
    const objects = rows.map((row) => Object.fromEntries(columns.map(({ name }, at) => [name, row[at]])))
    await (output === 'json' ? writeJson(context, objects) : writeJsonLines(context, objects))
  }
  // Not among the results: a program that reads them counts on rows.
  if (cut) context.stderr.write(`Cut after ${rows.length} rows; --max-rows, up to ${MAX_ROWS}, shows more.\n`)
}

function tableOf({ columns, rows }: StoreResult, context: CliContext): string {
  if (rows.length === 0) return 'No rows.\n'
  const shown = columns.map(({ name, type }) => ({
    title: escapeTerminal(name),
    ...(/^(U?Int|Float|Decimal)/.test(type) ? { align: 'right' as const } : {}),
    ...(/String|Array|Map|Tuple/.test(type) ? { least: LEAST_WIDTH } : {}),
  }))
  return renderTable(
    shown,
    rows.map((row) => row.map(cellText)),
    context,
  )
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return '-'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

const TABLES = `SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes
FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table ORDER BY bytes DESC, table`

async function status(operations: Connection, { output }: StatusOptions, context: CliContext): Promise<void> {
  const store = operations.online ? (await operations.status()).store : null
  if (operations.online && store === null) {
    throw new OffpathError('OFFPATH_E_STORE', 'the daemon runs without a store', { remedy: 'store.enabled: true' })
  }
  const tables = store !== null && store.down !== null ? [] : (await answered(operations.query({ sql: TABLES }))).rows
  const sizes = tables.map(([table, rows, size]) => ({ table: String(table), rows: Number(rows), bytes: Number(size) }))
  if (output === 'json') {
    return writeJson(context, {
      where: store?.where ?? null,
      down: store?.down ?? null,
      schema_version: store?.schemaVersion ?? null,
      spool: store === null ? null : spoolJson(store.spool),
      tables: sizes,
    })
  }
  const facts: [string, string][] = []
  if (store === null) facts.push(['Daemon', 'does not run; this is what the store holds'])
  else {
    facts.push(['Store', store.where], ['State', store.down === null ? 'ok' : `down: ${store.down}`])
    facts.push(['Schema', store.schemaVersion === null ? 'unknown' : `version ${store.schemaVersion}`])
    facts.push(['Waiting', waitingText(store.spool)])
    if (store.spool.droppedRows > 0) facts.push(['Given up', `${grouped(store.spool.droppedRows)} rows`])
  }
  const width = Math.max(...facts.map(([name]) => name.length)) + 2
  const head = facts.map(([name, text]) => `${name.padEnd(width)}${escapeTerminal(text)}\n`).join('')
  const rows = sizes.map(({ table, rows: count, bytes: size }) => [table, grouped(count), bytes(size)])
  const columns = [
    { title: 'TABLE' },
    { title: 'ROWS', align: 'right' as const },
    { title: 'DISK', align: 'right' as const },
  ]
  await writeText(context.stdout, sizes.length === 0 ? head : `${head}\n${renderTable(columns, rows, context)}`)
}

type Spool = NonNullable<Awaited<ReturnType<Connection['status']>>['store']>['spool']

function waitingText({ batches, rows, bytes: size, oldestSeconds, lastsSeconds }: Spool): string {
  if (batches === 0) return 'nothing'
  const lasts = lastsSeconds === null ? '' : `; the spool lasts another ${duration(lastsSeconds)}`
  return `${grouped(rows)} rows in ${grouped(batches)} batches, ${bytes(size)}, the oldest for ${duration(oldestSeconds)}${lasts}`
}

function spoolJson(spool: Spool): Record<string, number | null> {
  return {
    batches: spool.batches,
    rows: spool.rows,
    bytes: spool.bytes,
    max_bytes: spool.maxBytes,
    oldest_seconds: spool.oldestSeconds,
    dropped_rows: spool.droppedRows,
    lasts_seconds: spool.lastsSeconds,
  }
}

async function migrate(options: MigrateOptions, context: CliContext, connect: Connect): Promise<void> {
  const { config } = loadSettings(configPath(options.config))
  if (!config.store.enabled) {
    throw new OffpathError('OFFPATH_E_STORE', 'there is no store', {
      at: 'store.enabled',
      remedy: 'store.enabled: true',
    })
  }
  await asking(connect(options, 'allowed'), async ({ online }) => {
    if (!online) return
    throw new OffpathError('OFFPATH_E_STATE', 'the daemon runs, and has migrated its store when it started', {
      remedy: 'stop it first',
    })
  })
  if (options.dryRun === true) {
    return writeText(context.stdout, planText(await planOf(config, context)))
  }
  // A daemon that starts meanwhile waits for nobody: it is refused.
  const lock = await lockFolder(await dataFolder(config.state.folder))
  try {
    const store = await databaseOf(clickHouseOptions(config, context.environment))
    const { schemaVersion } = await reaching(store, () => store.open())
    await writeText(context.stdout, `The schema of ${escapeTerminal(store.where)} is at version ${schemaVersion}.\n`)
  } finally {
    await lock.release()
  }
}

/** Asking what would be done makes no folder. */
async function planOf(config: ValidatedConfig, context: CliContext): Promise<MigrationPlan> {
  const options = clickHouseOptions(config, context.environment)
  if (options.kind === 'embedded' && statSync(join(options.folder, 'store'), { throwIfNoEntry: false }) === undefined) {
    return await emptyPlan(options)
  }
  const store = await databaseOf(options)
  return await reaching(store, () => store.plan())
}

/** The client of ClickHouse is loaded by the commands that need it. */
async function databaseOf(options: ClickHouseOptions): Promise<ClickHouseStore> {
  const { ClickHouseStore } = await import('../../sinks/clickhouse/clickhouse.ts')
  return new ClickHouseStore(options)
}

async function reaching<Answer>(store: ClickHouseStore, ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await answered(ask(), store.where)
  } finally {
    await store.close()
  }
}

function planText({ from, to, statements }: MigrationPlan): string {
  if (statements.length === 0) return `Nothing to do: the schema is at version ${from}.\n`
  return `-- From version ${from} to ${to}.\n\n${statements.map((statement) => `${statement};\n`).join('\n')}`
}
