import type { Exchange, ExchangeSink, Head, Message } from '../http/exchange.ts'
import { ParsedHead } from '../http/head.ts'
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from '../http/limits.ts'
import { SECOND_US } from '../model/time.ts'
import type { Transaction } from '../model/transaction.ts'
import { NO_RULES, type RuleBox } from '../payload/rules/rule.ts'
import type { Direction, FlowInfo } from '../reassembly/stream.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import type { Weird } from '../telemetry/weirds.ts'
import { answerAccepts } from './admission.ts'
import type { KnownCaller } from './caller-memory.ts'
import { CallerReader } from './caller-reader.ts'
import { CERTIFICATE_HEADERS, CertificateReader, isRefusedCertificate } from './certificate.ts'
import { CREDENTIAL_DEFAULTS, type CredentialOptions, mayNameCaller, movedInTime, NOTHING } from './credentials.ts'
import { ExchangeLogins } from './exchange-logins.ts'
import { clampTime, ExchangeMaterial, type RedactionTools } from './exchange-material.ts'
import { type Caller, CDN_HEADERS, type Cdn, type Peer, type Trust, TrustedHops } from './forwarded.ts'
import { isLoginPage, joined, notedHeader, says, traceIdOf } from './head-facts.ts'
import { HeaderJson } from './header-json.ts'
import { HeaderMemory } from './header-memory.ts'
import type { KeySource } from './key-set.ts'
import { SecretHasher } from './login-attempt.ts'
import { PayloadMarks } from './payload-marks.ts'
import type { PrivacyKey } from './privacy-key.ts'
import { Pseudonyms } from './pseudonym.ts'
import { TransactionRecord } from './record.ts'
import { HeaderRedactor } from './redact-headers.ts'
import { redactPath, redactQuery } from './redact-url.ts'
import { parseTarget } from './request-target.ts'
import { TargetMemory } from './target-memory.ts'
import { TokenVerifier } from './token-verifier.ts'
import { type IdKey, TransactionIds } from './transaction-id.ts'

export interface IdentityOptions extends CredentialOptions {
  /** `identity.trusted_hops`: networks whose forwarding headers are believed; empty means loopback, private and link-local. */
  readonly trustedHops: readonly string[]
  /** `identity.cdn`: the delivery network whose header names the caller; null where there is none. */
  readonly cdn: Cdn | null
  /** `identity.jwks`: keys to check tokens with; empty: they are not checked. */
  readonly keySets: readonly KeySource[]
  /** `identity.certificate_headers`: where a trusted hop says whose certificate it saw. */
  readonly certificateHeaders: readonly string[]
}

export const IDENTITY_DEFAULTS: IdentityOptions = {
  trustedHops: [],
  cdn: null,
  keySets: [],
  certificateHeaders: CERTIFICATE_HEADERS,
  ...CREDENTIAL_DEFAULTS,
}

export interface RecorderSettings {
  readonly key: PrivacyKey
  readonly options: IdentityOptions
  /** False: bodies are not copied, decoded or redacted, and are undefined in the transaction. */
  readonly bodies: boolean
  /** Looks for payloads, and marks what it finds. Default: it does not. */
  readonly payloads?: boolean
  /** The operator's rules of payloads; default: none. */
  readonly payloadRules?: RuleBox
  readonly telemetry: Telemetry
  /** Bounds on decoding bodies; default: those of the HTTP stage. */
  readonly limits?: HttpLimits
  readonly emit: (transaction: Transaction) => void
  /** See SecretHasher; recorders whose transactions meet must have the same. */
  readonly hashKey?: Uint8Array
}

const NONE: readonly never[] = []
/** Something was said by a peer that nobody trusts. */
const UNTRUSTED: Caller = { forwarded: [], trust: 'none' }

const X_FORWARDED_FOR = notedHeader('x-forwarded-for')
const FORWARDED = notedHeader('forwarded')
const X_REAL_IP = notedHeader('x-real-ip')
const TRACEPARENT_HEADER = notedHeader('traceparent')
const SET_COOKIE = notedHeader('set-cookie')

/** What is the same for all exchanges of one flow. */
class FlowFacts {
  readonly recorder: Recorder
  readonly #first: Peer
  readonly #second: Peer
  readonly source: Transaction['source']
  readonly number: number
  /** See SourceInfo.movedUs. */
  readonly movedSeconds: number
  readonly #flow: FlowInfo
  readonly #ids: TransactionIds
  #idKey: IdKey | null = null

  constructor(
    recorder: Recorder,
    flow: FlowInfo,
    source: Transaction['source'],
    hops: TrustedHops,
    ids: TransactionIds,
    number: number,
  ) {
    this.recorder = recorder
    const [first, second] = flow.address
    this.#first = hops.peer(first)
    this.#second = hops.peer(second)
    this.source = source
    this.number = number
    this.movedSeconds = Math.round((flow.source.movedUs ?? 0) / SECOND_US)
    this.#flow = flow
    this.#ids = ids
  }

  peer(side: Direction): Peer {
    return side === 0 ? this.#first : this.#second
  }

  /** Made when a transaction of the flow is asked for its id: where nothing is printed, few are. */
  get idKey(): IdKey {
    this.#idKey ??= this.#ids.keyOf(this.#flow)
    return this.#idKey
  }
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
  readonly #payloads: PayloadMarks | null
  readonly #telemetry: Telemetry
  readonly #pseudonyms: Pseudonyms
  readonly #hops: TrustedHops
  readonly #cdnHeader: string | null
  readonly #callers: CallerReader
  readonly #certificates: CertificateReader
  readonly #verifier: TokenVerifier | null
  readonly #logins: ExchangeLogins
  readonly #targets = new TargetMemory()
  #flowCount = 0
  #source: Transaction['source'] | null = null

  constructor(settings: RecorderSettings) {
    this.#emit = settings.emit
    this.#telemetry = settings.telemetry
    this.#pseudonyms = new Pseudonyms(settings.key)
    const { trustedHops, cdn } = settings.options
    this.#hops = new TrustedHops(trustedHops)
    this.#cdnHeader = cdn === null ? null : CDN_HEADERS[cdn]
    const hasher = new SecretHasher(settings.hashKey)
    const { keySets, certificateHeaders } = settings.options
    this.#verifier = keySets.length === 0 ? null : new TokenVerifier(keySets, settings.telemetry.counters)
    this.#callers = new CallerReader(this.#pseudonyms, hasher, settings.options, this.#verifier)
    this.#logins = new ExchangeLogins(this.#pseudonyms, hasher, this.#callers)
    this.#certificates = new CertificateReader(certificateHeaders, this.#pseudonyms)
    const apiKeyHeaders = settings.options.apiKeyHeaders.map((name) => name.toLowerCase())
    const headers = new HeaderRedactor(this.#pseudonyms, apiKeyHeaders)
    this.#payloads =
      settings.payloads === true
        ? new PayloadMarks(
            this.#pseudonyms,
            headers,
            settings.telemetry.counters,
            settings.payloadRules ?? { rules: NO_RULES },
          )
        : null
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
    this.#callers.close()
    this.#certificates.close()
    this.#verifier?.close()
    this.#headerJson.close()
    this.#tools.headerLists.close()
    this.#payloads?.close()
    this.#pseudonyms.close()
  }

  #record(exchange: Exchange): void {
    const { flow, request, response } = exchange
    const first = request ?? response
    if (first === null) return
    const facts = this.#factsOf(flow)
    const client = exchange.clientSide
    const server = client === 0 ? 1 : 0
    const peer = facts.peer(client)
    const bogus = request?.bogusTime === true || response?.bogusTime === true
    const latin1 = request?.head.latin1 === true || response?.head.latin1 === true
    const { trust } = peer
    const via = request === null ? null : this.#forwardingOf(request.head, trust)

    let weirds = exchange.weirds
    if (bogus) weirds = this.#withWeird(weirds, 'clock.jump')
    if (latin1) weirds = this.#withWeird(weirds, 'text.latin1')
    if (via === UNTRUSTED) weirds = this.#withWeird(weirds, 'forwarded.untrusted')
    else if (via?.beyond === true) weirds = this.#withWeird(weirds, 'forwarded.beyond')

    const material = new ExchangeMaterial(exchange, facts, this.#tools)
    const record = new TransactionRecord(material, weirds, NONE)
    const time = clampTime(first.firstByte)
    record.time = time
    record.endTime = clampTime(exchange.endTime)
    if (response !== null && !bogus) record.durationUs = Math.max(0, clampTime(response.lastByte) - time)
    record.clientIp = peer.address
    record.clientPort = flow.port[client]
    record.serverIp = facts.peer(server).address
    record.serverPort = flow.port[server]
    record.httpVersion = first.head.version
    record.state = exchange.state
    record.pairing = exchange.pairing
    record.keyId = this.#pseudonyms.keyId
    record.source = facts.source
    record.trust = trust
    record.connection = facts.number

    if (via !== null && via !== UNTRUSTED) {
      record.forwarded = via.forwarded
      record.trust = via.trust
    }
    let known: KnownCaller | null = null
    let query = ''
    if (request !== null) {
      known = this.#callers.recall(request.head)
      query = this.#readTarget(record, request.head, known)
      record.requestBodyBytes = request.bodyBytes
      if (says(request.head, TRACEPARENT_HEADER)) record.traceId = traceIdOf(request.head.header('traceparent'))
    }
    if (response !== null) {
      record.status = response.head.status
      record.responseBodyBytes = response.bodyBytes
    }
    this.#identify(record, request, response, query, known, material, trust, facts.movedSeconds)
    if (this.#payloads !== null) record.marks = this.#payloads.ofExchange(request, response, known, material)
    this.#emit(record)
  }

  /** Who is said to stand behind the peer; null when nobody says so. */
  #forwardingOf(head: Head, trust: Trust): Caller | null {
    const named = this.#cdnHeader === null ? null : head.header(this.#cdnHeader)
    const listed = says(head, X_FORWARDED_FOR) || says(head, FORWARDED) || says(head, X_REAL_IP)
    if (!listed && named === null) return null
    if (trust === 'none') return UNTRUSTED
    return this.#hops.caller(
      trust,
      joined(head, 'x-forwarded-for'),
      joined(head, 'forwarded'),
      head.header('x-real-ip'),
      named,
    )
  }

  /** Fills in what the start line and Host say. The raw query where it may name a caller, else ''. */
  #readTarget(record: TransactionRecord, head: Head, known: KnownCaller | null): string {
    const { method } = head
    record.method = method
    record.scheme = 'http'
    const parsed = head instanceof ParsedHead ? head : null
    const plain = parsed === null || method === 'CONNECT' ? null : this.#targets.recall(parsed)
    if (plain !== null) {
      record.host = known === null ? head.header('host') : known.host
      record.path = plain.path
      record.query = plain.query
      return ''
    }
    const { scheme, host, path, query } = parseTarget(method, head.target)
    if (scheme !== null) record.scheme = scheme
    record.host = host ?? (known === null ? head.header('host') : known.host)
    record.path = path === null ? null : redactPath(path, this.#pseudonyms)
    record.query = redactQuery(query, this.#pseudonyms)
    if (mayNameCaller(query)) return query
    if (parsed !== null && scheme === null && host === null && path !== null && path === record.path) {
      if (query === record.query) this.#targets.keep(parsed, { path, query })
    }
    return ''
  }

  /** What was presented, what was handed out, and whether this was an attempt to log in. `query`: see readTarget. */
  #identify(
    record: TransactionRecord,
    request: Message | null,
    response: Message | null,
    query: string,
    known: KnownCaller | null,
    material: ExchangeMaterial,
    peer: Trust,
    moved: number,
  ): void {
    let issued: readonly string[] = NOTHING.issued
    if (response !== null && says(response.head, SET_COOKIE)) {
      issued = this.#callers.credentials.issuedBy(response.head.headerAll('set-cookie'))
    }
    const status = record.status
    if (response !== null && status !== null && status >= 301 && status <= 308) {
      record.sentToLogin = isLoginPage(response.head.header('location'))
    }
    const tokens = this.#logins.read(record, request, response, material)
    if (tokens.length > 0) issued = [...issued, ...tokens]
    record.presented = this.#callers.read(request === null ? null : request.head, query, issued, known)
    if (this.#verifier !== null && answerAccepts(record)) {
      record.presented = this.#verifier.verified(record.presented, record.endTime)
    }
    if (request !== null) this.#readCertificate(record, request.head, peer)
    if (moved !== 0) record.presented = movedInTime(record.presented, moved)
    record.claims = record.presented.claims
    const { weird } = record.presented
    if (weird !== null) {
      record.addWeird(weird)
      this.#telemetry.weirds.add(weird)
    }
  }

  /** Whose certificate the hop in front saw. Anybody can write the header, so from a peer that is not trusted it says nothing. */
  #readCertificate(record: TransactionRecord, head: Head, peer: Trust): void {
    const header = this.#certificates.headerOf(head)
    if (header === null) return
    if (peer === 'none') {
      record.addWeird('certificate.untrusted')
      this.#telemetry.weirds.add('certificate.untrusted')
      return
    }
    const consumer = isRefusedCertificate((name) => head.header(name)) ? null : this.#certificates.read(header, peer)
    if (consumer !== null) record.presented = { ...record.presented, consumer }
  }

  /** What the exchange brought with it was counted where it was found. */
  #withWeird(weirds: readonly string[], name: Weird): readonly string[] {
    if (weirds.includes(name)) return weirds
    this.#telemetry.weirds.add(name)
    return [...weirds, name]
  }

  #factsOf(flow: FlowInfo): FlowFacts {
    const known = flow.note
    if (known instanceof FlowFacts && known.recorder === this) return known
    const facts = new FlowFacts(this, flow, this.#sourceOf(flow), this.#hops, this.#tools.ids, this.#flowCount++)
    flow.note = facts
    return facts
  }

  /** The same object for flows that follow one another: most come from one network. */
  #sourceOf({ source, vlan, vni }: FlowInfo): Transaction['source'] {
    const { kind, name } = source
    const last = this.#source
    if (last !== null && last.kind === kind && last.name === name && last.vlan === vlan && last.vni === vni) return last
    this.#source = { kind, name, vlan, vni }
    return this.#source
  }
}
