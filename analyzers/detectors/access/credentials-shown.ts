import { isPseudonym } from '../../../daemon/identity/pseudonym.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'

/** Names of headers and parameters in which something may stand that opens doors, also such as the resolver does not know. */
const HEADER = /^(?:cookie|dpop)$|auth(?!ority)|token|api-?key|session|secret|signature|credential|cert|x-amz-security/i
const NO_CREDENTIAL = /csrf|xsrf|^sec-/i
const PARAMETER = /token|key|sig|auth|session|sid|ticket|credential|hmac|code/i
const MAX_PARAMETERS = 64

/** Whether a request bears anything that might be a credential. Makes the list of headers: only for the few that are in doubt. */
export function showsCredential(tx: Transaction): boolean {
  if (tx.claims !== null || tx.consumer !== null) return true
  if (tx.query !== '' && namesCredential(tx.query)) return true
  return tx.requestHeaders.some(
    ([name, value]) => isPseudonym(value) || (HEADER.test(name) && !NO_CREDENTIAL.test(name)),
  )
}

/** What redaction leaves of a password, a secret of a client or a token in JSON or a form. */
const IN_BODY = /[=:]\s?"?(?:hmac:[\da-f]{32}|redacted)(?:["&\s]|$)/

/** Whether a body bears one: who signs in, or has a token renewed, is no stranger. */
export function bodyShowsCredential({ requestBody }: Transaction): boolean {
  return requestBody !== undefined && IN_BODY.test(requestBody)
}

/** Whether a parameter of a query may be one. */
export function namesCredential(query: string): boolean {
  return query.split('&', MAX_PARAMETERS).some((pair) => {
    const equals = pair.indexOf('=')
    return equals > 0 && PARAMETER.test(pair.slice(0, equals))
  })
}
