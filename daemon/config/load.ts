import { isMap, isNode, isPair, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml'
import type { z } from 'zod'
import { OffpathError } from '../telemetry/errors.ts'
import { formatPath, knownKeys, pathsOfKey, type SchemaNode, toJsonSchema } from './key-tree.ts'
import type { ValidatedConfig } from './schema.ts'
import { nearest } from './suggest.ts'

/**
 * Text of offpath.yaml to a ValidatedConfig, or one OFFPATH_E_CONFIG with every problem in it, each with its place:
 *
 *     offpath.yaml:12:5 limits.flows: expected at most 10000000, found 99999999
 *
 * Pure: opens nothing, asks no network, expands no variable, and runs nothing. A configuration that loads here loads everywhere.
 */

export interface ConfigProblem {
  /** `offpath.yaml:12:5`, or `command line`. */
  readonly at: string
  /** `sources[0].interface`; empty for the file as a whole. */
  readonly path: string
  readonly message: string
}

/** What a file said, before the schema has seen it. */
export interface ConfigFile {
  readonly name: string
  /** What it sets; an empty file sets nothing. */
  readonly settings: unknown
  /** Line and column of a path's value, or of its nearest parent that is there. */
  placeOf(path: readonly PropertyKey[], part: 'key' | 'value'): string
}

/** Longest file read; a configuration is a page or two. */
export const MAX_CONFIG_BYTES = 1024 * 1024

/** Reads the YAML (1.2) of a configuration file. `name` is what problems call it. */
export function readConfigText(text: string, name: string): ConfigFile {
  if (text.length > MAX_CONFIG_BYTES) {
    throw configError([{ at: name, path: '', message: 'is over 1 MiB: this cannot be a configuration file' }])
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, stringKeys: true })
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${name}:${Math.max(1, line)}:${Math.max(1, col)}`
  }
  const broken = [...document.errors, ...document.warnings].map((fault) => ({
    at: place(fault.pos[0]),
    path: '',
    message: yamlFault(fault.code, fault.message),
  }))
  if (broken.length > 0) throw configError(broken)
  let settings: unknown
  try {
    settings = document.toJS({ maxAliasCount: 100 })
  } catch (cause) {
    throw configError([{ at: name, path: '', message: `is no usable YAML: ${(cause as Error).message}` }])
  }
  const contents = document.contents
  return {
    name,
    settings: settings ?? {},
    placeOf: (path, part) => place(offsetOf(contents, path, part)),
  }
}

/** Checks settings against the schema. `file` is null when no file was given: then only flags can be wrong. */
export function validate(
  schema: z.ZodType,
  settings: unknown,
  file: ConfigFile | null,
  fromFlags: readonly string[] = [],
): ValidatedConfig {
  const result = schema.safeParse(settings)
  if (result.success) return result.data as ValidatedConfig
  const tree = toJsonSchema(schema)
  const problems = result.error.issues.flatMap((issue) =>
    problemsOf(issue, settings, tree).map(({ path, part, message }) => ({
      at: file === null || fromFlags.includes(String(path[0])) ? 'command line' : file.placeOf(path, part),
      path: formatPath(path),
      message,
    })),
  )
  throw configError(problems)
}

function configError(problems: readonly ConfigProblem[]): OffpathError {
  const lines = problems.map(({ at, path, message }) =>
    path === '' ? `${at} ${message}` : `${at} ${path}: ${message}`,
  )
  const title = problems.length === 1 ? '' : `${problems.length} problems in the configuration\n`
  return new OffpathError('OFFPATH_E_CONFIG', `${title}${lines.join('\n')}`, {
    remedy: 'offpath config schema prints every key; offpath config show prints the defaults',
  })
}

interface Located {
  readonly path: readonly PropertyKey[]
  readonly part: 'key' | 'value'
  readonly message: string
}

function problemsOf(issue: z.core.$ZodIssue, settings: unknown, tree: SchemaNode): Located[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      part: 'key',
      message: unknownKey(key, issue.path, settings, tree),
    }))
  }
  return [{ path: issue.path, part: 'value', message: describe(issue, valueAt(settings, issue.path)) }]
}

function unknownKey(key: string, parent: readonly PropertyKey[], settings: unknown, tree: SchemaNode): string {
  const known = knownKeys(tree, parent, settings)
  const near = nearest(key, known)
  if (near !== null) return `unknown key, did you mean \`${near}\`?`
  const elsewhere = pathsOfKey(tree, key)[0]
  if (elsewhere !== undefined) return `unknown key here, it belongs at \`${elsewhere}\``
  return `unknown key; known here: ${known.join(', ')}`
}

function describe(issue: z.core.$ZodIssue, found: unknown): string {
  const tail = found === undefined ? 'and it is missing' : `found ${show(found)}`
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${TYPE_NAMES[issue.expected] ?? issue.expected}, ${tail}`
    case 'invalid_union': {
      const options = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : []
      return options.length > 0 ? oneOf(options, found) : `${issue.message}, ${tail}`
    }
    case 'invalid_value':
      return oneOf(issue.values.map(String), found)
    case 'too_small':
    case 'too_big': {
      const bound =
        issue.code === 'too_small'
          ? `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`
          : `${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`
      if (issue.origin === 'string')
        return found === '' ? 'expected text, found nothing' : `expected ${bound} characters`
      if (issue.origin === 'array')
        return `expected ${bound} ${bound.endsWith(' 1') ? 'entry' : 'entries'}, found ${length(found)}`
      return `expected ${bound}, ${tail}`
    }
    default:
      return `${issue.message}, ${tail}`
  }
}

function oneOf(options: readonly string[], found: unknown): string {
  const expected = options.length === 1 ? `expected ${options[0]}` : `expected one of ${options.join(', ')}`
  if (found === undefined) return `${expected}, and it is missing`
  const near = typeof found === 'string' ? nearest(found, options) : null
  return `${expected}, found ${show(found)}${near === null ? '' : `, did you mean \`${near}\`?`}`
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'settings (key: value)',
}

function length(found: unknown): number {
  return Array.isArray(found) ? found.length : 0
}

/** A value as the file has it, short. */
function show(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'settings (key: value)'
  if (typeof value !== 'string') return String(value)
  const text = value.length > 40 ? `${value.slice(0, 40)}…` : value
  return JSON.stringify(text)
}

function valueAt(settings: unknown, path: readonly PropertyKey[]): unknown {
  let here = settings
  for (const step of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, step)) return undefined
    here = (here as Record<PropertyKey, unknown>)[step]
  }
  return here
}

function yamlFault(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'this key stands twice in the same place'
  if (code === 'MULTIPLE_DOCS') return 'a second document starts here: one file holds one configuration'
  if (code === 'TAB_AS_INDENT') return 'a tab cannot indent YAML: use spaces'
  return `is no valid YAML: ${message}`
}

/** Where a path stands in the file: its key or its value, or the nearest parent that is there. */
function offsetOf(contents: unknown, path: readonly PropertyKey[], part: 'key' | 'value'): number {
  let node: unknown = contents
  let offset = startOf(contents)
  for (const [index, step] of path.entries()) {
    let child: unknown
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && item.key.value === String(step),
      )
      if (pair === undefined) return offset
      const last = index === path.length - 1
      const key = startOf(pair.key)
      // A missing value has no text of its own: its key is the place to look at.
      offset = last && part === 'value' && hasText(pair.value) ? startOf(pair.value) : key
      child = pair.value
    } else if (isSeq(node)) {
      child = node.items[Number(step)]
      if (child === undefined) return offset
      offset = startOf(child)
    } else {
      return offset
    }
    node = child
  }
  return offset
}

function hasText(node: unknown): node is Node {
  return isNode(node) && node.range != null && node.range[1] > node.range[0]
}

function startOf(node: unknown): number {
  return isNode(node) && node.range != null ? node.range[0] : 0
}
