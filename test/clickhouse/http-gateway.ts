import { readFileSync } from 'node:fs'
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gunzipSync, gzipSync } from 'node:zlib'
import { createChdbConnection } from 'chdb/connection'

/**
 * ClickHouse's HTTP interface in front of the embedded engine, as a process of its own: what the client speaks to a server is
 * tested without one. Query in the URL or the body, settings and param_* in the URL, basic authentication or headers,
 * gzip both ways, errors with their code. One session for each request, as a server has it.
 *
 * Environment: GATEWAY_FOLDER, GATEWAY_USER, GATEWAY_PASSWORD, GATEWAY_PORT, GATEWAY_CERT and GATEWAY_KEY (files). Prints its port.
 */
const { GATEWAY_FOLDER = '', GATEWAY_USER = '', GATEWAY_PASSWORD = '', GATEWAY_PORT = '0' } = process.env
const { GATEWAY_CERT, GATEWAY_KEY } = process.env

/** Of the URL, what is no setting. */
const NO_SETTINGS = new Set(['query', 'query_id', 'database', 'session_id', 'role', 'user', 'password', 'compress'])

// Holds the folder while no request runs.
const held = createChdbConnection({ path: GATEWAY_FOLDER })

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://gateway')
  if (url.pathname === '/ping') {
    response.end('Ok.\n')
    return
  }
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  let body = Buffer.concat(chunks)
  if (request.headers['content-encoding'] === 'gzip') body = gunzipSync(body)
  if (!allowed(request, url)) {
    fail(response, 516, `Code: 516. DB::Exception: ${GATEWAY_USER}: Authentication failed. (AUTHENTICATION_FAILED)`)
    return
  }
  try {
    const bytes = await run(url, body)
    const gzip =
      url.searchParams.get('enable_http_compression') === '1' && /gzip/.test(`${request.headers['accept-encoding']}`)
    response.setHeader('X-ClickHouse-Summary', '{"written_rows":"0"}')
    if (gzip) response.setHeader('Content-Encoding', 'gzip')
    response.end(gzip ? gzipSync(bytes) : bytes)
  } catch (error) {
    const cause = (error as Error).cause
    const message = cause instanceof Error ? cause.message : String((error as Error).message)
    fail(response, Number(/Code: (\d+)/.exec(message)?.[1] ?? 1002), message)
  }
}

async function run(url: URL, body: Buffer): Promise<Buffer> {
  const settings: Record<string, string> = {}
  const params: Record<string, string | string[]> = {}
  let readonly: string | null = null
  for (const [name, value] of url.searchParams) {
    if (name === 'readonly') readonly = value
    else if (name.startsWith('param_')) params[name.slice('param_'.length)] = parameter(value)
    else if (!NO_SETTINGS.has(name)) settings[name] = value
  }
  // A server applies all settings of a request at once; here readonly would lock the others out.
  if (readonly !== null) settings.readonly = readonly
  const session = createChdbConnection({ path: GATEWAY_FOLDER })
  try {
    const database = url.searchParams.get('database')
    if (database !== null) await session.command({ query: `USE ${database}` })
    const query = url.searchParams.get('query')
    if (query !== null && /^\s*INSERT/i.test(query)) {
      await session.insert({ query, values: body.toString('utf8'), clickhouse_settings: settings })
      return Buffer.alloc(0)
    }
    const sql = query === null ? body.toString('utf8') : `${query}\n${body.toString('utf8')}`
    const { stream } = await session.query({ query: sql, clickhouse_settings: settings, query_params: params })
    const parts: Buffer[] = []
    for await (const part of stream) parts.push(part as Buffer)
    return Buffer.concat(parts)
  } finally {
    await session.close()
  }
}

function allowed(request: IncomingMessage, url: URL): boolean {
  const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1]
  const [user, password] = basic
    ? Buffer.from(basic, 'base64').toString().split(':')
    : [
        request.headers['x-clickhouse-user'] ?? url.searchParams.get('user') ?? 'default',
        request.headers['x-clickhouse-key'] ?? url.searchParams.get('password') ?? '',
      ]
  return user === GATEWAY_USER && password === GATEWAY_PASSWORD
}

/** A list of quoted texts, or one text. */
function parameter(value: string): string | string[] {
  if (!/^\[.*\]$/s.test(value)) return unescaped(value)
  return [...value.matchAll(/'((?:\\.|[^'\\])*)'/gs)].map((match) => unescaped(match[1]!))
}

/** Values come as TSV escapes, and chdb escapes them again. */
function unescaped(value: string): string {
  const plain: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', b: '\b', f: '\f', 0: '\0' }
  return value.replace(/\\(.)/gs, (_, escaped: string) => plain[escaped] ?? escaped)
}

function fail(response: ServerResponse, code: number, message: string): void {
  response.statusCode = code === 516 ? 403 : code === 60 || code === 81 ? 404 : 500
  response.setHeader('X-ClickHouse-Exception-Code', String(code))
  response.end(`${message}\n`)
}

const listener = (request: IncomingMessage, response: ServerResponse) => {
  handle(request, response).catch((error) => fail(response, 1002, String(error)))
}
const server =
  GATEWAY_CERT === undefined || GATEWAY_KEY === undefined
    ? createHttp(listener)
    : createHttps({ cert: readFileSync(GATEWAY_CERT), key: readFileSync(GATEWAY_KEY) }, listener)
server.listen(Number(GATEWAY_PORT), '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
})
process.on('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
  void held.close().then(() => process.exit(0))
})
// The test is gone.
process.stdin.on('end', () => process.exit(0)).resume()
