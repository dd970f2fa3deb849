import type { Exchange, ExchangeSink, Head, Message } from '../http/exchange.ts'
import { ParsedHead } from '../http/head.ts'
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from '../http/limits.ts'
import type { JsonText } from '../model/json-text.ts'
import type { EventTime } from '../model/time.ts'
import type { Header, Transaction } from '../model/transaction.ts'
import type { FlowInfo } from '../reassembly/stream.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import type { Weird } from '../telemetry/weirds.ts'
import { type BodyText, bodyText, NO_TEXT, Utf8Text } from './body-text.ts'
import { CREDENTIAL_DEFAULTS, CredentialReader, NOTHING } from './credentials.ts'
import { canonicalAddress, type Trust, TrustedHops } from './forwarded.ts'
import { isHarmlessJson } from './harmless-json.ts'
import { HeaderJson } from './header-json.ts'
import { HeaderMemory } from './header-memory.ts'
import {
  type LoginAttempt,
  loginInBody,
  MAX_LOGIN_BODY,
  refusedAuthorization,
  SecretHasher,
  tokensInAnswer,
} from './login-attempt.ts'
import type { PrivacyKey } from './privacy-key.ts'
import { Pseudonyms } from './pseudonym.ts'
import { type Material, TransactionRecord } from './record.ts'
import { isJsonType, redactBody } from './redact-body.ts'
import { HeaderRedactor } from './redact-headers.ts'
import { redactPath, redactQuery } from './redact-url.ts'
import { parseTarget } from './request-target.ts'
import { TransactionIds } from './transaction-id.ts'

export interface IdentityOptions {
  /** `identity.trusted_hops`: networks whose forwarding headers are believed; empty means loopback, private and link-local. */
  readonly trustedHops: readonly string[]
  readonly apiKeyHeaders: readonly string[]
  readonly sessionCookies: readonly string[]
}

export const IDENTITY_DEFAULTS: IdentityOptions = { trustedHops: [], ...CREDENTIAL_DEFAULTS }

export interface RecorderSettings {
  readonly key: PrivacyKey
  readonly options: IdentityOptions
  /** False: bodies are not copied, decoded or redacted, and are undefined in the transaction. */
  readonly bodies: boolean
  readonly telemetry: Telemetry
  /** Bounds on decoding bodies; default: those of the HTTP stage. */
  readonly limits?: HttpLimits
  readonly emit: (transaction: Transaction) => void
  /** See SecretHasher; recorders whose transactions meet must have the same. */
  readonly hashKey?: Uint8Array
}

/** Latest time that a record can print: the last whole microsecond a number holds exactly. */
const MAX_TIME = Number.MAX_SAFE_INTEGER

/** What is the same for all exchanges of one flow. */
interface FlowFacts {
  readonly address: readonly [string, string]
  readonly trust: readonly [Trust, Trust]
  readonly source: Transaction['source']
  readonly idKey: Int32Array
  readonly number: number
}

/**
 * The end of the parser: turns exchanges into transactions, in which no secret is left. It reads the few headers that say who
 * is asking; header arrays and bodies are made, and redacted, only if a later stage reads them.
 */
export class Recorder {
  readonly exchange: ExchangeSink
  readonly #emit: (transaction: Transaction) => void
  readonly #tools: RedactionTools
  readonly #headerJson: HeaderJson
  readonly #telemetry: Telemetry
  readonly #pseudonyms: Pseudonyms
  readonly #hops: TrustedHops
  readonly #credentials: CredentialReader
  readonly #hasher: SecretHasher
  readonly #apiKeyHeaders: readonly string[]
  readonly #flows = new WeakMap<FlowInfo, FlowFacts>()
  #flowCount = 0

  constructor(settings: RecorderSettings) {
    this.#emit = settings.emit
    this.#telemetry = settings.telemetry
    this.#pseudonyms = new Pseudonyms(settings.key)
    this.#hops = new TrustedHops(settings.options.trustedHops)
    this.#hasher = new SecretHasher(settings.hashKey)
    this.#credentials = new CredentialReader(this.#pseudonyms, this.#hasher, settings.options)
    this.#apiKeyHeaders = settings.options.apiKeyHeaders.map((name) => name.toLowerCase())
    const headers = new HeaderRedactor(this.#pseudonyms, this.#apiKeyHeaders)
    const headerJson = new HeaderJson(headers)
    this.#headerJson = headerJson
    this.#tools = {
      bodies: settings.bodies,
      ids: new TransactionIds(this.#pseudonyms),
      headers,
      headerLists: new HeaderMemory(headerJson),
      pseudonyms: this.#pseudonyms,
      limits: settings.limits ?? DEFAULT_HTTP_LIMITS,
      telemetry: settings.telemetry,
    }
    this.exchange = (exchange) => this.#record(exchange)
  }

  /** Forgets every raw value. */
  close(): void {
    this.#credentials.close()
    this.#headerJson.close()
    this.#tools.headerLists.close()
    this.#pseudonyms.close()
  }

  #record(exchange: Exchange): void {
    const { flow, request, response } = exchange
    const first = request ?? response
    if (first === null) return
    const facts = this.#factsOf(flow)
    const client = exchange.clientSide
    const server = client === 0 ? 1 : 0
    const bogus = request?.bogusTime === true || response?.bogusTime === true
    const latin1 = request?.head.latin1 === true || response?.head.latin1 === true
    const requestHead = request === null ? null : request.head
    const forwardedFor = requestHead === null ? null : joined(requestHead, 'x-forwarded-for')
    const forwarded = requestHead === null ? null : joined(requestHead, 'forwarded')
    const realIp = requestHead === null ? null : requestHead.header('x-real-ip')
    const trust = facts.trust[client]
    const untrusted = trust === 'none' && (forwardedFor !== null || forwarded !== null || realIp !== null)

    let weirds = exchange.weirds
    if (bogus) weirds = this.#withWeird(weirds, 'clock.jump')
    if (latin1) weirds = this.#withWeird(weirds, 'text.latin1')
    if (untrusted) weirds = this.#withWeird(weirds, 'forwarded.untrusted')

    const material = new ExchangeMaterial(exchange, facts, this.#tools)
    const record = new TransactionRecord(material, weirds, NONE)
    const time = clampTime(first.firstByte)
    record.time = time
    record.endTime = clampTime(exchange.endTime)
    if (response !== null && !bogus) record.durationUs = Math.max(0, clampTime(response.lastByte) - time)
    record.clientIp = facts.address[client]
    record.clientPort = flow.port[client]
    record.serverIp = facts.address[server]
    record.serverPort = flow.port[server]
    record.httpVersion = first.head.version
    record.state = exchange.state
    record.pairing = exchange.pairing
    record.keyId = this.#pseudonyms.keyId
    record.source = facts.source
    record.trust = trust
    record.connection = facts.number

    let rawQuery = ''
    if (request !== null) {
      const head = request.head
      const target = parseTarget(head.method, head.target)
      rawQuery = target.query
      record.method = head.method
      record.scheme = target.scheme ?? 'http'
      record.host = target.host ?? head.header('host')
      record.path = target.path === null ? null : redactPath(target.path, this.#pseudonyms)
      record.query = redactQuery(rawQuery, this.#pseudonyms)
      record.requestBodyBytes = request.bodyBytes
      record.traceId = traceIdOf(head.header('traceparent'))
      if (trust !== 'none' && (forwardedFor !== null || forwarded !== null || realIp !== null)) {
        const caller = this.#hops.caller(trust, forwardedFor, forwarded, realIp)
        record.forwarded = caller.forwarded
        record.trust = caller.trust
      }
    }
    if (response !== null) {
      record.status = response.head.status
      record.responseBodyBytes = response.bodyBytes
    }
    this.#identify(record, request, response, rawQuery, material, facts.number)
    this.#emit(record)
  }

  /** What was presented, what was handed out, and whether this was an attempt to log in. */
  #identify(
    record: TransactionRecord,
    request: Message | null,
    response: Message | null,
    query: string,
    material: ExchangeMaterial,
    connection: number,
  ): void {
    const head = request === null ? null : request.head
    const authorization = head === null ? null : head.header('authorization')
    // One field (RFC 6265 §5.4): a second Cookie field is redacted like the first, but names nobody.
    const cookie = head === null ? null : head.header('cookie')
    let apiKey: string | null = null
    let apiKeyHeader = ''
    if (head !== null) {
      for (const name of this.#apiKeyHeaders) {
        apiKey = head.header(name)
        apiKeyHeader = name
        if (apiKey !== null) break
      }
    }
    const setsCookie = response !== null && response.head.header('set-cookie') !== null
    let issued: readonly string[] = NOTHING.issued
    if (setsCookie) issued = this.#credentials.issuedBy(response.head.headerAll('set-cookie'))

    const status = record.status
    if (response !== null && status !== null && status >= 301 && status <= 308) {
      record.sentToLogin = isLoginPage(response.head.header('location'))
    }
    record.login = this.#loginOf(record, request, authorization, apiKey, apiKeyHeader, material)
    if (
      record.login !== null &&
      record.login.account !== null &&
      response !== null &&
      status !== null &&
      status < 400
    ) {
      const html = response.head.header('content-type')?.toLowerCase().includes('html') === true
      record.loginGranted = !record.sentToLogin && !(html && status < 300)
      if (record.loginGranted) issued = [...issued, ...this.#answeredTokens(response, material)]
    }
    record.presented = this.#credentials.readAgain(
      connection,
      authorization,
      cookie,
      apiKey,
      apiKeyHeader,
      query,
      issued,
    )
    record.claims = record.presented.claims
    const { weird } = record.presented
    if (weird !== null) {
      record.addWeird(weird)
      this.#telemetry.weirds.add(weird)
    }
  }

  #loginOf(
    record: TransactionRecord,
    request: Message | null,
    authorization: string | null,
    apiKey: string | null,
    apiKeyHeader: string,
    material: ExchangeMaterial,
  ): LoginAttempt | null {
    if (request === null) return null
    if (mayLogIn(record.method, request)) {
      const contentType = request.head.header('content-type')
      const { text } = material.rawRequest()
      const attempt = text === '' ? null : loginInBody(text, contentType, this.#pseudonyms, this.#hasher)
      if (attempt !== null) return attempt
    }
    if (record.status !== 401) return null
    if (authorization !== null) {
      return refusedAuthorization(authorization, this.#credentials.basicAccount(authorization), this.#hasher)
    }
    if (apiKey === null) return null
    return { field: `header:${apiKeyHeader}`, account: null, secret: this.#hasher.hash(apiKey) }
  }

  #answeredTokens(response: Message, material: ExchangeMaterial): string[] {
    if (response.body === null || response.body.length > MAX_LOGIN_BODY) return []
    return tokensInAnswer(material.rawResponse().text)
      .slice(0, 4)
      .map((token) => this.#pseudonyms.secret(token))
  }

  /** What the exchange brought with it was counted where it was found. */
  #withWeird(weirds: readonly string[], name: Weird): readonly string[] {
    if (weirds.includes(name)) return weirds
    this.#telemetry.weirds.add(name)
    return [...weirds, name]
  }

  #factsOf(flow: FlowInfo): FlowFacts {
    const known = this.#flows.get(flow)
    if (known !== undefined) return known
    const address: [string, string] = [
      canonicalAddress(flow.address[0]) ?? flow.address[0],
      canonicalAddress(flow.address[1]) ?? flow.address[1],
    ]
    const facts: FlowFacts = {
      address,
      trust: [this.#hops.trust(address[0]), this.#hops.trust(address[1])],
      source: { kind: flow.source.kind, name: flow.source.name, vlan: flow.vlan, vni: flow.vni },
      idKey: this.#tools.ids.keyOf(flow),
      number: this.#flowCount++,
    }
    this.#flows.set(flow, facts)
    return facts
  }
}

/** What naming and redacting an exchange takes. */
interface RedactionTools {
  readonly bodies: boolean
  readonly ids: TransactionIds
  readonly headers: HeaderRedactor
  readonly headerLists: HeaderMemory
  readonly pseudonyms: Pseudonyms
  readonly limits: HttpLimits
  readonly telemetry: Telemetry
}

const NONE: readonly never[] = []

/** Decodes and redacts header arrays and bodies of an exchange, which owns its bytes, when they are asked for. */
class ExchangeMaterial implements Material {
  readonly #facts: FlowFacts
  readonly #request: Message | null
  readonly #response: Message | null
  readonly #tools: RedactionTools
  #rawRequest: BodyText | null = null
  #rawResponse: BodyText | null = null

  constructor(exchange: Exchange, facts: FlowFacts, tools: RedactionTools) {
    this.#facts = facts
    this.#request = exchange.request
    this.#response = exchange.response
    this.#tools = tools
  }

  id(): string {
    const first = this.#request ?? this.#response!
    const side = this.#request === null ? 1 : 0
    return this.#tools.ids.ofExchange(this.#facts.idKey, side, first.position, clampTime(first.firstByte))
  }

  writeId(out: JsonText): void {
    const first = this.#request ?? this.#response!
    const side = this.#request === null ? 1 : 0
    this.#tools.ids.writeOfExchange(this.#facts.idKey, side, first.position, clampTime(first.firstByte), out)
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

/** Bodies of login forms are small, and JSON or forms. */
function mayLogIn(method: string | null, request: Message): boolean {
  return (
    request.body !== null &&
    request.body.length > 0 &&
    request.body.length <= MAX_LOGIN_BODY &&
    !request.gap &&
    method !== 'GET' &&
    method !== 'HEAD'
  )
}

/** All values of a list header as one (RFC 9110 §5.3). */
function joined(head: Head, name: string): string | null {
  const first = head.header(name)
  if (first === null) return null
  const all = head.headerAll(name)
  return all.length < 2 ? first : all.join(', ')
}

function clampTime(time: EventTime): EventTime {
  return time >= 0 && time <= MAX_TIME ? time : time > MAX_TIME ? MAX_TIME : 0
}

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}/
const NO_TRACE = '0'.repeat(32)

/** Trace id of a `traceparent` header (W3C Trace Context §3.2.2.3: all zeros is invalid). */
export function traceIdOf(traceparent: string | null): string | null {
  if (traceparent === null) return null
  if (!TRACEPARENT.test(traceparent)) return null
  const id = traceparent.slice(3, 35)
  return id === NO_TRACE ? null : id
}

const LOGIN_PAGE =
  /(?:^|[/?&=._-])(?:log-?_?in|sign-?_?in|signon|auth|authorize|sso|error|denied|unauthori[sz]ed)(?:$|[/?&=._-])/i

/** Whether a redirect leads to where one logs in, or says that one may not. */
export function isLoginPage(location: string | null): boolean {
  return location !== null && LOGIN_PAGE.test(location.length > 512 ? location.slice(0, 512) : location)
}
