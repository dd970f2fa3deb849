import { type EventTime, parseTime, SECOND_US } from '../model/time.ts'
import type { Claims, PairingGrade, Principal, TransactionState } from '../model/transaction.ts'
import { NO_RULES, type RuleBox } from '../payload/rules/rule.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { answerAccepts } from './admission.ts'
import { CertificateReader, isRefusedCertificate, VERIFY_HEADERS } from './certificate.ts'
import { CredentialReader, movedInTime, NOTHING, type Presented } from './credentials.ts'
import { canonicalAddress, type Trust } from './forwarded.ts'
import { isLoginPage, traceIdOf } from './head-facts.ts'
import { HeaderIndex } from './header-index.ts'
import { redactSubject, userOf } from './jwt.ts'
import { type LoginAttempt, refusedAuthorization, SecretHasher } from './login-attempt.ts'
import { NativeFields, UnknownFields } from './native-fields.ts'
import { type NativeBodies, NativeLogins } from './native-logins.ts'
import { NativeMaterial } from './native-material.ts'
import { NativePeers } from './native-peers.ts'
import { PayloadMarks } from './payload-marks.ts'
import type { PrivacyKey } from './privacy-key.ts'
import { Pseudonyms, shortPseudonym } from './pseudonym.ts'
import { TransactionRecord } from './record.ts'
import { RecordHead } from './record-head.ts'
import { RecordHeaders } from './record-headers.ts'
import type { IdentityOptions } from './recorder.ts'
import { HeaderRedactor } from './redact-headers.ts'
import { redactPath, redactQuery } from './redact-url.ts'
import { TextBodies } from './text-bodies.ts'
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
const MAX_ADDRESS = 64

const REQUEST_HEADERS: readonly string[] = [
  'authorization',
  'content-type',
  'cookie',
  'host',
  'traceparent',
  ...VERIFY_HEADERS,
]
const RESPONSE_HEADERS: readonly string[] = ['content-type', 'location', 'set-cookie']

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
  readonly #peers: NativePeers
  readonly #hasher = new SecretHasher()
  readonly #verifier: TokenVerifier | null
  readonly #certificates: CertificateReader
  readonly #raw: CredentialReader
  readonly #kept: CredentialReader
  readonly #requestHeaders: RecordHeaders
  readonly #responseHeaders: RecordHeaders
  readonly #textBodies: TextBodies
  readonly #payloads: PayloadMarks | null
  readonly #apiKeyHeaders: readonly string[]
  readonly #logins: NativeLogins
  readonly #fields: NativeFields
  readonly #unknown: UnknownFields
  /** Of the record that is read. */
  readonly #request: HeaderIndex
  readonly #response = new HeaderIndex(RESPONSE_HEADERS)

  constructor(settings: NativeReaderSettings) {
    this.#bodies = settings.bodies
    this.#telemetry = settings.telemetry
    this.#sourceName = settings.sourceName
    this.#movedSeconds = Math.round((settings.movedUs ?? 0) / SECOND_US)
    this.#pseudonyms = new Pseudonyms(settings.key)
    this.#ids = new TransactionIds(this.#pseudonyms)
    const { trustedHops, cdn } = settings.options
    this.#peers = new NativePeers(trustedHops, cdn)
    const { keySets, certificateHeaders } = settings.options
    this.#verifier = keySets.length === 0 ? null : new TokenVerifier(keySets, settings.telemetry.counters)
    this.#raw = new CredentialReader(this.#pseudonyms, this.#hasher, settings.options, this.#verifier)
    this.#kept = new CredentialReader(this.#pseudonyms, this.#hasher, settings.options, null, true)
    this.#logins = new NativeLogins(this.#pseudonyms, this.#hasher)
    this.#certificates = new CertificateReader(certificateHeaders, this.#pseudonyms)
    this.#apiKeyHeaders = settings.options.apiKeyHeaders.map((name) => name.toLowerCase())
    const headers = new HeaderRedactor(this.#pseudonyms, this.#apiKeyHeaders)
    this.#requestHeaders = new RecordHeaders(headers)
    this.#responseHeaders = new RecordHeaders(headers)
    this.#textBodies = new TextBodies(this.#pseudonyms)
    this.#fields = new NativeFields(settings.telemetry.counters)
    this.#unknown = new UnknownFields(settings.telemetry.counters)
    this.#request = new HeaderIndex([
      ...REQUEST_HEADERS,
      ...this.#apiKeyHeaders,
      ...this.#certificates.names,
      ...this.#peers.headers,
    ])
    this.#payloads =
      settings.payloads === true
        ? new PayloadMarks(
            this.#pseudonyms,
            headers,
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
    const fields = this.#fields
    this.#unknown.count(record)
    const kept = record.redacted === true
    const keyId = fields.text('key_id', record.key_id, 256)
    this.#checkKey(kept, keyId, line)

    const state = fields.oneOf('state', record.state, STATES)
    const time = parseTime(fields.text('ts', record.ts, 64) ?? '')
    const client = this.#peers.address(fields.text('client_ip', record.client_ip, MAX_ADDRESS))
    const method = fields.text('method', record.method, 256)
    const host = fields.text('host', record.host)
    const path = fields.text('path', record.path)
    if (time === null) return this.#unusable('ts')
    if (client === null) return this.#unusable('client_ip')
    // Our own records of an answer without its request, or of a request without Host, have these as null.
    if (method === null && state !== 'response_only') return this.#unusable('method')
    if (host === null && record.host === undefined) return this.#unusable('host')
    if (path === null && record.path === undefined) return this.#unusable('path')

    const request = this.#request
    const requestHeaders = fields.headers('request_headers', record.request_headers)
    const responseHeaders = fields.headers('response_headers', record.response_headers)
    request.read(requestHeaders)
    this.#response.read(responseHeaders)
    const bodies: NativeBodies = {
      request: fields.text('request_body', record.request_body, MAX_BODY) ?? undefined,
      requestType: request.first('content-type'),
      response: fields.text('response_body', record.response_body, MAX_BODY) ?? undefined,
      responseType: this.#response.first('content-type'),
    }
    const id = fields.text('id', record.id, 128)
    const material = new NativeMaterial(
      id !== null && id !== '' ? id : this.#ids.ofRecord(JSON.stringify(record), line, time),
      kept ? requestHeaders : this.#requestHeaders.redact(requestHeaders),
      kept ? responseHeaders : this.#responseHeaders.redact(responseHeaders),
      this.#body(bodies.request, bodies.requestType, 'request', kept),
      this.#body(bodies.response, bodies.responseType, 'response', kept),
    )
    const weirds = fields.texts('weirds', record.weirds)
    const tx = new TransactionRecord(material, weirds, fields.texts('truncated', record.truncated))
    if (bogus) tx.addWeird('clock.jump')
    const durationUs = fields.whole('duration_us', record.duration_us, 0, Number.MAX_SAFE_INTEGER)
    const endTime = parseTime(fields.text('end_ts', record.end_ts, 64) ?? '')
    tx.time = time
    tx.durationUs = bogus ? null : durationUs
    tx.endTime = bogus ? clock : (endTime ?? time + (durationUs ?? 0))
    tx.clientIp = client.text
    tx.clientPort = fields.whole('client_port', record.client_port, 0, 65_535)
    tx.serverIp = this.#peers.address(fields.text('server_ip', record.server_ip, MAX_ADDRESS))?.text ?? null
    tx.serverPort = fields.whole('server_port', record.server_port, 0, 65_535)
    tx.httpVersion = fields.text('http_version', record.http_version, 16)
    tx.method = method
    tx.scheme = record.scheme === undefined && method !== null ? 'http' : fields.text('scheme', record.scheme, 64)
    tx.host = host
    tx.wholeHead = request.first('host') !== null
    const mark = path === null || record.query !== undefined ? -1 : path.indexOf('?')
    const rawPath = mark < 0 ? path : path!.slice(0, mark)
    const rawQuery = fields.text('query', record.query) ?? (mark < 0 ? '' : path!.slice(mark + 1))
    tx.path = kept || rawPath === null ? rawPath : redactPath(rawPath, this.#pseudonyms)
    tx.query = kept ? rawQuery : redactQuery(rawQuery, this.#pseudonyms)
    tx.status = fields.whole('status', record.status, 100, 999)
    tx.requestBodyBytes = this.#bytes('request_body_bytes', record.request_body_bytes, bodies.request)
    tx.responseBodyBytes = this.#bytes('response_body_bytes', record.response_body_bytes, bodies.response)
    const consumer = fields.text('consumer', record.consumer, 256)
    tx.consumer = consumer === null || kept ? consumer : redactSubject(consumer, this.#pseudonyms)
    tx.tls = fields.tls(record.tls)
    tx.traceId = fields.text('trace_id', record.trace_id, 128) ?? traceIdOf(request.first('traceparent'))
    tx.state = state ?? (tx.status === null ? 'request_only' : 'complete')
    tx.pairing = fields.oneOf('pairing', record.pairing, PAIRINGS) ?? 'exact'
    tx.keyId = (kept ? keyId : null) ?? this.#pseudonyms.keyId
    tx.source = fields.source(record.source, this.#sourceName)
    tx.marks = fields.marks(record.marks)
    if (!kept) {
      tx.marks = tx.marks.filter((each) => each.kind === 'payload')
      if (this.#payloads !== null) {
        const head = new RecordHead(method ?? '', rawPath ?? '', rawQuery, requestHeaders)
        const body = this.#bodies ? bodies.request : undefined
        const answer = this.#bodies ? bodies.response : undefined
        const { known } = this.#requestHeaders
        const found = this.#payloads.ofRecord(head, known, body ?? '', tx.status, bodies.responseType, answer ?? '')
        if (found.length > 0) tx.marks = [...tx.marks, ...found]
      }
    }
    const given = record.forwarded === undefined ? null : fields.texts('forwarded', record.forwarded)
    const said = this.#peers.forwarding(tx, given, request, client.trust)
    if (said && !kept && client.trust === 'none') tx.addWeird('forwarded.untrusted')
    tx.endpoint = fields.text('endpoint', record.endpoint)
    tx.service = fields.text('service', record.service, 512)
    const principal = fields.principal(record.principal)
    tx.givenPrincipal = principal === null || kept ? principal : this.#hidden(principal)
    if (tx.givenPrincipal !== null) tx.principal = tx.givenPrincipal
    const apiKey = fields.apiKey(record)
    this.#identify(tx, client.trust, fields.claims(record.claims), apiKey, rawQuery, kept)
    if (!kept && this.#bodies) this.#logins.find(tx, bodies)
    if (kept && tx.givenPrincipal === null) this.#logins.follow(tx, bodies)
    if (!tx.loginGranted && this.#bodies) this.#logins.followGrant(tx, bodies, kept)
    if (!kept && tx.login === null && tx.status === 401) tx.login = this.#refused(apiKey)
    return tx
  }

  close(): void {
    this.#raw.close()
    this.#kept.close()
    this.#verifier?.close()
    this.#certificates.close()
    this.#requestHeaders.close()
    this.#responseHeaders.close()
    this.#textBodies.close()
    this.#payloads?.close()
    this.#pseudonyms.close()
  }

  #bytes(name: string, value: unknown, body: string | undefined): number {
    const said = this.#fields.whole(name, value, 0, Number.MAX_SAFE_INTEGER)
    return said ?? (body === undefined ? 0 : Buffer.byteLength(body))
  }

  #body(
    text: string | undefined,
    type: string | null,
    place: 'request' | 'response',
    kept: boolean,
  ): string | undefined {
    if (text === undefined || !this.#bodies) return undefined
    return kept ? text : this.#textBodies.redact(text, type, place)
  }

  #checkKey(kept: boolean, keyId: string | null, line: number): void {
    if (!kept || keyId === null || this.#pseudonyms.takes(keyId)) return
    throw new OffpathError(
      'OFFPATH_E_KEY_MISMATCH',
      `A record was pseudonymised under key ${printable(keyId)}, and this is key ${this.#pseudonyms.keyId}.`,
      {
        at: `${this.#sourceName}:${line}`,
        remedy:
          'Use the key the records were made with (privacy.key_file or OFFPATH_PRIVACY_KEY), or, while a new key is brought in, ' +
          'name the old one in privacy.previous_key_ids.',
      },
    )
  }

  #unusable(field: string): null {
    this.#telemetry.counters.add(`native.unusable.${field}`)
    return null
  }

  #identify(
    tx: TransactionRecord,
    peer: Trust,
    claims: Claims | null,
    gatewayKey: string | null,
    query: string,
    kept: boolean,
  ): void {
    const reader = kept ? this.#kept : this.#raw
    const request = this.#request
    const keyHeader = this.#apiKeyHeader()
    const setCookies = this.#response.values('set-cookie')
    const read = reader.read(
      request.joined('authorization', ', '),
      request.joined('cookie', '; '),
      keyHeader === null ? gatewayKey : request.first(keyHeader),
      keyHeader ?? 'gateway',
      query,
      tx.consumer,
      setCookies.length === 0 ? NOTHING.issued : reader.issuedBy(setCookies),
    )
    if (tx.status !== null && tx.status >= 301 && tx.status <= 308) {
      tx.sentToLogin = isLoginPage(this.#response.first('location'))
    }
    const checked =
      this.#verifier === null || kept || !answerAccepts(tx) ? read : this.#verifier.verified(read, tx.endTime)
    const moved = this.#movedSeconds === 0 ? checked : movedInTime(checked, this.#movedSeconds)
    const presented = this.#withCertificate(tx, peer, moved, kept)
    if (!kept && presented.weird !== null) tx.addWeird(presented.weird)
    const open = claims === null || kept ? claims : this.#openClaims(claims)
    tx.claims = open ?? presented.claims
    tx.presented = open === null || presented.user !== null ? presented : this.#withUser(presented, open)
  }

  /** Lower-case name of the first header that holds an API key. */
  #apiKeyHeader(): string | null {
    for (const name of this.#apiKeyHeaders) if (this.#request.first(name) !== null) return name
    return null
  }

  /** Whose certificate the hop in front saw: see Recorder. What a gateway's log calls its consumer goes before it. */
  #withCertificate(tx: TransactionRecord, peer: Trust, presented: Presented, kept: boolean): Presented {
    const request = this.#request
    const header = presented.consumer === null ? this.#certificates.headerBy((name) => request.last(name)) : null
    if (header === null) return presented
    if (peer === 'none') {
      if (!kept) tx.addWeird('certificate.untrusted')
      return presented
    }
    if (isRefusedCertificate((name) => request.first(name))) return presented
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
  #refused(gatewayKey: string | null): LoginAttempt | null {
    const authorization = this.#request.first('authorization')
    if (authorization !== null) {
      return refusedAuthorization(authorization, this.#raw.basicAccount(authorization), this.#hasher)
    }
    const header = this.#apiKeyHeader()
    const apiKey = header === null ? gatewayKey : this.#request.first(header)
    if (apiKey === null) return null
    return { field: `header:${header ?? 'gateway'}`, account: null, secret: this.#hasher.hash(apiKey) }
  }
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 64)
}
