import { BoundedMap } from '../identity/bounded-map.ts'
import type { Transaction } from '../model/transaction.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { Doorkeeper } from './doorkeeper.ts'
import { EndpointNames } from './endpoint-names.ts'
import { type CandidateState, type EndpointLine, endpointLine } from './endpoint-state.ts'
import { KnownValues } from './known-values.ts'
import { OthersEndpoints, type ToldEndpoint } from './others-endpoints.ts'
import { NodeBudget } from './path-node.ts'
import { SegmentTree } from './segment-tree.ts'
import { ServiceNames, type ServiceRule } from './service-names.ts'
import { type PathTemplate, templateOf } from './template.ts'

export interface EndpointOptions {
  /** Templates seen answered but not established; the longest unseen go first. */
  readonly maxCandidates: number
  readonly maxEstablished: number
  readonly maxServices: number
  /** Places in the paths of all services that are kept to learn which segments vary. */
  readonly maxPlaces: number
  /** Answers, and different principals, that establish a candidate. */
  readonly establishAnswers: number
  readonly establishPrincipals: number
  /** Hosts that are one service. */
  readonly services: readonly ServiceRule[]
}

export const ENDPOINT_DEFAULTS: EndpointOptions = {
  maxCandidates: 32_768,
  maxEstablished: 16_384,
  maxServices: 4096,
  maxPlaces: 65_536,
  establishAnswers: 5,
  establishPrincipals: 2,
  services: [],
}

/** A service that owns this many candidates, and few established endpoints beside them, answers to anything. */
const MANY_CANDIDATES = 128
const CANDIDATES_PER_ESTABLISHED = 8
/** A service may have so many endpoints that nobody seen so far may use, and one more for four that answer. */
const REFUSED_AT_EASE = 4
const MAX_METHOD = 16
/** Of answers under learnt segments, one in so many is looked at again. */
const LOOK_ONE_IN = 32
/** Of granted answers that make no candidate, one in so many teaches. */
const LEARN_ONE_IN = 8

/** Requests of this endpoint belong to another from now on, and so do those before. */
export type RenameListener = (service: string, from: string, to: string) => void

class Candidate {
  endpoint: string
  readonly service: Service
  answers = 0
  /** The principals that were answered so far, until they are enough. */
  readonly principals: string[] = []
  /** Answers of 2xx and 304. */
  grants = 0
  /** It never granted anything, and is counted so at its service. */
  refusedOnly = false

  constructor(endpoint: string, service: Service) {
    this.endpoint = endpoint
    this.service = service
  }
}

class Service {
  readonly name: string
  readonly tree: SegmentTree
  /** Candidates made, less those established: how much of what it answers turned out to be nothing. */
  unproven = 0
  /** Of these, the ones it only ever refused. */
  refusedOnly = 0
  established = 0

  constructor(name: string, budget: NodeBudget, values: KnownValues) {
    this.name = name
    this.tree = new SegmentTree(name, budget, values)
  }
}

/**
 * What was called: service, method and template, and whether that is an established endpoint. Where one path serves many operations
 * (GraphQL, JSON-RPC) the operation's name follows behind a `#`.
 *
 * A template is a candidate, and printed, from the first answer that shows there is something: 2xx, 3xx, 401 and 403. Not
 * from 404 (noise), 405, 400 or 429 (the server may say so to anything), nor 5xx (a gateway says so of what does not exist).
 * It is established by 5 answers of 2xx, 304, 401 or 403 to 2 principals. A service that refuses, or answers, whatever is
 * asked soon owns many candidates that come to nothing: then a path becomes one only when it is seen again soon, and a mere
 * refusal makes none. Which segments vary is told by their looks (template.ts) and learnt from what is granted (segment-tree.ts): then
 * candidates and endpoints that differ in such a segment only become one. All maps are bounded, so no number of made-up paths grows
 * anything.
 */
export class EndpointMapper {
  readonly #options: EndpointOptions
  readonly #telemetry: Telemetry
  readonly #candidates: BoundedMap<string, Candidate>
  readonly #established: BoundedMap<string, Candidate>
  readonly #services: BoundedMap<string, Service>
  readonly #serviceNames: ServiceNames
  readonly #names = new EndpointNames()
  readonly #doorkeeper = new Doorkeeper()
  readonly #others = new OthersEndpoints()
  readonly #places: NodeBudget
  readonly #values = new KnownValues()
  #looks = 0
  #unadmitted = 0
  /** Called before `map` returns. */
  onRenamed: RenameListener | null = null

  constructor(options: EndpointOptions, telemetry: Telemetry) {
    this.#options = options
    this.#telemetry = telemetry
    this.#candidates = new BoundedMap(options.maxCandidates)
    this.#established = new BoundedMap(options.maxEstablished)
    this.#services = new BoundedMap(options.maxServices, undefined, { evicted: ({ tree }) => tree.close() })
    this.#serviceNames = new ServiceNames(options.services, options.maxServices)
    this.#places = new NodeBudget(options.maxPlaces)
  }

  /**
   * Sets service, endpoint, objectIds and knownEndpoint. What a native record says stays where nothing is known here. `again`: it was
   * learnt before, and is only named.
   */
  map(tx: Transaction, again = false): void {
    const service = this.#serviceNames.of(tx)
    tx.service = service ?? tx.service
    if (service === null || tx.method === null || tx.path === null || tx.method.length > MAX_METHOD) return
    if (tx.path.charCodeAt(0) !== 0x2f) return
    const looks = templateOf(tx.path)
    let template = looks.template
    let key = this.#names.key(service, template, tx)
    let known = this.#established.get(key)
    tx.objectIds = looks.values
    if (known === undefined) {
      const learnt = this.#learnt(service, looks, tx, again)
      if (learnt !== looks) {
        template = learnt.template
        tx.objectIds = learnt.values
        key = this.#names.key(service, template, tx)
        known = this.#established.get(key)
      }
    }
    if (known !== undefined) {
      this.#names.keep()
      if (!again && isGrant(tx.status ?? 0) && isPowerOfTwo(++known.grants)) known = this.#teach(known, template, tx)
      tx.endpoint = known.endpoint
      tx.knownEndpoint = true
      return
    }
    if (again) {
      tx.endpoint = this.#candidates.peek(key)?.endpoint ?? tx.endpoint
      return
    }
    const found = this.#candidates.get(key) ?? this.#admit(key, key.slice(service.length + 1), service, tx.status)
    if (found === null) {
      this.#teachUnadmitted(service, template, tx)
      return
    }
    const established = this.#learn(key, found, tx)
    const candidate = isGrant(tx.status ?? 0) && isPowerOfTwo(found.grants) ? this.#teach(found, template, tx) : found
    tx.endpoint = candidate.endpoint
    tx.knownEndpoint = established
  }

  sizes(): Readonly<Record<string, { readonly entries: number; readonly limit: number; readonly evicted: number }>> {
    const size = (map: BoundedMap<string, unknown>) => ({ entries: map.size, limit: map.limit, evicted: map.evicted })
    return {
      endpoint_candidates: size(this.#candidates),
      endpoints: size(this.#established),
      services: size(this.#services),
      endpoint_places: { entries: this.#places.used, limit: this.#places.limit, evicted: 0 },
      endpoints_of_others: { entries: this.#others.size, limit: this.#others.limit, evicted: 0 },
    }
  }

  /** Words that name objects, services and the places in their paths, then endpoints and candidates, the longest unseen first. */
  *snapshot(): Generator<EndpointLine> {
    yield ['counts', this.#looks, this.#unadmitted]
    for (const [part, slots] of this.#values.parts()) yield ['values', part, slots]
    for (const [name, { tree, unproven, refusedOnly, established }] of this.#services.entries()) {
      yield ['service', name, unproven, refusedOnly, established]
      for (const [path, state] of tree.places()) yield ['place', name, path, state]
    }
    for (const [key, known] of this.#established.entries()) yield ['endpoint', key, candidateState(known)]
    for (const [key, known] of this.#candidates.entries()) yield ['candidate', key, candidateState(known)]
  }

  restore(line: unknown): void {
    const kept = endpointLine(line)
    switch (kept[0]) {
      case 'counts':
        ;[, this.#looks, this.#unadmitted] = kept
        return
      case 'values':
        this.#values.restore(kept[1], kept[2])
        return
      case 'service': {
        const service = new Service(kept[1], this.#places, this.#values)
        ;[, , service.unproven, service.refusedOnly, service.established] = kept
        this.#services.set(kept[1], service)
        return
      }
      case 'place':
        this.#services.peek(kept[1])?.tree.restore(kept[2], kept[3])
        return
      default: {
        const [endpoint, name, answers, principals, grants, refusedOnly] = kept[2]
        const service = this.#services.peek(name)
        // It was pushed out, and counts for it count for nobody.
        if (service === undefined) return
        const candidate = new Candidate(endpoint, service)
        candidate.answers = answers
        candidate.principals.push(...principals)
        candidate.grants = grants
        candidate.refusedOnly = refusedOnly
        const map = kept[0] === 'endpoint' ? this.#established : this.#candidates
        map.set(kept[1], candidate)
      }
    }
  }

  /** What was answered here, of endpoints and candidates. */
  *tell(): Generator<ToldEndpoint> {
    for (const map of [this.#established, this.#candidates]) {
      for (const [key, { answers, principals, grants }] of map.entries()) {
        if (answers > 0) yield [key, answers, [...principals], grants > 0]
      }
    }
  }

  /** What other analyzers told, in the place of what they had told before: together with it a candidate is established sooner. */
  hear(lines: Iterable<unknown>): void {
    this.#others.hear(lines)
  }

  /** Begins anew. */
  reset(): void {
    for (const [, { tree }] of this.#services.entries()) tree.close()
    for (const map of [this.#services, this.#established, this.#candidates]) map.clear()
    this.#values.clear()
    this.#looks = 0
    this.#unadmitted = 0
  }

  /** The template with what was learnt of this service put in: the same object when that is nothing. */
  #learnt(name: string, looks: PathTemplate, tx: Transaction, again: boolean): PathTemplate {
    const service = this.#services.get(name)
    if (service === undefined || !service.tree.learnt) return looks
    const { tree } = service
    const method = isGrant(tx.status ?? 0) ? tx.method! : null
    const learnt = tree.rewrite(looks, method)
    if (again || learnt === looks || method === null) return learnt
    if (++this.#looks % LOOK_ONE_IN !== 0 && !tree.fresh) return learnt
    return tree.look(looks.template, method, tx.responseBody) ? tree.rewrite(looks, method) : learnt
  }

  #admit(key: string, endpoint: string, name: string, status: number | null): Candidate | null {
    if (status === null || !(isGrant(status) || isRefusal(status) || (status >= 300 && status < 400))) return null
    let service = this.#services.get(name)
    if (service === undefined) {
      service = new Service(name, this.#places, this.#values)
      this.#services.set(name, service)
    }
    const many = MANY_CANDIDATES + CANDIDATES_PER_ESTABLISHED * service.established
    const refused = !isGrant(status)
    if ((refused && service.refusedOnly >= many) || (service.unproven >= many && !this.#doorkeeper.seen(key))) {
      this.#telemetry.counters.add('endpoints.not_admitted')
      return null
    }
    const candidate = new Candidate(endpoint, service)
    candidate.refusedOnly = refused
    service.unproven++
    if (refused) service.refusedOnly++
    this.#candidates.set(key, candidate)
    return candidate
  }

  /** True from the answer on that establishes it. */
  #learn(key: string, candidate: Candidate, tx: Transaction): boolean {
    const status = tx.status
    if (status === null || !(isGrant(status) || isRefusal(status))) return false
    if (isGrant(status)) this.#grant(candidate, 1)
    candidate.answers++
    this.#vote(candidate, tx.principal.id)
    return this.#settle(key, candidate)
  }

  #grant(candidate: Candidate, grants: number): void {
    candidate.grants += grants
    if (!candidate.refusedOnly || grants === 0) return
    candidate.refusedOnly = false
    candidate.service.refusedOnly--
  }

  #vote({ principals }: Candidate, principal: string): void {
    if (principals.length < this.#options.establishPrincipals && !principals.includes(principal)) {
      principals.push(principal)
    }
  }

  /** Establishes a candidate that has what it takes. */
  #settle(key: string, candidate: Candidate): boolean {
    const { establishAnswers, establishPrincipals } = this.#options
    const others = this.#others.get(key)
    if (candidate.answers + (others?.answers ?? 0) < establishAnswers) return false
    if (principalsOf(candidate, others?.principals ?? []) < establishPrincipals) return false
    const { service } = candidate
    // A service that refuses whatever is asked says nothing about any of it.
    if (
      candidate.refusedOnly &&
      others?.granted !== true &&
      service.refusedOnly > REFUSED_AT_EASE + service.established / 4
    )
      return false
    this.#candidates.delete(key)
    this.#established.set(key, candidate)
    service.unproven--
    if (candidate.refusedOnly) service.refusedOnly--
    candidate.refusedOnly = false
    service.established++
    this.#telemetry.counters.add('endpoints.established')
    return true
  }

  /** Learns from a granted answer which segments vary. Returns what this endpoint is now. */
  #teach(candidate: Candidate, template: string, tx: Transaction): Candidate {
    const { service } = candidate
    const renamed = service.tree.learn(template, candidate.endpoint, tx.principal.id, tx.objectIds, tx.responseBody)
    let current = candidate
    for (const name of renamed) {
      const moved = this.#rename(service, name)
      if (name === candidate.endpoint && moved !== null) current = moved
    }
    if (renamed.length > 0 && current !== candidate) tx.objectIds = service.tree.rewrite(templateOf(tx.path!)).values
    return current
  }

  /** Where too much is unproven it may be because a segment varies: now and then such an answer teaches that too. */
  #teachUnadmitted(name: string, template: string, tx: Transaction): void {
    const service = this.#services.get(name)
    if (service === undefined || !isGrant(tx.status ?? 0) || ++this.#unadmitted % LEARN_ONE_IN !== 0) return
    const renamed = service.tree.learn(
      template,
      `${tx.method} ${template}`,
      tx.principal.id,
      tx.objectIds,
      tx.responseBody,
    )
    for (const endpoint of renamed) this.#rename(service, endpoint)
  }

  /** What is known under a name goes over to the name it has now; null when nothing is known. */
  #rename(service: Service, name: string): Candidate | null {
    const from = name.indexOf('/')
    const to = name.indexOf('#', from)
    const old = to < 0 ? name.slice(from) : name.slice(from, to)
    const { template } = service.tree.rewrite({ template: old, values: [] })
    const endpoint = `${name.slice(0, from)}${template}${to < 0 ? '' : name.slice(to)}`
    const key = `${service.name}\n${name}`
    const known = this.#established.get(key) ?? this.#candidates.get(key)
    if (endpoint !== name) this.onRenamed?.(service.name, name, endpoint)
    if (known === undefined) return null
    service.tree.place(template, endpoint)
    if (endpoint === name) return known
    this.#telemetry.counters.add('endpoints.merged')
    const newKey = `${service.name}\n${endpoint}`
    const target = this.#established.get(newKey) ?? this.#candidates.get(newKey)
    if (target === undefined) {
      const map = this.#established.has(key) ? this.#established : this.#candidates
      map.delete(key)
      known.endpoint = endpoint
      map.set(newKey, known)
      return known
    }
    if (this.#established.has(key)) {
      this.#established.delete(key)
      service.established--
    } else {
      this.#candidates.delete(key)
      service.unproven--
      if (known.refusedOnly) service.refusedOnly--
    }
    target.answers += known.answers
    this.#grant(target, known.grants)
    for (const principal of known.principals) this.#vote(target, principal)
    if (this.#candidates.has(newKey)) this.#settle(newKey, target)
    return target
  }
}

/** How many different ones were answered, here and at other analyzers. */
function principalsOf({ principals }: Candidate, others: readonly string[]): number {
  let count = principals.length
  for (const principal of others) if (!principals.includes(principal)) count++
  return count
}

function candidateState({ endpoint, service, answers, principals, grants, refusedOnly }: Candidate): CandidateState {
  return [endpoint, service.name, answers, [...principals], grants, refusedOnly]
}

function isPowerOfTwo(count: number): boolean {
  return (count & (count - 1)) === 0
}

function isGrant(status: number): boolean {
  return (status >= 200 && status < 300) || status === 304
}

function isRefusal(status: number): boolean {
  return status === 401 || status === 403
}
