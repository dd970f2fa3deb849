import { BoundedMap } from '../identity/bounded-map.ts'
import type { Transaction } from '../model/transaction.ts'

/** Hosts that are one service, under its name. */
export interface ServiceRule {
  readonly name: string
  /** `api.shop.test`, `*.shop.test`, `10.0.0.5:8080`, `*:8443`: without a port at any port. */
  readonly hosts: readonly string[]
}

const HOST = /^[A-Za-z0-9._\-[\]:]{1,255}$/

/** Which service a request is for: as its host says, or a rule for that host; the first that fits counts. Hosts are remembered, most recent ones. */
export class ServiceNames {
  readonly #rules: readonly { readonly name: string; readonly patterns: readonly Pattern[] }[]
  /** Host header, as sent over http, to service. */
  readonly #hosts: BoundedMap<string, string>
  /** Service without rules to service with them. */
  readonly #named: BoundedMap<string, string>

  constructor(rules: readonly ServiceRule[], most: number) {
    this.#rules = rules.map(({ name, hosts }) => ({ name, patterns: hosts.map(patternOf) }))
    this.#hosts = new BoundedMap(most)
    this.#named = new BoundedMap(most)
  }

  of(tx: Transaction): string | null {
    if (tx.host === null || tx.scheme !== 'http') return this.#grouped(serviceOf(tx))
    const known = this.#hosts.get(tx.host)
    if (known !== undefined) return known
    const service = this.#grouped(serviceOf(tx))
    // A host that is none stands for the address, which differs.
    if (service !== null && HOST.test(tx.host)) this.#hosts.set(tx.host, service)
    return service
  }

  #grouped(service: string | null): string | null {
    if (service === null || this.#rules.length === 0) return service
    let name = this.#named.get(service)
    if (name === undefined) {
      const { host, port } = patternOf(service)
      name = this.#rules.find(({ patterns }) => patterns.some((each) => fits(each, host, port)))?.name ?? service
      this.#named.set(service, name)
    }
    return name
  }
}

interface Pattern {
  readonly host: string
  /** Empty: none was said. */
  readonly port: string
}

/** Host and port of `api.test:8080`, `[::1]:80`, `api.test`. */
function patternOf(text: string): Pattern {
  const colon = text.lastIndexOf(':')
  const isPort = colon > text.lastIndexOf(']') && colon > 0
  return isPort
    ? { host: text.slice(0, colon).toLowerCase(), port: text.slice(colon + 1) }
    : { host: text.toLowerCase(), port: '' }
}

function fits(pattern: Pattern, host: string, port: string): boolean {
  if (pattern.port !== '' && pattern.port !== port) return false
  if (pattern.host === '*') return true
  return pattern.host.startsWith('*.') ? host.endsWith(pattern.host.slice(1)) : host === pattern.host
}

/** Host in lower case without the scheme's own port; server address and port where there is no host worth the name. */
export function serviceOf(tx: Transaction): string | null {
  const host = tx.host
  if (host !== null && HOST.test(host)) {
    const lower = host.toLowerCase()
    const own = tx.scheme === 'https' ? ':443' : ':80'
    const bare = lower.endsWith(own) && lower.length > own.length ? lower.slice(0, -own.length) : lower
    return bare.endsWith('.') && bare.length > 1 ? bare.slice(0, -1) : bare
  }
  if (tx.serverIp === null) return null
  const address = tx.serverIp.includes(':') ? `[${tx.serverIp}]` : tx.serverIp
  return tx.serverPort === null ? address : `${address}:${tx.serverPort}`
}
