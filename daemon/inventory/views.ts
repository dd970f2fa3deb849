import type { Call } from '../callers/main-calls.ts'
import type { Behaviour } from '../callers/profile.ts'
import { formatTime } from '../model/time.ts'
import type { Asn, Role } from '../model/transaction.ts'
import type { ClientState } from './client.ts'
import { countFrom } from './count-state.ts'
import { type FieldState, lastName } from './field.ts'
import type { OperationState } from './operation.ts'
import type { FieldType } from './scalar.ts'
import type { SensitiveClass } from './sensitive.ts'

/** One field as the API, the CLI and the exports show it. */
export interface FieldJson {
  readonly in: 'path' | 'query' | 'header' | 'body' | 'response'
  /** `lines[].product` in bodies; `*` stands for names that are values. */
  readonly name: string
  /** What nearly all values are; `mixed` when there is no such type. */
  readonly type: FieldType | 'mixed'
  readonly types: Readonly<Record<string, number>>
  readonly seen: number
  /** Of the requests that were looked at, or of the objects that it could have stood in: 0..1. */
  readonly share: number
  readonly min: number | null
  readonly max: number | null
  readonly min_length: number | null
  readonly max_length: number | null
  readonly enum: readonly string[] | null
  readonly sensitive: Readonly<Record<string, number>>
  /** Names one object of many. */
  readonly object_id: boolean
  /** More than one caller uses it. */
  readonly shared: boolean
}

export interface RouteJson {
  readonly service: string
  /** `GET /v1/orders/{id}`. */
  readonly endpoint: string
  readonly method: string
  readonly path: string
  /** Candidate: seen answered, by too few requests or one caller only. */
  readonly state: 'established' | 'candidate'
  readonly first_seen: string
  readonly last_seen: string
  readonly requests: number
  readonly statuses: Readonly<Record<string, number>>
  readonly callers: number
  readonly authentication: {
    /** By where the identity was read: `jwt.sub`, `cookie.sid`, `header.x-api-key`. */
    readonly seen: Readonly<Record<string, number>>
    readonly anonymous: { readonly requests: number; readonly granted: number; readonly refused: number }
    /** yes: refused to whoever came without. no: granted to some. unknown: nobody came without. */
    readonly enforced: 'yes' | 'no' | 'unknown'
  }
  readonly request_types: readonly string[]
  readonly response_types: readonly string[]
  /** Requests whose headers and bodies were looked at, and bodies that could be read. */
  readonly samples: { readonly taken: number; readonly requests: number; readonly responses: number }
  readonly fields: readonly FieldJson[]
  /** Fields by sensitive class. */
  readonly sensitive: Readonly<Record<string, number>>
  /** What says that few should be allowed to: words of the path, fields of requests. Hints, no more. */
  readonly privilege: readonly string[]
  /** Whether answers say that it goes (`Deprecation`, `Sunset`), and when; null where none did. */
  readonly deprecated: { readonly seen: number; readonly sunset: string | null } | null
}

export interface ClientJson {
  readonly kind: string
  readonly id: string
  readonly display: string
  readonly via: string
  readonly first_seen: string
  readonly last_seen: string
  readonly requests: number
  readonly endpoints: number
  readonly addresses: number
  /** Share of its requests that were refused (401, 403, 429): 0..1. */
  readonly refused_share: number
  /** What it seems to be by what it did, and why; null while that is too little. */
  readonly role: Role | null
  readonly reasons: readonly string[]
  /** Those of `identity.labels` that are true of it. */
  readonly labels: readonly string[]
  /** The operations that make up most of what it asks, at most 8, each with at least a twentieth; shares of 0..1. */
  readonly calls: readonly Call[]
  /** Where it came from, the first of them: /24, for IPv6 /48. */
  readonly networks: readonly string[]
  /** Who announces these, by `identity.asn_database`; empty without one. */
  readonly asns: readonly Asn[]
  /** Programs, without their versions. */
  readonly agents: readonly string[]
  /** Orders of headers, and credentials. */
  readonly devices: number
  readonly credentials: number
  /** An address that several people have. */
  readonly shared: boolean
}

/** Words are told from this many on, each used by two callers. */
const ENUM_FROM = 20
/** A range of few values would be the values. */
const RANGE_FROM = 5
/** One odd value in so many does not change what a field is. */
const NEARLY_ALL = 0.98
const PLACES = ['path', 'query', 'header', 'body', 'response']
const OBJECT_ID = /^(?:id|uuid|guid)$|[_-](?:id|uuid)$|[a-z](?:Id|ID|Uuid)$/

export function routeJson(state: OperationState): RouteJson {
  const { service, endpoint, anonymous } = state
  const space = endpoint.indexOf(' ')
  const fields = fieldsOf(state)
  const sensitive = new Map<SensitiveClass, number>()
  for (const field of state.fields) {
    for (const name of Object.keys(field.sensitive) as SensitiveClass[]) {
      sensitive.set(name, (sensitive.get(name) ?? 0) + 1)
    }
  }
  return {
    service,
    endpoint,
    method: endpoint.slice(0, space),
    path: endpoint.slice(space + 1),
    state: state.established ? 'established' : 'candidate',
    first_seen: formatTime(state.firstSeen),
    last_seen: formatTime(state.lastSeen),
    requests: state.requests,
    statuses: Object.fromEntries([...state.statuses].sort(([a], [b]) => a - b).map(([status, n]) => [status, n])),
    callers: Math.round(countFrom(state.callers).count),
    authentication: {
      seen: sortedRecord(state.identities),
      anonymous,
      enforced: anonymous.granted > 0 ? 'no' : anonymous.refused > 0 ? 'yes' : 'unknown',
    },
    request_types: state.requestTypes.map(([type]) => type).sort(),
    response_types: state.responseTypes.map(([type]) => type).sort(),
    samples: state.samples,
    fields,
    sensitive: sortedRecord([...sensitive]),
    privilege: privilegeOf(endpoint.slice(space + 1), fields),
    deprecated: state.deprecated ? { seen: state.deprecated, sunset: state.sunset ?? null } : null,
  }
}

const PRIVILEGED =
  /^(?:admin|administration|administrators?|internal|staff|root|sudo|superusers?|backoffice|back-office|impersonate|moderation|moderators?|ops|management|roles?|permissions?|grants?|acls?|feature-?flags?|flags|audit(?:-?logs?)?)$/i
const PRIVILEGE_FIELD = /^(?:is_?admin|is_?staff|is_?superuser|admin|roles?|permissions?|scopes?|privileges?|groups?)$/i

function privilegeOf(path: string, fields: readonly FieldJson[]): string[] {
  const hash = path.indexOf('#')
  const segments = (hash < 0 ? path : path.slice(0, hash)).split('/').filter((segment) => PRIVILEGED.test(segment))
  const taken = fields.filter(({ in: place, name }) => place === 'body' && PRIVILEGE_FIELD.test(lastName(name)))
  return [...new Set(segments.map((segment) => `path ${segment}`)), ...taken.map(({ name }) => `body ${name}`)]
}

const UNKNOWN: Behaviour = {
  role: null,
  reasons: [],
  labels: [],
  calls: [],
  networks: [],
  asns: [],
  agents: [],
  devices: 0,
  credentials: 0,
  shared: false,
}

export function clientJson(state: ClientState): ClientJson {
  const { kind, id, display, via, requests, refused } = state
  return {
    kind,
    id,
    display,
    via,
    first_seen: formatTime(state.firstSeen),
    last_seen: formatTime(state.lastSeen),
    requests,
    endpoints: Math.round(countFrom(state.endpoints).count),
    addresses: Math.round(countFrom(state.addresses).count),
    refused_share: requests === 0 ? 0 : rounded(refused / requests),
    ...UNKNOWN,
    ...state.behaviour,
    calls: (state.behaviour?.calls ?? []).map((call) => ({ ...call, share: rounded(call.share) })),
  }
}

/** By service, path, method. */
export function compareRoutes(a: RouteJson, b: RouteJson): number {
  return order(a.service, b.service) || order(a.path, b.path) || order(a.method, b.method)
}

/** Busiest first, and among equals the latest. */
export function compareClients(a: ClientJson, b: ClientJson): number {
  return b.requests - a.requests || order(b.last_seen, a.last_seen) || order(a.id, b.id)
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function fieldsOf(state: OperationState): FieldJson[] {
  const objects = new Map<string, number>()
  for (const { place, name, types } of state.fields) objects.set(`${place} ${name}`, types.object ?? 0)
  return state.fields
    .map((field) => fieldJson(field, possible(field, state, objects)))
    .sort((a, b) => PLACES.indexOf(a.in) - PLACES.indexOf(b.in) || order(a.name, b.name))
}

/** How often a field could have been there. */
function possible({ place, name }: FieldState, state: OperationState, objects: ReadonlyMap<string, number>): number {
  if (place === 'path') return state.answered
  if (place === 'query' || place === 'header') return state.samples.taken
  const dot = name.lastIndexOf('.')
  const own = name.endsWith('[]') ? name.length - 2 : dot
  const parent = own <= 0 ? '' : name.slice(0, own)
  const inRoot = parent === '' && !name.startsWith('[]')
  if (inRoot) return place === 'body' ? state.samples.requests : state.samples.responses
  return objects.get(`${place} ${parent}`) ?? 0
}

function fieldJson(field: FieldState, possibly: number): FieldJson {
  const { place, name, seen, shared } = field
  const plain = Object.keys(field.sensitive).length === 0
  const range = plain && shared && seen >= RANGE_FROM
  const words = field.values
  const told =
    plain &&
    words !== null &&
    words.length > 0 &&
    field.words >= ENUM_FROM &&
    words.every(([, , word]) => word !== null)
  return {
    in: place,
    name,
    type: mainType(field),
    types: sortedRecord(Object.entries(field.types)),
    seen,
    share: possibly === 0 ? 1 : rounded(Math.min(1, seen / possibly)),
    min: range ? field.min : null,
    max: range ? field.max : null,
    min_length: range ? field.minLength : null,
    max_length: range ? field.maxLength : null,
    enum: told ? words.map(([, , word]) => word!).sort() : null,
    sensitive: sortedRecord(Object.entries(field.sensitive)),
    object_id:
      field.distinct === null
        ? OBJECT_ID.test(lastName(name))
        : /^id[0-9]*$/.test(name) && countFrom(field.distinct).count >= 2,
    shared,
  }
}

function mainType({ types, seen }: FieldState): FieldType | 'mixed' {
  const entries = (Object.entries(types) as [FieldType, number][])
    .filter(([type]) => type !== 'null')
    .sort(([, a], [, b]) => b - a)
  const [most] = entries
  if (most === undefined) return 'null'
  const valued = seen - (types.null ?? 0)
  if (most[1] >= valued * NEARLY_ALL) return most[0]
  const numbers = (types.int ?? 0) + (types.number ?? 0)
  if (numbers >= valued * NEARLY_ALL) return 'number'
  const texts = (types.string ?? 0) + (types.uuid ?? 0) + (types.date ?? 0) + (types.email ?? 0)
  const scalars = texts + numbers + (types.bool ?? 0)
  // Of a path or a query all is text.
  return texts >= valued * NEARLY_ALL || (scalars === valued && texts > 0 && (types.bool ?? 0) === 0)
    ? 'string'
    : 'mixed'
}

function rounded(share: number): number {
  return Math.round(share * 1000) / 1000
}

function sortedRecord(entries: Iterable<readonly [string, number]>): Record<string, number> {
  return Object.fromEntries([...entries].sort(([a], [b]) => order(a, b)))
}
