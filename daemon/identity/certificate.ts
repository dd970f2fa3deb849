import type { Head } from '../http/exchange.ts'
import { ParsedHead } from '../http/head.ts'
import { knownIndex } from '../http/known-headers.ts'
import { BoundedMap } from './bounded-map.ts'
import type { Credential } from './credentials.ts'
import type { Trust } from './forwarded.ts'
import { redactSubject } from './jwt.ts'
import { type Pseudonyms, shortPseudonym } from './pseudonym.ts'

/** Envoy's. Names that others use are in docs/identity.md. */
const CLIENT_CERT = 'x-forwarded-client-cert'
export const CERTIFICATE_HEADERS: readonly string[] = [CLIENT_CERT]

/** `via` of the holder of a certificate, by the word of a hop that was configured, or is trusted because none was. */
export const CERTIFICATE = 'certificate'
export const CERTIFICATE_BY_DEFAULT = 'certificate.default'

/** What proxies write beside a subject to say whether its certificate is good: nginx `SUCCESS`, HAProxy `0`. */
export const VERIFY_HEADERS = ['ssl-client-verify', 'x-ssl-client-verify', 'x-client-verify'] as const
const VERIFIED = /^(?:success|0|ok)$/i
/** nginx and HAProxy where there was no certificate. */
const NO_SUBJECT = /^(?:-|\(null\)|none)?$/i

const MAX_HEADER = 8192
const MAX_SUBJECT = 512
const RECENT = 4096

export interface CertificateHeader {
  /** Lower-case. */
  readonly name: string
  readonly value: string
}

/**
 * Who showed a certificate (mTLS) to a proxy that says so in a header. The name is that of a program as a rule, so it is a
 * consumer: a user beside it is not merged with the others behind the program.
 */
export class CertificateReader {
  readonly #headers: readonly { readonly name: string; readonly index: number }[]
  readonly #pseudonyms: Pseudonyms
  readonly #recent = new BoundedMap<string, Credential>(RECENT, 4 * 1024 * 1024)

  constructor(headers: readonly string[], pseudonyms: Pseudonyms) {
    const names = headers.map((name) => name.toLowerCase())
    this.#headers = names.map((name) => ({ name, index: knownIndex(name) }))
    this.#pseudonyms = pseudonyms
  }

  /** The first header that may name a certificate; null where there is none. */
  headerOf(head: Head): CertificateHeader | null {
    for (let i = 0; i < this.#headers.length; i++) {
      const { name, index } = this.#headers[i]!
      if (index >= 0 && head instanceof ParsedHead && head.fieldOf(index) < 0) continue
      const value = head.header(name)
      if (value === null) continue
      // The nearest hop writes last.
      const all = head.headerAll(name)
      return { name, value: all[all.length - 1] ?? value }
    }
    return null
  }

  /** Lower-case names of the headers that may name a certificate. */
  get names(): readonly string[] {
    return this.#headers.map(({ name }) => name)
  }

  /** The same where `last` tells the last value of a header. */
  headerBy(last: (name: string) => string | null): CertificateHeader | null {
    for (const { name } of this.#headers) {
      const value = last(name)
      if (value !== null) return { name, value }
    }
    return null
  }

  /** Null when the header names nobody. `peer`: how far whoever sent it is trusted, and it is. */
  read({ name, value }: CertificateHeader, peer: Trust): Credential | null {
    if (value.length > MAX_HEADER) return null
    const via = peer === 'configured' ? CERTIFICATE : CERTIFICATE_BY_DEFAULT
    const key = `${via} ${name} ${value}`
    const known = this.#recent.get(key)
    if (known !== undefined) return known
    const subject = name === CLIENT_CERT ? clientCertSubject(value) : value.trim()
    if (subject.length > MAX_SUBJECT || NO_SUBJECT.test(subject)) return null
    const id = this.#pseudonyms.of('client', `certificate ${subject}`)
    const shown = redactSubject(commonName(subject), this.#pseudonyms)
    const display = shown === commonName(subject) ? shown : shortPseudonym(id)
    const credential: Credential = { principal: { kind: 'consumer', id, display, via, app: null }, proof: id }
    this.#recent.set(key, credential, key.length + 256)
    return credential
  }

  close(): void {
    this.#recent.clear()
  }
}

/** Whether a proxy says beside the subject that the certificate is no good. */
export function isRefusedCertificate(header: (name: string) => string | null): boolean {
  return VERIFY_HEADERS.some((name) => {
    const value = header(name)
    return value !== null && !VERIFIED.test(value.trim())
  })
}

/**
 * `By=…;Hash=…;Subject="CN=a,O=b";URI=spiffe://…,By=…`: one element for each proxy. The last is what the nearest one saw;
 * those before it are what that one was told. A SPIFFE id or another URI names a program better than the subject does.
 */
function clientCertSubject(header: string): string {
  let uri = ''
  let subject = ''
  let name = ''
  for (let at = 0; at < header.length; ) {
    const equals = header.indexOf('=', at)
    if (equals < 0) break
    const key = header.slice(at, equals).trim().toLowerCase()
    const { value, end } = valueAt(header, equals + 1)
    if (key === 'uri' && uri === '') uri = value
    else if (key === 'subject') subject = value
    else if (key === 'dns' && name === '') name = value
    if (header[end] === ',') uri = subject = name = ''
    at = end + 1
  }
  return uri !== '' ? uri : subject !== '' ? subject : name
}

/** Up to `;` or `,` that stands in no quotes. */
function valueAt(header: string, from: number): { readonly value: string; readonly end: number } {
  if (header[from] !== '"') {
    let end = from
    while (end < header.length && header[end] !== ';' && header[end] !== ',') end++
    return { value: header.slice(from, end).trim(), end }
  }
  let value = ''
  let at = from + 1
  for (; at < header.length && header[at] !== '"'; at++) {
    if (header[at] === '\\' && at + 1 < header.length) at++
    value += header[at]
  }
  if (at >= header.length) return { value: '', end: at }
  while (at < header.length && header[at] !== ';' && header[at] !== ',') at++
  return { value, end: at }
}

const COMMON_NAME = /(?:^|[,/+;])\s{0,4}CN\s{0,4}=\s{0,4}([^,/+;]{1,128})/i

/** The part of a subject that people know; the subject itself without one. */
function commonName(subject: string): string {
  return COMMON_NAME.exec(subject)?.[1]?.trim() ?? subject
}
