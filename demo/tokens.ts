import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Tokens of the sample API: HS256 JSON Web Tokens (RFC 7519) as access tokens, self-contained refresh tokens.
 * The key is made up and guards nothing: the shop exists only inside the demo.
 */
const KEY = 'made-up signing key of the demo shop'
const ISSUER = 'https://id.shop.test'
export const ACCESS_TTL_S = 3600
const REFRESH_TTL_S = 30 * 86_400

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const HEADER = encode({ alg: 'HS256', typ: 'JWT' })

export interface AccessClaims {
  readonly sub: string
  readonly role: string
  readonly exp: number
}

export function issueAccess(sub: string, role: string, nowS: number): string {
  const claims = { iss: ISSUER, sub, role, iat: nowS, exp: nowS + ACCESS_TTL_S }
  const signed = `${HEADER}.${encode(claims)}`
  return `${signed}.${mac(signed)}`
}

/** Null unless signed by us and not expired. */
export function verifyAccess(token: string, nowS: number): AccessClaims | null {
  const end = token.lastIndexOf('.')
  if (end < 0 || !sameText(token.slice(end + 1), mac(token.slice(0, end)))) return null
  const claims = JSON.parse(
    Buffer.from(token.slice(0, end).split('.')[1] ?? '', 'base64url').toString(),
  ) as AccessClaims
  return claims.exp > nowS ? claims : null
}

export function issueRefresh(sub: string, nowS: number): string {
  const signed = Buffer.from(`${sub}:${nowS + REFRESH_TTL_S}`).toString('base64url')
  return `rt_${signed}.${mac(signed).slice(0, 22)}`
}

/** The subject, or null. */
export function verifyRefresh(token: string, nowS: number): string | null {
  const match = /^rt_([\w-]{1,200})\.([\w-]{22})$/.exec(token)
  if (match === null || !sameText(match[2]!, mac(match[1]!).slice(0, 22))) return null
  const [sub, expires] = Buffer.from(match[1]!, 'base64url').toString().split(':')
  return sub !== undefined && Number(expires) > nowS ? sub : null
}

function mac(text: string): string {
  return createHmac('sha256', KEY).update(text).digest('base64url')
}

function sameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}
