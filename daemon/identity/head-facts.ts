import type { Head } from '../http/exchange.ts'
import { ParsedHead } from '../http/head.ts'
import { knownIndex } from '../http/known-headers.ts'

/** A header that the scanner of heads notes the place of. */
export interface NotedHeader {
  readonly name: string
  readonly index: number
}

export function notedHeader(name: string): NotedHeader {
  return { name, index: knownIndex(name) }
}

/** Whether there is such a header, which costs nothing in a head that was scanned. */
export function says(head: Head, { name, index }: NotedHeader): boolean {
  return head instanceof ParsedHead ? head.fieldOf(index) >= 0 : head.header(name) !== null
}

/** All values of a list header as one (RFC 9110 §5.3). */
export function joined(head: Head, name: string): string | null {
  const first = head.header(name)
  if (first === null) return null
  const all = head.headerAll(name)
  return all.length < 2 ? first : all.join(', ')
}

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}/
const NO_TRACE = '0'.repeat(32)

/** Trace id of a `traceparent` header (W3C Trace Context §3.2.2.3: all zeros is invalid). */
export function traceIdOf(traceparent: string | null): string | null {
  if (traceparent === null) return null
  if (!TRACEPARENT.test(traceparent)) return null
  const id = traceparent.slice(3, 35)
  return id === NO_TRACE ? null : id
}

const LOGIN_PAGE =
  /(?:^|[/?&=._-])(?:log-?_?in|sign-?_?in|signon|auth|authorize|sso|error|denied|unauthori[sz]ed)(?:$|[/?&=._-])/i

/** Whether a redirect leads to where one logs in, or says that one may not. */
export function isLoginPage(location: string | null): boolean {
  return location !== null && LOGIN_PAGE.test(location.length > 512 ? location.slice(0, 512) : location)
}
