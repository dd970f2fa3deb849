import type { Claims, Principal, PrincipalKind } from '../model/transaction.ts'
import type { Weird } from '../telemetry/weirds.ts'
import { BoundedMap, type Place } from './bounded-map.ts'
import { CallerNames, type DisplayRule, type NamedCaller } from './caller-names.ts'
import { MAX_TOKEN_CHARACTERS, readToken } from './jwt.ts'
import type { KnownCredential } from './known-credential.ts'
import type { SecretHasher } from './login-attempt.ts'
import { isPseudonym, type Pseudonyms, shortPseudonym } from './pseudonym.ts'
import { API_KEY_HEADERS, basicPseudonym, basicUser, cookieValue, splitAuthorization } from './redact-headers.ts'
import { percentDecode } from './redact-url.ts'
import { normalName } from './secret-names.ts'
import { isJwtShaped } from './token-shape.ts'
import type { TokenVerifier } from './token-verifier.ts'

/** One thing a caller presented, as pseudonyms only. */
export interface Credential {
  /** Who it stands for, without an `app`. */
  readonly principal: Principal
  /**
   * What was shown, hashed: acceptance is remembered by it, since a user has many tokens and one may be forged. Never
   * printed, since for Basic it covers the password.
   */
  readonly proof: string
  /** Where the resolver found what it knows of it: what a caller shows is one object each time, as long as it is remembered. */
  [PLACE]?: Place<string, KnownCredential>
}

/** A symbol, so that it is no part of what is written. */
export const PLACE = Symbol('place')

/** What one request presented, and what its response handed out. Everything is redacted. */
export interface Presented {
  /** A token with a subject. */
  readonly user: Credential | null
  readonly basic: Credential | null
  /** Session cookies and opaque bearer tokens. */
  readonly sessions: readonly Credential[]
  readonly apiKey: Credential | null
  readonly consumer: Credential | null
  readonly claims: Claims | null
  /** Proofs of sessions and tokens that the response handed out. */
  readonly issued: readonly string[]
  /** `token.too_long`, `token.malformed`: something like a token that cannot be read; `jwt.…`: one that is made oddly. */
  readonly weird: Weird | null
}

export const NOTHING: Presented = {
  user: null,
  basic: null,
  sessions: [],
  apiKey: null,
  consumer: null,
  claims: null,
  issued: [],
  weird: null,
}

/** What one header or parameter said. */
interface Part {
  readonly user: Credential | null
  readonly basic: Credential | null
  readonly sessions: readonly Credential[]
  readonly apiKey: Credential | null
  readonly claims: Claims | null
  readonly weird: Weird | null
}

const NO_PART: Part = { user: null, basic: null, sessions: [], apiKey: null, claims: null, weird: null }

export interface CredentialOptions {
  readonly apiKeyHeaders: readonly string[]
  /** Names besides those that say it themselves. */
  readonly sessionCookies: readonly string[]
  /** `identity.names` and `identity.display`. */
  readonly names: readonly NamedCaller[]
  readonly display: readonly DisplayRule[]
}

export const CREDENTIAL_DEFAULTS: CredentialOptions = {
  apiKeyHeaders: API_KEY_HEADERS,
  sessionCookies: [],
  names: [],
  display: [],
}

const CACHE_ENTRIES = 32_768
const CACHE_CHARACTERS = 16 * 1024 * 1024
const MAX_COOKIES = 64
const MAX_SESSIONS = 4

const SESSION_COOKIE =
  /^(?:sid|s|jsessionid|phpsessid|asp\.net_sessionid|connect\.sid|sails\.sid|cfid|cftoken|laravel_session|_gitlab_session|jwt|id_token|access_token|remember_token|token|\.aspxauth|\.aspnetcore\.(?:cookies|session)|_session_id)$|sess(?!ion_?(?:count|start|depth))|(?:^|[-_.])(?:auth|sid)(?:$|[-_.]|token)/

/** Cookies of analytics and of forgery protection that only sound like sessions. */
const NOT_SESSION = /^_?_?(?:ga|gid|utm|hj|gcl|fbp|cf_bm|mkto|amplitude|mp_|ajs_|intercom)|csrf|xsrf|analytics|consent/

/**
 * Reads credentials of requests into pseudonyms. Header values repeat, so what one meant is remembered by its raw text, in
 * memory only and up to a fixed size.
 */
export class CredentialReader {
  readonly #pseudonyms: Pseudonyms
  readonly #sessionCookies: ReadonlySet<string>
  readonly #authorization = new BoundedMap<string, Part>(CACHE_ENTRIES, CACHE_CHARACTERS)
  readonly #cookies = new BoundedMap<string, Part>(CACHE_ENTRIES, CACHE_CHARACTERS)
  readonly #keys = new BoundedMap<string, Credential>(CACHE_ENTRIES, CACHE_CHARACTERS)

  readonly #hasher: SecretHasher
  readonly #kept: boolean
  readonly #verifier: TokenVerifier | null
  readonly #names: CallerNames

  /**
   * `verifier` gets the tokens to check. `kept`: values that are pseudonyms already stay what they are: only for records an operator
   * named.
   */
  constructor(
    pseudonyms: Pseudonyms,
    hasher: SecretHasher,
    options: CredentialOptions,
    verifier: TokenVerifier | null = null,
    kept = false,
  ) {
    this.#pseudonyms = pseudonyms
    this.#hasher = hasher
    this.#verifier = verifier
    this.#names = new CallerNames(options.names, options.display, pseudonyms)
    this.#kept = kept
    this.#sessionCookies = new Set(options.sessionCookies.map((name) => name.toLowerCase()))
  }

  /** `apiKeyHeader` is the lower-case name of the header that `apiKey` stood in; `query` is raw. */
  read(
    authorization: string | null,
    cookie: string | null,
    apiKey: string | null,
    apiKeyHeader: string,
    query: string,
    consumer: string | null,
    issued: readonly string[],
  ): Presented {
    const first = authorization === null ? NO_PART : this.#authorizationPart(authorization)
    const second = cookie === null ? NO_PART : this.#cookiePart(cookie)
    const third = query === '' ? NO_PART : this.#queryPart(query)
    const key = apiKey === null || apiKey === '' ? null : this.#keyCredential(apiKey, apiKeyHeader)
    if (
      first === NO_PART &&
      second === NO_PART &&
      third === NO_PART &&
      key === null &&
      consumer === null &&
      issued.length === 0
    ) {
      return NOTHING
    }
    const sessions = first.sessions.length === 0 && third.sessions.length === 0
    return {
      user: first.user ?? second.user ?? third.user,
      basic: first.basic,
      sessions: sessions
        ? second.sessions
        : [...first.sessions, ...second.sessions, ...third.sessions].slice(0, MAX_SESSIONS),
      apiKey: key ?? first.apiKey ?? third.apiKey,
      consumer: consumer === null ? null : this.#consumer(consumer),
      claims: first.claims ?? second.claims ?? third.claims,
      issued,
      weird: first.weird ?? second.weird ?? third.weird,
    }
  }

  /** Proofs of the session cookies a response sets; deletions are none. */
  issuedBy(setCookies: readonly string[]): string[] {
    const issued: string[] = []
    for (const header of setCookies.slice(0, MAX_COOKIES)) {
      const semicolon = header.indexOf(';')
      const pair = semicolon < 0 ? header : header.slice(0, semicolon)
      const equals = pair.indexOf('=')
      if (equals <= 0 || !this.isSessionCookie(pair.slice(0, equals).trim())) continue
      const value = cookieValue(pair.slice(equals + 1).trim())
      if (value !== '' && issued.length < MAX_SESSIONS) issued.push(this.#proof(value))
    }
    return issued
  }

  /** Pseudonym of the account that Basic credentials name; null for every other scheme. */
  basicAccount(authorization: string): string | null {
    return this.#authorizationPart(authorization).basic?.principal.id ?? null
  }

  isSessionCookie(name: string): boolean {
    if (name.length > 128) return false
    const lower = name.toLowerCase()
    if (this.#sessionCookies.has(lower)) return true
    return SESSION_COOKIE.test(lower.replace(/^__(?:host|secure)-/, '')) && !NOT_SESSION.test(lower)
  }

  /** The caller that a token with these claims names, `id` being its pseudonym. `claim`: see CallerNames. */
  userOf(claims: Claims, id: string, claim: ((name: string) => string | null) | null): Principal {
    const display = this.#names.userName(claims.iss, claims.sub, claim) ?? shortPseudonym(id)
    return this.#names.of({ kind: 'user', id, display, via: 'jwt.sub', app: null })
  }

  close(): void {
    this.#authorization.clear()
    this.#cookies.clear()
    this.#keys.clear()
  }

  #authorizationPart(value: string): Part {
    const known = this.#authorization.get(value)
    if (known !== undefined) return known
    const part = this.#readAuthorization(value)
    this.#authorization.set(value, part, value.length + 512)
    return part
  }

  #readAuthorization(value: string): Part {
    const { scheme, credentials } = splitAuthorization(value)
    if (credentials === '') return NO_PART
    switch (scheme.toLowerCase()) {
      case 'basic':
        return this.#readBasic(credentials)
      case 'bearer':
      case 'dpop':
      case 'token':
      case 'jwt':
      case 'oauth':
      case 'privatetoken':
      case '':
        return this.#readBearer(credentials, 'bearer')
      case 'apikey':
      case 'api-key':
      case 'key':
        return { ...NO_PART, apiKey: this.#keyCredential(credentials, 'authorization') }
      default:
        // Digest, Negotiate, signatures: the credentials differ in every request, so they tell no caller apart.
        return NO_PART
    }
  }

  #readBasic(credentials: string): Part {
    if (this.#kept && isPseudonym(credentials)) {
      return { ...NO_PART, basic: this.#credential('user', credentials, 'basic', credentials) }
    }
    const id = basicPseudonym(credentials, this.#pseudonyms)
    const basic = basicUser(credentials)
    if (basic !== null && basic.user !== '' && basic.password === '') {
      // A user name with an empty password is how keys travel in Basic.
      return { ...NO_PART, apiKey: this.#credential('api_key', id, 'basic', id) }
    }
    // A wrong password for a user who is known is no proof of being that user.
    return { ...NO_PART, basic: this.#credential('user', id, 'basic', this.#hasher.hash(credentials)) }
  }

  /** A token that can be read names a user; any other is a session of its own. */
  #readBearer(text: string, via: string): Part {
    const token = readToken(text, this.#pseudonyms)
    const proof = this.#proof(text)
    if (token === null)
      return { ...NO_PART, sessions: [this.#credential('session', proof, via, proof)], weird: oddToken(text) }
    this.#verifier?.remember(token.claims, text)
    if (token.user === null) {
      return {
        ...NO_PART,
        sessions: [this.#credential('session', proof, via, proof)],
        claims: token.claims,
        weird: token.oddity,
      }
    }
    const { claims, user, oddity } = token
    const principal = this.userOf(claims, user, token.claim)
    return { ...NO_PART, user: { principal, proof }, claims, weird: oddity }
  }

  #cookiePart(header: string): Part {
    const known = this.#cookies.get(header)
    if (known !== undefined) return known
    const part = this.#readCookies(header)
    this.#cookies.set(header, part, header.length + 512)
    return part
  }

  #readCookies(header: string): Part {
    let user: Credential | null = null
    let claims: Claims | null = null
    let weird: Weird | null = null
    const sessions: Credential[] = []
    for (const pair of header.split(';', MAX_COOKIES)) {
      const equals = pair.indexOf('=')
      if (equals <= 0) continue
      const name = pair.slice(0, equals).trim()
      const value = cookieValue(pair.slice(equals + 1).trim())
      if (value === '' || !(this.isSessionCookie(name) || isJwtShaped(value))) continue
      const part = this.#readBearer(value, `cookie.${name.slice(0, 64)}`)
      user ??= part.user
      claims ??= part.claims
      weird ??= part.weird
      if (part.user === null && sessions.length < MAX_SESSIONS) sessions.push(...part.sessions)
    }
    return user === null && sessions.length === 0 ? NO_PART : { ...NO_PART, user, sessions, claims, weird }
  }

  #queryPart(query: string): Part {
    if (!QUERY_CREDENTIAL.test(query)) return NO_PART
    for (const pair of query.split('&', MAX_COOKIES)) {
      const equals = pair.indexOf('=')
      if (equals <= 0 || equals === pair.length - 1) continue
      const name = normalName(pair.slice(0, equals))
      const value = percentDecode(pair.slice(equals + 1), false)
      if (name === 'accesstoken' || name === 'token' || name === 'authtoken' || name === 'jwt') {
        return this.#readBearer(value, `query.${pair.slice(0, equals).slice(0, 64)}`)
      }
      if (name === 'apikey' || name === 'key' || name === 'subscriptionkey') {
        return { ...NO_PART, apiKey: this.#keyCredential(value, `query.${pair.slice(0, equals).slice(0, 64)}`) }
      }
    }
    return NO_PART
  }

  #keyCredential(value: string, where: string): Credential {
    const cacheKey = `${where}\0${value}`
    const known = this.#keys.get(cacheKey)
    if (known !== undefined) return known
    const proof = this.#proof(value)
    const via = where.startsWith('query.') ? where : `header.${where}`
    const made = this.#credential('api_key', proof, via, proof)
    this.#keys.set(cacheKey, made, cacheKey.length + 256)
    return made
  }

  #consumer(name: string): Credential {
    const id = this.#proof(name)
    return this.#credential('consumer', id, 'consumer', id)
  }

  #credential(kind: PrincipalKind, id: string, via: string, proof: string): Credential {
    return { principal: this.#names.of({ kind, id, display: shortPseudonym(id), via, app: null }), proof }
  }

  /** Secrets have one pseudonym wherever they stand. */
  #proof(value: string): string {
    return this.#kept && isPseudonym(value) ? value : this.#pseudonyms.secret(value)
  }
}

function oddToken(text: string): Weird | null {
  if (!isJwtShaped(text)) return null
  return text.length > MAX_TOKEN_CHARACTERS ? 'token.too_long' : 'token.malformed'
}

const QUERY_CREDENTIAL = /token=|jwt=|key=/i

/** Whether a raw query may hold a credential. */
export function mayNameCaller(query: string): boolean {
  return query !== '' && QUERY_CREDENTIAL.test(query)
}

/** Tokens of a recording were good then, and are good at the time it was moved to. */
export function movedInTime(presented: Presented, seconds: number): Presented {
  const { claims } = presented
  if (claims === null) return presented
  const later = (time: number | null) => (time === null ? null : time + seconds)
  return { ...presented, claims: { ...claims, iat: later(claims.iat), exp: later(claims.exp) } }
}
