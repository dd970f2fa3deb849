import { ALIKE, furtherKinds, isWithin, kinds, methodOf, words } from './alike-siblings.ts'
import { type PathNode, UNALIKE } from './path-node.ts'
import { isVariable } from './path-text.ts'

/** Of a word at a place: whether something says that it names an object, and whether collections stand there. */
export interface Word {
  readonly isObject: boolean
  readonly collections: boolean
}

/** Whether a word is one of the objects beside it, by what lies below it and how it answers. */
export function belongsTo(shared: PathNode, node: PathNode, { isObject, collections }: Word): boolean {
  // Nothing is known of it yet but its looks.
  if (!isObject && node.children.size === 0 && node.endpoints.length === 0) return false
  const below = kinds(node, shared)
  if (!isWithin(below, kinds(shared, node))) {
    const further = words(furtherKinds(node))
    if (further.length === 0 || !isWithin(further, furtherKinds(shared))) return false
  }
  if (!answersLike(node, shared, collections)) return false
  if (!isObject && collections && words(below).length === 0) return false
  if (node.reads !== null && shared.reads !== null && node.reads.within(shared.reads) < UNALIKE) return false
  if (words(below).length > 0) return true
  if (!collections && below.some((key) => !isVariable(key) || key.includes('/'))) return true
  if (node.samples > 0 && shared.samples > 0) return node.keys.within(shared.keys) >= ALIKE
  return isObject || isHandledLike(node, shared)
}

/** Whether it answers to nothing that those beside it do not answer to. */
function answersLike({ children, endpoints }: PathNode, shared: PathNode, collections: boolean): boolean {
  if (children.size > 0 || endpoints.length === 0 || (shared.children.size === 0 && !collections)) return true
  const methods = new Set(shared.endpoints.map(methodOf))
  return endpoints.some((each) => methods.has(methodOf(each)))
}

/** It is only changed or removed, as those it stands beside are. */
function isHandledLike(node: PathNode, shared: PathNode): boolean {
  const known = new Set(shared.endpoints.map(methodOf))
  return (
    node.samples === 0 &&
    node.endpoints.length > 0 &&
    node.endpoints.map(methodOf).every((each) => CHANGES.has(each) && known.has(each))
  )
}

const CHANGES = new Set(['PUT', 'PATCH', 'DELETE'])

/** Below a variable, a version or nothing stand the names of collections, more often than objects. */
export function isCollections(above: string): boolean {
  return above === '' || isVariable(above) || COLLECTIONS.test(above)
}

const COLLECTIONS = /^(?:v?\d[\d.]*(?:(?:alpha|beta|rc)\d*)?|api|rest)$/i

/** It answers, and so do objects of it. */
export function isList({ children, endpoints }: PathNode): boolean {
  if (endpoints.length === 0) return false
  for (const key of children.keys()) if (isVariable(key)) return true
  return false
}
