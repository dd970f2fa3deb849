import { chmodSync, mkdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClickHouseClient, createClient } from '@clickhouse/client'
import { OffpathError } from '../../daemon/telemetry/errors.ts'
import type { CompactResult, Engine, Settings } from './engine.ts'

/** Beyond the engine's own limit, which it looks at between blocks only. The thread goes on; nobody waits for it. */
const READ_TIMEOUT_MS = 15_000

/** A process that was killed holds its folder until its threads are gone, which takes a busy machine a moment. */
const OPEN_TRIES = 5
const OPEN_AGAIN_MS = 400

type ChdbModule = typeof import('chdb/connection')

/**
 * ClickHouse inside this process (package chdb). One process at a time has a data folder, and a process has one folder
 * for as long as it lives: the engine holds both until the process ends.
 */
export async function openEmbedded(folder: string): Promise<Engine> {
  const chdb = await loadChdb()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
  const where = `embedded ${folder}`
  for (let tries = 1; ; tries++) {
    try {
      return new EmbeddedEngine(where, folder, chdb)
    } catch (cause) {
      if (tries === OPEN_TRIES) throw locked(cause, folder)
      await sleep(OPEN_AGAIN_MS)
    }
  }
}

async function loadChdb(): Promise<ChdbModule> {
  try {
    return await import('chdb/connection')
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_CHDB_MISSING', 'the embedded store needs the package chdb, which is not here', {
      remedy: 'npm install chdb, or set sinks.clickhouse.url to a ClickHouse server, or store.enabled: false',
      cause,
    })
  }
}

/** chdb says only that it failed; the reason goes to its own standard error. A held lock is the usual one. */
function locked(cause: unknown, folder: string): OffpathError {
  const message = cause instanceof Error ? cause.message : String(cause)
  return new OffpathError('OFFPATH_E_STORE', `the embedded store cannot be opened: ${message}`, {
    at: folder,
    remedy: 'most often another process holds this folder: stop it, or ask the running daemon instead',
    cause,
  })
}

class EmbeddedEngine implements Engine {
  readonly where: string
  readonly #folder: string
  readonly #chdb: ChdbModule
  readonly #connection: InstanceType<ChdbModule['ChdbConnection']>
  readonly #client: ClickHouseClient

  constructor(where: string, folder: string, chdb: ChdbModule) {
    this.where = where
    this.#folder = folder
    this.#chdb = chdb
    this.#connection = chdb.createChdbConnection({ path: folder })
    this.#client = createClient({ connection: this.#connection } as object)
  }

  async command(sql: string): Promise<void> {
    await this.#client.command({ query: sql })
  }

  async ask(sql: string): Promise<CompactResult> {
    const result = await this.#client.query({ query: sql, format: 'JSONCompact' })
    return (await result.json<readonly unknown[]>()) as CompactResult
  }

  /**
   * Past client.insert, which makes one string of statement and rows: handed over as bytes, 10,000 rows cost the loop 0.07 us each
   * instead of 1.24, and a quarter less in all.
   */
  async insert(
    database: string,
    { table, columns, format, bytes }: Parameters<Engine['insert']>[1],
    settings: Settings,
  ): Promise<void> {
    const values = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    await this.#connection.chdb.rawInsert({
      table: `${database}.${table}`,
      columns: [...columns],
      format,
      settings: { ...settings },
      values,
    })
  }

  /** In a session of its own (2 ms): settings of a session stay, and after readonly = 1 nothing lifts them. */
  async read(
    database: string,
    sql: string,
    params: Readonly<Record<string, unknown>>,
    settings: Settings,
  ): Promise<CompactResult> {
    const client = createClient({
      connection: this.#chdb.createChdbConnection({ path: this.#folder }),
    } as object)
    const timeout = AbortSignal.timeout(READ_TIMEOUT_MS)
    try {
      await client.command({ query: `USE ${database}` })
      const result = await client.query({
        query: sql,
        abort_signal: timeout,
        query_params: { ...params },
        format: 'JSONCompact',
        clickhouse_settings: { ...settings, readonly: '1' },
      })
      return (await result.json<readonly unknown[]>()) as CompactResult
    } catch (error) {
      throw timeout.aborted ? new Error(`Code: 159. no answer within ${READ_TIMEOUT_MS / 1000} s`) : error
    } finally {
      await client.close()
    }
  }

  async close(): Promise<void> {
    await this.#client.close()
  }
}
