import { Agent, request } from 'undici'
import { type Answer, parseRetryAfter } from './retry.ts'
import { sign } from './signature.ts'

export interface SenderOptions {
  readonly url: string
  /** Certificates (PEM) to trust in place of the system's; null: the system's. */
  readonly ca: string | null
  /** For connecting, and for the answer's head. */
  readonly timeoutMs: number
  readonly userAgent: string
}

/** What a receiver answers is of no interest beyond its status: this much of the body is read so that the connection can be used again. */
const MAX_ANSWER_BYTES = 16 * 1024
const CONNECTIONS = 24
const MAX_ERROR_LENGTH = 200

/** Posts events to one endpoint. Follows no redirect: the operator named the receiver, and nobody else does. */
export class Sender {
  readonly #options: SenderOptions
  readonly #url: URL
  readonly #authorization: string | null
  readonly #agent: Agent

  constructor(options: SenderOptions) {
    this.#options = options
    this.#url = new URL(options.url)
    const { username, password } = this.#url
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    this.#authorization = username === '' ? null : `Basic ${Buffer.from(credentials).toString('base64')}`
    this.#url.username = ''
    this.#url.password = ''
    this.#agent = new Agent({
      connections: CONNECTIONS,
      pipelining: 1,
      connect: { timeout: options.timeoutMs, ...(options.ca === null ? {} : { ca: options.ca }) },
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
      maxHeaderSize: MAX_ANSWER_BYTES,
    })
  }

  /** One try. Never throws; null when `signal` ended it. */
  async send(
    id: string,
    body: Buffer,
    secrets: readonly Buffer[],
    nowMs: number,
    signal: AbortSignal,
  ): Promise<Answer | null> {
    const { timeoutMs, userAgent } = this.#options
    const ended = new AbortController()
    const end = () => ended.abort()
    const deadline = setTimeout(end, timeoutMs)
    const release = () => {
      clearTimeout(deadline)
      signal.removeEventListener('abort', end)
    }
    signal.addEventListener('abort', end, { once: true })
    try {
      const answer = await request(this.#url, {
        dispatcher: this.#agent,
        method: 'POST',
        headers: {
          ...sign(id, body, secrets, nowMs),
          'content-type': 'application/cloudevents+json; charset=utf-8',
          'user-agent': userAgent,
          ...(this.#authorization === null ? {} : { authorization: this.#authorization }),
        },
        body,
        signal: ended.signal,
      })
      // Not waited for: the status decides, and a body that is slow or cut off changes nothing. The deadline holds for it too.
      void answer.body.dump({ limit: MAX_ANSWER_BYTES }).then(release, release)
      const { statusCode: status, headers } = answer
      if (status >= 200 && status < 300) return { ok: true, status }
      const retryAfter = headers['retry-after']
      const retryAfterMs = parseRetryAfter(typeof retryAfter === 'string' ? retryAfter : undefined, nowMs)
      return { ok: false, status, error: `answered ${status}`, retryAfterMs }
    } catch (error) {
      release()
      if (signal.aborted) return null
      const reason = ended.signal.aborted ? `no answer in ${timeoutMs / 1000} s` : errorText(error)
      return { ok: false, status: null, error: reason, retryAfterMs: null }
    }
  }

  /** Ends open connections at once. */
  close(): Promise<void> {
    return this.#agent.destroy()
  }
}

/** The code where there is one: messages of TLS and sockets repeat addresses and certificates. */
function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error).slice(0, MAX_ERROR_LENGTH)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return 'the connection timed out'
  if (code === 'UND_ERR_SOCKET') return 'the connection ended before an answer came'
  return (code ?? error.message).slice(0, MAX_ERROR_LENGTH)
}
