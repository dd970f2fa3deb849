import { ANY_NAME } from './field-names.ts'
import { childName, stepsOf } from './field-path.ts'
import { likeness, type Matchable, matchOf, segmentsOf } from './operation-match.ts'
import type { Spec, SpecOperation } from './spec.ts'
import type { SpecField, SpecFields } from './spec-schema.ts'
import type { FieldJson, RouteJson } from './views.ts'

/** What a description and the traffic disagree about. */
export const DRIFT_RULES = {
  shadow: 'Answered, and in no description.',
  deprecated: 'Described as deprecated, and still used.',
  unused: 'Described, and never seen.',
  authentication: 'Described as secured, and granted without an identity.',
  parameter: 'A parameter or field of requests that the description does not know, or of another type.',
  response: 'A field or status of answers that the description does not know, or of another type.',
} as const
export type DriftRule = keyof typeof DRIFT_RULES

export interface DriftFinding {
  readonly rule: DriftRule
  readonly level: 'error' | 'warning' | 'note'
  /** Null: never seen. */
  readonly service: string | null
  readonly endpoint: string
  /** `query page`, `response orders[].id`; null: the operation as a whole. */
  readonly field: string | null
  readonly message: string
  /** Requests, or times a field was seen. */
  readonly seen: number
}

type Matchables = { readonly operations: readonly Matchable[] }
type RoutePath = Pick<RouteJson, 'method' | 'path'>

const RULES = Object.keys(DRIFT_RULES) as DriftRule[]
/** Of a parameter described as required: absent more often than this, it is not. */
const REQUIRED_SHARE = 0.99

/** Compares the routes of one API with its description. Routes that only ever refused are nobody's API. */
export function findDrift(spec: Spec, routes: readonly RouteJson[]): DriftFinding[] {
  const findings: DriftFinding[] = []
  const used = new Set<SpecOperation>()
  for (const route of routes) {
    if (!isAnswered(route)) continue
    const operation = matchOf(spec.operations, route)
    if (operation === null) {
      if (!isImplied(spec, route)) findings.push(shadow(route))
      continue
    }
    used.add(operation)
    findings.push(...compare(operation, route))
  }
  for (const operation of unused(spec, used)) findings.push(neverSeen(operation))
  return findings.sort(
    (a, b) =>
      RULES.indexOf(a.rule) - RULES.indexOf(b.rule) ||
      order(a.endpoint.slice(a.endpoint.indexOf(' ')), b.endpoint.slice(b.endpoint.indexOf(' '))) ||
      order(a.endpoint, b.endpoint) ||
      order(a.field ?? '', b.field ?? '') ||
      order(a.message, b.message),
  )
}

/** Whether a description has a route. */
export function describes(spec: Matchables, route: RoutePath): boolean {
  return matchOf(spec.operations, route) !== null || isImplied(spec, route)
}

function isAnswered({ statuses }: RouteJson): boolean {
  return Object.keys(statuses).some((status) => status.startsWith('2') || status === '304')
}

/** Servers answer HEAD and OPTIONS for what they have without anybody describing it. */
function isImplied(spec: Matchables, route: RoutePath): boolean {
  if (route.method !== 'HEAD' && route.method !== 'OPTIONS') return false
  const segments = segmentsOf(route.path)
  return spec.operations.some(
    (operation) => operation.segments.length === segments.length && likeness(operation.segments, segments) >= 0,
  )
}

function shadow(route: RouteJson): DriftFinding {
  const classes = Object.keys(route.sensitive)
  const open = route.authentication.enforced === 'no'
  const facts = [
    `${route.requests} ${route.requests === 1 ? 'request' : 'requests'}, ${route.callers} ${route.callers === 1 ? 'caller' : 'callers'}`,
    ...(open ? ['no identity needed'] : []),
    ...(classes.length > 0 ? [`carries ${classes.join(', ')}`] : []),
  ]
  return {
    ...about('shadow', open && classes.length > 0 ? 'error' : 'warning', route),
    message: `is not described: ${facts.join(', ')}`,
  }
}

function unused(spec: Spec, used: ReadonlySet<SpecOperation>): SpecOperation[] {
  // Under one of several servers is enough.
  const key = ({ method, path, segments }: SpecOperation) => `${method} ${segments.length} ${path.split('/').at(-1)}`
  const keys = new Set([...used].map(key))
  return spec.operations.filter(
    (operation) => !used.has(operation) && !(spec.hosts.length > 1 && keys.has(key(operation))),
  )
}

function neverSeen({ method, path, deprecated }: SpecOperation): DriftFinding {
  return {
    rule: 'unused',
    level: 'note',
    service: null,
    endpoint: `${method} ${path}`,
    field: null,
    message: deprecated
      ? 'is described as deprecated and was never seen: it can go'
      : 'is described and was never seen',
    seen: 0,
  }
}

function about(rule: DriftRule, level: DriftFinding['level'], route: RouteJson): Omit<DriftFinding, 'message'> {
  return { rule, level, service: route.service, endpoint: route.endpoint, field: null, seen: route.requests }
}

function* compare(operation: SpecOperation, route: RouteJson): IterableIterator<DriftFinding> {
  const { anonymous } = route.authentication
  if (operation.deprecated) {
    yield {
      ...about('deprecated', 'warning', route),
      message: `is deprecated and was used ${route.requests} times, last ${route.last_seen.slice(0, 19)}Z`,
    }
  }
  if (operation.secured && anonymous.granted > 0) {
    yield {
      ...about('authentication', 'error', route),
      message: `is described as secured, and granted ${anonymous.granted} of ${anonymous.requests} requests without an identity`,
    }
  }
  for (const status of Object.keys(route.statuses)) {
    if (!status.startsWith('2') || operation.statuses.length === 0) continue
    if (operation.statuses.some((each) => each === status || each === 'default' || /^2xx$/i.test(each))) continue
    yield {
      ...about('response', 'note', route),
      seen: route.statuses[status]!,
      message: `answers ${status}, which is not described`,
    }
  }
  for (const field of route.fields) yield* compareField(operation, route, field)
  yield* absent(operation, route)
}

function* compareField(operation: SpecOperation, route: RouteJson, field: FieldJson): IterableIterator<DriftFinding> {
  const rule = field.in === 'response' ? 'response' : 'parameter'
  const described = descriptionOf(operation, field)
  if (described === 'any') return
  const base = { ...about(rule, 'warning', route), field: `${field.in} ${field.name}`, seen: field.seen }
  if (described === null) {
    // One caller may send anything; what several send, or what the server answers, is part of the API.
    if (field.in !== 'response' && !field.shared && route.callers > 1) return
    const classes = Object.keys(field.sensitive)
    const level = classes.length > 0 && field.in === 'response' ? 'error' : 'warning'
    const told = classes.length > 0 ? ` (${classes.join(', ')})` : ''
    yield { ...base, level, message: `is not described: ${field.type}${told}, in ${percent(field.share)}` }
    return
  }
  if (!isOfType(field, described, isText(route, field))) {
    yield { ...base, message: `is described as ${[...described.types].join(' or ')} and was seen as ${field.type}` }
  }
  const unknown = field.enum?.filter((word) => described.enum?.includes(word) === false) ?? []
  if (unknown.length > 0) yield { ...base, message: `has values that are not described: ${unknown.join(', ')}` }
}

function* absent(operation: SpecOperation, route: RouteJson): IterableIterator<DriftFinding> {
  if (route.samples.taken === 0) return
  for (const { in: place, name, required } of operation.parameters) {
    if (!required || place !== 'query') continue
    const share = route.fields.find((field) => field.in === place && field.name === name)?.share ?? 0
    if (share >= REQUIRED_SHARE) continue
    yield {
      ...about('parameter', 'note', route),
      field: `${place} ${name}`,
      message: `is described as required, and ${percent(1 - share)} were answered without it`,
    }
  }
}

/** Null: not described. `any`: nothing is said about what may stand there. */
function descriptionOf(operation: SpecOperation, field: FieldJson): SpecField | 'any' | null {
  switch (field.in) {
    case 'path':
      // By position: names of places are the description's own.
      return pathParameter(operation, field.name)
    case 'query':
      if (field.name === ANY_NAME) return 'any'
      return (
        operation.parameters.find(({ in: place, name }) => place === 'query' && sameQuery(name, field.name)) ?? null
      )
    case 'header':
      return (
        operation.parameters.find(({ in: place, name }) => place === 'header' && name.toLowerCase() === field.name) ??
        'any'
      )
    case 'body':
      return operation.body === null ? null : bodyField(operation.body, field.name)
    case 'response':
      return operation.response === null ? 'any' : bodyField(operation.response, field.name)
  }
}

/** `ids[]` and `filter[state]` are sent for what is described as `ids` and `filter`. */
function sameQuery(described: string, seen: string): boolean {
  return described === seen || seen.startsWith(`${described}[`)
}

function pathParameter({ path, parameters }: SpecOperation, name: string): SpecField | 'any' {
  const number = /^id([0-9]*)$/.exec(name)
  if (number === null) return 'any'
  const names = [...path.matchAll(/\{([^{}/]+)\}/g)].map((match) => match[1])
  const wanted = names[number[1] === '' ? 0 : Number(number[1]) - 1]
  return parameters.find((each) => each.in === 'path' && each.name === wanted) ?? 'any'
}

function bodyField({ fields, open }: SpecFields, name: string): SpecField | 'any' | null {
  let at = ''
  for (const step of stepsOf(name)) {
    if (open.has(at)) return 'any'
    const next = childName(at, step)
    const any = childName(at, ANY_NAME)
    if (!fields.has(next) && !fields.has(any)) return null
    at = fields.has(next) ? next : any
  }
  return fields.get(at) ?? 'any'
}

const TEXT_PLACES = new Set(['path', 'query', 'header'])

/** Where all values are text, a number may be one of a string's. */
function isText({ request_types: types }: RouteJson, field: FieldJson): boolean {
  return TEXT_PLACES.has(field.in) || (field.in === 'body' && types.includes('application/x-www-form-urlencoded'))
}

function isOfType(field: FieldJson, { types }: SpecField, text: boolean): boolean {
  if (types.size === 0 || field.type === 'mixed' || field.type === 'null') return true
  // Its value was replaced, so its type was too.
  if (Object.keys(field.sensitive).length > 0) return true
  if (text && (types.has('string') || types.has('array') || types.has('object'))) return true
  switch (field.type) {
    case 'int':
      return types.has('integer') || types.has('number')
    case 'number':
      return types.has('number')
    case 'bool':
      return types.has('boolean')
    case 'object':
    case 'array':
      return types.has(field.type)
    case 'uuid':
    case 'date':
    case 'email':
    case 'string':
      return types.has('string') || types.has('file')
  }
}

function percent(share: number): string {
  if (share > 0 && share < 0.01) return 'less than 1 %'
  return `${Math.round(share * 100)} %`
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
