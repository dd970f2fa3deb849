import { ALIKE } from './alike-siblings.ts'
import { KeySketch } from './key-sketch.ts'
import type { KnownValues } from './known-values.ts'
import { A_FEW, type PathNode, UNALIKE } from './path-node.ts'
import { bare, isVariable } from './path-text.ts'

/** A value of a learnt segment that was looked at so often, and answers otherwise, is its own again. */
const OFTEN = 12
const MOST_FREQUENT = 24

/** A value of a learnt segment: the place above it, the place of all its values, and the word itself. */
export interface Valued {
  /** Salt of the service (KnownValues). */
  readonly service: number
  readonly parent: PathNode
  readonly shared: PathNode
  readonly segment: string
  /** Whether the path ends with it, so that the answer is its own. */
  readonly last: boolean
}

/**
 * Whether what stands where objects stand is none: the first answers of a new word say so when nothing else here is answered so, or many
 * of an old one. Words that prove to be objects are taken down as such.
 */
export function isOdd(value: Valued, method: string, body: string | undefined, values: KnownValues): boolean {
  if (!values.has(value.parent.salt, bare(value.segment))) return isOddAtFirst(value, method, body, values)
  const keys = new KeySketch()
  if (body === undefined || !keys.addJson(body)) return false
  const seen = counted(value, keys, false)
  return seen !== null && value.shared.samples > 0 && seen.within(value.shared.keys) < UNALIKE
}

function isOddAtFirst(value: Valued, method: string, body: string | undefined, values: KnownValues): boolean {
  const { service, parent, shared, segment } = value
  // Only what is read can be compared: changes are answered in many ways.
  if (!value.last || method !== 'GET' || shared.reads === null) return false
  const keys = KeySketch.ofRead(body)
  const alike = keys.within(shared.reads) >= UNALIKE
  if (!alike && !isAnotherKind(parent, segment, keys)) return counted(value, keys, true) !== null
  if (!alike) shared.reads.add(keys)
  values.add(parent.salt, bare(segment))
  values.add(service, bare(segment))
  return false
}

/** What was seen of a value, once that is enough to say something. */
function counted({ parent, segment }: Valued, keys: KeySketch, fresh: boolean): KeySketch | null {
  parent.frequent ??= new Map()
  let seen = parent.frequent.get(segment)
  if (seen === undefined) {
    if (parent.frequent.size >= MOST_FREQUENT) {
      for (const [name, each] of parent.frequent) if (--each.count <= 0) parent.frequent.delete(name)
      return null
    }
    seen = { keys: new KeySketch(), count: 0, fresh }
    parent.frequent.set(segment, seen)
  }
  seen.keys.add(keys)
  if (++seen.count < (fresh ? A_FEW : OFTEN)) return null
  parent.frequent.delete(segment)
  return seen.keys
}

/** Whether others at the place answer in the same way, so that it is another kind of object. */
function isAnotherKind({ frequent, children }: PathNode, segment: string, keys: KeySketch): boolean {
  for (const [name, seen] of frequent ?? []) if (seen.fresh && name !== segment && isSame(seen.keys, keys)) return true
  for (const [name, { reads }] of children) if (!isVariable(name) && reads !== null && isSame(reads, keys)) return true
  return false
}

function isSame(a: KeySketch, b: KeySketch): boolean {
  return a.size > 0 && a.within(b) >= ALIKE && b.within(a) >= ALIKE
}
