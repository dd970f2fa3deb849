import type { RowBatch } from '../../daemon/model/row-batch.ts'

export type Settings = Readonly<Record<string, string | number>>

/** `FORMAT JSONCompact`, as far as it is read here. */
export interface CompactResult {
  readonly meta: readonly { readonly name: string; readonly type: string }[]
  readonly data: readonly (readonly unknown[])[]
}

/**
 * ClickHouse as the store needs it: the same statements for the embedded engine and for a server. Every call ends within
 * its time limit. Failures are the database's own (see `codeOf`) or of the way there; nobody here decides what they mean.
 */
export interface Engine {
  readonly where: string
  /** A statement without a result. */
  command(sql: string): Promise<void>
  /** A question of our own. */
  ask(sql: string): Promise<CompactResult>
  insert(
    database: string,
    batch: Pick<RowBatch, 'table' | 'columns' | 'format' | 'bytes'>,
    settings: Settings,
  ): Promise<void>
  /** A question of somebody else's, readonly: `settings` hold for it alone and cannot be changed by it. */
  read(
    database: string,
    sql: string,
    params: Readonly<Record<string, unknown>>,
    settings: Settings,
  ): Promise<CompactResult>
  close(): Promise<void>
}

/** A readonly question of ours may take this long, and so may the network on top of it. */
export const COMMAND_TIMEOUT_MS = 30_000

/** The number in `Code: 60. DB::Exception: …`; null when the failure is none of the database's. */
export function codeOf(error: unknown): number | null {
  if (!(error instanceof Error)) return null
  if ('code' in error && /^\d+$/.test(String(error.code))) return Number(error.code)
  const match = /\bCode: (\d+)\b/.exec(error.message)
  return match === null ? null : Number(match[1])
}
