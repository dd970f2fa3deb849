import type { SourceInfo } from './frame.ts'
import type { EventTime } from './time.ts'

export type Header = readonly [name: string, value: string]

/** contracts.md, Transaction. */
export type TransactionState = 'complete' | 'request_only' | 'response_only' | 'gap' | 'truncated' | 'upgraded'
export type PairingGrade = 'exact' | 'inferred' | 'ambiguous'

export type PrincipalKind = 'user' | 'session' | 'api_key' | 'consumer' | 'device' | 'ip'

/** Who made the request: contracts.md, Principal. */
export interface Principal {
  readonly kind: PrincipalKind
  /** The address for kind ip, else an `hmac:` pseudonym. Unique together with `kind`. */
  readonly id: string
  /** For people; never a secret. */
  readonly display: string
  /** Where the identity was read: `jwt.sub`, `basic`, `cookie.sid`, `bearer`, `header.x-api-key`, `peer`, `forwarded`, `forwarded.default` … */
  readonly via: string
  /** API key or client id seen beside a user, as a pseudonym. */
  readonly app: string | null
}

/** Who announces the network an address is in, by `identity.asn_database`. */
export interface Asn {
  /** Of the autonomous system. */
  readonly number: number
  /** Who has it, as the database says; null where it does not. */
  readonly organisation: string | null
}

/** `AS64496 Example Broadband`: for people. */
export function asnText({ number, organisation }: Asn): string {
  return organisation === null ? `AS${number}` : `AS${number} ${organisation}`
}

/** Token claims after redaction. Null and empty where the token has none. */
export interface Claims {
  readonly iss: string | null
  readonly sub: string | null
  readonly tenant: string | null
  readonly role: readonly string[]
  readonly scope: readonly string[]
  readonly alg: string | null
  readonly kid: string | null
  /** Seconds since 1970, as in the token. */
  readonly iat: number | null
  readonly exp: number | null
  /** Who acts in the name of the subject (`act`, RFC 8693 §4.1), redacted like `sub`; absent when nobody does. */
  readonly actor?: string
  /** By the keys in `identity.jwks`; absent where the token was not accepted, or no keys are given. */
  readonly verified?: 'yes' | 'no' | 'unknown'
}

/**
 * Evidence taken from values just before they were redacted, so that native input gives the same signals.
 *
 * `login`: an attempt to authenticate. `account` is the pseudonym of the account tried (null if none was named), `field`
 * where the secret stood (`body:/password`, `header:authorization`), `guess` tells the secret from those seen before:
 * `new`; `repeated` (the same account has tried it); `shared` (another account has tried it).
 */
export interface LoginMark {
  readonly kind: 'login'
  readonly field: string
  readonly account: string | null
  readonly guess: 'new' | 'repeated' | 'shared'
}
/**
 * A piece of a request that looks like an attack, or of an answer that gives something away. At most 8 per transaction, the
 * strongest of each class and field.
 */
export interface PayloadMark {
  readonly kind: 'payload'
  /** PAYLOAD_CLASSES of daemon/payload: `sqli`, `leak_stack` … */
  readonly class: string
  /** `sqli.tautology`; empty where whoever made the record names none. */
  readonly rule: string
  /** `query:q`, `body:/items/[]/name`, `header:user-agent`, `response`. */
  readonly field: string
  /** 0..1, from `logOdds`: how likely it is an attack if one such field in 150 is. */
  readonly score: number
  /** Natural log of how much likelier it is in an attack than in benign text of a field nobody knows. */
  readonly logOdds: number
  /** Encodings that were taken off, outermost first. */
  readonly layers: readonly string[]
  /** The piece that showed it, decoded, at most 120 characters; empty where the field may hold a secret. */
  readonly excerpt: string
  /** The tokens that mattered, as the check reads them; empty with the excerpt. */
  readonly tokens: string
  /** The value came back in the answer, and no character of it was escaped. */
  readonly reflected: boolean
  /** The delay that the payload asks for; null where it names none. */
  readonly delayMs: number | null
}
export type Mark = LoginMark | PayloadMark

/**
 * One request/response pair, or one side of it, as every later stage sees it: redacted, linked to a caller.
 * Header arrays and bodies are made on first use, from bytes that the transaction owns.
 */
export interface Transaction {
  readonly id: string
  /** First byte of the request (of the response if no request was seen), as captured. */
  readonly time: EventTime
  /** Event-clock time at which the record became final. All ordering uses (endTime, id). */
  readonly endTime: EventTime
  readonly durationUs: number | null
  readonly clientIp: string
  readonly clientPort: number | null
  readonly serverIp: string | null
  readonly serverPort: number | null
  readonly httpVersion: string | null
  readonly method: string | null
  readonly scheme: string | null
  readonly host: string | null
  /** As sent, undecoded, secrets replaced. */
  readonly path: string | null
  /** As sent, without `?`, secrets replaced; empty when absent. */
  readonly query: string
  readonly status: number | null
  readonly requestHeaders: readonly Header[]
  readonly responseHeaders: readonly Header[]
  /** Wire sizes after transfer decoding. */
  readonly requestBodyBytes: number
  readonly responseBodyBytes: number
  /** Decoded, capped, redacted text; undefined when bodies are off. */
  readonly requestBody: string | undefined
  readonly responseBody: string | undefined
  /** What the body of a request asks for where one path serves many operations: rpc-operation.ts. Read on demand; null where it names none. */
  readonly operation?: string | null
  readonly claims: Claims | null
  /** Callers behind trusted hops, nearest trusted hop's view first. */
  readonly forwarded: readonly string[]
  readonly consumer: string | null
  readonly tls: { readonly sni: string | null; readonly ja4: string | null }
  readonly traceId: string | null
  readonly state: TransactionState
  readonly pairing: PairingGrade
  readonly weirds: readonly string[]
  /** Those of `weirds` that no body has to be decoded for, which takes time; absent where that is all of them. */
  readonly ownWeirds?: readonly string[]
  readonly truncated: readonly string[]
  readonly marks: readonly Mark[]
  readonly keyId: string
  readonly source: SourceInfo & { readonly vlan: number | null; readonly vni: number | null }

  /** Set by whoever reads a topic, internal: the record that it was made from, until it has left the analysis. */
  origin?: RecordOrigin | null
  /** Set once by identity (the resolver, in the analysis stage). */
  principal: Principal
  /** Set once by identity, internal: several people are known to be behind the address it came from. */
  sharedAddress?: boolean
  /** Set once by callers, internal: absent where nobody asks, null while the caller is too new to be known. */
  caller?: CallerView | null | undefined
  /** Set once by callers, internal: whose network the caller's address is in; absent without a database, null where that is not known. */
  asn?: Asn | null | undefined
  /** Set once by endpoints: `GET /v1/orders/{id}`, or null before the template is a candidate. */
  endpoint: string | null
  /** Set once by endpoints: host, or server address and port. */
  service: string | null
  /** Set once by endpoints, internal: the values that stood in the template's variable segments, in path order. */
  objectIds: readonly string[]
  /** Set once by endpoints, internal: whether (service, method, template) is an established endpoint of the inventory. */
  knownEndpoint: boolean
}

export interface RecordOrigin {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** What a caller seems to be, by what they do: docs/identity.md. */
export const ROLES = ['monitor', 'crawler', 'export', 'staff', 'service', 'partner', 'customer'] as const
export type Role = (typeof ROLES)[number]

/** What is known of a caller by now; it goes on changing. */
export interface CallerView {
  /** By what they did so far; null while that is too little. */
  readonly role: Role | null
  /** The same, once a day went by in which nothing spoke against them: with whom to compare them. */
  readonly cohort: Role | null
  /** `identity.labels` that are true of them. */
  readonly labels: readonly string[]
}

/** Where the caller is: as far back as hops are trusted, else the peer. */
export function callerAddress({ forwarded, clientIp }: Pick<Transaction, 'forwarded' | 'clientIp'>): string {
  return forwarded.length === 0 ? clientIp : forwarded[forwarded.length - 1]!
}

/** Total order of all records: (endTime, id). */
export function compareTransactions(a: Transaction, b: Transaction): number {
  return a.endTime - b.endTime || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}
