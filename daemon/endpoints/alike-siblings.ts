import { KeySketch } from './key-sketch.ts'
import { type PathNode, UNALIKE } from './path-node.ts'
import { bare, isVariable } from './path-text.ts'
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

/** Of one place: whether collections stand there, which of its literal children are objects for certain. */
export interface Siblings {
  readonly collections: boolean
  isObject(name: string, node: PathNode): boolean
}

/** Those of the siblings that are of one sort, if they are enough to say so; else null. */
export function alikeOf(
  parent: PathNode,
  names: readonly string[],
  { collections, isObject }: Siblings,
): string[] | null {
  const looks = names.map((name) => shapeOf(bare(name)))
  const shapes = looks.map((shape, i) =>
    shape === 'word' && isObject(names[i]!, parent.children.get(names[i]!)!) ? 'object' : shape,
  )
  const codes = names.filter((_, i) => shapes[i] === 'code')
  if (codes.length >= ENOUGH_CODES && answeredToTwo(parent, codes)) return codes
  if (names.length < ENOUGH_VALUES) return null
  const valued = names.filter((_, i) => shapes[i] === 'value')
  if (valued.length >= ENOUGH_BY_LOOKS && answeredToTwo(parent, valued)) return valued

  const nodes = names.map((name) => parent.children.get(name)!)
  const common = KeySketch.common(nodes.filter((node) => node.samples > 0).map((node) => node.keys))
  const reads = KeySketch.common(nodes.flatMap((node) => node.reads ?? []))
  let below = shared(nodes, kinds)
  if (below.share < MOSTLY) {
    const further = shared(nodes, furtherKinds)
    if (further.share >= MOSTLY && further.words >= ENOUGH_FURTHER) below = further
  }
  const evident = nodes.map((node, i) => shapes[i] !== 'word' || below.common(node) || isManaged(node))
  const objects = nodes.filter((_, i) => evident[i]!)
  const some = collections ? objects.length > 0 : 2 * objects.length >= nodes.length
  const methods = some ? methodsOf(objects) : null
  const alike: string[] = []
  let values = 0
  let told = 0
  let functions = 0
  names.forEach((name, i) => {
    const node = nodes[i]!
    if (node.samples > 0 && node.keys.within(common) < ALIKE) return
    if (shapes[i] !== 'object' && below.own(node)) return
    if (node.reads !== null && node.reads.within(reads) < UNALIKE) return
    if (!evident[i]! && methods !== null && (collections || !answersTo(node, methods))) {
      functions++
      return
    }
    alike.push(name)
    if (shapes[i] !== 'word') values++
    if (evident[i]! || (!collections && isTold(node))) told++
  })
  if (alike.length < 0.6 * (names.length - functions) || !answeredToTwo(parent, alike)) return null
  if (alike.length >= ENOUGH_VALUES && values >= 0.6 * alike.length) return alike
  if (told >= 0.7 * alike.length && alike.length >= enough(parent, alike)) return alike
  // Number alone counts only where answers say nothing: an API has many words at one place too.
  return alike.length >= ENOUGH_AT_ALL && told <= 0.2 * alike.length ? alike : null
}

/** What has nothing below it and answers to other methods than the objects beside it is a function. */
function answersTo({ children, endpoints }: PathNode, methods: ReadonlySet<string>): boolean {
  return children.size > 0 || endpoints.some((each) => methods.has(methodOf(each)))
}

function methodsOf(nodes: readonly PathNode[]): Set<string> {
  return new Set(nodes.flatMap(({ endpoints }) => endpoints.map(methodOf)))
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

/** What is read and removed, or changed and removed, with nothing below it: no list, since nothing is added to it. */
function isManaged({ children, endpoints }: PathNode): boolean {
  const methods = new Set(endpoints.map(methodOf))
  if (children.size > 0 || methods.has('POST') || !methods.has('DELETE')) return false
  return methods.has('GET') || methods.has('PUT') || methods.has('PATCH')
}

/** More names that look like values are some. */
const MOST_VALUED = 4

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
  // What looks like a value, but is below several of a few kinds, belongs to the API: `branch-protection-rules`.
  const valued = new Map<string, number>()
  for (const node of nodes)
    for (const key of node.children.keys())
      if (!isVariable(key) && shapeOf(key) !== 'word') valued.set(key, (valued.get(key) ?? 0) + 1)
  const alsoBelow = valued.size > MOST_VALUED ? [] : [...valued].filter(([, count]) => count >= ENOUGH_CODES)
  for (const [key, count] of alsoBelow) counts.set(key, count)
  const below = (node: PathNode) => [
    ...kindsOf(node),
    ...alsoBelow.flatMap(([key]) => (node.children.has(key) ? [key] : [])),
  ]
  let all = 0
  let several = 0
  for (const count of counts.values()) {
    all += count
    if (count > 1) several += count
  }
  const isShared = (key: string) => counts.get(key)! > 1
  // Lists have functions in common too (`export`, `search`), but there are not that many lists at one place.
  const routes = nodes.length < ENOUGH_READ_ONLY ? words : literals
  const names = routes([...counts.keys()])
  // What is below varies more than what it is below: those are the objects.
  const open = 2 * names.length > nodes.length && !areOfManyKinds(nodes)
  return {
    share: all === 0 ? 1 : several / all,
    own(node) {
      const found = below(node)
      return found.length > 0 && 2 * found.filter(isShared).length <= found.length
    },
    common: (node) => !open && routes(below(node)).some(isShared),
    words: names.filter(isShared).length,
  }
}

/** What is below the same sibling answers differently, as the resources of an API do, and not alike, as objects do. */
function areOfManyKinds(nodes: readonly PathNode[]): boolean {
  let alike = 0
  let unlike = 0
  for (const { children } of nodes) {
    let before: KeySketch | null = null
    for (const [key, { keys, samples }] of children) {
      if (isVariable(key) || samples === 0) continue
      if (before !== null && keys.within(before) >= ALIKE) alike++
      else if (before !== null) unlike++
      before = keys
    }
  }
  return unlike > 2 * alike
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

/**
 * What lies below a place, and below its objects; what looks like a value is of no account, since it may be one, unless it is below
 * another place too.
 */
export function kinds(node: PathNode, other?: PathNode): string[] {
  const found: string[] = []
  for (const [key, child] of node.children) {
    const variable = isVariable(key)
    if (variable || shapeOf(key) === 'word' || other?.children.has(key) === true) found.push(key)
    if (!variable) continue
    for (const below of child.children.keys()) if (shapeOf(below) === 'word') found.push(`${key}/${below}`)
  }
  return found
}

/** Those that belong to this API, and to no other one. */
export function words(keys: readonly string[]): string[] {
  return keys.filter((key) => !isVariable(key) && !RESERVED.test(key))
}

function literals(keys: readonly string[]): string[] {
  return keys.filter((key) => !isVariable(key))
}

/** Whether most of what lies below a place is known below another: all of one or two. */
export function isWithin(keys: readonly string[], known: readonly string[]): boolean {
  const all = new Set(known)
  const own = keys.filter((key) => !all.has(key)).length
  return keys.length < 3 ? own === 0 : 3 * own <= keys.length
}

export function methodOf(endpoint: string): string {
  return endpoint.slice(0, endpoint.indexOf(' '))
}
