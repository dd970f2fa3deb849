import { ANY_NAME } from './field-names.ts'
import { stepsOf } from './field-path.ts'
import type { FieldJson, RouteJson } from './views.ts'

type Json = Record<string, unknown>

/** A field in more than this share of what it could stand in is required. */
const REQUIRED_FROM = 0.995
const MEANINGS: Readonly<Record<string, string>> = {
  '1': 'Informational',
  '2': 'Success',
  '3': 'Redirection',
  '4': 'Refused',
  '5': 'Failed',
}

/** OpenAPI 3.1 of one service, as seen: a start for a description, not a promise of what the service takes. */
export function openApiOf(service: string, routes: readonly RouteJson[]): Json {
  const paths: Record<string, Json> = {}
  const byShape = new Map<string, string>()
  for (const route of routes) {
    // `/a/{id}` and `/a/{date}` are one path to OpenAPI: the first one's names hold.
    const shape = route.path.replaceAll(/\{[^{}]*\}/g, '{}')
    const path = byShape.get(shape) ?? route.path
    byShape.set(shape, path)
    const method = route.method.toLowerCase()
    const item = paths[path] ?? {}
    if (METHODS.has(method) && item[method] === undefined) paths[path] = { ...item, [method]: operation(route, path) }
  }
  const schemes = securitySchemes(routes)
  return {
    openapi: '3.1.0',
    info: {
      title: service,
      version: 'as seen',
      description: 'Learnt from traffic by Offpath. Types, requirements and answers are those that were seen.',
    },
    servers: [{ url: `//${service}` }],
    paths,
    ...(Object.keys(schemes).length === 0 ? {} : { components: { securitySchemes: schemes } }),
  }
}

const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'])

function operation(route: RouteJson, path: string): Json {
  const body = route.fields.filter((field) => field.in === 'body')
  const scheme = schemeOf(route)
  const open = route.authentication.enforced === 'no'
  return {
    operationId: operationId(route.method, path),
    parameters: [
      ...pathParameters(route, path),
      ...route.fields.filter((field) => field.in === 'query' || field.in === 'header').flatMap(parameter),
    ],
    ...(body.length === 0 ? {} : { requestBody: { content: content(route.request_types, body) } }),
    responses: responses(route),
    ...(route.deprecated === null ? {} : { deprecated: true }),
    ...(scheme === null ? {} : { security: open ? [{}, { [scheme]: [] }] : [{ [scheme]: [] }] }),
    'x-offpath': {
      state: route.state,
      requests: route.requests,
      callers: route.callers,
      first_seen: route.first_seen,
      last_seen: route.last_seen,
      authentication_enforced: route.authentication.enforced,
      sensitive: Object.keys(route.sensitive),
      privilege: route.privilege,
      ...(route.deprecated?.sunset == null ? {} : { sunset: route.deprecated.sunset }),
    },
  }
}

/** Every name of the path must be told, also of one that no value was learnt of. */
function pathParameters(route: RouteJson, path: string): Json[] {
  const names = [...path.matchAll(/\{([^{}]+)\}/g)].map((match) => match[1]!)
  const fields = route.fields.filter((field) => field.in === 'path')
  return names.map((name, at) => {
    const field = fields.find((each) => each.name === name) ?? fields[at]
    return { name, in: 'path', required: true, schema: field === undefined ? { type: 'string' } : scalar(field) }
  })
}

function parameter(field: FieldJson): Json[] {
  if (field.name === ANY_NAME) return []
  return [
    {
      name: field.name,
      in: field.in,
      required: field.share >= REQUIRED_FROM,
      schema: scalar(field),
      ...sensitive(field),
    },
  ]
}

function responses(route: RouteJson): Json {
  const fields = route.fields.filter((field) => field.in === 'response')
  const answers = Object.keys(route.statuses)
    .filter((status) => /^[1-5][0-9]{2}$/.test(status))
    .map((status): [string, Json] => {
      const described = status.startsWith('2') && status !== '204' && fields.length > 0
      const description = MEANINGS[status[0]!]!
      return [status, described ? { description, content: content(route.response_types, fields) } : { description }]
    })
  return answers.length === 0 ? { default: { description: 'Not seen.' } } : Object.fromEntries(answers)
}

function content(types: readonly string[], fields: readonly FieldJson[]): Json {
  const schema = new Place().with(fields).schema()
  const named = types.filter((type) => type.includes('/'))
  return Object.fromEntries((named.length === 0 ? ['application/json'] : named).map((type) => [type, { schema }]))
}

/** Fields by name, as the tree they were in. */
class Place {
  field: FieldJson | null = null
  readonly #children = new Map<string, Place>()

  with(fields: readonly FieldJson[]): this {
    for (const field of fields) {
      let at: Place = this
      for (const step of stepsOf(field.name)) {
        const next = at.#children.get(step) ?? new Place()
        at.#children.set(step, next)
        at = next
      }
      at.field = field
    }
    return this
  }

  schema(): Json {
    const items = this.#children.get('[]')
    const named = [...this.#children].filter(([step]) => step !== '[]')
    if (named.length === 0 && items === undefined) return this.field === null ? {} : described(this.field)
    const shapes: Json[] = []
    if (named.length > 0) shapes.push(objectOf(named))
    if (items !== undefined) shapes.push({ type: 'array', items: items.schema() })
    return shapes.length === 1 ? shapes[0]! : { anyOf: shapes }
  }
}

function objectOf(named: readonly (readonly [string, Place])[]): Json {
  const properties: [string, Json][] = []
  const required: string[] = []
  let other: Json | null = null
  for (const [name, place] of named) {
    if (name === ANY_NAME) other = place.schema()
    else {
      properties.push([name, place.schema()])
      if ((place.field?.share ?? 0) >= REQUIRED_FROM) required.push(name)
    }
  }
  return {
    type: 'object',
    ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
    ...(required.length === 0 ? {} : { required }),
    ...(other === null ? {} : { additionalProperties: other }),
  }
}

function described(field: FieldJson): Json {
  return { ...scalar(field), ...sensitive(field) }
}

function sensitive(field: FieldJson): Json {
  const classes = Object.keys(field.sensitive)
  return classes.length === 0 ? {} : { 'x-offpath-sensitive': classes }
}

function scalar(field: FieldJson): Json {
  if (field.enum !== null) return { type: 'string', enum: field.enum }
  switch (field.type) {
    case 'int':
      return { type: 'integer' }
    case 'number':
      return { type: 'number' }
    case 'bool':
      return { type: 'boolean' }
    case 'uuid':
    case 'email':
      return { type: 'string', format: field.type }
    case 'object':
    case 'array':
    case 'string':
    case 'null':
      return { type: field.type }
    // A date with or without a time of day.
    case 'date':
      return { type: 'string' }
    case 'mixed':
      return {}
  }
}

/** By where most identities were read. */
function schemeOf({ authentication }: RouteJson): string | null {
  const most = Object.entries(authentication.seen).sort(([, a], [, b]) => b - a)[0]
  return most === undefined ? null : most[0].replaceAll(/[^A-Za-z0-9._-]/g, '_')
}

function securitySchemes(routes: readonly RouteJson[]): Record<string, Json> {
  const schemes: Record<string, Json> = {}
  for (const route of routes) {
    const name = schemeOf(route)
    if (name !== null) schemes[name] = scheme(name)
  }
  return schemes
}

function scheme(via: string): Json {
  const dot = via.indexOf('.')
  const place = via.slice(0, dot)
  const name = via.slice(dot + 1)
  if (via === 'basic') return { type: 'http', scheme: 'basic' }
  if (dot > 0 && (place === 'cookie' || place === 'header' || place === 'query'))
    return { type: 'apiKey', in: place, name }
  return { type: 'http', scheme: 'bearer', ...(place === 'jwt' ? { bearerFormat: 'JWT' } : {}) }
}

function operationId(method: string, path: string): string {
  const words = path.replaceAll(/[^A-Za-z0-9]+/g, '_').replaceAll(/^_|_$/g, '')
  return `${method.toLowerCase()}_${words === '' ? 'root' : words}`
}
