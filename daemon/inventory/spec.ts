import { parse } from 'yaml'
import { OffpathError } from '../telemetry/errors.ts'
import { segmentsOf } from './operation-match.ts'
import {
  isJson,
  type Json,
  resolved,
  type SpecField,
  type SpecFields,
  schemaFields,
  typesOf,
  wordsOf,
} from './spec-schema.ts'

/** One operation as a description of the API tells it. */
export interface SpecOperation {
  readonly method: string
  /** With the path of the server in front. */
  readonly path: string
  /** The same in segments; null stands for a parameter. */
  readonly segments: readonly (string | null)[]
  readonly deprecated: boolean
  readonly parameters: readonly SpecParameter[]
  /** Null: no body is described. */
  readonly body: SpecFields | null
  /** Of all answers of 2xx together; null: none is described with a schema. */
  readonly response: SpecFields | null
  readonly statuses: readonly string[]
  /** Whether a request must prove who makes it. */
  readonly secured: boolean
}

export interface SpecParameter extends SpecField {
  readonly in: 'path' | 'query' | 'header' | 'cookie'
  readonly name: string
}

export interface Spec {
  readonly operations: readonly SpecOperation[]
  /** Hosts of its servers, in lower case. */
  readonly hosts: readonly string[]
  /** References that lead out of the file: never followed. */
  readonly outside: readonly string[]
}

export const MAX_SPEC_BYTES = 16 * 1024 * 1024
const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']
const MAX_OPERATIONS = 10_000

/** Reads OpenAPI 3 or Swagger 2 as YAML or JSON. Opens nothing: `$ref` is followed inside the document only. @throws OFFPATH_E_SPEC */
export function readSpec(text: string, name: string): Spec {
  const document = parseDocument(text, name)
  if (typeof document.openapi !== 'string' && typeof document.swagger !== 'string') {
    throw wrong(name, 'it says neither `openapi: 3…` nor `swagger: "2.0"`')
  }
  if (!isJson(document.paths)) throw wrong(name, 'it has no `paths`')
  const reader = new SpecReader(document)
  for (const [path, item] of Object.entries(document.paths)) if (path.startsWith('/')) reader.path(path, item)
  return { operations: reader.operations, hosts: reader.hosts, outside: [...reader.outside].sort() }
}

function parseDocument(text: string, name: string): Json {
  if (text.length > MAX_SPEC_BYTES) throw wrong(name, 'it is over 16 MiB')
  let document: unknown
  try {
    document = text.trimStart().startsWith('{') ? JSON.parse(text) : parse(text, { maxAliasCount: 100 })
  } catch (cause) {
    throw wrong(name, `it is neither YAML nor JSON: ${(cause as Error).message.split('\n')[0]}`, cause)
  }
  if (!isJson(document)) throw wrong(name, 'it is no object')
  return document
}

function wrong(at: string, why: string, cause?: unknown): OffpathError {
  return new OffpathError('OFFPATH_E_SPEC', `the API description cannot be used: ${why}`, {
    at,
    remedy: 'Give an OpenAPI 3 or Swagger 2 document, as YAML or JSON, in one file.',
    cause,
  })
}

class SpecReader {
  readonly operations: SpecOperation[] = []
  readonly hosts: string[] = []
  readonly outside = new Set<string>()
  readonly #document: Json
  readonly #bases: string[]

  constructor(document: Json) {
    this.#document = document
    const bases = new Set<string>()
    const servers = Array.isArray(document.servers) ? document.servers : []
    for (const server of servers) {
      if (isJson(server) && typeof server.url === 'string') bases.add(this.#server(server.url))
    }
    if (typeof document.basePath === 'string') bases.add(trimmed(document.basePath))
    if (typeof document.host === 'string') this.hosts.push(document.host.toLowerCase())
    this.#bases = bases.size === 0 ? [''] : [...bases]
  }

  path(path: string, given: unknown): void {
    const item = this.#resolved(given)
    if (item === null) return
    for (const method of METHODS) {
      const operation = this.#resolved(item[method])
      if (operation === null) continue
      for (const base of this.#bases) {
        if (this.operations.length < MAX_OPERATIONS)
          this.operations.push(this.#operation(base + path, method, operation, item))
      }
    }
  }

  #operation(path: string, method: string, operation: Json, item: Json): SpecOperation {
    const described = [...listOf(item.parameters), ...listOf(operation.parameters)].map((each) => this.#resolved(each))
    const parameters = new Map<string, SpecParameter>()
    for (const each of described) {
      const parameter = each === null ? null : this.#parameter(each)
      if (parameter !== null) parameters.set(`${parameter.in} ${parameter.name}`, parameter)
    }
    const responses = isJson(operation.responses) ? operation.responses : {}
    const security = Array.isArray(operation.security) ? operation.security : listOf(this.#document.security)
    return {
      method: method.toUpperCase(),
      path,
      segments: segmentsOf(path),
      deprecated: operation.deprecated === true,
      parameters: [...parameters.values()],
      body: this.#body(operation, described),
      response: this.#response(responses),
      statuses: Object.keys(responses),
      // An empty requirement among them lets anybody in.
      secured: security.length > 0 && security.every((each) => isJson(each) && Object.keys(each).length > 0),
    }
  }

  #parameter(parameter: Json): SpecParameter | null {
    const { in: place, name } = parameter
    if (typeof name !== 'string') return null
    if (place !== 'path' && place !== 'query' && place !== 'header' && place !== 'cookie') return null
    const content = isJson(parameter.content) ? Object.values(parameter.content)[0] : undefined
    const schema = this.#resolved(parameter.schema) ?? (content === undefined ? parameter : {})
    return { in: place, name, types: typesOf(schema), enum: wordsOf(schema), required: parameter.required === true }
  }

  #body(operation: Json, parameters: readonly (Json | null)[]): SpecFields | null {
    const body = this.#resolved(operation.requestBody)
    if (body !== null) return this.#content(body)
    const swagger = parameters.find((each) => each?.in === 'body')
    if (swagger !== undefined && swagger !== null) return schemaFields(swagger.schema, this.#document, this.outside)
    const form = parameters.filter((each): each is Json => each?.in === 'formData')
    if (form.length === 0) return null
    const properties = Object.fromEntries(form.map((each) => [String(each.name), each]))
    return schemaFields({ type: 'object', properties }, this.#document, this.outside)
  }

  #response(responses: Json): SpecFields | null {
    const granted = Object.entries(responses).filter(([status]) => /^2/.test(status))
    const schemas = (
      granted.length > 0 ? granted : Object.entries(responses).filter(([status]) => status === 'default')
    )
      .map(([, response]) => this.#resolved(response))
      .flatMap((response) => (response === null ? [] : (response.schema ?? this.#schemasOf(response))))
    return schemas.length === 0 ? null : schemaFields({ anyOf: schemas }, this.#document, this.outside)
  }

  #content(holder: Json): SpecFields | null {
    const schemas = this.#schemasOf(holder)
    return schemas.length === 0 ? null : schemaFields({ anyOf: schemas }, this.#document, this.outside)
  }

  #schemasOf({ content }: Json): unknown[] {
    if (!isJson(content)) return []
    return Object.values(content).map((media) => (isJson(media) ? (media.schema ?? {}) : {}))
  }

  #resolved(value: unknown): Json | null {
    return resolved(value, this.#document, this.outside)
  }

  /** The path of a server's URL; its host is noted. */
  #server(url: string): string {
    const match = /^(?:[a-z][a-z0-9+.-]*:)?\/\/([^/?#]*)([^?#]*)/i.exec(url)
    if (match === null) return trimmed(url)
    const host = match[1]!.toLowerCase()
    if (host !== '' && !host.includes('{')) this.hosts.push(host)
    return trimmed(match[2]!)
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function trimmed(path: string): string {
  const bare = path.endsWith('/') ? path.slice(0, -1) : path
  return bare === '' || bare.startsWith('/') ? bare : `/${bare}`
}
