import { z } from 'zod'

/** The part of JSON Schema that zod writes for our configuration. */
export interface SchemaNode {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly required?: readonly string[]
  readonly items?: SchemaNode
  readonly oneOf?: readonly SchemaNode[]
  readonly anyOf?: readonly SchemaNode[]
}

/** JSON Schema of what a person writes: keys with a default are optional. */
export function toJsonSchema(schema: z.ZodType): SchemaNode {
  return z.toJSONSchema(schema, { io: 'input' }) as SchemaNode
}

/** The keys known at a path of a configuration that may be wrong elsewhere. Empty where there are none. */
export function knownKeys(root: SchemaNode, path: readonly PropertyKey[], config: unknown): string[] {
  let node: SchemaNode | undefined = root
  let here = config
  for (const step of path) {
    node = typeof step === 'number' ? pick(node, here)?.items : pick(node, here)?.properties?.[String(step)]
    here = typeof here === 'object' && here !== null ? (here as Record<PropertyKey, unknown>)[step] : undefined
  }
  return Object.keys(pick(node, here)?.properties ?? {})
}

/** Full paths of every key with this name, `sources[].ring_mib`. */
export function pathsOfKey(root: SchemaNode, key: string): string[] {
  return leaves(root)
    .map(({ path }) => path)
    .filter((path) => path.endsWith(`.${key}`))
}

/** Every key below a node that holds a value, in schema order, each path once. */
export function leaves(node: SchemaNode, prefix = ''): { path: string; node: SchemaNode; required: boolean }[] {
  const found: { path: string; node: SchemaNode; required: boolean }[] = []
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const path = joinPath(prefix, key)
    const variants = child.items?.oneOf
    if (child.properties !== undefined) found.push(...leaves(child, path))
    else if (variants !== undefined) for (const variant of variants) found.push(...leaves(variant, `${path}[]`))
    else found.push({ path, node: child, required: node.required?.includes(key) ?? false })
  }
  return found
}

/** `sources[0].ring_mib`, `detectors[auth.bruteforce].enabled`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, step) => joinPath(text, typeof step === 'number' ? step : String(step)), '')
}

function joinPath(prefix: string, step: string | number): string {
  if (typeof step === 'number') return `${prefix}[${step}]`
  if (!/^[\w-]+$/.test(step)) return `${prefix}[${step}]`
  return prefix === '' ? step : `${prefix}.${step}`
}

/** Of the variants of a node, the one whose `kind` the value names; of several forms, the one that has keys. */
function pick(node: SchemaNode | undefined, value: unknown): SchemaNode | undefined {
  if (node?.anyOf !== undefined) return node.anyOf.find((variant) => variant.properties !== undefined)
  if (node?.oneOf === undefined) return node
  const kind = typeof value === 'object' && value !== null ? (value as { kind?: unknown }).kind : undefined
  return node.oneOf.find((variant) => variant.properties?.kind?.const === kind)
}
