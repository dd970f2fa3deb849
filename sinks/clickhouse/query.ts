import { OffpathError } from '../../daemon/telemetry/errors.ts'
import { StoreDown } from '../store/inserter.ts'
import type { StoreQuery, StoreResult } from '../store/store.ts'
import { codeOf, type Engine } from './engine.ts'
import { checkQuery } from './query-guard.ts'

export const DEFAULT_ROWS = 1_000
export const MAX_ROWS = 100_000

/** What one question may cost. */
const LIMITS = {
  max_threads: 2,
  max_execution_time: 10,
  max_memory_usage: 1024 * 1024 * 1024,
  max_result_bytes: 64 * 1024 * 1024,
  max_ast_depth: 500,
  allow_introspection_functions: 0,
  // Whole numbers over 2^53 come as text, so nothing is rounded; NaN and infinity as null.
  output_format_json_quote_64bit_integers: 1,
  output_format_json_quote_denormals: 0,
} as const

const PARAMETER_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/

/**
 * Runs a question readonly and bounded. OFFPATH_E_QUERY when it is refused, wrong or too dear; StoreDown when the database does not
 * answer.
 */
export async function runQuery(engine: Engine, database: string, query: StoreQuery): Promise<StoreResult> {
  const sql = checkQuery(query.sql, database)
  const params = query.params ?? {}
  const wrong = Object.keys(params).find((name) => !PARAMETER_NAME.test(name))
  if (wrong !== undefined) throw new OffpathError('OFFPATH_E_QUERY', `'${wrong}' is no name of a parameter`)
  const most = Math.min(Math.max(Math.trunc(query.maxRows ?? DEFAULT_ROWS), 1), MAX_ROWS)
  const started = performance.now()
  try {
    const { meta, data } = await engine.read(database, sql, params, { ...LIMITS, limit: most + 1 })
    const cut = data.length > most
    return {
      columns: meta,
      rows: cut ? data.slice(0, most) : data,
      cut,
      elapsedMs: Math.round((performance.now() - started) * 10) / 10,
    }
  } catch (error) {
    throw explained(error)
  }
}

const REMEDIES: Readonly<Record<number, string>> = {
  47: 'DESCRIBE TABLE transactions shows the columns; docs/store.md, all tables',
  60: 'SHOW TABLES lists the tables; docs/store.md describes them',
  158: 'ask for less: a shorter time, fewer columns, a LIMIT',
  159: 'a question may take 10 s: ask for a shorter time, or use a roll-up (endpoint_minute, principal_hour)',
  241: 'a question may use 1 GiB: ask for a shorter time, or use a roll-up (endpoint_minute, principal_hour)',
  396: 'an answer may have 64 MiB: ask for fewer columns or rows',
  456: 'give it a value: --param name=value',
  457: 'the value does not fit the type that the query gives the parameter',
}

/** Codes of a database that is there but cannot answer anybody now. */
const NOT_NOW: ReadonlySet<number> = new Set([202, 209, 210, 242, 243, 516])

function explained(error: unknown): Error {
  if (error instanceof OffpathError || error instanceof StoreDown) return error
  const code = codeOf(error)
  const message = (error instanceof Error ? error.message : String(error)).trim()
  if (code === null || NOT_NOW.has(code)) return new StoreDown(message.slice(0, 300))
  const remedy = REMEDIES[code]
  return new OffpathError('OFFPATH_E_QUERY', message.slice(0, 1000), {
    ...(remedy === undefined ? {} : { remedy }),
  })
}
