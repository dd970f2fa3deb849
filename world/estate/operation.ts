import { mix } from '../draw.ts'
import type { Header, Scheme } from '../exchange.ts'
import { type IdKind, nameOf } from '../identifiers.ts'

/** Who may read an object: everyone, its owner, the members of its owner's tenant, or whoever was given a link. */
export type Visibility = 'public' | 'own' | 'tenant' | 'shared'

/** A kind of object: how many there are, what they are called, whose they are. */
export class Resource {
  readonly name: string
  readonly kind: IdKind
  readonly visibility: Visibility
  readonly seed: number
  /** How many exist; grows as they are made. */
  count: number
  readonly #names: string[] = []

  constructor(name: string, kind: IdKind, count: number, visibility: Visibility, seed: number) {
    this.name = name
    this.kind = kind
    this.count = count
    this.visibility = visibility
    this.seed = seed
  }

  /** As it stands in a path. */
  idOf(number: number): string {
    this.#names[number] ??= nameOf(this.kind, this.seed, this.name.slice(0, 3), number)
    return this.#names[number]
  }

  /** Numbers go round among the users: a neighbour's object is one step away. */
  ownerOf(number: number, users: number): number {
    return number % users
  }

  /** One of those `user` owns; the first ones are the most read. */
  ownedBy(user: number, users: number, draw: number): number {
    const most = Math.max(1, Math.floor((this.count - user - 1) / users) + 1)
    return Math.min(this.count - 1, user + users * Math.floor(most * draw * draw))
  }

  /** Any of them. */
  any(draw: number): number {
    return Math.min(this.count - 1, Math.floor(this.count * draw))
  }

  /** Another one, that exists from now on. */
  add(): number {
    return this.count++
  }

  /** Some number fixed to the object: its price, its state. */
  fact(number: number, salt: number, below: number): number {
    return mix(this.seed + salt, number) % below
  }
}

export type Shape = 'list' | 'item' | 'create' | 'update' | 'remove' | 'action' | 'page' | 'report' | 'ok'
/** Who calls it: anybody, people who are logged in, staff, machines of partners, machines of ours; our own services, of what others offer. */
export type Audience = 'public' | 'user' | 'staff' | 'partner' | 'machine' | 'backend'

type Piece = string | Resource

/** One thing a service can do, and its truth: what the path is a case of. */
export interface Operation {
  readonly service: Service
  readonly method: string
  /** `GET /v1/orders/{order}/items/{item}`, `POST /graphql#OrderDetail`. */
  readonly template: string
  readonly pieces: readonly Piece[]
  readonly resources: readonly Resource[]
  /** Name inside a GraphQL or JSON-RPC request. */
  readonly name: string | null
  readonly shape: Shape
  /** What a list lists, an item shows. */
  readonly subject: Resource | null
  readonly audience: Audience
  readonly weight: number
  /** Median time to answer. */
  readonly latencyMs: number
}

/** How callers reach a service; `abroad`: it is another company's, and our own services call it. */
export type Entry = 'direct' | 'ingress' | 'cdn' | 'abroad'

/** Two taps: at the front, and further in. */
export type Mirror = 'front' | 'inner'

export interface Service {
  /** Short name in tables and truth. */
  readonly key: string
  readonly host: string
  readonly address: string
  readonly port: number
  readonly entry: Entry
  readonly rpc: 'graphql' | 'jsonrpc' | null
  readonly scheme: Scheme
  /** Name of the mirror that shows its traffic. */
  readonly mirror: Mirror
  /** Header that names the release; null where only the pipeline tells of one. */
  readonly versionHeader: string | null
  /** Headers that every answer has. */
  readonly guards: readonly Header[]
  readonly operations: Operation[]
}

export function pathOf(operation: Operation, ids: readonly string[]): string {
  let path = ''
  let at = 0
  for (const piece of operation.pieces) path += typeof piece === 'string' ? piece : ids[at++]
  return path
}
