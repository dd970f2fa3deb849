import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { type ClickHouseClient, type ClickHouseSettings, createClient } from '@clickhouse/client'
import { OffpathError } from '../../daemon/telemetry/errors.ts'
import { COMMAND_TIMEOUT_MS, type CompactResult, type Engine, type Settings } from './engine.ts'

export interface ServerOptions {
  readonly url: string
  readonly user: string
  readonly password: string
  /** PEM file of the authority that signed the server's certificate; null: those the system trusts. */
  readonly caFile: string | null
}

/** Some settings are for whole statements sent over HTTP; the answer comes when all is done, so a failure has its status. */
const WHOLE: ClickHouseSettings = { wait_end_of_query: 1 }

/** ClickHouse by its HTTP interface. Connects when asked something. */
export function openServer({ url, user, password, caFile }: ServerOptions): Engine {
  const { protocol, host, pathname } = new URL(url)
  const origin = `${protocol}//${host}`
  const options = {
    // In a path the client would see the name of a database; behind a proxy it is a path.
    url: origin,
    ...(pathname === '/' ? {} : { pathname }),
    username: user,
    password,
    application: 'offpath',
    request_timeout: COMMAND_TIMEOUT_MS,
    max_open_connections: 4,
    // Repeats are the spool's affair: it knows which are safe.
    keep_alive: { enabled: true, idle_socket_ttl: 2_000 },
    compression: { request: false, response: false },
    log: { LoggerClass: Silent },
    ...(caFile === null ? {} : { tls: { ca_cert: readCertificates(caFile) } }),
  }
  const where = pathname === '/' ? origin : `${origin}${pathname}`
  return new ServerEngine(where, (database) => createClient({ ...options, database }))
}

function readCertificates(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_CONFIG', 'the file with certificates cannot be read', {
      at: 'sinks.clickhouse.ca_file',
      remedy: `make ${path} readable, or correct the path`,
      cause,
    })
  }
}

/** The client's own log lines would go to standard output. */
class Silent {
  trace(): void {}
  debug(): void {}
  info(): void {}
  warn(): void {}
  error(): void {}
}

class ServerEngine implements Engine {
  readonly where: string
  readonly #connect: (database: string) => ClickHouseClient
  readonly #client: ClickHouseClient
  /** Asks in our database, which is there once the first migration has run. */
  #reader: ClickHouseClient | null = null

  constructor(where: string, connect: (database: string) => ClickHouseClient) {
    this.where = where
    this.#connect = connect
    this.#client = connect('default')
  }

  async command(sql: string): Promise<void> {
    await this.#client.command({ query: sql, clickhouse_settings: WHOLE })
  }

  async ask(sql: string): Promise<CompactResult> {
    return await answer(this.#client, { query: sql, clickhouse_settings: WHOLE })
  }

  async insert(
    database: string,
    { table, columns, format, bytes }: Parameters<Engine['insert']>[1],
    settings: Settings,
  ): Promise<void> {
    // Not client.insert: of JSON it takes objects only, and these are bytes.
    const { stream } = await this.#client.exec({
      query: `INSERT INTO ${database}.${table} (${columns.join(', ')}) FORMAT ${format}`,
      values: Readable.from(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), { objectMode: false }),
      clickhouse_settings: { ...(settings as ClickHouseSettings), ...WHOLE },
    })
    // Nothing is in it, and until it has been read the connection is not free.
    for await (const _ of stream);
  }

  async read(
    database: string,
    sql: string,
    params: Readonly<Record<string, unknown>>,
    settings: Settings,
  ): Promise<CompactResult> {
    this.#reader ??= this.#connect(database)
    return await answer(this.#reader, {
      query: sql,
      query_params: { ...params },
      clickhouse_settings: { ...(settings as ClickHouseSettings), ...WHOLE, readonly: '1' },
    })
  }

  async close(): Promise<void> {
    await this.#client.close()
    await this.#reader?.close()
  }
}

async function answer(
  client: ClickHouseClient,
  query: Omit<Parameters<ClickHouseClient['query']>[0], 'format'>,
): Promise<CompactResult> {
  const result = await client.query({ ...query, format: 'JSONCompact' })
  return (await result.json<readonly unknown[]>()) as CompactResult
}
