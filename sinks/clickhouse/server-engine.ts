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
  const address = new URL(url)
  const where = `${address.protocol}//${address.host}${address.pathname === '/' ? '' : address.pathname}`
  const client = createClient({
    url: where,
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
  })
  return new ServerEngine(where, client)
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
  readonly #client: ClickHouseClient

  constructor(where: string, client: ClickHouseClient) {
    this.where = where
    this.#client = client
  }

  async command(sql: string): Promise<void> {
    await this.#client.command({ query: sql, clickhouse_settings: WHOLE })
  }

  async ask(sql: string): Promise<CompactResult> {
    return await this.#read({ query: sql, format: 'JSONCompact', clickhouse_settings: WHOLE })
  }

  async insert(
    database: string,
    { table, columns, format, bytes }: Parameters<Engine['insert']>[1],
    settings: Settings,
  ): Promise<void> {
    const [first, ...rest] = columns
    if (first === undefined) throw new TypeError('a batch without columns')
    await this.#client.insert({
      table: `${database}.${table}`,
      columns: [first, ...rest],
      format,
      values: Readable.from(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), { objectMode: false }),
      clickhouse_settings: { ...(settings as ClickHouseSettings), ...WHOLE },
    })
  }

  async read(
    database: string,
    sql: string,
    params: Readonly<Record<string, unknown>>,
    settings: Settings,
  ): Promise<CompactResult> {
    return await this.#read({
      query: sql,
      query_params: { ...params },
      format: 'JSONCompact',
      clickhouse_settings: { ...(settings as ClickHouseSettings), ...WHOLE, readonly: '1' },
      http_headers: { 'X-ClickHouse-Database': database },
    })
  }

  async close(): Promise<void> {
    await this.#client.close()
  }

  async #read(query: Parameters<ClickHouseClient['query']>[0] & { format: 'JSONCompact' }): Promise<CompactResult> {
    const result = await this.#client.query(query)
    return (await result.json<readonly unknown[]>()) as CompactResult
  }
}
