import type { Random } from '../demo/random.ts'
import { errorJson, listJson, objectJson, requestJson, wrapped } from './bodies.ts'
import type { Condition } from './condition.ts'
import { mix, token } from './draw.ts'
import { type Operation, pathOf, type Resource, type Service } from './estate/operation.ts'
import type { Exchange, Header, Scheme, Truth } from './exchange.ts'
import { addressAt, moves, type Place } from './network.ts'
import type { Actor } from './people.ts'
import type { World } from './world.ts'

/** What a request has of its own; everything else is as the operation usually is. */
export interface Call {
  /** Numbers of the objects in the path, or in the variables of an RPC. */
  readonly objects?: readonly number[]
  /** Instead: the very texts. */
  readonly ids?: readonly string[]
  readonly query?: string
  readonly body?: string
  /** Of the body; default: JSON. */
  readonly contentType?: Header
  readonly status?: number
  /** The answer's text. */
  readonly answer?: string
  /** Its Content-Type; default: JSON. */
  readonly answerType?: string
  /** How many a list lists. */
  readonly listed?: readonly number[]
  readonly page?: number
  /** Instead of the caller's own: an Authorization header's value, or null for none. */
  readonly authorization?: string | null
  readonly requestHeaders?: readonly Header[]
  readonly responseHeaders?: readonly Header[]
  readonly latencyMs?: number
  /** Of an answer that is no text, how long it is. */
  readonly binaryBytes?: number
  /** The same of the request. */
  readonly uploadBytes?: number
  readonly scheme?: Scheme
}

/** What an attack or a twin puts on every request of its callers. */
export interface Label {
  readonly attack: string | null
  readonly twin: string | null
}

export const PLAIN: Label = { attack: null, twin: null }

/** Of others, in a list that is not one's own alone; and what draws for whom it is not. */
const OTHERS_LISTED = 3
const MIXED_SEED = 71
const BINARY_TYPE: Header = ['Content-Type', 'application/octet-stream']
const JSON_TYPE: Header = ['Content-Type', 'application/json']
export const FORM_TYPE: Header = ['Content-Type', 'application/x-www-form-urlencoded']
export const LANGUAGES = ['en-GB,en;q=0.8', 'de-DE,de;q=0.9,en;q=0.6', 'fr-FR,fr;q=0.9', 'pl,en;q=0.7']
const US_PER_MS = 1000
const FILE_BYTES = [90_000, 4_000_000] as const
/** What answers that are no text weigh, in the middle and at most: papers, pictures, and whatever people keep in files. */
const BINARY: readonly (readonly [RegExp, number, number])[] = [
  [/(?:\.pdf|\/label)$/, 60_000, 300_000],
  [/\.png$/, 12_000, 80_000],
  [/\/content$/, ...FILE_BYTES],
]
const UPLOAD = /^POST \/files$/
/** What a wire takes for a byte, in microseconds. */
const US_PER_BYTE = 0.02

/**
 * Someone at it: an actor with a device, an address and what they hold of credentials. Every call makes one exchange at
 * `now`, and moves `now` to its end.
 */
export class Caller {
  readonly world: World
  readonly actor: Actor
  readonly random: Random
  readonly label: Label
  now = 0
  address: string
  #port: number
  #place: Place
  #onConnection = 0
  /** Of the access token, or an opaque one. */
  authorization: string | null = null
  /** When the access token ends, in microseconds. */
  expires = 0
  refresh: string | null = null
  cookie: string | null = null
  /** What is shown belongs to somebody else: nothing on the wire ties it to this actor. */
  borrowed = false
  apiKey: string | null = null
  readonly #language: string

  constructor(world: World, actor: Actor, random: Random, label: Label = PLAIN) {
    this.world = world
    this.actor = actor
    this.random = random
    this.label = label
    const { places } = actor
    this.#place = places.length > 1 && random.chance(0.4) ? random.pick(places) : places[0]!
    this.address = addressAt(this.#place, random)
    this.#port = random.between(1024, 65_535)
    this.#language = actor.language ?? LANGUAGES[actor.number >= 0 ? actor.number % 4 : 0]!
  }

  get loggedIn(): boolean {
    return this.authorization !== null || this.cookie !== null
  }

  /** A new connection, from a new cell or behind another address of the carrier for those that move. */
  reconnect(): void {
    this.#port = this.random.between(1024, 65_535)
    this.#onConnection = 0
    if (moves(this.#place) && this.random.chance(0.25)) this.address = addressAt(this.#place, this.random)
  }

  /** Somewhere else altogether. */
  moveTo(place: Place): void {
    this.#place = place
    this.address = addressAt(place, this.random)
    this.#port = this.random.between(1024, 65_535)
  }

  call(operation: Operation, call: Call = {}): Exchange {
    const { random, world } = this
    const { objects = [] } = call
    const { resources } = operation
    const ids = call.ids ?? objects.map((number, i) => (resources[i] ?? operation.subject)!.idOf(number))
    const fact = random.between(1, 1_000_000)
    const condition = world.conditionOf(operation, this.now)
    const refusedNoMore = condition?.open === true && operation.audience !== 'public' && isRefusal(call.status)
    const said = refusedNoMore ? undefined : call.status
    const status = said ?? (condition !== null && random.chance(condition.errors) ? 500 : this.#usual(operation))
    const uploadBytes = call.uploadBytes ?? (UPLOAD.test(operation.template) ? this.#skewed(...FILE_BYTES) : 0)
    const body = uploadBytes > 0 ? '' : (call.body ?? requestJson(operation, ids, fact))
    const answer = call.answer ?? (status < 400 ? this.#answer(operation, call, objects, fact) : errorJson(status))
    const query = call.query ?? ''
    const slowness = (condition?.slower ?? 1) * (random.chance(0.004) ? 12 : 1)
    const latency = call.latencyMs ?? slowness * random.skewed(operation.latencyMs)
    const binaryBytes = status < 400 ? (call.binaryBytes ?? this.#binaryBytes(operation)) : 0
    return this.#exchange(operation.service, {
      method: operation.method,
      path: pathOf(operation, ids),
      query,
      body,
      status,
      answer: status === 204 || operation.method === 'HEAD' || binaryBytes > 0 ? '' : answer,
      type: call.answerType ?? (binaryBytes > 0 ? 'application/octet-stream' : 'application/json'),
      binaryBytes,
      uploadBytes,
      operation: operation.template,
      latencyUs: Math.round(latency * US_PER_MS),
      call,
      condition,
      cookies: world.estate.services.web === operation.service,
    })
  }

  /** Any request whatever, of which the estate knows nothing. */
  stray(service: Service, method: string, path: string, status: number, call: Call = {}): Exchange {
    return this.#exchange(service, {
      method,
      path,
      query: call.query ?? '',
      body: call.body ?? '',
      status,
      answer: call.answer ?? errorJson(status),
      type: 'application/json',
      binaryBytes: 0,
      uploadBytes: 0,
      operation: null,
      latencyUs: Math.round((call.latencyMs ?? this.random.skewed(4)) * US_PER_MS),
      call,
      condition: null,
      cookies: this.world.estate.services.web === service,
    })
  }

  /** 1 in 1,000 fails, as in any company. */
  #usual({ shape, method }: Operation): number {
    if (this.random.chance(0.001)) return this.random.chance(0.5) ? 500 : 503
    if (shape === 'create') return 201
    if (shape === 'remove' || (shape === 'ok' && method === 'POST')) return 204
    return 200
  }

  #answer(operation: Operation, call: Call, objects: readonly number[], fact: number): string {
    let answer = this.#plainAnswer(operation, call, objects, fact)
    const condition = this.world.conditionOf(operation, this.now)
    if (condition === null) return answer
    for (const [from, to] of condition.renames) answer = answer.replaceAll(`"${from}":`, `"${to}":`)
    return condition.adds === '' ? answer : `${answer.slice(0, -1)},${condition.adds}}`
  }

  #plainAnswer(operation: Operation, call: Call, objects: readonly number[], fact: number): string {
    const users = this.world.users
    const { shape, subject, resources } = operation
    if (subject === null || shape === 'ok') return wrapped(operation, '{"status":"ok"}', fact)
    if (shape === 'list' || call.listed !== undefined) {
      return wrapped(operation, listJson(subject, this.#listed(operation, subject, call), users, call.page ?? 1), fact)
    }
    const last = resources[resources.length - 1]
    const number = last === subject || resources.length === 0 ? objects[objects.length - 1] : undefined
    return wrapped(operation, objectJson(subject, number ?? fact % subject.count, users), fact)
  }

  /** What a list shows: all that was asked for, and what a faulty release adds of others'. */
  #listed(operation: Operation, subject: Resource, { listed = [] }: Call): readonly number[] {
    const mixed = this.world.conditionOf(operation, this.now)?.mixed ?? 0
    if (mixed === 0 || mix(MIXED_SEED, this.actor.number) % 100 >= 100 * mixed) return listed
    return [...listed, ...Array.from({ length: OTHERS_LISTED }, () => subject.any(this.random.next()))]
  }

  #exchange(service: Service, made: Made): Exchange {
    const { world, actor, random } = this
    const { call, status, body, answer, binaryBytes, uploadBytes, condition } = made
    const plain = this.label.attack === null && this.label.twin === null
    const label = condition !== null && plain ? condition.label : this.label
    const requestHeaders: Header[] = [
      ['Host', service.host],
      ['User-Agent', actor.userAgent],
      ['Accept', 'application/json'],
    ]
    if (actor.channel !== 'machine') requestHeaders.push(['Accept-Language', this.#language])
    const authorization =
      call.authorization === undefined ? (made.cookies ? null : this.authorization) : call.authorization
    if (authorization !== null) requestHeaders.push(['Authorization', authorization])
    const cookie = made.cookies && call.authorization !== null ? this.cookie : null
    if (cookie !== null)
      requestHeaders.push(['Cookie', `consent=1; sid=${cookie}; theme=${random.chance(0.5) ? 'dark' : 'light'}`])
    if (this.apiKey !== null && call.authorization !== null) requestHeaders.push(['X-Api-Key', this.apiKey])
    if (body !== '' || uploadBytes > 0) {
      const length = Buffer.byteLength(body) + uploadBytes
      requestHeaders.push(call.contentType ?? (uploadBytes > 0 ? BINARY_TYPE : JSON_TYPE))
      requestHeaders.push(['Content-Length', String(length)])
    }
    if (call.requestHeaders !== undefined) requestHeaders.push(...call.requestHeaders)
    if (actor.headers !== undefined) requestHeaders.push(...actor.headers)

    const startUs = this.now
    const endUs = startUs + Math.max(200, made.latencyUs) + answer.length * 2 + Math.round(binaryBytes * US_PER_BYTE)
    const hop = world.connections.open(service, this.address, startUs, endUs)
    if (hop !== null) requestHeaders.push(...hop.headers)
    else if (++this.#onConnection > 40) this.reconnect()

    const responseHeaders: Header[] = [
      ['Server', 'nginx'],
      ['X-Request-Id', token(random, 12)],
    ]
    if (answer !== '' || binaryBytes > 0) responseHeaders.push(['Content-Type', made.type])
    responseHeaders.push(['Content-Length', String(Buffer.byteLength(answer) + binaryBytes)])
    responseHeaders.push(...guardsOf(service, condition))
    const version = world.deploys.header(service, random, startUs)
    if (version !== null) responseHeaders.push(version)
    if (call.responseHeaders !== undefined) responseHeaders.push(...call.responseHeaders)

    const truth: Truth = {
      actor: actor.name,
      role: actor.role,
      service: service.key,
      operation: made.operation,
      known:
        !this.borrowed &&
        status !== 401 &&
        (authorization !== null || cookie !== null || (this.apiKey !== null && actor.scheme === 'key')),
      attack: label.attack,
      twin: label.twin,
    }
    const exchange: Exchange = {
      startUs,
      endUs,
      peer: hop === null ? this.address : hop.peer,
      peerPort: hop === null ? this.#port : hop.port,
      mirror: service.mirror,
      server: service.address,
      serverPort: service.port,
      scheme: call.scheme ?? service.scheme,
      method: made.method,
      host: service.host,
      path: made.path,
      query: made.query,
      requestHeaders,
      requestBody: body,
      status,
      responseHeaders,
      responseBody: answer,
      binaryBytes,
      uploadBytes,
      truth,
    }
    this.now = endUs
    // What gets no answer does not come about, and what no tap shows is not seen.
    if (!world.isDark(service, startUs)) world.emit(exchange)
    return exchange
  }

  /** The same for the same kind of answer: half are smaller than the middle, and a few are as large as they get. */
  #binaryBytes({ template }: Operation): number {
    const kind = BINARY.find(([pattern]) => pattern.test(template))
    if (kind === undefined) return 0
    return this.#skewed(kind[1], kind[2])
  }

  #skewed(middle: number, most: number): number {
    return Math.min(most, Math.round(this.random.skewed(middle)))
  }

  /** One that this caller may read, or another whose credentials they show, as their clients would come upon it. */
  reachable(resource: Resource, actor = this.actor): number {
    const { random } = this
    const { users } = this.world
    const own = resource.visibility === 'own' && actor.number >= 0 && resource.count > users
    if (own) return resource.ownedBy(actor.number, users, random.next())
    if (resource.name === 'customer' && actor.number >= 0) return actor.number
    if (resource.visibility === 'tenant' && actor.role === 'partner') {
      // A partner's own lie together.
      const span = Math.max(1, Math.floor(resource.count / 18))
      const part = Number(actor.name.split('-')[1] ?? 0) % 18
      return Math.min(resource.count - 1, part * span + Math.floor(span * random.next()))
    }
    const draw = random.next()
    return resource.any(resource.visibility === 'public' ? draw * draw : draw)
  }
}

function isRefusal(status: number | undefined): boolean {
  return status === 401 || status === 403
}

function guardsOf({ guards }: Service, condition: Condition | null): readonly Header[] {
  if (condition === null || condition.headers.length === 0) return guards
  const others = guards.filter(([name]) => condition.headers.every(([changed]) => changed !== name))
  return [...others, ...condition.headers.filter(([, value]) => value !== '')]
}

interface Made {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly body: string
  readonly status: number
  readonly answer: string
  readonly type: string
  readonly binaryBytes: number
  readonly uploadBytes: number
  readonly operation: string | null
  readonly latencyUs: number
  readonly call: Call
  readonly condition: Condition | null
  readonly cookies: boolean
}
