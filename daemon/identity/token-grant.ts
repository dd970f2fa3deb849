import type { Principal } from '../model/transaction.ts'
import { bodyFields, MAX_LOGIN_BODY } from './login-attempt.ts'
import { isPseudonym, type Pseudonyms, shortPseudonym } from './pseudonym.ts'
import { normalName } from './secret-names.ts'

/** What a request showed to be handed a token (RFC 6749 §4.4, §6), as pseudonyms: whose the token will be. */
export interface TokenGrant {
  /** Proof of the refresh token that the new one takes the place of. */
  readonly renewed: string | null
  /** A client that asks in its own name; null too when it did so by Basic. */
  readonly client: Principal | null
  /** It asked in its own name. */
  readonly ownName: boolean
}

/**
 * The grant that a request body asks for, or null when it asks for none. Grants other than renewal and the client's own
 * (a code, a device, an exchanged token) say nothing here of whose the token is: it may be another's (RFC 8693). `kept`:
 * values that are pseudonyms stay what they are, see CredentialReader.
 */
export function grantInBody(
  text: string,
  contentType: string | null,
  pseudonyms: Pseudonyms,
  kept: boolean,
): TokenGrant | null {
  // Two plain searches, since every small body that is sent comes through here.
  if (text.length > MAX_LOGIN_BODY || !(text.includes('rant') || text.includes('efresh'))) return null
  let type: string | null = null
  let renewed: string | null = null
  let client: string | null = null
  for (const { name, value } of bodyFields(text, contentType)) {
    if (value === '') continue
    const normal = normalName(name)
    if (normal === 'granttype') type ??= value
    else if (normal === 'refreshtoken') renewed ??= value
    else if (normal === 'clientid') client ??= value
  }
  if (type === null && renewed === null) return null
  const ownName = type === 'client_credentials'
  const renews = renewed !== null && (type === null || type === 'refresh_token')
  return {
    renewed: renews ? (kept && isPseudonym(renewed!) ? renewed : pseudonyms.secret(renewed!)) : null,
    client: ownName && client !== null ? clientPrincipal(client.slice(0, 512), pseudonyms) : null,
    ownName,
  }
}

function clientPrincipal(client: string, pseudonyms: Pseudonyms): Principal {
  const id = isPseudonym(client) ? client : pseudonyms.of('client', client)
  return { kind: 'api_key', id, display: shortPseudonym(id), via: 'client_id', app: null }
}
