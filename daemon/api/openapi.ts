import { z } from 'zod'
import { ROUTES, type Route } from './routes.ts'
import { NAMED_SCHEMAS } from './schema-parts.ts'
import { Problem } from './schemas.ts'

type Json = Record<string, unknown>

const MEANING: Readonly<Record<number, string>> = {
  400: 'The request is wrong, or the query was refused.',
  401: 'The token is missing or wrong. Over the unix socket none is needed.',
  404: 'There is nothing of that name.',
  409: 'That cannot be done in the state it is in.',
  413: 'The body is longer than 64 KiB.',
  415: 'The body is not application/json.',
  421: 'Host names neither the loopback nor one of server.hosts.',
  422: 'A policy file is wrong; the old ones stay.',
  500: 'A bug in Offpath; the log says more.',
  503: 'There is no store, or it does not answer.',
}

/** The OpenAPI 3.1 document of the API: docs/openapi.json. */
export function openApiDocument(): Json {
  const paths: Record<string, Json> = {}
  for (const route of ROUTES) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Offpath',
      version: '1',
      description:
        'The daemon over HTTP: unix socket `offpath.sock` in the data folder (no token), or the address of server.listen with a token.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://127.0.0.1:7710' }],
    security: [{ token: [] }],
    paths: { ...paths, ...probes() },
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'The file `token` in the data folder.' },
      },
      schemas: componentSchemas(),
    },
  }
}

function probes(): Record<string, Json> {
  return {
    '/healthz': probe('healthz', 'Whether the daemon lives.'),
    '/readyz': probe('readyz', 'Whether it does its work; else the reasons why not.'),
    '/metrics': {
      get: {
        operationId: 'metrics',
        summary: 'Metrics for Prometheus: docs/metrics.md.',
        security: [{}, { token: [] }],
        responses: {
          200: { description: 'Text format 0.0.4.', content: { 'text/plain': { schema: { type: 'string' } } } },
          ...problems([401, 421, 500]),
        },
      },
    },
  }
}

function probe(operationId: string, summary: string): Json {
  const health = {
    type: 'object',
    additionalProperties: false,
    required: ['ok', 'reasons'],
    properties: { ok: { type: 'boolean' }, reasons: { type: 'array', items: { type: 'string' } } },
  }
  const content = { 'application/json': { schema: health } }
  return {
    get: {
      operationId,
      summary,
      // Beyond the loopback the token is needed here too.
      security: [{}, { token: [] }],
      responses: {
        200: { description: 'Yes.', content },
        503: { description: 'No.', content },
        ...problems([401, 421]),
      },
    },
  }
}

function operation(route: Route): Json {
  const always = route.body === null ? [400, 401, 421, 500] : [400, 401, 413, 415, 421, 500]
  return {
    operationId: route.operationId,
    summary: route.summary,
    parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query')],
    ...(route.body === null
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(route.body) } } } }),
    responses: {
      200: { description: 'Done.', content: { 'application/json': { schema: jsonSchema(route.answer) } } },
      ...problems([...always, ...route.problems]),
    },
  }
}

function problems(statuses: readonly number[]): Json {
  const content = { 'application/problem+json': { schema: jsonSchema(Problem) } }
  return Object.fromEntries(statuses.map((status) => [status, { description: MEANING[status], content }]))
}

function parameters(object: z.ZodObject, place: 'path' | 'query'): Json[] {
  const { properties = {}, required = [] } = jsonSchema(object) as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: place,
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }))
}

function reference(id: string): string {
  return `#/components/schemas/${id}`
}

/** Every schema of the document, made in one pass, so that a named one inside another is a reference. */
function allSchemas(): ReadonlyMap<z.ZodType, { name: string; json: Json }> {
  const names = new Map(NAMED_SCHEMAS)
  for (const { params, query, body, answer } of ROUTES) {
    for (const schema of [params, query, answer, ...(body === null ? [] : [body])]) {
      if (!names.has(schema)) names.set(schema, `inline${names.size}`)
    }
  }
  const registry = z.registry<{ id: string }>()
  for (const [schema, id] of names) registry.add(schema, { id })
  const made = z.toJSONSchema(registry, { uri: reference }).schemas
  return new Map(
    [...names].map(([schema, name]) => {
      const { $id: _, $schema: __, ...json } = made[name] as Json
      return [schema, { name, json }]
    }),
  )
}

/** Made when the module is loaded, which only the generator of docs/openapi.json and the tests do. */
const SCHEMAS = allSchemas()

function componentSchemas(): Json {
  return Object.fromEntries([...NAMED_SCHEMAS].map(([schema, name]) => [name, SCHEMAS.get(schema)!.json]))
}

function jsonSchema(schema: z.ZodType): Json {
  const { name, json } = SCHEMAS.get(schema)!
  return NAMED_SCHEMAS.has(schema) ? { $ref: reference(name) } : json
}
