import { Document, isCollection, isNode } from 'yaml'
import type { z } from 'zod'
import { formatPath } from '../yaml/key-tree.ts'
import { type ConfigFile, validate } from './load.ts'
import type { ValidatedConfig } from './schema.ts'

/** Where the value of a key comes from. Later ones win: default, file, flag. */
export type Origin = { readonly from: 'default' | 'flag' } | { readonly from: 'file'; readonly at: string }

/** The configuration in force, and where each of its values comes from. */
export interface EffectiveConfig {
  readonly config: ValidatedConfig
  /** By path: `limits.flows`, `sources[0].interface`. */
  readonly origins: ReadonlyMap<string, Origin>
}

/** Puts defaults, file and flags together. `flags` holds whole top-level keys, which replace those of the file. */
export function effectiveConfig(
  schema: z.ZodType,
  file: ConfigFile | null,
  flags: Readonly<Record<string, unknown>> = {},
): EffectiveConfig {
  const written = file?.settings ?? {}
  const settings = isPlainObject(written) ? { ...written, ...flags } : written
  const config = validate(schema, settings, file, Object.keys(flags))
  const origins = new Map<string, Origin>()
  for (const path of leafPaths(config, [])) origins.set(formatPath(path), originOf(path, file, flags))
  return { config, origins }
}

/** As YAML that is itself a valid configuration, each value with where it comes from as a comment. */
export function effectiveYaml({ config, origins }: EffectiveConfig): string {
  const document = new Document(config)
  for (const path of leafPaths(config, [])) {
    const node = document.getIn(path, true)
    if (!isNode(node)) continue
    if (isCollection(node)) node.flow = true
    const origin = origins.get(formatPath(path))
    if (origin !== undefined) node.comment = ` ${origin.from === 'file' ? origin.at : origin.from}`
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false })
}

/** Paths of everything that holds a value: scalars, lists of scalars, and what is empty. */
function leafPaths(value: unknown, path: readonly PropertyKey[]): PropertyKey[][] {
  if (typeof value !== 'object' || value === null) return [[...path]]
  const children: [PropertyKey, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  const isList = Array.isArray(value) && value.every((entry) => typeof entry !== 'object' || entry === null)
  if (children.length === 0 || isList) return [[...path]]
  return children.flatMap(([step, child]) => leafPaths(child, [...path, step]))
}

function originOf(
  path: readonly PropertyKey[],
  file: ConfigFile | null,
  flags: Readonly<Record<string, unknown>>,
): Origin {
  if (has(flags, path)) return { from: 'flag' }
  if (Object.hasOwn(flags, path[0] ?? '') || file === null || !has(file.settings, path)) return { from: 'default' }
  return { from: 'file', at: file.placeOf(path, 'key') }
}

function has(settings: unknown, path: readonly PropertyKey[]): boolean {
  let here = settings
  for (const step of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, step)) return false
    here = (here as Record<PropertyKey, unknown>)[step]
  }
  return true
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
