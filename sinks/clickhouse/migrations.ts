import { createHash } from 'node:crypto'
import { OffpathError } from '../../daemon/telemetry/errors.ts'
import type { Engine } from './engine.ts'
import { shippedSql } from './shipped.ts'

export interface Migration {
  /** 1, 2, …: the number its file name starts with. */
  readonly version: number
  readonly name: string
  readonly text: string
}

/** How long rows are kept, in days: config store.keep_days. */
export interface KeepDays {
  readonly transactions: number
  readonly evidence: number
  readonly signals: number
  readonly incidents: number
}

export interface Placement {
  readonly database: string
  readonly keepDays: KeepDays
}

export interface MigrationPlan {
  /** Version the database has; 0 when there is nothing yet. */
  readonly from: number
  readonly to: number
  /** What would run, in order. */
  readonly statements: readonly string[]
}

/**
 * Parts of a batch each are merged some more at a time than by default (5): each row is written again less often, which
 * is worth a sixth of what storing costs. Servers that have no such setting go without.
 */
const MERGE_AT_ONCE = 10

/** Which days hold for a table. */
const KEPT_AS: Readonly<Record<string, keyof KeepDays>> = {
  transactions: 'transactions',
  endpoint_minute: 'transactions',
  principal_hour: 'transactions',
  evidence: 'evidence',
  signals: 'signals',
  capture_quality: 'signals',
  incidents: 'incidents',
  incident_events: 'incidents',
  actions: 'incidents',
  verdicts: 'incidents',
}

export function shippedMigrations(): readonly Migration[] {
  return shippedSql('sinks/clickhouse/migrations').map(({ name, text }, index) => {
    const version = Number.parseInt(name, 10)
    if (version !== index + 1) throw new Error(`migration ${name} does not follow ${index}`)
    return { version, name, text }
  })
}

/** Brings the database up to the last of `migrations`, and retention up to the configuration. Can be called again at any time. */
export async function migrate(engine: Engine, placement: Placement, migrations = shippedMigrations()): Promise<number> {
  const { database } = placement
  await engine.command(`CREATE DATABASE IF NOT EXISTS ${database}`)
  await engine.command(schemaMigrations(database))
  const done = await appliedTo(engine, database)
  check(done, migrations, database)
  for (const migration of migrations.slice(done.length)) {
    for (const statement of statementsOf(migration, placement)) {
      try {
        await engine.command(statement)
      } catch (cause) {
        throw failed(migration, cause)
      }
    }
    await engine.command(record(migration, database))
  }
  for (const statement of await upkeep(engine, placement)) await engine.command(statement)
  return migrations.length
}

/** What `migrate` would do. Changes nothing. */
export async function planMigration(
  engine: Pick<Engine, 'ask'>,
  placement: Placement,
  migrations = shippedMigrations(),
): Promise<MigrationPlan> {
  const { database } = placement
  const there = await engine.ask(
    `SELECT count() FROM system.tables WHERE database = '${database}' AND name = 'schema_migrations'`,
  )
  const known = Number(there.data[0]?.[0]) > 0
  const done = known ? await appliedTo(engine, database) : []
  check(done, migrations, database)
  const statements = known ? [] : [`CREATE DATABASE IF NOT EXISTS ${database}`, schemaMigrations(database)]
  for (const migration of migrations.slice(done.length)) {
    statements.push(...statementsOf(migration, placement), record(migration, database))
  }
  if (known) statements.push(...(await upkeep(engine, placement)))
  return { from: done.length, to: migrations.length, statements }
}

/** The plan for a database that is not there yet, without asking for it. */
export async function emptyPlan(placement: Placement): Promise<MigrationPlan> {
  const nothing = { ask: async () => ({ meta: [], data: [[0]] }) }
  return await planMigration(nothing, placement)
}

interface Applied {
  readonly version: number
  readonly name: string
  readonly checksum: string
}

async function appliedTo(engine: Pick<Engine, 'ask'>, database: string): Promise<readonly Applied[]> {
  const { data } = await engine.ask(
    `SELECT version, name, checksum FROM ${database}.schema_migrations FINAL ORDER BY version`,
  )
  return data.map(([version, name, checksum]) => ({
    version: Number(version),
    name: String(name),
    checksum: String(checksum),
  }))
}

/** Only a database that went through the first of our migrations, in this very form, is touched. */
function check(done: readonly Applied[], migrations: readonly Migration[], database: string): void {
  const newest = done.at(-1)
  if (newest !== undefined && newest.version > migrations.length) {
    throw new OffpathError(
      'OFFPATH_E_MIGRATION',
      `the database has schema version ${newest.version}, this program knows ${migrations.length}`,
      { at: database, remedy: 'run the newer Offpath that wrote it, or name another database' },
    )
  }
  done.forEach((applied, index) => {
    const ours = migrations[index]!
    if (applied.version === ours.version && applied.checksum === checksumOf(ours)) return
    throw new OffpathError(
      'OFFPATH_E_MIGRATION',
      `migration ${applied.version} (${applied.name}) of the database is not the one this program ships`,
      { at: database, remedy: 'a database made by another build cannot be brought up to date: name another database' },
    )
  })
}

function failed(migration: Migration, cause: unknown): Error {
  const message = cause instanceof Error ? cause.message : String(cause)
  // Only what the database itself refuses is a fault of the schema; what did not arrive may do so later.
  if (!/\bCode: \d+|DB::Exception/.test(message) && !hasCode(cause)) return cause as Error
  return new OffpathError('OFFPATH_E_MIGRATION', `migration ${migration.name} failed: ${message}`, {
    remedy: 'nothing is lost: it runs again from its start when the reason is gone',
    cause,
  })
}

function hasCode(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && /^\d+$/.test(String(cause.code))
}

export function checksumOf({ text }: Migration): string {
  return createHash('sha256').update(text).digest('hex')
}

/** The statements of a file, filled in. A semicolon at the end of a line ends one; comment lines go. */
export function statementsOf({ text }: Migration, { database, keepDays }: Placement): string[] {
  const filled = text
    .replace(/^--.*\n/gm, '')
    .replaceAll('{{database}}', database)
    .replace(/\{\{days_(\w+)\}\}/g, (_, name: keyof KeepDays) => String(keepDays[name]))
  return filled
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}

function schemaMigrations(database: string): string {
  return `CREATE TABLE IF NOT EXISTS ${database}.schema_migrations
(
    version UInt32,
    name String,
    checksum String,
    applied_at DateTime('UTC') DEFAULT now()
)
ENGINE = ReplacingMergeTree
ORDER BY version`
}

function record(migration: Migration, database: string): string {
  return `INSERT INTO ${database}.schema_migrations (version, name, checksum) VALUES (${migration.version}, '${migration.name}', '${checksumOf(migration)}')`
}

/** What follows the configuration and the version of the database, and so is in no migration. */
async function upkeep(engine: Pick<Engine, 'ask'>, { database, keepDays }: Placement): Promise<string[]> {
  const { data } = await engine.ask(
    `SELECT name, engine_full, (SELECT count() FROM system.merge_tree_settings WHERE name = 'merge_selector_base') FROM system.tables WHERE database = '${database}' AND name IN (${Object.keys(
      KEPT_AS,
    )
      .map((table) => `'${table}'`)
      .join(', ')}) ORDER BY name`,
  )
  const statements: string[] = []
  for (const [name, engineFull, canTune] of data) {
    const table = String(name)
    if (Number(canTune) > 0 && !String(engineFull).includes('merge_selector_base')) {
      statements.push(`ALTER TABLE ${database}.${table} MODIFY SETTING merge_selector_base = ${MERGE_AT_ONCE}`)
    }
    const wanted = keepDays[KEPT_AS[table]!]
    const days = /\bTTL stored \+ toIntervalDay\((\d+)\)/.exec(String(engineFull))?.[1]
    if (days === String(wanted)) continue
    statements.push(`ALTER TABLE ${database}.${table} MODIFY TTL stored + toIntervalDay(${wanted})`)
  }
  return statements
}
