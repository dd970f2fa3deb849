import { OffpathError } from '../../daemon/telemetry/errors.ts'
import { BatchRefused, type Inserter, type SealedBatch, StoreDown } from '../store/inserter.ts'
import type { StoreQuery, StoreResult } from '../store/store.ts'
import { openEmbedded } from './embedded-engine.ts'
import { codeOf, type Engine } from './engine.ts'
import { type KeepDays, type MigrationPlan, migrate, type Placement, planMigration } from './migrations.ts'
import { runQuery } from './query.ts'
import { openServer, type ServerOptions } from './server-engine.ts'
import { forgetUnfinished } from './unfinished-parts.ts'

export type ClickHouseOptions = (
  | { readonly kind: 'embedded'; readonly folder: string }
  | ({ readonly kind: 'server' } & ServerOptions)
) & {
  /** Made when it is not there. */
  readonly database: string
  readonly keepDays: KeepDays
}

/**
 * A batch is one block, whatever its size and the machine: how rows are cut into blocks decides what a token stands for when the same bytes
 * come again.
 */
const INSERT_SETTINGS = {
  async_insert: 0,
  max_insert_threads: 1,
  max_threads: 1,
  // Rows of a block are merged later anyway; doing it at once costs a fifth of the insert.
  optimize_on_insert: 0,
  input_format_parallel_parsing: 0,
  max_insert_block_size: 10_000_000,
  min_insert_block_size_rows: 0,
  min_insert_block_size_bytes: 0,
  deduplicate_blocks_in_dependent_materialized_views: 1,
  // A version of Offpath that knows fewer columns still writes; one that knows more is told.
  input_format_skip_unknown_fields: 0,
  max_execution_time: 60,
} as const

/** ClickHouse error codes that mean: these bytes, sent again, will fail again. */
const REFUSED: ReadonlySet<number> = new Set([
  6, // CANNOT_PARSE_TEXT
  8, // THERE_IS_NO_COLUMN
  16, // NO_SUCH_COLUMN_IN_TABLE
  26, // CANNOT_PARSE_QUOTED_STRING
  27, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  32, // ATTEMPT_TO_READ_AFTER_EOF
  33, // CANNOT_READ_ALL_DATA
  38, // CANNOT_PARSE_DATE
  41, // CANNOT_PARSE_DATETIME
  44, // ILLEGAL_COLUMN
  47, // UNKNOWN_IDENTIFIER
  53, // TYPE_MISMATCH
  60, // UNKNOWN_TABLE
  62, // SYNTAX_ERROR
  69, // ARGUMENT_OUT_OF_BOUND
  70, // CANNOT_CONVERT_TYPE
  72, // CANNOT_PARSE_NUMBER
  73, // UNKNOWN_FORMAT
  117, // INCORRECT_DATA
  130, // CANNOT_READ_ARRAY_FROM_TEXT
  131, // TOO_LARGE_STRING_SIZE
  321, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
  349, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
  441, // CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING
  467, // CANNOT_PARSE_BOOL
  675, // CANNOT_PARSE_IPV4
  676, // CANNOT_PARSE_IPV6
])

/** Of those, the ones whose text names tables and columns and quotes no row. */
const SAYS_NO_ROWS: ReadonlySet<number> = new Set([8, 16, 60, 73])

/** Ids asked for in one statement. */
const IDS_AT_ONCE = 5_000

/**
 * The store in ClickHouse, embedded or on a server. The embedded engine takes its folder when `open` is called and keeps
 * it until the process ends.
 */
export class ClickHouseStore implements Inserter {
  readonly where: string
  readonly #options: ClickHouseOptions
  readonly #placement: Placement
  #engine: Engine | null = null

  constructor(options: ClickHouseOptions) {
    this.#options = options
    this.#placement = { database: options.database, keepDays: options.keepDays }
    this.where = options.kind === 'embedded' ? `embedded ${options.folder}` : withoutCredentials(options.url)
  }

  async open(): Promise<{ readonly schemaVersion: number }> {
    const engine = await this.#connect()
    try {
      const schemaVersion = await migrate(engine, this.#placement)
      const { kind } = this.#options
      if (kind === 'embedded') await forgetUnfinished(engine, this.#options.folder, this.#placement.database)
      return { schemaVersion }
    } catch (error) {
      throw error instanceof OffpathError ? error : down(error)
    }
  }

  /** What `open` would run. */
  async plan(): Promise<MigrationPlan> {
    const engine = await this.#connect()
    try {
      return await planMigration(engine, this.#placement)
    } catch (error) {
      throw error instanceof OffpathError ? error : down(error)
    }
  }

  async insert(batch: SealedBatch): Promise<void> {
    try {
      await this.#opened().insert(this.#placement.database, batch, {
        ...INSERT_SETTINGS,
        insert_deduplication_token: batch.token,
      })
    } catch (error) {
      const code = codeOf(error)
      if (code !== null && REFUSED.has(code))
        throw new BatchRefused(`${batch.table}: ${SAYS_NO_ROWS.has(code) ? firstLine(error) : nameOf(error, code)}`)
      throw down(error)
    }
  }

  async knownIds(table: string, day: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
    const column = DAY_COLUMN[table]
    if (column === undefined || !/^\d{4}-\d\d-\d\d$/.test(day)) throw new TypeError(`no ids by day in ${table}, ${day}`)
    const rows = `FROM ${this.#placement.database}.${table} WHERE toDate(${column}) = '${day}'`
    const known = new Set<string>()
    try {
      // Ids begin with their time: in a first read, all but those of the last seconds are above what is there.
      const highest = String((await this.#opened().ask(`SELECT max(id) ${rows}`)).data[0]?.[0] ?? '')
      const asked = ids.filter((id) => isAtMost(id, highest))
      for (let at = 0; at < asked.length; at += IDS_AT_ONCE) {
        const list = asked.slice(at, at + IDS_AT_ONCE).map(quoted)
        const found = await this.#opened().ask(`SELECT DISTINCT id ${rows} AND id IN (${list.join(',')})`)
        for (const [id] of found.data) known.add(String(id))
      }
    } catch (error) {
      throw down(error)
    }
    return known
  }

  async query(query: StoreQuery): Promise<StoreResult> {
    return await runQuery(this.#opened(), this.#placement.database, query)
  }

  /** Merges what is there into as few parts as can be: to measure sizes. */
  async optimize(): Promise<void> {
    const { database } = this.#placement
    for (const table of [
      'transactions',
      'endpoint_minute',
      'principal_hour',
      'endpoints',
      'evidence',
      'signals',
      'routes',
      'clients',
    ]) {
      await this.#opened().command(`OPTIMIZE TABLE ${database}.${table} FINAL`)
    }
  }

  async close(): Promise<void> {
    const engine = this.#engine
    this.#engine = null
    await engine?.close()
  }

  async #connect(): Promise<Engine> {
    const options = this.#options
    this.#engine ??= options.kind === 'embedded' ? await openEmbedded(options.folder) : openServer(options)
    return this.#engine
  }

  #opened(): Engine {
    if (this.#engine === null) throw new StoreDown('the store is not open')
    return this.#engine
  }
}

/** Tables whose rows have ids of their own, and the column that says their day. */
const DAY_COLUMN: Readonly<Record<string, string>> = { transactions: 'ts', evidence: 'ts', signals: 'ts' }

function down(error: unknown): StoreDown {
  if (error instanceof StoreDown) return error
  return new StoreDown(firstLine(error))
}

/** `CANNOT_PARSE_DATE (ClickHouse code 38)`. The text of a failure to read rows has parts of them, and those do not belong in a log. */
function nameOf(error: unknown, code: number): string {
  const message = error instanceof Error ? error.message : ''
  const type = error instanceof Error && 'type' in error ? String(error.type) : ''
  const name = /\(([A-Z][A-Z0-9_]+)\)\s*$/.exec(message)?.[1] ?? type
  return `rows cannot be read: ${/^[A-Z0-9_]+$/.test(name) ? `${name} ` : ''}(ClickHouse code ${code})`
}

/** Enough to know what is wrong. What the database quotes are rows, and those do not belong in a log; hence no `cause` either. */
function firstLine(error: unknown): string {
  const code = codeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  const reason = message === '' && error instanceof Error && 'code' in error ? String(error.code) : message
  const line = reason
    .split('\n', 1)[0]!
    .replace(/^(?:Code: \d+\. DB::Exception: )+/, '')
    .split(' before: ', 1)[0]!
    .replace(/'[^']*'/g, "'…'")
    .trim()
    .slice(0, 300)
  return code === null ? line : `${line} (ClickHouse code ${code})`
}

function withoutCredentials(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`
}

/** As the database orders text: by its bytes. Ids of foreign records may hold anything. */
function isAtMost(id: string, highest: string): boolean {
  return Buffer.compare(Buffer.from(id), Buffer.from(highest)) <= 0
}

function quoted(id: string): string {
  return `'${id.replace(/[\\']/g, '\\$&')}'`
}
