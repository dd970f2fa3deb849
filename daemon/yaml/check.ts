import type { z } from 'zod'
import { type FileKind, type FileProblem, fileError, type YamlFile } from './document.ts'
import { formatPath, knownKeys, pathsOfKey, type SchemaNode, toJsonSchema } from './key-tree.ts'
import { nearest } from './suggest.ts'

/**
 * Checks what a file says against a schema. Throws the kind's error with every problem in it, each with its place and, for an
 * unknown key, the one that was probably meant. What comes back has the schema's defaults in it.
 *
 * @param file null when no file was given: then only flags can be wrong.
 * @param fromFlags top-level keys that the command line set.
 */
export function check<S extends z.ZodType>(
  schema: S,
  settings: unknown,
  file: YamlFile | null,
  kind: FileKind,
  fromFlags: readonly string[] = [],
): z.output<S> {
  const result = schema.safeParse(settings)
  if (result.success) return result.data
  const tree = toJsonSchema(schema)
  const problems: FileProblem[] = result.error.issues.flatMap((issue) =>
    problemsOf(issue, settings, tree).map(({ path, part, message }) => ({
      at: file === null || fromFlags.includes(String(path[0])) ? 'command line' : file.placeOf(path, part),
      path: formatPath(path),
      message,
    })),
  )
  throw fileError(kind, problems)
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
  const found = valueAt(settings, issue.path)
  if (issue.code === 'invalid_union' && typeof found === 'object' && found !== null) {
    // Of several forms, the one that was meant is the one that takes settings here.
    const meant = issue.errors.find((form) => form.every(isInside))
    if (meant !== undefined) {
      return meant.flatMap((inner) => problemsOf({ ...inner, path: [...issue.path, ...inner.path] }, settings, tree))
    }
  }
  return [{ path: issue.path, part: 'value', message: describe(issue, found) }]
}

function isInside(issue: z.core.$ZodIssue): boolean {
  return issue.path.length > 0 || issue.code === 'unrecognized_keys'
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
