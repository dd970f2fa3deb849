import type { Header } from '../model/transaction.ts'
import type { Pseudonyms } from './pseudonym.ts'
import { redactUrl } from './redact-url.ts'
import { redactValue } from './redact-value.ts'
import { secrecyOf } from './secret-names.ts'
import { redactText } from './token-shape.ts'

/** Headers that carry an API key, besides those whose name ends like one; `identity.api_key_headers`. */
export const API_KEY_HEADERS: readonly string[] = ['x-api-key', 'api-key', 'apikey', 'x-auth-token', 'x-access-token']

const ALSO_SECRET = [
  'ocp-apim-subscription-key',
  'x-amz-security-token',
  'x-csrf-token',
  'x-xsrf-token',
  'x-goog-api-key',
  'x-functions-key',
  'x-auth-key',
  'x-auth',
  'x-session',
  'x-session-id',
  'x-hub-signature',
  'x-hub-signature-256',
  'x-vault-token',
  'x-gitlab-token',
  'x-amz-cf-id-token',
  'cf-access-jwt-assertion',
  'x-amzn-oidc-data',
  'x-amzn-oidc-accesstoken',
  'x-forwarded-access-token',
  'x-ms-token-aad-id-token',
  'authentication-info',
  'dpop',
]

const URL_HEADERS = new Set([
  'referer',
  'location',
  'content-location',
  'refresh',
  'link',
  'x-original-url',
  'x-rewrite-url',
  'x-original-uri',
  'x-forwarded-uri',
  'x-accel-redirect',
  'sourcemap',
])

/** Schemes of the IANA registry and the usual inventions; an unknown first word may be part of the secret. */
const SCHEMES = new Set(
  `basic bearer digest negotiate ntlm token apikey api-key hoba mutual oauth aws4-hmac-sha256 aws dpop gnap hawk jwt key sharedkey
  scram-sha-1 scram-sha-256 vapid privatetoken concealed sso-key`.split(/\s+/),
)

/** `open`: never touched. `text`: tokens and card numbers in it go. `secret`: read by its own rules. */
export type HeaderTreatment = 'open' | 'text' | 'secret'

/** Header lists with their secrets replaced. */
export class HeaderRedactor {
  readonly #secret: ReadonlySet<string>
  readonly #pseudonyms: Pseudonyms

  constructor(pseudonyms: Pseudonyms, apiKeyHeaders: readonly string[] = API_KEY_HEADERS) {
    this.#pseudonyms = pseudonyms
    this.#secret = new Set([...ALSO_SECRET, ...API_KEY_HEADERS, ...apiKeyHeaders.map((name) => name.toLowerCase())])
  }

  /** Names and order as sent. */
  redact(headers: readonly Header[]): Header[] {
    return headers.map((header) => {
      const value = this.value(header[0].toLowerCase(), header[1])
      return value === header[1] ? header : [header[0], value]
    })
  }

  /** Whether values under this name, in lower case, are as they were sent, apart from what redactText finds in them. */
  treatmentOf(name: string): HeaderTreatment {
    switch (name) {
      case 'authorization':
      case 'proxy-authorization':
      case 'cookie':
      case 'cookie2':
      case 'set-cookie':
      case 'set-cookie2':
        return 'secret'
      case 'host':
      case 'content-length':
      case 'content-type':
      case 'date':
        return 'open'
    }
    if (this.#secret.has(name) || URL_HEADERS.has(name)) return 'secret'
    if (name.startsWith('sec-websocket-')) return 'open'
    const secrecy = secrecyOf(name)
    return secrecy === 'token' || secrecy === 'erase' ? 'secret' : 'text'
  }

  /** `name` in lower case. */
  value(name: string, value: string): string {
    if (value.length === 0) return value
    switch (name) {
      case 'authorization':
      case 'proxy-authorization':
        return redactAuthorization(value, this.#pseudonyms)
      case 'cookie':
      case 'cookie2':
        return redactCookie(value, this.#pseudonyms)
      case 'set-cookie':
      case 'set-cookie2':
        return redactSetCookie(value, this.#pseudonyms)
      case 'host':
      case 'content-length':
      case 'content-type':
      case 'date':
        return value
    }
    if (this.#secret.has(name)) return this.#pseudonyms.secret(value)
    if (URL_HEADERS.has(name)) return redactText(redactUrl(value, this.#pseudonyms), this.#pseudonyms)
    if (name.startsWith('sec-websocket-')) return value
    const secrecy = secrecyOf(name)
    return secrecy === 'token' || secrecy === 'erase'
      ? redactValue(value, secrecy, 'query', this.#pseudonyms)
      : redactText(value, this.#pseudonyms)
  }
}

/** Splits `Bearer abc` into scheme and credentials; the scheme is '' when there is none that is known. */
export function splitAuthorization(value: string): { readonly scheme: string; readonly credentials: string } {
  const trimmed = value.trim()
  const blank = trimmed.search(/[ \t]/)
  if (blank > 0 && blank <= 32 && SCHEMES.has(trimmed.slice(0, blank).toLowerCase())) {
    return { scheme: trimmed.slice(0, blank), credentials: trimmed.slice(blank).trim() }
  }
  return { scheme: '', credentials: trimmed }
}

/**
 * The scheme stays. Of Basic credentials only the user name goes into the pseudonym, since the password becomes a constant:
 * two passwords tried for one account look the same.
 */
export function redactAuthorization(value: string, pseudonyms: Pseudonyms): string {
  const { scheme, credentials } = splitAuthorization(value)
  if (credentials === '') return value
  if (scheme === '') return SCHEMES.has(credentials.toLowerCase()) ? value : pseudonyms.secret(credentials)
  if (scheme.toLowerCase() === 'basic') return `${scheme} ${basicPseudonym(credentials, pseudonyms)}`
  return `${scheme} ${pseudonyms.secret(credentials)}`
}

/** User name of Basic credentials (RFC 7617), or null when they are none. */
export function basicUser(credentials: string): { readonly user: string; readonly password: string } | null {
  if (credentials.length > 8192) return null
  const text = Buffer.from(credentials, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** An account where there is a user name; with an empty one the whole is a secret. */
export function basicPseudonym(credentials: string, pseudonyms: Pseudonyms): string {
  const basic = basicUser(credentials)
  return basic === null || basic.user === '' ? pseudonyms.secret(credentials) : pseudonyms.of('account', basic.user)
}

/** Names stay, every value goes. */
export function redactCookie(value: string, pseudonyms: Pseudonyms): string {
  let out = ''
  let start = 0
  while (start <= value.length) {
    let end = value.indexOf(';', start)
    if (end < 0) end = value.length
    out += (start === 0 ? '' : ';') + redactCookiePair(value.slice(start, end), pseudonyms)
    start = end + 1
  }
  return out
}

function redactCookiePair(pair: string, pseudonyms: Pseudonyms): string {
  const equals = pair.indexOf('=')
  const raw = pair.slice(equals + 1).trim()
  if (raw === '') return pair
  // RFC 6265bis §5.4 reads a pair without `=` as a value without a name.
  const name = equals < 0 ? pair.slice(0, pair.length - pair.trimStart().length) : pair.slice(0, equals + 1)
  return name + cookiePseudonym(raw, pseudonyms)
}

/** The pseudonym of a cookie's value: unquoted and percent-decoded, so that it agrees with the same token elsewhere. */
export function cookiePseudonym(raw: string, pseudonyms: Pseudonyms): string {
  return pseudonyms.secret(cookieValue(raw))
}

export function cookieValue(raw: string): string {
  const value = raw.length >= 2 && raw.startsWith('"') && raw.endsWith('"') ? raw.slice(1, -1) : raw
  if (!value.includes('%')) return value
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

/** Name and attributes stay. */
export function redactSetCookie(value: string, pseudonyms: Pseudonyms): string {
  const semicolon = value.indexOf(';')
  const end = semicolon < 0 ? value.length : semicolon
  return redactCookiePair(value.slice(0, end), pseudonyms) + value.slice(end)
}
