import { isNode, LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { OffpathError } from '../../telemetry/errors.ts'
import { BY_KIND, type Json, templateFault } from './template.ts'

/**
 * A connector as data: which request applies an action and which one takes it back. Strict: unknown keys are refused, and
 * every placeholder is checked when the file is read, not when an attack is under way.
 */

const name = z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, { error: 'expected a short lower-case name' })
const text = z.string().min(1).max(1024)
const selectorKind = z.enum(['ip', 'cidr', 'user', 'session', 'api_key', 'consumer', 'endpoint', 'service'])

/** RFC 6901. */
const pointer = z.string().regex(/^(\/([^~/]|~[01])*)*$/, { error: 'expected a JSON pointer such as /items/0/id' })

const perKind = z.strictObject({ [BY_KIND]: z.partialRecord(selectorKind, z.string().max(4096)) })
const template = z.union([z.string().max(4096), perKind])

const json: z.ZodType<Json> = z.lazy(() =>
  z.union([
    z.string().max(4096),
    z.number(),
    z.boolean(),
    z.null(),
    z.array(json).max(256),
    z.record(z.string().max(256), json),
  ]),
)

const headerName = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9a-z]{1,128}$/, { error: 'expected a lower-case header name' })

const success = z.strictObject({
  status: z.array(z.int().min(200).max(499)).min(1),
  /** What the answer's JSON must say besides. */
  json: z.strictObject({ pointer, equals: z.union([z.string(), z.number(), z.boolean(), z.null()]) }).optional(),
})

const request = z.strictObject({
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
  /** Segments after the base URL. */
  path: z.array(template).max(32),
  query: z.record(z.string(), template).default({}),
  headers: z.record(headerName, template).default({}),
  body: json.optional(),
  success,
})

const Recipe = z.strictObject({
  apiVersion: z.literal('offpath.dev/v1'),
  kind: z.literal('Connector'),
  metadata: z.strictObject({ id: name, title: text }),
  accepts: z.array(selectorKind).min(1),
  /** Besides `url`, `ca_file` and `timeout_seconds`, which every connector has. */
  params: z.record(name, z.strictObject({ description: text, default: z.string().optional() })).default({}),
  secrets: z.record(name, z.strictObject({ description: text })).default({}),
  /** A request of its own whose answer holds a token for the others. */
  login: z
    .strictObject({
      ...request.shape,
      token: pointer,
      valid_seconds: z.int().min(1).max(86_400),
      /** Headers that carry it. */
      send: z.record(headerName, z.string().max(4096)),
    })
    .optional(),
  apply: z.strictObject({ ...request.shape, receipt: z.record(name, pointer).default({}) }),
  revert: request,
})

export type Recipe = z.infer<typeof Recipe>
export type RequestTemplate = z.infer<typeof request>

/** Parameters that every connector has. */
export const COMMON_PARAMS = ['url', 'ca_file', 'timeout_seconds'] as const

const MAX_RECIPE_BYTES = 64 * 1024

/** Reads a recipe. `file` is what problems call it. Throws OFFPATH_E_CONFIG with the place of the first problem. */
export function readRecipe(source: string, file: string): Recipe {
  if (source.length > MAX_RECIPE_BYTES) throw fault(file, 'is over 64 KiB: this cannot be a recipe')
  const lines = new LineCounter()
  const document = parseDocument(source, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    stringKeys: true,
  })
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${Math.max(1, line)}:${Math.max(1, col)}`
  }
  const placeOf = (path: readonly PropertyKey[]) => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true)
      if (isNode(node) && node.range) return place(node.range[0])
    }
    return place(0)
  }
  const broken = [...document.errors, ...document.warnings][0]
  if (broken !== undefined) throw fault(place(broken.pos[0]), `is no valid YAML: ${broken.message}`)
  const result = Recipe.safeParse(document.toJS({ maxAliasCount: 100 }))
  if (!result.success) {
    const issue = result.error.issues[0]!
    const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]!] : issue.path
    const message = issue.code === 'unrecognized_keys' ? 'unknown key' : issue.message
    throw fault(placeOf(path), `${path.join('.')}: ${message}`)
  }
  const wrong = wrongTemplate(result.data)
  if (wrong !== null) throw fault(placeOf(wrong.path), `${wrong.path.join('.')}: ${wrong.message}`)
  return result.data
}

interface Wrong {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** The first placeholder that is unknown, or stands where it must not. */
function wrongTemplate(recipe: Recipe): Wrong | null {
  const own = [
    ...['url', ...Object.keys(recipe.params)].map((key) => `params.${key}`),
    ...Object.keys(recipe.secrets).map((key) => `secrets.${key}`),
  ]
  const receipts = Object.keys(recipe.apply.receipt).map((key) => `receipt.${key}`)
  const { login, apply, revert } = recipe
  return (
    (login === undefined ? null : wrongRequest(login, ['login'], { own, action: false })) ??
    (login === undefined ? null : wrongPart(login.send, ['login', 'send'], { own: ['token'], action: false }, true)) ??
    wrongRequest(apply, ['apply'], { own, action: true }) ??
    wrongRequest(revert, ['revert'], { own: [...own, ...receipts], action: true })
  )
}

interface Known {
  readonly own: readonly string[]
  /** Whether what an action says of itself is known there. */
  readonly action: boolean
}

function wrongRequest(request: RequestTemplate, at: readonly string[], known: Known): Wrong | null {
  return (
    wrongPart(request.path, [...at, 'path'], known, false) ??
    wrongPart(request.query, [...at, 'query'], known, false) ??
    wrongPart(request.headers, [...at, 'headers'], known, true) ??
    wrongPart(request.body ?? null, [...at, 'body'], known, true)
  )
}

function wrongPart(part: Json, path: readonly PropertyKey[], known: Known, secrets: boolean): Wrong | null {
  if (typeof part === 'string') {
    const message = templateFault(part, known.own, known.action, secrets)
    return message === null ? null : { path, message }
  }
  if (typeof part !== 'object' || part === null) return null
  for (const [key, value] of Object.entries(part)) {
    if (!Array.isArray(part) && /[{}]/.test(key)) return { path, message: `the name ${key} holds a brace` }
    const wrong = wrongPart(value as Json, [...path, Array.isArray(part) ? Number(key) : key], known, secrets)
    if (wrong !== null) return wrong
  }
  return null
}

function fault(at: string, message: string): OffpathError {
  return new OffpathError('OFFPATH_E_CONFIG', `${at} ${message}`, { at, remedy: 'docs/response.md describes recipes' })
}
