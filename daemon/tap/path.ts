/** Reads one value out of a record; undefined when it is not there. Never throws. */
export type Getter = (record: unknown) => unknown

export class PathProblem extends Error {
  override readonly name = 'PathProblem'
}

type Step =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'named'; readonly name: string; readonly list: 'attr' | 'header' }

const MAX_STEPS = 16
const MAX_LENGTH = 256
/** Entries of a list that are looked through for a name. */
const MAX_LIST = 512

/**
 * Paths of the mapping language: `request.headers`, `"@timestamp"`, `tries[0].ip`, `attr(url.path)` (the list `attributes` of
 * OTLP), `request.headers.header(:path)` (a list of {key|name, value}; alone, the list `headers`). A name that holds dots
 * itself (`"url.path": …`) is found under the same path.
 */
export function compilePath(text: string): Getter {
  const steps = parse(text)
  const keys = steps.flatMap((step) => (step.kind === 'key' ? [step.key] : []))
  const walk = keys.length === steps.length ? walkKeys(keys) : walkSteps(steps)
  if (keys.length !== steps.length || keys.length < 2) return walk
  const flat = keys.join('.')
  return (record) => walk(record) ?? child(record, flat)
}

/** The common lengths without a loop: these run for every field of every record. */
function walkKeys(keys: readonly string[]): Getter {
  const [first = '', second = '', third = ''] = keys
  if (keys.length === 1) return (record) => child(record, first)
  if (keys.length === 2) return (record) => child(child(record, first), second)
  if (keys.length === 3) return (record) => child(child(child(record, first), second), third)
  return (record) => {
    let here = record
    for (const key of keys) here = child(here, key)
    return here
  }
}

function walkSteps(steps: readonly Step[]): Getter {
  return (record) => {
    let here: unknown = record
    for (const step of steps) {
      if (step.kind === 'key') here = child(here, step.key)
      else if (step.kind === 'index') here = Array.isArray(here) ? (here[step.index] as unknown) : undefined
      else here = named(here, step.name)
    }
    return here
  }
}

/** Own properties only: `constructor` of a record is what the record says. */
export function child(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  const found = (value as Record<string, unknown>)[key]
  return found === undefined || (key in EMPTY && !Object.hasOwn(value, key)) ? undefined : found
}

const EMPTY = {}

function named(list: unknown, name: string): unknown {
  if (!Array.isArray(list)) return undefined
  const end = Math.min(list.length, MAX_LIST)
  for (let i = 0; i < end; i++) {
    const entry: unknown = list[i]
    const key = child(entry, 'key') ?? child(entry, 'name')
    if (typeof key === 'string' && (key === name || key.toLowerCase() === name)) return openValue(child(entry, 'value'))
  }
  return undefined
}

/** OTLP's AnyValue, opened; a list of one counts as that one. */
export function openValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const plain =
    child(value, 'stringValue') ?? child(value, 'intValue') ?? child(value, 'doubleValue') ?? child(value, 'boolValue')
  if (plain !== undefined) return plain
  const values = child(child(value, 'arrayValue'), 'values')
  if (Array.isArray(values)) return values.slice(0, MAX_LIST).map(openValue)
  return value
}

const TOKEN = /\s*(?:"([^"]+)"|(attr|header)\(([^()]+)\)|([^.[\]()"\s]+))((?:\[\d{1,4}\])*)\s*(\.|$)/y

function parse(text: string): Step[] {
  if (text.length > MAX_LENGTH) throw new PathProblem(`a path has at most ${MAX_LENGTH} characters`)
  const steps: Step[] = []
  TOKEN.lastIndex = 0
  let more = true
  while (more) {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(text)
    if (match === null) throw new PathProblem(`is no path at character ${at + 1}`)
    const [, quoted, list, name, bare, indexes = '', end] = match
    if (list === 'attr' || list === 'header') {
      if (steps.length === 0) steps.push({ kind: 'key', key: list === 'attr' ? 'attributes' : 'headers' })
      steps.push({ kind: 'named', list, name: name!.trim() })
    } else steps.push({ kind: 'key', key: quoted ?? bare! })
    for (const [index] of indexes.matchAll(/\d+/g)) steps.push({ kind: 'index', index: Number(index) })
    more = end === '.'
    if (more && TOKEN.lastIndex >= text.length) throw new PathProblem('ends in a dot')
  }
  if (steps.length > MAX_STEPS) throw new PathProblem(`a path has at most ${MAX_STEPS} steps`)
  return steps
}
