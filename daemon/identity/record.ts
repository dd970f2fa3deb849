import type { SourceInfo } from '../model/frame.ts'
import type { JsonText } from '../model/json-text.ts'
import type { EventTime } from '../model/time.ts'
import type {
  Asn,
  CallerView,
  Claims,
  Header,
  Mark,
  PairingGrade,
  Principal,
  RecordOrigin,
  Transaction,
  TransactionState,
} from '../model/transaction.ts'
import type { Weird } from '../telemetry/weirds.ts'
import type { BodyText } from './body-text.ts'
import { NOTHING, type Presented } from './credentials.ts'
import type { Trust } from './forwarded.ts'
import type { LoginAttempt } from './login-attempt.ts'
import { rpcOperation } from './rpc-operation.ts'
import type { TokenGrant } from './token-grant.ts'

/** What header arrays and bodies are made from, redacted on the way. */
export interface Material {
  /** Asked for once, if at all. */
  id(): string
  /** The same as a JSON string. */
  writeId(out: JsonText): void
  requestHeaders(): readonly Header[]
  responseHeaders(): readonly Header[]
  /** The same lists as JSON. */
  writeRequestHeaders(out: JsonText): void
  writeResponseHeaders(out: JsonText): void
  /** Null when bodies are off. */
  requestBody(): BodyText | null
  responseBody(): BodyText | null
  /** See Transaction.operation; absent where bodies are redacted already. */
  operation?(): string | null
}

export const NO_TLS: Transaction['tls'] = { sni: null, ja4: null }
const NO_SOURCE: Transaction['source'] = { kind: 'file', name: '', vlan: null, vni: null }
export const NOBODY: Principal = { kind: 'ip', id: '', display: '', via: 'peer', app: null }
const NONE: readonly never[] = []

function add(marks: string[], mark: string): void {
  if (!marks.includes(mark)) marks.push(mark)
}

/**
 * A transaction between identity's two halves: the parser's side fills it in and redacts, the analysis side (resolver,
 * endpoint mapper) completes it. Everything below `presented` is internal and never encoded.
 */
export class TransactionRecord implements Transaction {
  time: EventTime = 0
  endTime: EventTime = 0
  durationUs: number | null = null
  clientIp = ''
  clientPort: number | null = null
  serverIp: string | null = null
  serverPort: number | null = null
  httpVersion: string | null = null
  method: string | null = null
  scheme: string | null = null
  host: string | null = null
  path: string | null = null
  query = ''
  status: number | null = null
  requestBodyBytes = 0
  responseBodyBytes = 0
  claims: Claims | null = null
  forwarded: readonly string[] = NONE
  consumer: string | null = null
  tls: Transaction['tls'] = NO_TLS
  traceId: string | null = null
  state: TransactionState = 'complete'
  pairing: PairingGrade = 'exact'
  marks: readonly Mark[] = NONE
  keyId = ''
  source: SourceInfo & { readonly vlan: number | null; readonly vni: number | null } = NO_SOURCE

  principal: Principal = NOBODY
  endpoint: string | null = null
  service: string | null = null
  objectIds: readonly string[] = NONE
  knownEndpoint = false
  sharedAddress = false
  caller: CallerView | null | undefined = undefined
  asn: Asn | null | undefined = undefined
  origin: RecordOrigin | null = null

  presented: Presented = NOTHING
  login: LoginAttempt | null = null
  /** The answer to a login handed something out, and does not look like the login page again. */
  loginGranted = false
  /** What was shown for the tokens that the answer handed out; null where none were asked for, or none were given. */
  grant: TokenGrant | null = null
  /** A redirect to a login page refuses as a 401 does. */
  sentToLogin = false
  trust: Trust = 'none'
  /** All headers of the request were seen, not only those that a log was told to name: what is missing was not sent. */
  wholeHead = true
  /** A number that records of one connection have in common, and hardly any others: where to look for what they repeat. */
  connection = 0
  /** From a native record: kept as it is. */
  givenPrincipal: Principal | null = null

  readonly #material: Material
  #id: string | null = null
  #requestHeaders: readonly Header[] | null = null
  #responseHeaders: readonly Header[] | null = null
  #requestBody: BodyText | null | undefined = undefined
  #responseBody: BodyText | null | undefined = undefined
  #weirds: readonly string[]
  readonly #truncated: readonly string[]

  constructor(material: Material, weirds: readonly string[], truncated: readonly string[]) {
    this.#material = material
    this.#weirds = weirds
    this.#truncated = truncated
  }

  /** Made on first use: a record that nobody prints or names needs none. */
  get id(): string {
    this.#id ??= this.#material.id()
    return this.#id
  }

  writeId(out: JsonText): void {
    if (this.#id === null) this.#material.writeId(out)
    else out.string(this.#id)
  }

  get requestHeaders(): readonly Header[] {
    this.#requestHeaders ??= this.#material.requestHeaders()
    return this.#requestHeaders
  }

  get responseHeaders(): readonly Header[] {
    this.#responseHeaders ??= this.#material.responseHeaders()
    return this.#responseHeaders
  }

  /** As JSON, which costs less than the list itself. */
  writeRequestHeaders(out: JsonText): void {
    if (this.#requestHeaders === null) this.#material.writeRequestHeaders(out)
    else out.pairs(this.#requestHeaders)
  }

  writeResponseHeaders(out: JsonText): void {
    if (this.#responseHeaders === null) this.#material.writeResponseHeaders(out)
    else out.pairs(this.#responseHeaders)
  }

  get requestBody(): string | undefined {
    return this.#request()?.text
  }

  get responseBody(): string | undefined {
    return this.#response()?.text
  }

  get operation(): string | null {
    const material = this.#material
    if (material.operation !== undefined) return material.operation()
    const body = this.requestBody
    // Redacted, so there is no secret in it.
    return body === undefined ? null : rpcOperation(body, () => false)
  }

  /** Reads the bodies, since decoding them may add some. */
  get weirds(): readonly string[] {
    const request = this.#request()
    const response = this.#response()
    if (request === null || response === null || (request.weirds.length === 0 && response.weirds.length === 0)) {
      return this.#weirds
    }
    return [...new Set([...this.#weirds, ...request.weirds, ...response.weirds])]
  }

  /** `request_body`, `response_body`: something of it is missing; `binary`: one of them is no text. Reads the bodies. */
  get truncated(): readonly string[] {
    const request = this.#request()
    const response = this.#response()
    if (request === null || response === null) return this.#truncated
    const marks = [...this.#truncated]
    if (request.cut) add(marks, 'request_body')
    if (response.cut) add(marks, 'response_body')
    if (request.binary || response.binary) add(marks, 'binary')
    return marks
  }

  /** The weirds that do not come from decoding bodies. */
  get ownWeirds(): readonly string[] {
    return this.#weirds
  }

  /** Bodies, with what became of them; null when bodies are off. */
  get requestText(): BodyText | null {
    return this.#request()
  }

  get responseText(): BodyText | null {
    return this.#response()
  }

  addWeird(name: Weird): void {
    if (!this.#weirds.includes(name)) this.#weirds = [...this.#weirds, name]
  }

  #request(): BodyText | null {
    if (this.#requestBody === undefined) this.#requestBody = this.#material.requestBody()
    return this.#requestBody
  }

  #response(): BodyText | null {
    if (this.#responseBody === undefined) this.#responseBody = this.#material.responseBody()
    return this.#responseBody
  }
}
