import { KeySketch } from './key-sketch.ts'
import type { PathNode } from './path-node.ts'
import { shapeOf } from './word-shape.ts'

/** Codes, values by their looks, words by what they answer, and anything by number alone. */
export const ENOUGH_CODES = 3
const ENOUGH_VALUES = 5
const ENOUGH_ALIKE = 8
const ENOUGH_AT_ALL = 80
/** Words where nothing but what they answer says that they are objects: they are not changed, and nobody lists them. */
const ENOUGH_READ_ONLY = 24
/** Words that must be two below several siblings, so that what is between varies as much as they do. */
const ENOUGH_FURTHER = 4
/** So many joined words at one place are no route names, whatever lies below them: where much does, few have all of it yet. */
const ENOUGH_BY_LOOKS = 16
/** Of the field names that a sibling answers with, how many must be common ones. */
export const ALIKE = 0.8
/** Words that are part of an API wherever they stand. */
export const RESERVED =
  /^(?:me|self|mine|current|search|query|filter|suggest|autocomplete|new|latest|recent|all|any|count|stats|summary|export|import|bulk|batch|health|status|ping|version|info|config|settings|login|logout|token|refresh|callback|webhook|events|add|remove|create|update|delete|enable|disable|cancel|approve|reject|rename|move|copy|merge|lock|unlock|transfer|defaults?|v\d+)$/i

/** Those of the siblings that are of one sort, if they are enough to say so; else null. */
export function alikeOf(parent: PathNode, names: readonly string[], extension: string): string[] | null {
  const shapes = names.map((name) => shapeOf(name.slice(0, name.length - extension.length)))
  const codes = names.filter((_, i) => shapes[i] === 'code')
  if (codes.length >= ENOUGH_CODES && answeredToTwo(parent, codes)) return codes
  if (names.length < ENOUGH_VALUES) return null
  const valued = names.filter((_, i) => shapes[i] === 'value')
  if (valued.length >= ENOUGH_BY_LOOKS && answeredToTwo(parent, valued)) return valued

  const nodes = names.map((name) => parent.children.get(name)!)
  const common = KeySketch.common(nodes.filter((node) => node.samples > 0).map((node) => node.keys))
  let below = shared(nodes, kinds)
  if (below.share < MOSTLY) {
    const further = shared(nodes, furtherKinds)
    if (further.share >= MOSTLY && further.words >= ENOUGH_FURTHER) below = further
  }
  const alike: string[] = []
  let values = 0
  let told = 0
  names.forEach((name, i) => {
    const node = nodes[i]!
    if (node.samples > 0 && node.keys.within(common) < ALIKE) return
    if (below.own(node)) return
    alike.push(name)
    if (shapes[i] === 'value') values++
    if (isTold(node) || below.common(node)) told++
  })
  if (alike.length < 0.6 * names.length || !answeredToTwo(parent, alike)) return null
  if (alike.length >= ENOUGH_VALUES && values >= 0.6 * alike.length) return alike
  if (told >= 0.7 * alike.length && alike.length >= enough(parent, alike)) return alike
  // Number alone counts only where answers say nothing: an API has many words at one place too.
  return alike.length >= ENOUGH_AT_ALL && told <= 0.2 * alike.length ? alike : null
}

/** How many words that answer alike are objects. */
function enough(parent: PathNode, names: readonly string[]): number {
  const nodes = names.map((name) => parent.children.get(name)!)
  const isRead = (node: PathNode) =>
    node.children.size === 0 && node.endpoints.every((each) => methodOf(each) === 'GET')
  return parent.endpoints.length === 0 && nodes.every(isRead) ? ENOUGH_READ_ONLY : ENOUGH_ALIKE
}

/**
 * Whether one that answers as its siblings do is an object as they are, by itself: not when it answers and objects lie below it, as
 * lists do. What can be removed and nothing else is an object, too.
 */
function isTold({ samples, children, endpoints }: PathNode): boolean {
  if (samples > 0) return children.size === 0 || endpoints.length === 0
  return endpoints.length > 0 && endpoints.every((each) => methodOf(each) === 'DELETE')
}

/** Of what lies below siblings, the part that must be below several of them. */
const MOSTLY = 0.5

interface Shared {
  /** Of all that is below the siblings, what is below several of them. */
  readonly share: number
  /** At least half of what is below this one is below no other. */
  own(node: PathNode): boolean
  /** A word is below this one and others. */
  common(node: PathNode): boolean
  /** Words that are below several. */
  readonly words: number
}

function shared(nodes: readonly PathNode[], kindsOf: (node: PathNode) => readonly string[]): Shared {
  const counts = new Map<string, number>()
  for (const node of nodes) for (const key of kindsOf(node)) counts.set(key, (counts.get(key) ?? 0) + 1)
  let all = 0
  let several = 0
  for (const count of counts.values()) {
    all += count
    if (count > 1) several += count
  }
  const isShared = (key: string) => counts.get(key)! > 1
  return {
    share: all === 0 ? 1 : several / all,
    own(node) {
      const found = kindsOf(node)
      return found.length > 0 && 2 * found.filter(isShared).length <= found.length
    },
    common: (node) => words(kindsOf(node)).some(isShared),
    words: words([...counts.keys()]).filter(isShared).length,
  }
}

/** What lies two below a place: where objects are called by two words (`/{owner}/{name}/issues`), the first differ as much as the second. */
export function furtherKinds(node: PathNode): string[] {
  const found = new Set<string>()
  for (const child of node.children.values()) {
    for (const key of child.children.keys()) if (isVariable(key) || shapeOf(key) === 'word') found.add(key)
  }
  return [...found]
}

function answeredToTwo(parent: PathNode, names: readonly string[]): boolean {
  const principals = new Set<string>()
  for (const name of names) for (const principal of parent.children.get(name)!.principals) principals.add(principal)
  return principals.size >= 2
}

/** What lies below a place, and below its objects; what looks like a value is of no account, since it may be one. */
export function kinds(node: PathNode): string[] {
  const found: string[] = []
  for (const [key, child] of node.children) {
    const variable = key.charCodeAt(0) === OPEN_BRACE
    if (variable || shapeOf(key) === 'word') found.push(key)
    if (!variable) continue
    for (const below of child.children.keys()) if (shapeOf(below) === 'word') found.push(`${key}/${below}`)
  }
  return found
}

/** Those that belong to this API, and to no other one. */
export function words(keys: readonly string[]): string[] {
  return keys.filter((key) => !isVariable(key) && !RESERVED.test(key))
}

export function isVariable(segment: string): boolean {
  return segment.charCodeAt(0) === OPEN_BRACE
}

export function isWithin(keys: readonly string[], known: readonly string[]): boolean {
  const all = new Set(known)
  return keys.length > 0 ? keys.every((key) => all.has(key)) : true
}

/** It is only changed or removed, as those it stands beside are. */
export function isHandledLike(node: PathNode, shared: PathNode): boolean {
  const known = new Set(shared.endpoints.map(methodOf))
  return node.samples === 0 && node.endpoints.map(methodOf).every((each) => CHANGES.has(each) && known.has(each))
}

const CHANGES = new Set(['PUT', 'PATCH', 'DELETE'])

function methodOf(endpoint: string): string {
  return endpoint.slice(0, endpoint.indexOf(' '))
}

const OPEN_BRACE = 0x7b
