import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface Received {
  readonly id: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly atMs: number
}

type Behaviour = (response: ServerResponse, request: IncomingMessage, received: Received) => void

/** A real HTTP server on the loopback that keeps what it is sent and answers as it is told: 204 unless told otherwise. */
export class Receiver {
  readonly received: Received[] = []
  behave: Behaviour = (response) => void response.writeHead(204).end()
  readonly #server: Server
  readonly #scheme: string

  private constructor(server: Server, scheme: string) {
    this.#server = server
    this.#scheme = scheme
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('error', () => undefined)
      request.on('end', () => {
        const headers = Object.fromEntries(
          Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
        )
        const received: Received = {
          id: headers['webhook-id'] ?? '',
          path: request.url ?? '',
          headers,
          body: Buffer.concat(chunks).toString(),
          atMs: Date.now(),
        }
        this.received.push(received)
        this.behave(response, request, received)
      })
    })
  }

  static async listen(tls?: { readonly key: string; readonly cert: string }, port = 0): Promise<Receiver> {
    const server = tls === undefined ? createServer() : createTlsServer(tls)
    const receiver = new Receiver(server, tls === undefined ? 'http' : 'https')
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    return receiver
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}/hook`
  }

  /** Answers with these, one after the other, then 204. `null`: the connection is cut. */
  answer(...statuses: (number | null)[]): void {
    this.behave = (response) => {
      const status = statuses.length === 0 ? 204 : statuses.shift()
      if (status === null || status === undefined) response.socket?.destroy()
      else response.writeHead(status).end()
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** Waits for something to become true; fails after twenty seconds: a cold start of a language on a busy machine takes some. */
export async function until(what: () => boolean, name = 'it'): Promise<void> {
  const end = Date.now() + 20_000
  while (!what()) {
    if (Date.now() > end) throw new Error(`${name} did not happen`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
