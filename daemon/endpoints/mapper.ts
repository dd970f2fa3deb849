import { BoundedMap } from '../identity/bounded-map.ts'
import type { Transaction } from '../model/transaction.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { Doorkeeper } from './doorkeeper.ts'
import { templateOf } from './template.ts'

export interface EndpointOptions {
  /** Templates seen answered but not established; the longest unseen go first. */
  readonly maxCandidates: number
  readonly maxEstablished: number
  readonly maxServices: number
  /** Answers, and different principals, that establish a candidate. */
  readonly establishAnswers: number
  readonly establishPrincipals: number
}

export const ENDPOINT_DEFAULTS: EndpointOptions = {
  maxCandidates: 32_768,
  maxEstablished: 16_384,
  maxServices: 4096,
  establishAnswers: 5,
  establishPrincipals: 2,
}

/** A service that owns this many candidates, and few established endpoints beside them, answers to anything. */
const MANY_CANDIDATES = 128
const CANDIDATES_PER_ESTABLISHED = 8
const MAX_METHOD = 16

class Candidate {
  readonly endpoint: string
  readonly service: Service
  answers = 0
  /** The principals that were answered so far, until they are enough. */
  readonly principals: string[] = []
  /** Answered with 2xx or 304 once; until then it only ever refused. */
  granted = false

  constructor(endpoint: string, service: Service) {
    this.endpoint = endpoint
    this.service = service
  }
}

class Service {
  readonly name: string
  /** Candidates made, less those established: how much of what it answers turned out to be nothing. */
  unproven = 0
  /** Of these, the ones it only ever refused. */
  refusedOnly = 0
  established = 0

  constructor(name: string) {
    this.name = name
  }
}

/**
 * What was called: service, method and template, and whether that is an established endpoint.
 *
 * A template is a candidate, and printed, from the first answer that shows there is something: 2xx, 3xx, 401 and 403. Not
 * from 404 (noise), 405, 400 or 429 (the server may say so to anything), nor 5xx (a gateway says so of what does not exist).
 * It is established by 5 answers of 2xx, 304, 401 or 403 to 2 principals. A service that refuses, or answers, whatever is
 * asked soon owns many candidates that come to nothing: then a path becomes one only when it is seen again soon, and a mere
 * refusal makes none. All maps are bounded, so no number of made-up paths grows anything.
 */
export class EndpointMapper {
  readonly #options: EndpointOptions
  readonly #telemetry: Telemetry
  readonly #candidates: BoundedMap<string, Candidate>
  readonly #established: BoundedMap<string, Candidate>
  readonly #services: BoundedMap<string, Service>
  /** Host header, as sent, to service. */
  readonly #hosts: BoundedMap<string, string>
  readonly #doorkeeper = new Doorkeeper()

  constructor(options: EndpointOptions, telemetry: Telemetry) {
    this.#options = options
    this.#telemetry = telemetry
    this.#candidates = new BoundedMap(options.maxCandidates)
    this.#established = new BoundedMap(options.maxEstablished)
    this.#services = new BoundedMap(options.maxServices)
    this.#hosts = new BoundedMap(options.maxServices)
  }

  /** Sets service, endpoint, objectIds and knownEndpoint. What a native record says stays where nothing is known here. */
  map(tx: Transaction): void {
    const service = this.#serviceOf(tx)
    tx.service = service ?? tx.service
    if (service === null || tx.method === null || tx.path === null || tx.method.length > MAX_METHOD) return
    if (tx.path.charCodeAt(0) !== 0x2f) return
    const { template, values } = templateOf(tx.path)
    tx.objectIds = values
    const endpoint = `${tx.method} ${template}`
    const key = `${service}\n${endpoint}`
    const known = this.#established.get(key)
    if (known !== undefined) {
      tx.endpoint = known.endpoint
      tx.knownEndpoint = true
      return
    }
    const candidate = this.#candidates.get(key) ?? this.#admit(key, endpoint, service, tx.status)
    if (candidate === null) return
    tx.endpoint = candidate.endpoint
    tx.knownEndpoint = this.#learn(key, candidate, tx)
  }

  sizes(): Readonly<Record<string, { readonly entries: number; readonly limit: number; readonly evicted: number }>> {
    const size = (map: BoundedMap<string, unknown>) => ({ entries: map.size, limit: map.limit, evicted: map.evicted })
    return {
      endpoint_candidates: size(this.#candidates),
      endpoints: size(this.#established),
      services: size(this.#services),
    }
  }

  #serviceOf(tx: Transaction): string | null {
    if (tx.host === null || tx.scheme !== 'http') return serviceOf(tx)
    const known = this.#hosts.get(tx.host)
    if (known !== undefined) return known
    const service = serviceOf(tx)
    // A host that is none stands for the address, which differs.
    if (service !== null && HOST.test(tx.host)) this.#hosts.set(tx.host, service)
    return service
  }

  #admit(key: string, endpoint: string, name: string, status: number | null): Candidate | null {
    if (status === null || !(isGrant(status) || isRefusal(status) || (status >= 300 && status < 400))) return null
    let service = this.#services.get(name)
    if (service === undefined) {
      service = new Service(name)
      this.#services.set(name, service)
    }
    const many = MANY_CANDIDATES + CANDIDATES_PER_ESTABLISHED * service.established
    const refused = !isGrant(status)
    if ((refused && service.refusedOnly >= many) || (service.unproven >= many && !this.#doorkeeper.seen(key))) {
      this.#telemetry.counters.add('endpoints.not_admitted')
      return null
    }
    const candidate = new Candidate(endpoint, service)
    candidate.granted = !refused
    service.unproven++
    if (refused) service.refusedOnly++
    this.#candidates.set(key, candidate)
    return candidate
  }

  /** True from the answer on that establishes it. */
  #learn(key: string, candidate: Candidate, tx: Transaction): boolean {
    const status = tx.status
    if (status === null || !(isGrant(status) || isRefusal(status))) return false
    const { service } = candidate
    if (isGrant(status) && !candidate.granted) {
      candidate.granted = true
      service.refusedOnly--
    }
    candidate.answers++
    const { principals } = candidate
    const enough = this.#options.establishPrincipals
    if (principals.length < enough && !principals.includes(tx.principal.id)) principals.push(tx.principal.id)
    if (candidate.answers < this.#options.establishAnswers || principals.length < enough) return false
    this.#candidates.delete(key)
    this.#established.set(key, candidate)
    service.unproven--
    if (!candidate.granted) service.refusedOnly--
    service.established++
    this.#telemetry.counters.add('endpoints.established')
    return true
  }
}

function isGrant(status: number): boolean {
  return (status >= 200 && status < 300) || status === 304
}

function isRefusal(status: number): boolean {
  return status === 401 || status === 403
}

const HOST = /^[A-Za-z0-9._\-[\]:]{1,255}$/

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
