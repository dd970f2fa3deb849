import type { JsonText } from '../model/json-text.ts'
import { type EventTime, parseTime, SECOND_US } from '../model/time.ts'
import type { Claims, Header, PairingGrade, Principal, TransactionState } from '../model/transaction.ts'
import { NO_RULES, type RuleBox } from '../payload/rules/rule.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { answerAccepts } from './admission.ts'
import { type BodyText, NO_TEXT } from './body-text.ts'
import { CertificateReader, isRefusedCertificate } from './certificate.ts'
import { CredentialReader, movedInTime, NOTHING, type Presented } from './credentials.ts'
import { CDN_HEADERS, canonicalAddress, TrustedHops } from './forwarded.ts'
import { redactSubject, userOf } from './jwt.ts'
import { type LoginAttempt, loginInBody, refusedAuthorization, SecretHasher, tokensInAnswer } from './login-attempt.ts'
import { NATIVE_KEYS, NativeFields } from './native-fields.ts'
import { PayloadMarks } from './payload-marks.ts'
import type { PrivacyKey } from './privacy-key.ts'
import { Pseudonyms, shortPseudonym } from './pseudonym.ts'
import { type Material, TransactionRecord } from './record.ts'
import { RecordHead } from './record-head.ts'
import { type IdentityOptions, isLoginPage, traceIdOf } from './recorder.ts'
import { redactBody } from './redact-body.ts'
import { HeaderRedactor } from './redact-headers.ts'
import { redactPath, redactQuery } from './redact-url.ts'
import { grantInBody } from './token-grant.ts'
import { TokenVerifier } from './token-verifier.ts'
import { TransactionIds } from './transaction-id.ts'

export interface NativeReaderSettings {
  readonly key: PrivacyKey
  readonly options: IdentityOptions
  /** False: bodies are not redacted or looked into, and are undefined in the transaction. */
  readonly bodies: boolean
  /** Looks for payloads in what is not redacted yet. Default: it does not. */
  readonly payloads?: boolean
  /** The operator's rules of payloads; default: none. */
  readonly payloadRules?: RuleBox
  readonly telemetry: Telemetry
  /** Name of the input, for records that do not say where they come from. */
  readonly sourceName: string
  /** See SourceInfo.movedUs. */
  readonly movedUs?: number
}

const STATES: readonly TransactionState[] = [
  'complete',
  'request_only',
  'response_only',
  'gap',
  'truncated',
  'upgraded',
]
const PAIRINGS: readonly PairingGrade[] = ['exact', 'inferred', 'ambiguous']
const MAX_BODY = 16 * 1024 * 1024
/** Tokens that one answer hands out. */
const MAX_TOKENS = 4

/**
 * Native records (contracts.md, Transaction) from an input that the operator named, into transactions. Needs ts, method, host,
 * path and client_ip, derives what else it can, and counts what it cannot use. A record with `redacted: true` under this
 * key keeps its values; anything else is redacted here as if it came from the wire.
 */
export class NativeReader {
  readonly #bodies: boolean
  readonly #telemetry: Telemetry
  readonly #sourceName: string
  readonly #movedSeconds: number
  readonly #pseudonyms: Pseudonyms
  readonly #ids: TransactionIds
  readonly #hops: TrustedHops
  readonly #cdnHeader: string | null
  readonly #hasher = new SecretHasher()
  readonly #verifier: TokenVerifier | null
  readonly #certificates: CertificateReader
  readonly #raw: CredentialReader
  readonly #kept: CredentialReader
  readonly #headers: HeaderRedactor
  readonly #payloads: PayloadMarks | null
  readonly #apiKeyHeaders: readonly string[]

  constructor(settings: NativeReaderSettings) {
    this.#bodies = settings.bodies
    this.#telemetry = settings.telemetry
    this.#sourceName = settings.sourceName
    this.#movedSeconds = Math.round((settings.movedUs ?? 0) / SECOND_US)
    this.#pseudonyms = new Pseudonyms(settings.key)
    this.#ids = new TransactionIds(this.#pseudonyms)
    const { trustedHops, cdn } = settings.options
    this.#hops = new TrustedHops(trustedHops)
    this.#cdnHeader = cdn === null ? null : CDN_HEADERS[cdn]
    const { keySets, certificateHeaders } = settings.options
    this.#verifier = keySets.length === 0 ? null : new TokenVerifier(keySets, settings.telemetry.counters)
    this.#raw = new CredentialReader(this.#pseudonyms, this.#hasher, settings.options, this.#verifier)
    this.#kept = new CredentialReader(this.#pseudonyms, this.#hasher, settings.options, null, true)
    this.#certificates = new CertificateReader(certificateHeaders, this.#pseudonyms)
    this.#apiKeyHeaders = settings.options.apiKeyHeaders.map((name) => name.toLowerCase())
    this.#headers = new HeaderRedactor(this.#pseudonyms, this.#apiKeyHeaders)
    this.#payloads =
      settings.payloads === true
        ? new PayloadMarks(
            this.#pseudonyms,
            this.#headers,
            settings.telemetry.counters,
            settings.payloadRules ?? { rules: NO_RULES },
          )
        : null
  }

  /**
   * `line` counts from 1 and goes into the id of a record without one. `clock` is the event clock at this record and takes the
   * place of its time where that is `bogus`. Null, counted: a record without what is needed. Throws OFFPATH_E_KEY_MISMATCH.
   */
  read(record: Record<string, unknown>, line: number, clock: EventTime, bogus: boolean): TransactionRecord | null {
    const counters = this.#telemetry.counters
    for (const key of Object.keys(record)) if (!NATIVE_KEYS.has(key)) counters.add('native.unknown_field')
    const fields = new NativeFields(record, counters)
    const kept = record.redacted === true
    this.#checkKey(kept, fields.text('key_id', 256), line)

    const state = fields.oneOf('state', STATES)
    const time = parseTime(fields.text('ts', 64) ?? '')
    const clientIp = readAddress(fields.text('client_ip', 64))
    const method = fields.text('method', 256)
    const host = fields.text('host')
    const path = fields.text('path')
    if (time === null) return this.#unusable('ts')
    if (clientIp === null) return this.#unusable('client_ip')
    // Our own records of an answer without its request, or of a request without Host, have these as null.
    if (method === null && state !== 'response_only') return this.#unusable('method')
    if (host === null && record.host === undefined) return this.#unusable('host')
    if (path === null && record.path === undefined) return this.#unusable('path')

    const weirds = fields.texts('weirds')
    if (bogus && !weirds.includes('clock.jump')) weirds.push('clock.jump')
    const requestHeaders = fields.headers('request_headers')
    const responseHeaders = fields.headers('response_headers')
    const requestBody = fields.text('request_body', MAX_BODY) ?? undefined
    const responseBody = fields.text('response_body', MAX_BODY) ?? undefined
    const requestType = find(requestHeaders, 'content-type')
    const responseType = find(responseHeaders, 'content-type')
    const id = fields.text('id', 128)
    const material = new NativeMaterial(
      id !== null && id !== '' ? id : this.#ids.ofRecord(JSON.stringify(record), line, time),
      kept ? requestHeaders : this.#headers.redact(requestHeaders),
      kept ? responseHeaders : this.#headers.redact(responseHeaders),
      this.#body(requestBody, requestType, 'request', kept),
      this.#body(responseBody, responseType, 'response', kept),
    )
    const forwardedGiven = fields.texts('forwarded').map((each) => canonicalAddress(each) ?? '')
    const peer = this.#hops.trust(clientIp)
    const forwardedFor = all(requestHeaders, 'x-forwarded-for', ', ')
    const forwardedHeader = all(requestHeaders, 'forwarded', ', ')
    const realIp = find(requestHeaders, 'x-real-ip')
    const named = this.#cdnHeader === null ? null : find(requestHeaders, this.#cdnHeader)
    const said = forwardedFor ?? forwardedHeader ?? realIp ?? named
    if (!kept && peer === 'none' && said !== null && !weirds.includes('forwarded.untrusted')) {
      weirds.push('forwarded.untrusted')
    }

    const tx = new TransactionRecord(material, weirds, fields.texts('truncated'))
    const durationUs = fields.whole('duration_us', 0, Number.MAX_SAFE_INTEGER)
    const endTime = parseTime(fields.text('end_ts', 64) ?? '')
    tx.time = time
    tx.durationUs = bogus ? null : durationUs
    tx.endTime = bogus ? clock : (endTime ?? time + (durationUs ?? 0))
    tx.clientIp = clientIp
    tx.clientPort = fields.whole('client_port', 0, 65_535)
    tx.serverIp = readAddress(fields.text('server_ip', 64))
    tx.serverPort = fields.whole('server_port', 0, 65_535)
    tx.httpVersion = fields.text('http_version', 16)
    tx.method = method
    tx.scheme = record.scheme === undefined && method !== null ? 'http' : fields.text('scheme', 64)
    tx.host = host
    tx.wholeHead = find(requestHeaders, 'host') !== null
    const mark = path === null ? -1 : path.indexOf('?')
    const rawPath = path !== null && mark >= 0 && record.query === undefined ? path.slice(0, mark) : path
    const rawQuery =
      fields.text('query') ?? (path !== null && mark >= 0 && rawPath !== path ? path.slice(mark + 1) : '')
    tx.path = kept || rawPath === null ? rawPath : redactPath(rawPath, this.#pseudonyms)
    tx.query = kept ? rawQuery : redactQuery(rawQuery, this.#pseudonyms)
    tx.status = fields.whole('status', 100, 999)
    tx.requestBodyBytes = fields.whole('request_body_bytes', 0, Number.MAX_SAFE_INTEGER) ?? bytesOf(requestBody)
    tx.responseBodyBytes = fields.whole('response_body_bytes', 0, Number.MAX_SAFE_INTEGER) ?? bytesOf(responseBody)
    const consumer = fields.text('consumer', 256)
    tx.consumer = consumer === null || kept ? consumer : redactSubject(consumer, this.#pseudonyms)
    tx.tls = fields.tls()
    tx.traceId = fields.text('trace_id', 128) ?? traceIdOf(find(requestHeaders, 'traceparent'))
    tx.state = state ?? (tx.status === null ? 'request_only' : 'complete')
    tx.pairing = fields.oneOf('pairing', PAIRINGS) ?? 'exact'
    tx.keyId = this.#pseudonyms.keyId
    tx.source = fields.source(this.#sourceName)
    tx.marks = kept ? fields.marks() : fields.marks().filter((each) => each.kind === 'payload')
    if (!kept && this.#payloads !== null) {
      const head = new RecordHead(method ?? '', rawPath ?? '', rawQuery, requestHeaders)
      const body = this.#bodies ? requestBody : undefined
      const answer = this.#bodies ? responseBody : undefined
      const found = this.#payloads.ofRecord(head, body ?? '', tx.status, responseType, answer ?? '')
      if (found.length > 0) tx.marks = [...tx.marks, ...found]
    }
    if (record.forwarded !== undefined) {
      tx.forwarded = forwardedGiven.filter((each) => each !== '')
      tx.trust = peer
    } else if (said !== null) {
      const caller = this.#hops.caller(peer, forwardedFor, forwardedHeader, realIp, named)
      tx.forwarded = caller.forwarded
      tx.trust = caller.trust
    }
    tx.endpoint = fields.text('endpoint')
    tx.service = fields.text('service', 512)
    const given = fields.principal()
    tx.givenPrincipal = given === null || kept ? given : this.#hidden(given)
    if (tx.givenPrincipal !== null) tx.principal = tx.givenPrincipal
    this.#identify(tx, fields.claims(), fields.apiKey, requestHeaders, responseHeaders, rawQuery, kept)
    if (!kept && this.#bodies) this.#findLogin(tx, requestBody, requestType, responseBody, responseType)
    if (kept && tx.givenPrincipal === null) this.#followLogin(tx, responseBody, responseType)
    if (!tx.loginGranted && this.#bodies) this.#followGrant(tx, requestBody, requestType, responseBody, kept)
    if (!kept && tx.login === null && tx.status === 401) tx.login = this.#refused(requestHeaders, fields.apiKey)
    return tx
  }

  close(): void {
    this.#raw.close()
    this.#kept.close()
    this.#verifier?.close()
    this.#certificates.close()
    this.#pseudonyms.close()
  }

  #body(
    text: string | undefined,
    type: string | null,
    place: 'request' | 'response',
    kept: boolean,
  ): string | undefined {
    if (text === undefined || !this.#bodies) return undefined
    return kept ? text : redactBody(text, type, place, this.#pseudonyms)
  }

  #checkKey(kept: boolean, keyId: string | null, line: number): void {
    if (!kept || keyId === null || keyId === this.#pseudonyms.keyId) return
    throw new OffpathError(
      'OFFPATH_E_KEY_MISMATCH',
      `A record was pseudonymised under key ${printable(keyId)}, and this is key ${this.#pseudonyms.keyId}.`,
      {
        at: `${this.#sourceName}:${line}`,
        remedy: 'Use the key the records were made with: privacy.key_file or OFFPATH_PRIVACY_KEY.',
      },
    )
  }

  #unusable(field: string): null {
    this.#telemetry.counters.add(`native.unusable.${field}`)
    return null
  }

  #identify(
    tx: TransactionRecord,
    claims: Claims | null,
    gatewayKey: string | null,
    requestHeaders: readonly Header[],
    responseHeaders: readonly Header[],
    query: string,
    kept: boolean,
  ): void {
    const reader = kept ? this.#kept : this.#raw
    const keyHeader = this.#apiKeyHeaders.find((name) => find(requestHeaders, name) !== null) ?? ''
    const setCookies = responseHeaders.filter(([name]) => name.toLowerCase() === 'set-cookie').map(([, value]) => value)
    const read = reader.read(
      all(requestHeaders, 'authorization', ', '),
      all(requestHeaders, 'cookie', '; '),
      keyHeader === '' ? gatewayKey : find(requestHeaders, keyHeader),
      keyHeader === '' ? 'gateway' : keyHeader,
      query,
      tx.consumer,
      setCookies.length === 0 ? NOTHING.issued : reader.issuedBy(setCookies),
    )
    if (tx.status !== null && tx.status >= 301 && tx.status <= 308) {
      tx.sentToLogin = isLoginPage(find(responseHeaders, 'location'))
    }
    const checked =
      this.#verifier === null || kept || !answerAccepts(tx) ? read : this.#verifier.verified(read, tx.endTime)
    const moved = this.#movedSeconds === 0 ? checked : movedInTime(checked, this.#movedSeconds)
    const presented = this.#withCertificate(tx, moved, requestHeaders, kept)
    if (!kept && presented.weird !== null) tx.addWeird(presented.weird)
    const open = claims === null || kept ? claims : this.#openClaims(claims)
    tx.claims = open ?? presented.claims
    tx.presented = open === null || presented.user !== null ? presented : this.#withUser(presented, open)
  }

  /** Whose certificate the hop in front saw: see Recorder. What a gateway's log calls its consumer goes before it. */
  #withCertificate(
    tx: TransactionRecord,
    presented: Presented,
    requestHeaders: readonly Header[],
    kept: boolean,
  ): Presented {
    const header = presented.consumer === null ? this.#certificates.headerIn(requestHeaders) : null
    if (header === null) return presented
    const peer = this.#hops.trust(tx.clientIp)
    if (peer === 'none') {
      if (!kept) tx.addWeird('certificate.untrusted')
      return presented
    }
    if (isRefusedCertificate((name) => find(requestHeaders, name))) return presented
    const consumer = this.#certificates.read(header, peer)
    return consumer === null ? presented : { ...presented, consumer }
  }

  /** A record whose token was redacted before it came here: its claims say who it was. */
  #withUser(presented: Presented, claims: Claims): Presented {
    const id = userOf(claims, this.#pseudonyms)
    if (id === null) return presented
    const bearer = presented.sessions.find((session) => session.principal.via === 'bearer')
    const principal = this.#kept.userOf(claims, id, null)
    return {
      ...presented,
      user: { principal, proof: bearer?.proof ?? id },
      sessions: presented.sessions.filter((session) => session !== bearer),
      claims,
    }
  }

  #openClaims(claims: Claims): Claims {
    const hidden = (name: string) => redactSubject(name, this.#pseudonyms)
    return {
      ...claims,
      sub: claims.sub === null ? null : hidden(claims.sub),
      ...(claims.actor === undefined ? {} : { actor: hidden(claims.actor) }),
    }
  }

  /** A principal given in the clear: what is no address becomes a pseudonym, whatever it looks like. */
  #hidden(given: Principal): Principal {
    const app = given.app === null ? null : this.#pseudonyms.secret(given.app)
    if (given.kind === 'ip') {
      return canonicalAddress(given.id.replace(/\/64$/, '')) === null
        ? { ...given, id: this.#pseudonyms.of('user', given.id), display: 'ip', app }
        : { ...given, app }
    }
    const id = this.#pseudonyms.of(given.kind === 'user' ? 'user' : 'secret', given.id)
    return { ...given, id, display: shortPseudonym(id), app }
  }

  /** What the parser takes for an attempt without a body (Recorder): credentials of a header that were refused. */
  #refused(requestHeaders: readonly Header[], gatewayKey: string | null): LoginAttempt | null {
    const authorization = find(requestHeaders, 'authorization')
    if (authorization !== null) {
      return refusedAuthorization(authorization, this.#raw.basicAccount(authorization), this.#hasher)
    }
    const header = this.#apiKeyHeaders.find((name) => find(requestHeaders, name) !== null)
    const apiKey = header === undefined ? gatewayKey : find(requestHeaders, header)
    if (apiKey === null) return null
    return { field: `header:${header ?? 'gateway'}`, account: null, secret: this.#hasher.hash(apiKey) }
  }

  #findLogin(
    tx: TransactionRecord,
    requestBody: string | undefined,
    requestType: string | null,
    responseBody: string | undefined,
    responseType: string | null,
  ): void {
    if (requestBody === undefined || requestBody === '' || tx.method === 'GET' || tx.method === 'HEAD') return
    tx.login = loginInBody(requestBody, requestType, this.#pseudonyms, this.#hasher)
    if (tx.login === null || tx.login.account === null) return
    this.#grant(tx, responseBody, responseType, (token) => this.#pseudonyms.secret(token))
  }

  /** What a sensor saw as a login, for whoever has to find out whose session it began. */
  #followLogin(tx: TransactionRecord, responseBody: string | undefined, responseType: string | null): void {
    if (!tx.marks.some((mark) => mark.kind === 'login' && mark.account !== null)) return
    this.#grant(tx, responseBody, responseType, (token) => token)
  }

  /** A token asked for without a password: see Recorder. */
  #followGrant(
    tx: TransactionRecord,
    requestBody: string | undefined,
    requestType: string | null,
    responseBody: string | undefined,
    kept: boolean,
  ): void {
    if (tx.login !== null || tx.status === null || tx.status >= 300) return
    if (requestBody === undefined || responseBody === undefined || tx.method === 'GET' || tx.method === 'HEAD') return
    const grant = grantInBody(requestBody, requestType, this.#pseudonyms, kept)
    if (grant === null) return
    const tokens = tokensInAnswer(responseBody).slice(0, MAX_TOKENS)
    if (tokens.length === 0) return
    tx.grant = grant
    const proofs = tokens.map((token) => (kept ? token : this.#pseudonyms.secret(token)))
    tx.presented = { ...tx.presented, issued: [...tx.presented.issued, ...proofs] }
  }

  #grant(
    tx: TransactionRecord,
    responseBody: string | undefined,
    responseType: string | null,
    pseudonymOf: (token: string) => string,
  ): void {
    if (tx.status === null || tx.status >= 400) return
    const html = responseType?.toLowerCase().includes('html') === true
    tx.loginGranted = !tx.sentToLogin && !(html && tx.status < 300)
    if (!tx.loginGranted || responseBody === undefined) return
    const issued = [...tx.presented.issued, ...tokensInAnswer(responseBody).slice(0, MAX_TOKENS).map(pseudonymOf)]
    tx.presented = { ...tx.presented, issued }
  }
}

class NativeMaterial implements Material {
  readonly #id: string
  readonly #requestHeaders: readonly Header[]
  readonly #responseHeaders: readonly Header[]
  readonly #requestBody: BodyText | null
  readonly #responseBody: BodyText | null

  constructor(
    id: string,
    requestHeaders: readonly Header[],
    responseHeaders: readonly Header[],
    requestBody: string | undefined,
    responseBody: string | undefined,
  ) {
    this.#id = id
    this.#requestHeaders = requestHeaders
    this.#responseHeaders = responseHeaders
    this.#requestBody = asBody(requestBody)
    this.#responseBody = asBody(responseBody)
  }

  id(): string {
    return this.#id
  }

  writeId(out: JsonText): void {
    out.string(this.#id)
  }

  requestHeaders(): readonly Header[] {
    return this.#requestHeaders
  }

  responseHeaders(): readonly Header[] {
    return this.#responseHeaders
  }

  writeRequestHeaders(out: JsonText): void {
    out.pairs(this.#requestHeaders)
  }

  writeResponseHeaders(out: JsonText): void {
    out.pairs(this.#responseHeaders)
  }

  requestBody(): BodyText | null {
    return this.#requestBody
  }

  responseBody(): BodyText | null {
    return this.#responseBody
  }
}

function asBody(text: string | undefined): BodyText | null {
  if (text === undefined) return null
  return text === '' ? NO_TEXT : { ...NO_TEXT, text }
}

function bytesOf(text: string | undefined): number {
  return text === undefined ? 0 : Buffer.byteLength(text)
}

function find(headers: readonly Header[], name: string): string | null {
  return headers.find((header) => header[0].toLowerCase() === name)?.[1] ?? null
}

function all(headers: readonly Header[], name: string, separator: string): string | null {
  const values = headers.filter((header) => header[0].toLowerCase() === name).map((header) => header[1])
  return values.length === 0 ? null : values.join(separator)
}

function readAddress(text: string | null): string | null {
  return text === null ? null : canonicalAddress(text)
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 64)
}
