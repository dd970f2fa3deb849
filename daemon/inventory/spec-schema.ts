import { ANY_NAME } from './field-names.ts'
import { childName } from './field-path.ts'

export type Json = Readonly<Record<string, unknown>>

/** What a description says of one place in a body, or of a parameter. */
export interface SpecField {
  /** JSON Schema types; empty: any. */
  readonly types: ReadonlySet<string>
  readonly enum: readonly string[] | null
  readonly required: boolean
}

/** A schema as the places it names. Below an open place anything may stand. */
export interface SpecFields {
  readonly fields: ReadonlyMap<string, SpecField>
  readonly open: ReadonlySet<string>
}

const MAX_DEPTH = 10
const MAX_FIELDS = 4096
const MAX_REFERENCES = 32

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Follows references inside the document; one that leads out of it is never followed and answers null. */
export function resolved(value: unknown, document: Json, outside: Set<string>): Json | null {
  let found: unknown = value
  for (let hops = 0; hops < MAX_REFERENCES; hops++) {
    if (!isJson(found)) return null
    const reference = found.$ref
    if (typeof reference !== 'string') return found
    if (!reference.startsWith('#/')) {
      outside.add(reference)
      return null
    }
    found = reference
      .slice(2)
      .split('/')
      .reduce<unknown>((at, step) => {
        const name = decodePointer(step)
        return isJson(at) && Object.hasOwn(at, name) ? at[name] : Array.isArray(at) ? at[Number(name)] : undefined
      }, document)
  }
  return null
}

function decodePointer(step: string): string {
  let text = step
  try {
    text = decodeURIComponent(step)
  } catch {
    // As written, then.
  }
  return text.replaceAll('~1', '/').replaceAll('~0', '~')
}

/** The places that a schema names, with what it says of each. */
export function schemaFields(schema: unknown, document: Json, outside: Set<string>): SpecFields {
  const reader = new SchemaReader(document, outside)
  reader.read(schema, '', false, 0)
  return reader
}

class SchemaReader implements SpecFields {
  readonly fields = new Map<string, SpecField>()
  readonly open = new Set<string>()
  readonly #document: Json
  readonly #outside: Set<string>

  constructor(document: Json, outside: Set<string>) {
    this.#document = document
    this.#outside = outside
  }

  read(given: unknown, name: string, required: boolean, depth: number): void {
    const schema = resolved(given, this.#document, this.#outside)
    if (schema === null || depth > MAX_DEPTH || this.fields.size >= MAX_FIELDS) {
      // What is not known refuses nothing.
      this.open.add(name)
      this.#note(name, new Set(), null, required)
      return
    }
    const parts = ['allOf', 'oneOf', 'anyOf'].flatMap((key) =>
      Array.isArray(schema[key]) ? (schema[key] as unknown[]) : [],
    )
    for (const part of parts) this.read(part, name, required, depth + 1)
    const types = typesOf(schema)
    if (parts.length === 0 || types.size > 0) this.#note(name, types, wordsOf(schema), required)
    const { properties, additionalProperties, items } = schema
    const needed = new Set(Array.isArray(schema.required) ? schema.required : [])
    if (isJson(properties)) {
      for (const [key, child] of Object.entries(properties)) {
        this.read(child, childName(name, key), needed.has(key), depth + 1)
      }
    }
    if (
      additionalProperties === true ||
      (isJson(additionalProperties) && Object.keys(additionalProperties).length === 0)
    ) {
      this.open.add(name)
    } else if (isJson(additionalProperties))
      this.read(additionalProperties, childName(name, ANY_NAME), false, depth + 1)
    if (isJson(items)) this.read(items, childName(name, '[]'), false, depth + 1)
    const shapeless = parts.length === 0 && !isJson(properties) && !isJson(items) && additionalProperties === undefined
    if (shapeless && (types.size === 0 || types.has('object') || types.has('array'))) this.open.add(name)
  }

  #note(name: string, types: ReadonlySet<string>, words: readonly string[] | null, required: boolean): void {
    if (name === '') return
    const known = this.fields.get(name)
    if (known === undefined) {
      this.fields.set(name, { types, enum: words, required })
      return
    }
    const any = known.types.size === 0 || types.size === 0
    this.fields.set(name, {
      types: any ? new Set() : new Set([...known.types, ...types]),
      enum: known.enum === null || words === null ? null : [...known.enum, ...words],
      required: known.required || required,
    })
  }
}

export function typesOf(schema: Json): Set<string> {
  const { type } = schema
  const types = new Set<string>()
  if (typeof type === 'string') types.add(type)
  else if (Array.isArray(type)) for (const each of type) if (typeof each === 'string') types.add(each)
  if (types.size === 0 && isJson(schema.properties)) types.add('object')
  if (types.size === 0 && isJson(schema.items)) types.add('array')
  return types
}

export function wordsOf(schema: Json): readonly string[] | null {
  if (!Array.isArray(schema.enum)) return null
  return schema.enum.map(String)
}
