import { API_KEY } from '../identity/native-fields.ts'
import { parseTarget } from '../identity/request-target.ts'
import { type EventTime, formatTime } from '../model/time.ts'
import type { Header } from '../model/transaction.ts'
import { hasHeader } from './headers.ts'
import type { RawExchange, RawMessage } from './raw-http.ts'
import type { MappedRecord, Undecodable } from './record.ts'

/** A transaction while it is put together from one record or several. Null: not known. Raw: redaction comes after. */
export class Draft {
  ts: EventTime | null = null
  endTs: EventTime | null = null
  durationUs: number | null = null
  clientIp: string | null = null
  clientPort: number | null = null
  forwarded: string | null = null
  serverIp: string | null = null
  serverPort: number | null = null
  version: string | null = null
  sni: string | null = null
  method: string | null = null
  scheme: string | null = null
  host: string | null = null
  path: string | null = null
  query: string | null = null
  requestHeaders: Header[] = []
  requestBody: string | null = null
  requestBytes: number | null = null
  status: number | null = null
  responseHeaders: Header[] = []
  responseBody: string | null = null
  responseBytes: number | null = null
  consumer: string | null = null
  subject: string | null = null
  keyId: string | null = null
  service: string | null = null
  routeHint: string | null = null
  traceId: string | null = null
  weirds: readonly string[] = NONE
  truncated: string[] = []
  id = ''
  position = 0

  /** Origin form, or a whole URL. */
  target(target: string): void {
    const { scheme, host, path, query } = parseTarget(this.method ?? 'GET', target)
    this.scheme ??= scheme
    this.host ??= host
    this.path ??= path
    this.query ??= query
  }

  wire(exchange: RawExchange): void {
    const { request, response } = exchange
    if (exchange.weirds.length > 0) this.weirds = exchange.weirds
    if (request !== null) {
      this.method = request.method
      this.version ??= request.version
      this.target(request.target)
      this.requestHeaders = [...request.headers]
      this.requestBytes ??= request.bodyBytes
      this.requestBody ??= this.#body(request, 'request_body')
    }
    if (response !== null) {
      this.status = response.status
      this.responseHeaders = [...response.headers]
      this.responseBytes ??= response.bodyBytes
      this.responseBody ??= this.#body(response, 'response_body')
    }
    if (request?.latin1 === true || response?.latin1 === true) this.#weird('text.latin1')
  }

  #body({ body }: RawMessage, name: string): string {
    for (const weird of body.weirds) this.#weird(weird)
    if (body.cut) this.truncated.push(name)
    if (body.binary && !this.truncated.includes('binary')) this.truncated.push('binary')
    return body.text
  }

  #weird(name: string): void {
    if (!this.weirds.includes(name)) this.weirds = [...this.weirds, name]
  }

  /** Takes from `other` what is not known here. Bodies that come in pieces are put together. */
  merge(other: Draft, pieces: boolean, maxBody: number): void {
    for (const name of FILLED) if (this[name] === null) (this[name] as unknown) = other[name]
    if (this.requestHeaders.length === 0) this.requestHeaders = other.requestHeaders
    if (this.responseHeaders.length === 0) this.responseHeaders = other.responseHeaders
    if (other.weirds.length > 0) this.weirds = [...new Set([...this.weirds, ...other.weirds])]
    for (const mark of other.truncated) if (!this.truncated.includes(mark)) this.truncated.push(mark)
    this.requestBody = joined(this.requestBody, other.requestBody, pieces, maxBody)
    this.responseBody = joined(this.responseBody, other.responseBody, pieces, maxBody)
    const end = other.endTs ?? other.ts
    if (end !== null && (this.endTs === null || end > this.endTs)) this.endTs = end
  }

  /** The native record, or what it lacks. */
  finish(source: Readonly<Record<string, unknown>>, maxBody: number): MappedRecord | Undecodable {
    const answerOnly = this.method === null && this.status !== null
    const duration = this.durationUs
    const end = this.endTs
    const start = this.ts ?? (end === null ? null : end - (duration ?? 0))
    if (start === null || start < 0) return 'no_ts'
    if (this.method === null && !answerOnly) return 'no_method'
    if (this.path === null && !answerOnly && this.method !== 'CONNECT') return 'no_path'
    if (this.clientIp === null) return 'no_client_ip'
    const lasted = duration ?? (this.ts !== null && end !== null && end >= this.ts ? end - this.ts : null)
    const time = start + (lasted ?? 0)
    const record: Record<string, unknown> = {
      id: this.id,
      ts: formatTime(start),
      end_ts: formatTime(time),
      client_ip: this.clientIp,
      host: this.host ?? headerOf(this.requestHeaders, 'host'),
      path: this.path,
      source,
      state: answerOnly ? 'response_only' : this.status === null ? 'request_only' : 'complete',
    }
    if (lasted !== null && this.status !== null) record.duration_us = lasted
    if (this.method !== null) record.method = this.method
    if (this.query !== null) record.query = this.query
    if (this.scheme !== null) record.scheme = this.scheme
    if (this.status !== null) record.status = this.status
    if (this.clientPort !== null) record.client_port = this.clientPort
    if (this.serverIp !== null) record.server_ip = this.serverIp
    if (this.serverPort !== null) record.server_port = this.serverPort
    if (this.version !== null) record.http_version = this.version
    if (this.sni !== null) record.tls = { sni: this.sni, ja4: null }
    // A log that knows the caller only is not a hop that forwards for him.
    if (
      this.forwarded !== null &&
      this.forwarded !== this.clientIp &&
      !hasHeader(this.requestHeaders, 'x-forwarded-for')
    ) {
      this.requestHeaders = [...this.requestHeaders, ['x-forwarded-for', this.forwarded]]
    }
    if (this.requestHeaders.length > 0) record.request_headers = this.requestHeaders
    if (this.responseHeaders.length > 0) record.response_headers = this.responseHeaders
    this.#bodies(record, maxBody)
    if (this.consumer !== null) record.consumer = this.consumer
    if (this.subject !== null) record.claims = { sub: this.subject }
    if (this.keyId !== null) record[API_KEY as unknown as string] = this.keyId
    if (this.service !== null) record.service = this.service
    if (this.routeHint !== null && this.method !== null) record.endpoint = `${this.method} ${this.routeHint}`
    if (this.traceId !== null) record.trace_id = this.traceId
    if (this.weirds.length > 0) record.weirds = this.weirds
    if (this.truncated.length > 0) record.truncated = this.truncated
    return { record, time, position: this.position }
  }

  #bodies(record: Record<string, unknown>, maxBody: number): void {
    if (this.requestBytes !== null) record.request_body_bytes = this.requestBytes
    if (this.responseBytes !== null) record.response_body_bytes = this.responseBytes
    for (const [name, text] of [
      ['request_body', this.requestBody],
      ['response_body', this.responseBody],
    ] as const) {
      if (text === null) continue
      record[`${name}_bytes`] ??= Buffer.byteLength(text)
      record[name] = text.length > maxBody ? text.slice(0, maxBody) : text
      if (text.length > maxBody && !this.truncated.includes(name)) this.truncated.push(name)
    }
  }
}

const NONE: readonly string[] = []
const FILLED = [
  'ts',
  'durationUs',
  'clientIp',
  'clientPort',
  'forwarded',
  'serverIp',
  'serverPort',
  'version',
  'sni',
  'method',
  'scheme',
  'host',
  'path',
  'query',
  'requestBytes',
  'status',
  'responseBytes',
  'consumer',
  'subject',
  'keyId',
  'service',
  'routeHint',
  'traceId',
] as const satisfies readonly (keyof Draft)[]

function joined(here: string | null, there: string | null, pieces: boolean, maxBody: number): string | null {
  if (here === null || here === '') return there ?? here
  if (!pieces || there === null || here.length > maxBody) return here
  return here + there
}

export function headerOf(headers: readonly Header[], name: string): string | null {
  for (const header of headers) if (header[0].toLowerCase() === name) return header[1]
  return null
}
