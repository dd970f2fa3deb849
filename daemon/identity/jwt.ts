import type { Claims } from '../model/transaction.ts'
import type { Weird } from '../telemetry/weirds.ts'
import { PREFIX, type Pseudonyms } from './pseudonym.ts'
import { isTokenShaped } from './token-shape.ts'

/** A token is read, never believed: a passive listener fetches no keys and takes no part in the decision. See TokenVerifier. */
export const MAX_TOKEN_CHARACTERS = 8192
const MAX_CLAIM_CHARACTERS = 256
const MAX_LIST = 64

export interface Token {
  readonly claims: Claims
  /** Pseudonym of issuer, subject and tenant; null without a subject. */
  readonly user: string | null
  /** The oddest thing about its header. */
  readonly oddity: Weird | null
  /** Text of a claim as it came, of whatever may be shown of it. */
  claim(name: string): string | null
}

/** Header and claims of a signed token (RFC 7519, compact form), redacted; null when it is none or over the size. */
export function readToken(text: string, pseudonyms: Pseudonyms): Token | null {
  if (!text.startsWith('eyJ') || text.length > MAX_TOKEN_CHARACTERS) return null
  const first = text.indexOf('.')
  const second = text.indexOf('.', first + 1)
  if (first < 0 || second < 0 || text.includes('.', second + 1)) return null
  const header = decodePart(text.slice(0, first))
  const payload = decodePart(text.slice(first + 1, second))
  if (header === null || payload === null) return null
  const iss = claimText(payload.iss)
  const rawSub = subjectText(payload.sub)
  const tenant = firstClaim(payload, ['tenant', 'tenant_id', 'tid', 'org', 'org_id', 'account', 'account_id'])
  const sub = rawSub === null ? null : redactSubject(rawSub, pseudonyms)
  const claims: Claims = {
    iss,
    sub,
    tenant,
    role: claimList(payload.role ?? payload.roles),
    scope: claimList(payload.scope ?? payload.scp ?? payload.scopes),
    alg: claimText(header.alg),
    kid: claimText(header.kid),
    iat: claimSeconds(payload.iat),
    exp: claimSeconds(payload.exp),
    ...actorOf(payload.act, pseudonyms),
  }
  return {
    claims,
    user: userOf(claims, pseudonyms),
    oddity: headerOddity(header, text.length - second - 1),
    claim: (name) => (Object.hasOwn(payload, name) ? claimText(payload[name]) : null),
  }
}

/** A key id is looked up: in a folder (a path), in a table (a quote), by a program (a pipe). A slash alone is base64. */
const ODD_KID = /\.\.[/\\]|^file:|['"`;|\\]|--\s|\/(?:dev|etc|proc|tmp)\//i

/**
 * What makes a server that believes it take a token for good which anybody can make (RFC 8725 §3.1, §3.10): no signature, the key to check
 * it with inside, a key id that reaches past the keys, a key somewhere else. The last is how some issuers do it.
 */
function headerOddity(header: Record<string, unknown>, signatureLength: number): Weird | null {
  if (signatureLength === 0 || (typeof header.alg === 'string' && header.alg.toLowerCase() === 'none')) {
    return 'jwt.alg_none'
  }
  if (header.jwk !== undefined) return 'jwt.embedded_key'
  if (typeof header.kid === 'string' && ODD_KID.test(header.kid.slice(0, MAX_CLAIM_CHARACTERS))) return 'jwt.odd_kid'
  return header.jku !== undefined || header.x5u !== undefined ? 'jwt.remote_key' : null
}

/** Pseudonym of the user that claims name: from what stays in a record, so that a record read back names the same one. */
export function userOf(claims: Claims, pseudonyms: Pseudonyms): string | null {
  return claims.sub === null ? null : pseudonyms.of('user', JSON.stringify([claims.iss, claims.sub, claims.tenant]))
}

/** The outermost actor acts now; those inside did before (RFC 8693 §4.1). */
function actorOf(act: unknown, pseudonyms: Pseudonyms): Pick<Claims, 'actor'> {
  if (typeof act !== 'object' || act === null) return {}
  const { sub, client_id: client } = act as Readonly<Record<string, unknown>>
  const text = subjectText(sub) ?? subjectText(client)
  return text === null ? {} : { actor: redactSubject(text, pseudonyms) }
}

function decodePart(part: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

function subjectText(value: unknown): string | null {
  if (typeof value === 'string') return value === '' ? null : value
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : null
}

function claimText(value: unknown): string | null {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  if (typeof value !== 'string' || value === '') return null
  return value.length > MAX_CLAIM_CHARACTERS ? value.slice(0, MAX_CLAIM_CHARACTERS) : value
}

/** Null rather than a time that no calendar has. */
function claimSeconds(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? Math.trunc(value) + 0 : null
}

/** `scope` is words in one text (RFC 8693 §4.2) or a list. */
function claimList(value: unknown): string[] {
  const list =
    typeof value === 'string' ? value.split(' ', MAX_LIST) : Array.isArray(value) ? value.slice(0, MAX_LIST) : []
  return list.map(claimText).filter((text) => text !== null)
}

function firstClaim(payload: Record<string, unknown>, names: readonly string[]): string | null {
  for (const name of names) {
    const text = claimText(payload[name])
    if (text !== null) return text
  }
  return null
}

/** A subject stays readable unless it names a person outside this system, or is made to look like a pseudonym. */
export function redactSubject(sub: string, pseudonyms: Pseudonyms): string {
  const open =
    sub.length <= 128 && !sub.startsWith(PREFIX) && !sub.includes('@') && !isPhoneNumber(sub) && !isTokenShaped(sub)
  return open ? sub : pseudonyms.of('account', sub)
}

/** E.164 with a plus or separators, or 10 to 15 bare digits: a row id is shorter, a snowflake longer. */
export function isPhoneNumber(text: string): boolean {
  if (text.length < 7 || text.length > 24 || !/^(?:tel:)?\+?[0-9(][0-9 ().-]*$/.test(text)) return false
  const digits = text.replace(/[^0-9]/g, '').length
  if (digits > 15) return false
  const bare = /^[0-9]+$/.test(text)
  return bare ? digits >= 10 : digits >= 7
}
