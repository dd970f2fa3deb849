import type { Exchange, Message } from '../http/exchange.ts'
import { ParsedHead } from '../http/head.ts'
import type { HttpLimits } from '../http/limits.ts'
import type { JsonText } from '../model/json-text.ts'
import type { EventTime } from '../model/time.ts'
import type { Header } from '../model/transaction.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { type BodyText, bodyText, NO_TEXT, Utf8Text } from './body-text.ts'
import { isHarmlessJson } from './harmless-json.ts'
import type { HeaderMemory } from './header-memory.ts'
import type { Pseudonyms } from './pseudonym.ts'
import type { Material } from './record.ts'
import { isJsonType, redactBody } from './redact-body.ts'
import type { HeaderRedactor } from './redact-headers.ts'
import { rpcOperation } from './rpc-operation.ts'
import { redactText } from './token-shape.ts'
import type { IdKey, TransactionIds } from './transaction-id.ts'

/** What naming and redacting an exchange takes. */
export interface RedactionTools {
  readonly bodies: boolean
  readonly ids: TransactionIds
  readonly headers: HeaderRedactor
  readonly headerLists: HeaderMemory
  readonly pseudonyms: Pseudonyms
  readonly limits: HttpLimits
  readonly telemetry: Telemetry
}

/** What ids of one flow are made from. */
export interface FlowKey {
  readonly idKey: IdKey
}

const NONE: readonly never[] = []

/** Decodes and redacts header arrays and bodies of an exchange, which owns its bytes, when they are asked for. */
export class ExchangeMaterial implements Material {
  readonly #flow: FlowKey
  readonly #request: Message | null
  readonly #response: Message | null
  readonly #tools: RedactionTools
  #rawRequest: BodyText | null = null
  #rawResponse: BodyText | null = null

  constructor(exchange: Exchange, flow: FlowKey, tools: RedactionTools) {
    this.#flow = flow
    this.#request = exchange.request
    this.#response = exchange.response
    this.#tools = tools
  }

  id(): string {
    const first = this.#request ?? this.#response!
    const side = this.#request === null ? 1 : 0
    return this.#tools.ids.ofExchange(this.#flow.idKey, side, first.position, clampTime(first.firstByte))
  }

  writeId(out: JsonText): void {
    const first = this.#request ?? this.#response!
    const side = this.#request === null ? 1 : 0
    this.#tools.ids.writeOfExchange(this.#flow.idKey, side, first.position, clampTime(first.firstByte), out)
  }

  requestHeaders(): readonly Header[] {
    const message = this.#request
    return message === null ? NONE : this.#tools.headers.redact(message.head.headers())
  }

  responseHeaders(): readonly Header[] {
    const message = this.#response
    return message === null ? NONE : this.#tools.headers.redact(message.head.headers())
  }

  writeRequestHeaders(out: JsonText): void {
    this.#writeHeaders(this.#request, out)
  }

  writeResponseHeaders(out: JsonText): void {
    this.#writeHeaders(this.#response, out)
  }

  requestBody(): BodyText | null {
    return this.#tools.bodies ? this.#redacted(this.#request, this.rawRequest(), 'request') : null
  }

  responseBody(): BodyText | null {
    return this.#tools.bodies ? this.#redacted(this.#response, this.rawResponse(), 'response') : null
  }

  /** Before redaction: for what must be learnt from it here, and never handed on. */
  rawRequest(): BodyText {
    this.#rawRequest ??= this.#decode(this.#request)
    return this.#rawRequest
  }

  rawResponse(): BodyText {
    this.#rawResponse ??= this.#decode(this.#response)
    return this.#rawResponse
  }

  operation(): string | null {
    if (!this.#tools.bodies) return null
    const { text } = this.rawRequest()
    return rpcOperation(text, (name) => redactText(name, this.#tools.pseudonyms) !== name)
  }

  #writeHeaders(message: Message | null, out: JsonText): void {
    if (message === null) out.pairs(NONE)
    else if (message.head instanceof ParsedHead) this.#tools.headerLists.write(message.head, out)
    else out.pairs(this.#tools.headers.redact(message.head.headers()))
  }

  #decode(message: Message | null): BodyText {
    return message === null ? NO_TEXT : bodyText(message, this.#tools.limits, this.#tools.telemetry)
  }

  #redacted(message: Message | null, body: BodyText, place: 'request' | 'response'): BodyText {
    if (message === null || body === NO_TEXT || body.binary) return body
    const { pseudonyms } = this.#tools
    const contentType = message.head.header('content-type')
    if (body instanceof Utf8Text && isJsonType(contentType) && isHarmlessJson(body.bytes, place, pseudonyms))
      return body
    const { binary, cut, weirds } = body
    return { text: redactBody(body.text, contentType, place, pseudonyms), binary, cut, weirds }
  }
}

/** Latest time that a record can print: the last whole microsecond a number holds exactly. */
const MAX_TIME = Number.MAX_SAFE_INTEGER

export function clampTime(time: EventTime): EventTime {
  return time >= 0 && time <= MAX_TIME ? time : time > MAX_TIME ? MAX_TIME : 0
}
