import { Random } from '../../demo/random.ts'

/** One operation of an API as its OpenAPI document has it, ready to be called. */
export interface GrammarOperation {
  readonly method: string
  /** `/v1/orders/{order}`, with the path of the first server in front. */
  readonly path: string
  /** What a right template is: a segment with a parameter in it varies as a whole, but for an extension. */
  readonly template: string
  readonly parameters: ReadonlyMap<string, ParameterKind>
  readonly status: number
  /** An answer with the names that the document gives it, and OBJECT where it names the object; empty where it is not described. */
  readonly answer: string
}

/** What stands in a parameter, by its schema and name. */
export type ParameterKind =
  | { readonly sort: 'enum'; readonly values: readonly string[] }
  | { readonly sort: 'number' | 'uuid' | 'date' | 'time' | 'hex' | 'id' | 'code' | 'email' | 'version' | 'name' }

/** Stands in an answer where the last parameter of the path stands in a real one. */
const OBJECT = '{object}'
const PERSON = /^(?:user_?name|login|owner|author|assignee|member|target_user|user)$/i

type Json = Record<string, unknown>

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const
const MAX_NAMES = 40
const MAX_DEPTH = 3

/** The operations of an OpenAPI 3 or Swagger 2 document. References are followed inside it only. */
export function grammarOf(document: Json): GrammarOperation[] {
  const found: GrammarOperation[] = []
  const base = basePath(document)
  for (const [path, item] of Object.entries(asJson(document.paths))) {
    if (!path.startsWith('/')) continue
    const whole = base + (path === '/' ? '' : path.replace(/\/$/, '')).replace(/[?#].*$/, '')
    for (const method of METHODS) {
      const operation = asJson(item)[method]
      if (operation === undefined) continue
      const own = [...asList(asJson(item).parameters), ...asList(asJson(operation).parameters)]
      const parameters = new Map<string, ParameterKind>()
      for (const each of own.map((one) => resolved(document, one))) {
        if (each.in === 'path' && typeof each.name === 'string')
          parameters.set(each.name, kindOf(document, each.name, each))
      }
      for (const [, name] of whole.matchAll(/\{([^{}]+)\}/g))
        if (!parameters.has(name!)) parameters.set(name!, kindByName(name!))
      found.push({
        method: method.toUpperCase(),
        path: whole,
        template: templateOf(whole),
        parameters,
        ...answerOf(document, asJson(operation), { method, path: whole }),
      })
    }
  }
  return found
}

/** Calls of an API: some operations are called far more often than others, and so are objects. */
export class GrammarCalls {
  readonly #operations: readonly GrammarOperation[]
  readonly #random: Random
  readonly #idStyle: number
  readonly #pools = new Map<string, readonly string[]>()

  constructor(operations: readonly GrammarOperation[], seed: string) {
    this.#random = new Random(seed)
    this.#operations = this.#random.shuffled(operations)
    this.#idStyle = this.#random.between(0, ID_STYLES.length - 1)
  }

  /** `listed`: the template with the word in each place that the document has a list of words for: as good a name of what was called. */
  next(): {
    readonly operation: GrammarOperation
    readonly path: string
    readonly listed: string
    readonly answer: string
  } {
    const operation = this.#operations[this.#skewed(this.#operations.length)]!
    let listed = operation.path
    let last = ''
    const path = operation.path.replace(/\{([^{}]+)\}/g, (place, name: string) => {
      const kind = operation.parameters.get(name)!
      const value = this.#value(name, kind)
      last = value
      if (kind.sort === 'enum') listed = listed.replace(place, value)
      return encodeURIComponent(value)
    })
    return { operation, path, listed: templateOf(listed), answer: operation.answer.replace(OBJECT, last) }
  }

  #value(name: string, kind: ParameterKind): string {
    if (kind.sort === 'enum') return this.#random.pick(kind.values)
    // Whoever is called `assignee` here and `username` there is one of the same people.
    const key = PERSON.test(name) ? `${kind.sort} person` : `${kind.sort} ${name}`
    let pool = this.#pools.get(key)
    if (pool === undefined) {
      pool = Array.from({ length: this.#random.between(20, 620) }, () => this.#made(kind.sort))
      this.#pools.set(key, pool)
    }
    return pool[this.#skewed(pool.length)]!
  }

  /** The first are drawn most: Zipf with exponent 1, by the inverse of its integral. */
  #skewed(count: number): number {
    return Math.min(count - 1, Math.floor((count + 1) ** this.#random.next()) - 1)
  }

  #made(sort: Exclude<ParameterKind['sort'], 'enum'>): string {
    const random = this.#random
    const two = (number: number) => String(number).padStart(2, '0')
    const day = () => `20${random.between(10, 25)}-${two(random.between(1, 12))}-${two(random.between(1, 28))}`
    switch (sort) {
      case 'number':
        return String(random.between(1, 10 ** random.between(2, 7)))
      case 'uuid':
        return [8, 4, 4, 4, 12].map((length) => text(random, HEX, length)).join('-')
      case 'date':
        return day()
      case 'time':
        return `${day()}T${two(random.between(0, 23))}:${two(random.between(0, 59))}:00Z`
      case 'hex':
        return text(random, HEX, 40)
      case 'id':
        return ID_STYLES[this.#idStyle]!(random)
      case 'code':
        return text(random, UPPER, random.between(2, 3))
      case 'email':
        return `${word(random)}.${word(random)}@${word(random)}.test`
      case 'version':
        return `${random.between(0, 8)}.${random.between(0, 19)}.${random.between(0, 29)}`
      case 'name':
        return name(random)
    }
  }
}

const HEX = '0123456789abcdef'
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const DIGITS = '0123456789'
const BASE62 = `${DIGITS}${UPPER}${UPPER.toLowerCase()}`
const CONSONANTS = 'bdfgklmnprstvz'
const VOWELS = 'aeiou'
/** Ids of one API are of one style. */
const ID_STYLES: readonly ((random: Random) => string)[] = [
  (random) => text(random, HEX, 24),
  (random) => `${text(random, 'abcdefghij', 3)}_${text(random, BASE62, 14)}`,
  (random) => text(random, DIGITS, random.between(8, 15)),
  (random) => `AC${text(random, HEX, 32)}`,
  (random) => text(random, BASE62, 22),
]

function text(random: Random, alphabet: string, length: number): string {
  let made = ''
  for (let i = 0; i < length; i++) made += alphabet[random.between(0, alphabet.length - 1)]
  return made
}

function word(random: Random): string {
  let made = ''
  for (let i = random.between(1, 3); i >= 0; i--) made += text(random, CONSONANTS, 1) + text(random, VOWELS, 1)
  return random.chance(0.5) ? made : made + text(random, CONSONANTS, 1)
}

/** Of people, groups and things: one word, or several joined, now and then with a number behind. */
function name(random: Random): string {
  const draw = random.between(0, 9)
  if (draw < 4) return word(random)
  if (draw < 8) return `${word(random)}-${word(random)}`
  return draw === 8 ? `${word(random)}-${word(random)}-${word(random)}` : `${word(random)}${random.between(1, 99)}`
}

/** An id that the document itself wrote down: `securityClassification-6VMVochwUWo`. */
const MADE = /\/[A-Za-z]*-(?=[A-Za-z]*\d)(?=[a-z\d]*[A-Z])(?=[A-Z\d]*[a-z])[A-Za-z\d]{10,}(?=\/|$)/g

function templateOf(path: string): string {
  return path
    .replace(MADE, '/{}')
    .replace(/\/[^/]*\{[^/]*/g, (segment) => `/{}${/\}(\.[a-z][a-z0-9]{1,4})$/i.exec(segment)?.[1] ?? ''}`)
}

function basePath(document: Json): string {
  const server = asJson(asList(document.servers)[0]).url
  const url = typeof server === 'string' ? server : typeof document.basePath === 'string' ? document.basePath : ''
  const path = url.replace(/^(?:[a-z]+:)?\/\/[^/]*/i, '').replace(/\{[^}]*\}/g, 'x')
  return path.startsWith('/') && path.length > 1 ? path.replace(/\/+$/, '') : ''
}

function kindOf(document: Json, name: string, parameter: Json): ParameterKind {
  const schema = parameter.schema === undefined ? parameter : resolved(document, parameter.schema)
  const values = asList(schema.enum).filter((each) => typeof each === 'string' || typeof each === 'number')
  if (values.length > 0) return { sort: 'enum', values: values.map(String) }
  if (schema.type === 'integer' || schema.type === 'number') return { sort: 'number' }
  if (schema.format === 'uuid' || schema.format === 'email') return { sort: schema.format }
  if (schema.format === 'date') return { sort: 'date' }
  if (schema.format === 'date-time') return { sort: 'time' }
  return kindByName(name)
}

function kindByName(name: string): ParameterKind {
  if (/sha$|hash$/i.test(name)) return { sort: 'hex' }
  if (/uuid$|guid$/i.test(name)) return { sort: 'uuid' }
  if (/(?:^|[_-])(?:g|s)?ids?$|(?:Id|Sid|Gid|ID)s?$|[kK]ey$|token$|number$|^id[A-Z]/.test(name)) return { sort: 'id' }
  if (/date$|^day$/i.test(name)) return { sort: 'date' }
  if (/^(?:year|month|page|width|height|size|from|to|limit|offset|index|seq)$/i.test(name)) return { sort: 'number' }
  if (/country|currency|locale|^lang/i.test(name)) return { sort: 'code' }
  if (/e-?mail$/i.test(name)) return { sort: 'email' }
  return { sort: /version/i.test(name) ? 'version' : 'name' }
}

function answerOf(
  document: Json,
  operation: Json,
  { method, path }: { readonly method: string; readonly path: string },
): { status: number; answer: string } {
  const [code, response] = Object.entries(asJson(operation.responses)).find(([each]) => each.startsWith('2')) ?? []
  const status = code !== undefined && /^\d{3}$/.test(code) ? Number(code) : 200
  const described = resolved(document, response)
  const content = Object.values(asJson(described.content))[0]
  const schema = described.schema ?? asJson(content).schema
  const value = schema === undefined ? {} : sample(document, schema, 0, { left: MAX_NAMES })
  const parameter = /\{([^{}]+)\}(?:\.[a-z]+)?$/.exec(path)?.[1]
  if (parameter !== undefined) nameObject(value, parameter)
  const text = JSON.stringify(value)
  if (text !== '{}' && text !== '[]') return { status, answer: text }
  // What is read says something, described or not; what is changed need not.
  return { status, answer: status === 204 || method !== 'get' ? '' : JSON.stringify(madeUp(path)) }
}

/**
 * An answer about the object that a path ends with says which it is, in a field of the parameter's name or its last word (`name` of
 * `secret_name`), or in one of those that are so called everywhere; in the answer itself, in what it is wrapped in, or in its metadata.
 */
function nameObject(value: unknown, parameter: string): boolean {
  const object = asJson(value)
  const word = /[a-z]+$/.exec(parameter.toLowerCase())?.[0] ?? parameter
  for (const name of [parameter, word, 'name', 'key', 'slug', 'login', 'username', 'id']) {
    if (object[name] !== 1) continue
    object[name] = OBJECT
    return true
  }
  const below = Object.entries(object)
  const inner = below.length === 1 ? below : below.filter(([name]) => name === 'metadata')
  return inner.some(([, each]) => !Array.isArray(each) && nameObject(each, parameter))
}

/** What a document does not describe is answered all the same, at each path with names of its own. */
function madeUp(path: string): Json {
  const random = new Random(path)
  return Object.fromEntries(Array.from({ length: 6 }, () => [word(random), 1]))
}

/** A value of a schema, by its names. */
function sample(document: Json, schema: unknown, depth: number, budget: { left: number }): unknown {
  const shape = resolved(document, schema)
  const parts = [shape, ...asList(shape.allOf).map((part) => resolved(document, part))]
  const choice = asList(shape.oneOf)[0] ?? asList(shape.anyOf)[0]
  if (choice !== undefined) parts.push(resolved(document, choice))
  if (shape.type === 'array' || shape.items !== undefined) return [sample(document, shape.items, depth, budget)]
  const object: Json = {}
  for (const part of parts) {
    for (const [name, property] of Object.entries(asJson(part.properties))) {
      if (budget.left-- <= 0) break
      object[name] = depth < MAX_DEPTH ? sample(document, property, depth + 1, budget) : 1
    }
  }
  return depth === 0 || Object.keys(object).length > 0 ? object : 1
}

function resolved(document: Json, value: unknown): Json {
  let at = asJson(value)
  for (let hops = 0; hops < 8 && typeof at.$ref === 'string'; hops++) {
    let target: unknown = document
    for (const step of at.$ref.replace(/^#\//, '').split('/')) {
      target = asJson(target)[decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')]
    }
    at = asJson(target)
  }
  return at
}

function asJson(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
