import { z } from 'zod'
import { addressPrincipal } from '../../../daemon/identity/forwarded.ts'
import { callerAddress, type LoginMark, type Transaction } from '../../../daemon/model/transaction.ts'
import { networkOf, principalKey } from '../../baselines/principal-key.ts'
import { text } from '../../baselines/state.ts'
import { shownAs } from '../../finding.ts'

/** Key, kind, shown, voter. */
export const SourceNameState = z.tuple([text, text, text, text])

export interface SourceName {
  readonly key: string
  readonly kind: string
  readonly shown: string
  readonly voter: string
}

/**
 * Who is guessing. A caller who is signed in as somebody else is that caller; otherwise the address, because the name in the
 * attempt (Basic) is the victim's, and a cookie jar can be emptied between two guesses.
 */
export function sourceOf(tx: Transaction, mark: LoginMark): SourceName {
  const { principal } = tx
  const named = principal.kind === 'user' || principal.kind === 'api_key' || principal.kind === 'consumer'
  const isVictim = principal.via === 'basic' || principal.id === mark.account || mark.field === 'header:authorization'
  if (principal.kind === 'device' || (named && !isVictim)) {
    const key = principalKey(principal)
    return { key, kind: principal.kind, shown: shownAs(principal), voter: key }
  }
  const address = principal.kind === 'ip' ? principal.id : addressPrincipal(callerAddress(tx))
  return { key: address, kind: 'ip', shown: address, voter: networkOf(address) }
}
