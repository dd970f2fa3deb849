import { addressPrincipal } from '../../../daemon/identity/forwarded.ts'
import type { Signal } from '../../../daemon/model/signal.ts'
import { callerAddress, type Transaction } from '../../../daemon/model/transaction.ts'

export function isGranted(status: number | null): boolean {
  return status !== null && ((status >= 200 && status < 300) || status === 304)
}

/** What an API says to those it does not let in, with a 200 on top. */
const REFUSAL = /^\s*\{\s*"(?:error|errors|fault|message|code|status)"\s*:/i

/**
 * Whether a 2xx gave anything: pages for people (a log-in form, an application that serves one page for all paths), empty
 * answers to reads and errors in disguise did not.
 */
export function gaveSomething(tx: Transaction): boolean {
  if (!isGranted(tx.status) || tx.status === 304) return false
  if (tx.responseBodyBytes === 0) return tx.method !== 'GET' && tx.method !== 'HEAD'
  const body = tx.responseBody
  if (body !== undefined && REFUSAL.test(body.slice(0, 64))) return false
  return !tx.responseHeaders.some(([name, value]) => name.toLowerCase() === 'content-type' && /html/i.test(value))
}

/** Where the request came from, whatever it says of its maker: what it shows may be somebody else's, or made up. */
export function sourceAddress(tx: Transaction): string {
  return addressPrincipal(callerAddress(tx))
}

export function endpointSubject(tx: Transaction): Signal['subject'] {
  return { kind: 'endpoint', value: `${tx.service ?? ''} ${tx.endpoint ?? ''}`.trim() }
}
