import { isMap, isNode, isPair, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml'
import { type ErrorCode, OffpathError } from '../telemetry/errors.ts'

/** Reads YAML (1.2) files that people write, and knows where in the file everything stands. Pure: opens nothing, expands nothing. */

export interface FileProblem {
  /** `offpath.yaml:12:5`, or `command line`. */
  readonly at: string
  /** `sources[0].interface`; empty for the file as a whole. */
  readonly path: string
  readonly message: string
}

/** What a kind of file is called when it is wrong, and what helps. */
export interface FileKind {
  readonly code: ErrorCode
  /** `the configuration`. */
  readonly name: string
  readonly remedy: string
}

/** What a file said, before the schema has seen it. */
export interface YamlFile {
  readonly kind: FileKind
  readonly name: string
  /** What it sets; an empty file sets nothing. */
  readonly settings: unknown
  /** Line and column of a path's value, or of its nearest parent that is there. */
  placeOf(path: readonly PropertyKey[], part: 'key' | 'value'): string
}

/** Longest file read; one that people write is a page or two. */
export const MAX_FILE_BYTES = 1024 * 1024

/** `name` is what problems call the file. Throws the kind's error with every problem in it, each with its place. */
export function readYaml(text: string, name: string, kind: FileKind): YamlFile {
  if (text.length > MAX_FILE_BYTES) {
    throw fileError(kind, [{ at: name, path: '', message: 'is over 1 MiB: nobody wrote this by hand' }])
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
  if (broken.length > 0) throw fileError(kind, broken)
  let settings: unknown
  try {
    settings = document.toJS({ maxAliasCount: 100 })
  } catch (cause) {
    throw fileError(kind, [{ at: name, path: '', message: `is no usable YAML: ${(cause as Error).message}` }])
  }
  const contents = document.contents
  return {
    kind,
    name,
    settings: settings ?? {},
    placeOf: (path, part) => place(offsetOf(contents, path, part)),
  }
}

/** One error with every problem in it, each on its line: `offpath.yaml:12:5 limits.flows: expected at most 10000000, found 99999999`. */
export function fileError(kind: FileKind, problems: readonly FileProblem[]): OffpathError {
  const lines = problems.map(({ at, path, message }) =>
    path === '' ? `${at} ${message}` : `${at} ${path}: ${message}`,
  )
  const title = problems.length === 1 ? '' : `${problems.length} problems in ${kind.name}\n`
  return new OffpathError(kind.code, `${title}${lines.join('\n')}`, { remedy: kind.remedy })
}

function yamlFault(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'this key stands twice in the same place'
  if (code === 'MULTIPLE_DOCS') return 'a second document starts here: one file holds one document'
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
