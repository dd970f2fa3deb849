import { mkdtempSync, rmSync } from 'node:fs'
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ApiServer, type ApiServerOptions, startServer } from '../../daemon/api/server.ts'
import { createLogger } from '../../daemon/telemetry/log.ts'
import { FakeOperations } from './fake-operations.ts'

export const TOKEN = 'test-token-0123456789-abcdefghijk'

export interface Running extends ApiServer {
  readonly operations: FakeOperations
  readonly socketPath: string
  readonly log: string[]
  stop(): Promise<void>
}

/** The API with fake operations behind it, on a socket in a folder of its own and on a port of the loopback. */
export async function serveApi(options: Partial<ApiServerOptions> = {}): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'offpath-api-'))
  const operations = new FakeOperations()
  const log: string[] = []
  const socketPath = options.socketPath ?? join(folder, 'offpath.sock')
  const server = await startServer({
    operations,
    health: () => ({ live: true, ready: true, reasons: [] }),
    metrics: async () => 'offpath_up 1\n',
    socketPath,
    listen: { host: '127.0.0.1', port: 0 },
    token: TOKEN,
    hosts: ['offpath.example.test'],
    tls: null,
    allowPlain: false,
    logger: createLogger('info', { write: (line) => void log.push(line) }),
    ...options,
  })
  return {
    ...server,
    operations,
    socketPath,
    log,
    stop: async () => {
      await server.close(0)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: unknown
}

export interface Asked {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** One request over TCP with the token, or over the socket without. */
export function ask(server: Running, transport: 'tcp' | 'unix', { method = 'GET', path, headers = {}, body }: Asked) {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const to =
    transport === 'unix'
      ? { socketPath: server.socketPath }
      : { host: '127.0.0.1', port: Number(new URL(server.address!).port) }
  return new Promise<Answer>((resolve, reject) => {
    const asked = request(
      {
        ...to,
        method,
        path,
        agent: false,
        headers: {
          ...(transport === 'tcp' ? { authorization: `Bearer ${TOKEN}` } : {}),
          ...(text === undefined ? {} : { 'content-type': 'application/json' }),
          ...(text === undefined || 'transfer-encoding' in headers
            ? {}
            : { 'content-length': Buffer.byteLength(text) }),
          ...headers,
        },
      },
      (answer) => read(answer).then(resolve, reject),
    )
    asked.on('error', reject)
    asked.end(text)
  })
}

async function read(answer: IncomingMessage): Promise<Answer> {
  let text = ''
  for await (const part of answer.setEncoding('utf8')) text += part
  const isJson = /json/.test(answer.headers['content-type'] ?? '') && text !== ''
  return { status: answer.statusCode!, headers: answer.headers, text, json: isJson ? JSON.parse(text) : null }
}
