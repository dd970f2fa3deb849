import { type Pseudonyms, REDACTED } from './pseudonym.ts'
import { redactValue } from './redact-value.ts'
import { secrecyOf } from './secret-names.ts'
import { isTokenShaped, redactText } from './token-shape.ts'

/** What stands behind these is a secret, whatever it looks like: a mailed link, an invitation, a check of an address. */
const BEFORE_SECRET =
  /^(?:reset|resets|password-reset|passwordreset|password_reset|reset-password|resetpassword|reset_password|verify|verify-email|verification|verifications|email-verification|invite|invites|invitation|invitations|token|tokens|magic-link|unsubscribe|activate|activation)$/

/** Ordinary words of APIs behind them, so that `/token/refresh` stays readable. */
const ACTIONS = new Set(
  `refresh revoke introspect verify validate confirm request resend send password passwords email emails phone sms status check
  callback accept decline reject new create login logout register complete cancel expire list search me all users link
  code codes reset token tokens invite invites start finish`.split(/\s+/),
)

/** One look that is false for nearly every path: then nothing more is done. */
const SUSPECT_PATH =
  /%|;|eyJ|[_-](?:live|test)_|gh[pousr]_|github_pat_|glpat-|xox[bpars]-|xapp-|shp(?:at|ss)_|whsec_|sk-(?:ant|proj)|npm_|pypi-|dop_v1|hf_|lin_api|sq0|EAACE|ya29|SG\.|AIza|AKIA|ASIA|reset|verif|invit|token|magic|unsub|activat/i

/** A query that names no secret and holds nothing long is passed by. */
const SUSPECT_QUERY =
  /%|pass|pwd|pw=|token|key|secret|sig|code|state|auth|jwt|session|sid|otp|pin|cv[cnv2]|cs[cn]|card|cc|pan=|bearer|cookie|ticket|nonce|hmac|credential|assertion|saml|relay|answer|verifier|cookie|link|[A-Za-z0-9_.~+-]{12}/i

const MAX_LINK_NESTING = 2

/** The path as sent, with secrets replaced: JWTs, keys with known prefixes, segments after reset, verify, invite or token. */
export function redactPath(path: string, pseudonyms: Pseudonyms): string {
  if (!SUSPECT_PATH.test(path)) return path
  let out = ''
  let before = ''
  let start = 0
  while (start <= path.length) {
    let end = path.indexOf('/', start)
    if (end < 0) end = path.length
    const segment = path.slice(start, end)
    const redacted = redactSegment(segment, before, pseudonyms)
    out += start === 0 ? redacted : `/${redacted}`
    if (segment !== '') before = segment
    start = end + 1
  }
  return out
}

function redactSegment(segment: string, before: string, pseudonyms: Pseudonyms): string {
  if (segment.length < 3) return segment
  const semicolon = segment.indexOf(';')
  if (semicolon >= 0) {
    // Matrix parameters (RFC 3986 §3.3), such as `;jsessionid=…`.
    const own = redactSegment(segment.slice(0, semicolon), before, pseudonyms)
    return `${own};${redactPairs(segment.slice(semicolon + 1), ';', 'query', pseudonyms, MAX_LINK_NESTING)}`
  }
  const value = percentDecode(segment, false)
  if (isTokenShaped(value)) return pseudonyms.secret(value)
  if (BEFORE_SECRET.test(percentDecode(before, false).toLowerCase()) && !ACTIONS.has(value.toLowerCase())) {
    return pseudonyms.secret(value)
  }
  const embedded = value.length < 20 || isNumeric(value) ? value : redactTokens(value, pseudonyms)
  return embedded === value ? segment : embedded
}

/** Tokens inside a segment, such as `file-eyJ….pdf`; numbers stay, they are ids. */
function redactTokens(value: string, pseudonyms: Pseudonyms): string {
  const redacted = redactText(value, pseudonyms)
  return redacted.includes(REDACTED) ? value : redacted
}

function isNumeric(value: string): boolean {
  return /^[0-9]+$/.test(value)
}

/** The query as sent, without `?`, with the values of secret names and token-shaped values replaced. */
export function redactQuery(query: string, pseudonyms: Pseudonyms): string {
  if (query.length === 0 || !SUSPECT_QUERY.test(query)) return query
  return redactPairs(query, '&', 'query', pseudonyms, MAX_LINK_NESTING)
}

/** A form body (application/x-www-form-urlencoded). */
export function redactForm(text: string, place: 'request' | 'response', pseudonyms: Pseudonyms): string {
  return redactPairs(text, '&', place === 'request' ? 'query' : 'response', pseudonyms, MAX_LINK_NESTING)
}

function redactPairs(
  text: string,
  separator: '&' | ';',
  place: 'query' | 'response',
  pseudonyms: Pseudonyms,
  nesting: number,
): string {
  let out = ''
  let copied = 0
  let start = 0
  while (start < text.length) {
    let end = text.indexOf(separator, start)
    if (end < 0) end = text.length
    const pair = text.slice(start, end)
    const equals = pair.indexOf('=')
    const valueStart = equals < 0 ? 0 : equals + 1
    const raw = pair.slice(valueStart)
    const redacted = redactPairValue(equals < 0 ? '' : pair.slice(0, equals), raw, place, pseudonyms, nesting)
    if (redacted !== raw) {
      out += text.slice(copied, start + valueStart) + redacted
      copied = end
    }
    start = end + 1
  }
  return copied === 0 ? text : out + text.slice(copied)
}

function redactPairValue(
  name: string,
  raw: string,
  place: 'query' | 'response',
  pseudonyms: Pseudonyms,
  nesting: number,
): string {
  if (raw.length === 0) return raw
  const secrecy = secrecyOf(percentDecode(name, true))
  // Tokens hold no blanks: a `+` in one is a `+` that somebody forgot to encode.
  const value = percentDecode(raw, secrecy === 'keep')
  if (secrecy === 'opaque' && normalKey(name)) return pseudonyms.secret(value)
  if (secrecy === 'keep' && nesting > 0 && isLink(value)) {
    const redacted = redactReference(value, pseudonyms, nesting - 1)
    return redacted === value ? raw : encodeLink(redacted)
  }
  const redacted = redactValue(value, secrecy, place, pseudonyms)
  if (redacted === value) return raw
  return secrecy === 'keep' ? redacted.replaceAll('&', '%26').replaceAll('#', '%23').replaceAll(' ', '+') : redacted
}

function encodeLink(link: string): string {
  try {
    return encodeURIComponent(link).replaceAll('hmac%3A', 'hmac:')
  } catch {
    return REDACTED // a lone surrogate: no URL
  }
}

/** `?key=…` is an API key far more often than a sort key. */
function normalKey(name: string): boolean {
  return name.toLowerCase() === 'key'
}

function isLink(value: string): boolean {
  return value.length >= 8 && (value.includes('://') || value.charCodeAt(0) === 0x2f)
}

/** A URL or relative reference in a header or a body: user info, path, query and fragment. */
export function redactUrl(url: string, pseudonyms: Pseudonyms): string {
  return redactReference(url, pseudonyms, MAX_LINK_NESTING)
}

function redactReference(url: string, pseudonyms: Pseudonyms, nesting: number): string {
  let rest = url
  let fragment = ''
  const hash = rest.indexOf('#')
  if (hash >= 0) {
    // OAuth's implicit grant answers with tokens in the fragment (RFC 6749 §4.2.2).
    fragment = `#${redactPairs(rest.slice(hash + 1), '&', 'query', pseudonyms, nesting)}`
    rest = rest.slice(0, hash)
  }
  let query = ''
  const mark = rest.indexOf('?')
  if (mark >= 0) {
    query = `?${redactPairs(rest.slice(mark + 1), '&', 'query', pseudonyms, nesting)}`
    rest = rest.slice(0, mark)
  }
  let authority = ''
  const scheme = rest.indexOf('://')
  if (scheme >= 0) {
    const slash = rest.indexOf('/', scheme + 3)
    const end = slash < 0 ? rest.length : slash
    authority = redactUserInfo(rest.slice(0, end), scheme + 3)
    rest = rest.slice(end)
  }
  return authority + redactPath(rest, pseudonyms) + query + fragment
}

/** `https://user:password@host` names no one afterwards. */
function redactUserInfo(authority: string, start: number): string {
  const at = authority.lastIndexOf('@')
  return at < start ? authority : `${authority.slice(0, start)}${REDACTED}${authority.slice(at)}`
}

/** Percent-decoded UTF-8, or the text itself where it does not decode. `plus`: forms and queries write a blank as `+`. */
export function percentDecode(text: string, plus: boolean): string {
  const spaced = plus && text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  }
}
