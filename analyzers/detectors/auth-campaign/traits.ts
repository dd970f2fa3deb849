import { asnText, type LoginMark, type Transaction } from '../../../daemon/model/transaction.ts'
import { hashText } from '../../baselines/lookup-hash.ts'
import { networkOf } from '../../baselines/principal-key.ts'
import type { SourceName } from '../auth-bruteforce/source-name.ts'

/** Something that attempts have in common. The narrowest come first: of those that say the same, the first is told. */
export interface Trait {
  /** Unique among the traits of one place. */
  readonly key: string
  /** For people; text from traffic, cut. */
  readonly text: string
}

/** That the password was tried at another account before. */
export const PASSWORD = 'password'
/** What everybody at a place has in common: that nobody has seen them before. */
export const ANYBODY = 'anybody'
export const STRANGERS = 'callers who had never signed in to these accounts'

const MAX_TEXT = 120
/** Headers that hops add, or that come and go with a request, say nothing of the program that made it. */
const PASSING =
  /^(?:x-forwarded-|forwarded$|via$|x-real-ip$|x-request-id$|traceparent$|tracestate$|cookie$|content-length$)/

/**
 * Of one attempt to sign in: its source, network and whose that is, a password that other accounts were tried with, the fingerprint of its TLS
 * handshake where a log has it, its user agent, all that is known of its program together, its languages, and nothing at all.
 */
export function traitsOf(tx: Transaction, mark: LoginMark, source: SourceName): readonly Trait[] {
  const traits: Trait[] = [{ key: sourceTrait(source), text: `source ${source.shown}` }]
  if (source.kind === 'ip') {
    const network = networkOf(source.key)
    traits.push({ key: `network ${network}`, text: `network ${network}` })
    if (tx.asn != null) traits.push({ key: `asn ${tx.asn.number}`, text: `networks of ${asnText(tx.asn)}` })
  }
  if (mark.guess === 'shared') traits.push({ key: PASSWORD, text: 'passwords that were tried at other accounts too' })
  const ja4 = tx.tls.ja4?.slice(0, MAX_TEXT)
  if (ja4 !== undefined) traits.push({ key: `ja4 ${ja4}`, text: `TLS fingerprint (JA4) ${ja4}` })
  const { userAgent, language, order } = programOf(tx)
  if (userAgent !== null) traits.push({ key: `agent ${userAgent}`, text: `user agent ${userAgent}` })
  if (order !== '') {
    const program = `${userAgent ?? ''}\n${language ?? ''}\n${order}`
    const named = language === null ? 'without accept-language' : `accept-language ${language}`
    traits.push({
      key: `program ${hashText(program)}`,
      text: `user agent ${userAgent ?? '(none)'}, ${named}, one order of headers`,
    })
  }
  if (language !== null) traits.push({ key: `language ${language}`, text: `accept-language ${language}` })
  if (order !== '') traits.push({ key: `order ${hashText(order)}`, text: 'one order of headers' })
  traits.push({ key: ANYBODY, text: STRANGERS })
  return traits
}

const SOURCE = 'source '

/** Key of the trait that one source is. */
export function sourceTrait({ key }: SourceName): string {
  return `${SOURCE}${key}`
}

/** Whether a trait of this key is one. */
export function isOneSource(key: string): boolean {
  return key.startsWith(SOURCE)
}

function programOf(tx: Transaction): { userAgent: string | null; language: string | null; order: string } {
  let userAgent: string | null = null
  let language: string | null = null
  const names: string[] = []
  for (const [name, value] of tx.requestHeaders) {
    const lower = name.toLowerCase()
    if (lower === 'user-agent') userAgent = value.slice(0, MAX_TEXT)
    else if (lower === 'accept-language') language = value.slice(0, MAX_TEXT)
    if (!PASSING.test(lower)) names.push(name.slice(0, 64))
  }
  return { userAgent, language, order: names.slice(0, 64).join(',') }
}
