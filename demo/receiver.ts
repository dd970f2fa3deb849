import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseSecret } from '../sinks/webhook/secret.ts'
import { verify } from '../sinks/webhook/signature.ts'

const MAX_BODY_BYTES = 1024 * 1024

export interface ReceivedEvent {
  readonly type: string
  readonly simulated: boolean
  /** Id of the incident. */
  readonly subject: string
  readonly receivedMs: number
}

/** A receiver of webhooks on the loopback, as an operator would write one: checks the signature, then believes the body. */
export class WebhookReceiver {
  /** As the operator would set it in the environment. */
  readonly secret = `whsec_${randomBytes(32).toString('base64')}`
  readonly events: ReceivedEvent[] = []
  /** Requests whose signature was not right. */
  refused = 0
  readonly #server: Server

  constructor() {
    const key = parseSecret(this.secret)!
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = []
      let bytes = 0
      request.on('data', (part: Buffer) => {
        bytes += part.length
        if (bytes > MAX_BODY_BYTES) request.destroy()
        else parts.push(part)
      })
      request.on('end', () => {
        const body = Buffer.concat(parts)
        const headers = Object.fromEntries(
          Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
        )
        if (verify(headers, body, [key], Date.now()) === null) {
          const { type, simulated, subject } = JSON.parse(body.toString()) as ReceivedEvent
          this.events.push({ type, simulated, subject, receivedMs: Date.now() })
          response.statusCode = 204
        } else {
          this.refused++
          response.statusCode = 401
        }
        response.end()
      })
    })
  }

  /** Listens on a free port of the loopback; resolves with where to post. Once more gives the same. */
  async listen(): Promise<string> {
    if (!this.#server.listening)
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject)
        this.#server.listen(0, '127.0.0.1', resolve)
      })
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve))
  }
}
