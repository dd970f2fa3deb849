import { Agent } from 'undici'
import type { RequestTemplate } from './recipe.ts'
import { fill, fillJson, type Json, TemplateFault, type Values } from './template.ts'

/** With a version: CrowdSec takes none without for an intruder. */
const USER_AGENT = { 'user-agent': 'offpath/1' }
/** Longest answer read; receipts are short. */
const MAX_ANSWER_BYTES = 256 * 1024

export type CallResult =
  | { readonly ok: true; readonly answer: unknown }
  | {
      readonly ok: false
      readonly error: string
      readonly status: number | null
      readonly retry: boolean
      /** The request may have been carried out. */
      readonly uncertain: boolean
      readonly retryAfterMs: number
    }

/** Where a connector's requests go: one base URL from the configuration, with limits on time and size, and no redirects. */
export class HttpTarget {
  readonly #base: URL
  readonly #agent: Agent
  readonly #timeoutMs: number

  constructor(base: URL, timeoutMs: number, ca: string | null) {
    this.#base = base
    this.#timeoutMs = timeoutMs
    this.#agent = new Agent({
      connections: 4,
      connect: { timeout: timeoutMs, ...(ca === null ? {} : { ca }) },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: MAX_ANSWER_BYTES,
    })
  }

  /** Sends one request. Never throws: faults of the template and of the receiver are answers. */
  async call(
    request: RequestTemplate,
    values: Values,
    extraHeaders: Readonly<Record<string, string>>,
    signal: AbortSignal | null,
  ): Promise<CallResult> {
    let finished: Finished
    try {
      finished = finish(request, values, this.#base.pathname)
    } catch (error) {
      if (!(error instanceof TemplateFault)) throw error
      return { ok: false, error: error.message, status: null, retry: false, uncertain: false, retryAfterMs: 0 }
    }
    const limit = AbortSignal.timeout(this.#timeoutMs)
    try {
      const response = await this.#agent.request({
        origin: this.#base.origin,
        path: finished.path,
        method: request.method,
        headers: { ...USER_AGENT, ...finished.headers, ...extraHeaders },
        body: finished.body,
        signal: signal === null ? limit : AbortSignal.any([limit, signal]),
      })
      const text = await response.body.text()
      return judge(request, response.statusCode, response.headers['retry-after'], text)
    } catch (error) {
      return { ...failed(`${reasonOf(error)}`), uncertain: !isBeforeSending(error) }
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }
}

interface Finished {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

/** A request with every value in its place, encoded for it. */
function finish(request: RequestTemplate, values: Values, basePath: string): Finished {
  const segments = request.path.map((segment) => {
    const text = fill(segment as Json, values)
    // Dot segments are navigation (RFC 3986 §3.3), encoded or not.
    if (text === '.' || text === '..') throw new TemplateFault('a value is no path segment')
    return encodeURIComponent(text)
  })
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(request.query)) query.append(name, fill(value as Json, values))
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.headers)) headers[name] = headerValue(fill(value as Json, values))
  const body = request.body === undefined ? null : JSON.stringify(fillJson(request.body, values))
  if (body !== null) headers['content-type'] = 'application/json'
  const search = query.toString()
  const base = segments.length === 0 ? basePath : `${basePath.replace(/\/$/, '')}/`
  return { path: `${base}${segments.join('/')}${search === '' ? '' : `?${search}`}`, headers, body }
}

/** RFC 9110 §5.5, ASCII only: what goes beyond is read differently by different receivers. */
export function headerValue(text: string): string {
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text)) throw new TemplateFault('a value is no header value')
  return text
}

function judge(
  request: RequestTemplate,
  status: number,
  retryAfter: string | string[] | undefined,
  text: string,
): CallResult {
  if (!request.success.status.includes(status)) {
    const retry = status === 408 || status === 425 || status === 429 || status >= 500
    const said = status >= 300 && status < 400 ? 'redirects are not followed' : text.slice(0, MAX_SAID)
    return {
      ...failed(`status ${status}${said === '' ? '' : `: ${said}`}`),
      status,
      retry,
      // An error of the server may come after the deed.
      uncertain: status >= 500,
      retryAfterMs: retryAfterMs(retryAfter),
    }
  }
  const answer = parse(text)
  const { json } = request.success
  if (json !== undefined && at(answer, json.pointer) !== json.equals) {
    return { ...failed(`status ${status}, but ${json.pointer} is not ${String(json.equals)}`), status, uncertain: true }
  }
  return { ok: true, answer }
}

const MAX_SAID = 120

function failed(error: string): Extract<CallResult, { ok: false }> {
  return { ok: false, error, status: null, retry: true, uncertain: false, retryAfterMs: 0 }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return null
  }
}

/** What a JSON pointer (RFC 6901) points at, or undefined. */
export function at(json: unknown, pointer: string): unknown {
  let here = json
  for (const step of pointer.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, key)) return undefined
    here = (here as Readonly<Record<string, unknown>>)[key]
  }
  return here
}

/** Seconds, or a date (RFC 9110 §10.2.3). */
function retryAfterMs(header: string | string[] | undefined): number {
  const text = Array.isArray(header) ? header[0] : header
  if (text === undefined) return 0
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const date = Date.parse(text)
  return Number.isNaN(date) ? 0 : Math.max(0, date - Date.now())
}

/** Errors that come before a request is sent: nothing was done. */
const BEFORE_SENDING =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/

function isBeforeSending(error: unknown): boolean {
  return BEFORE_SENDING.test(codeOf(error))
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'no answer in time'
  return codeOf(error) || (error instanceof Error ? error.message : String(error))
}
