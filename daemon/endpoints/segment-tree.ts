import {
  ALIKE,
  alikeOf,
  ENOUGH_CODES,
  furtherKinds,
  isHandledLike,
  isVariable,
  isWithin,
  kinds,
  RESERVED,
  words,
} from './alike-siblings.ts'
import { KeySketch } from './key-sketch.ts'
import { type NodeBudget, PathNode, type PathNodeState } from './path-node.ts'
import type { PathTemplate } from './template.ts'
import { extensionOf, shapeOf } from './word-shape.ts'

/** Siblings of one place that are looked at before anything is decided; more are not followed. */
const MOST_SIBLINGS = 96
/** So far down a place outlives the process. */
const MOST_KEPT_DEPTH = 64
/** Nodes of one service. */
const MOST_NODES = 8192
const UNALIKE = 0.5
/** A value of a learnt segment that was looked at so often, and answers otherwise, is its own again. */
const OFTEN = 12
const MOST_FREQUENT = 24
/** Answers that say what is typical of a variable segment: later ones would only blur it, and after a few so would odd ones. */
const TYPICAL = 8
const A_FEW = 3
/** Values of one place that were told one by one; the first are forgotten, and told again. */
const MOST_JOINED = 256

/**
 * Learns which segments of a service's paths stand for objects though they look like words: product names, users, cities.
 *
 * Segments at the same place are one variable segment when there are enough of them and they are of one sort: codes by their looks,
 * values by looks and by what lies below them, plain words only when they answer with the same field names too, which the resources
 * of an API do not. Those that answer otherwise (`/products/search` beside `/products/red-lamp`) stay themselves. What was merged and
 * proves to be different later is taken out again. Only granted answers teach, to two principals at least; all of it is bounded.
 */
export class SegmentTree {
  readonly #root = new PathNode()
  readonly #budget: NodeBudget
  #nodes = 0
  /** Whether anything was learnt: until then no path needs to be walked. */
  learnt = false

  constructor(budget: NodeBudget) {
    this.#budget = budget
  }

  /** The template with what was learnt put in. The same object when nothing was. */
  rewrite(found: PathTemplate): PathTemplate {
    const segments = found.template.split('/')
    let node: PathNode | undefined = this.#root
    let values: string[] | null = null
    let variables = 0
    for (let i = 1; i < segments.length && node !== undefined; i++) {
      const segment: string = segments[i]!
      const variable = segment.charCodeAt(0) === OPEN_BRACE
      const own: PathNode | undefined = node.children.get(variable ? unnumbered(segment) : segment)
      const extension: string | null = variable || own !== undefined ? null : learntExtension(node, segment)
      if (extension !== null) {
        values ??= [...found.values]
        values.splice(variables, 0, segment.slice(0, segment.length - extension.length))
        segments[i] = `{id}${extension}`
        variables++
        node = node.children.get(`{id}${extension}`)
      } else {
        if (variable) variables++
        node = own
      }
    }
    return values === null ? found : { template: numbered(segments), values }
  }

  /**
   * An answer of `endpoint`, whose path has this template. Returns the endpoints that are to be named anew when that settled
   * something, else none.
   */
  learn(template: string, endpoint: string, principal: string, body: string | undefined): readonly string[] {
    const keys = new KeySketch()
    const says = body !== undefined && keys.addJson(body)
    const segments = template.split('/')
    let node = this.#root
    let renamed: string[] | null = null
    for (let i = 1; i < segments.length; i++) {
      const segment = segments[i]!
      const key = segment.charCodeAt(0) === OPEN_BRACE ? unnumbered(segment) : segment
      const parent = node
      const child = parent.children.get(key) ?? this.#grow(parent, key)
      if (child === null) return renamed ?? NOTHING
      // What a place answers is what ends there, or at an object of it: further down there are other things.
      const answers = i === segments.length - 1 || (i === segments.length - 2 && isVariable(segments[i + 1]!))
      if (says && answers && (!isVariable(key) || isTypical(child, keys))) {
        child.keys.add(keys)
        child.samples++
      }
      if (child.principals.length < 2 && !child.principals.includes(principal)) child.principals.push(principal)
      if (i === segments.length - 1) {
        // Further up its path has just changed: it has no place under this name.
        if (renamed !== null && !renamed.includes(endpoint)) renamed.push(endpoint)
        else if (renamed === null && !child.endpoints.includes(endpoint)) child.endpoints.push(endpoint)
      }
      if (key.charCodeAt(0) !== OPEN_BRACE && !RESERVED.test(key)) {
        const merged = this.#decide(parent, key)
        if (merged !== null) renamed = [...(renamed ?? []), ...merged]
      }
      node = parent.children.get(key) ?? parent.children.get(`{id}${extensionOf(key)}`) ?? child
    }
    return renamed ?? NOTHING
  }

  /** An endpoint that was named anew has this template now. */
  place(template: string, endpoint: string): void {
    let node: PathNode | undefined = this.#root
    const segments = template.split('/')
    for (let i = 1; i < segments.length && node !== undefined; i++) {
      const segment: string = segments[i]!
      node = node.children.get(segment.charCodeAt(0) === OPEN_BRACE ? unnumbered(segment) : segment)
    }
    if (node !== undefined && !node.endpoints.includes(endpoint)) node.endpoints.push(endpoint)
  }

  /** Every place but the root, with the way to it; those above first. Places far down are left out. */
  *places(): Generator<[path: string[], state: PathNodeState]> {
    const walk = function* (node: PathNode, above: readonly string[]): Generator<[string[], PathNodeState]> {
      for (const [key, child] of [...node.children]) {
        const path = [...above, key]
        yield [path, child.toState()]
        if (path.length < MOST_KEPT_DEPTH) yield* walk(child, path)
      }
    }
    const { learnt, joined } = this.#root
    if (learnt !== null || joined !== null) yield [[], this.#root.toState()]
    yield* walk(this.#root, [])
  }

  /** Puts a place back below one that was put back before. What the limits do not allow is left out. */
  restore(path: readonly string[], state: PathNodeState): void {
    let node: PathNode | undefined = this.#root
    for (const key of path.slice(0, -1)) node = node?.children.get(key)
    const key = path.at(-1)
    const place = key === undefined || node === undefined ? node : this.#grow(node, key)
    place?.restore(state)
    const [, , , , learnt, joined] = state
    if (learnt !== null || joined !== null) this.learnt = true
  }

  /** Gives back what it took of the budget. */
  close(): void {
    this.#budget.used -= this.#nodes
    this.#nodes = 0
  }

  /**
   * A further answer about values of learnt segments; `raw` is the template without what was learnt. True when such a value turned
   * out to be something else, and has a name of its own from now on.
   */
  look(raw: string, body: string | undefined): boolean {
    const segments = raw.split('/')
    let node: PathNode | undefined = this.#root
    for (let i = 1; i < segments.length && node !== undefined; i++) {
      const segment: string = segments[i]!
      const variable = segment.charCodeAt(0) === OPEN_BRACE
      const own: PathNode | undefined = node.children.get(variable ? unnumbered(segment) : segment)
      if (own !== undefined || variable || node.learnt === null) {
        node = own
        continue
      }
      const shared: PathNode | undefined = node.children.get(`{id}${extensionOf(segment)}`)
      if (shared !== undefined && this.#differs(node, shared, segment, body)) return this.#grow(node, segment) !== null
      node = shared
    }
    return false
  }

  #differs(parent: PathNode, shared: PathNode, segment: string, body: string | undefined): boolean {
    const keys = new KeySketch()
    if (body === undefined || !keys.addJson(body)) return false
    parent.frequent ??= new Map()
    let seen = parent.frequent.get(segment)
    if (seen === undefined) {
      if (parent.frequent.size >= MOST_FREQUENT) {
        for (const [name, each] of parent.frequent) if (--each.count <= 0) parent.frequent.delete(name)
        return false
      }
      seen = { keys: new KeySketch(), count: 0 }
      parent.frequent.set(segment, seen)
    }
    seen.keys.add(keys)
    seen.count++
    if (seen.count < OFTEN) return false
    parent.frequent.delete(segment)
    return shared.samples > 0 && seen.keys.within(shared.keys) < UNALIKE
  }

  #grow(parent: PathNode, key: string): PathNode | null {
    const literal = key.charCodeAt(0) !== OPEN_BRACE
    if (this.#nodes >= MOST_NODES || this.#budget.used >= this.#budget.limit) return null
    if (literal && parent.literals >= MOST_SIBLINGS) return null
    const child = new PathNode()
    parent.children.set(key, child)
    if (literal) parent.literals++
    this.#nodes++
    this.#budget.used++
    return child
  }

  /** Whether the literal children of the sort of `key` are one variable segment; if so, makes them one. */
  #decide(parent: PathNode, key: string): string[] | null {
    const extension = extensionOf(key)
    const one = this.#join(parent, key, extension)
    if (one !== null || parent.learnt?.has(extension) === true) return one
    if (parent.literals < ENOUGH_CODES) return null
    const names = [...parent.children.keys()].filter(
      (each) => each.charCodeAt(0) !== OPEN_BRACE && extensionOf(each) === extension && !RESERVED.test(each),
    )
    const alike = names.length < ENOUGH_CODES ? null : alikeOf(parent, names, extension)
    if (alike === null) return null
    parent.learnt ??= new Set()
    parent.learnt.add(extension)
    this.learnt = true
    const renamed = this.#merge(parent, alike, `{id}${extension}`)
    // What was left out for lack of what lies below it may be known there by now.
    for (const name of names)
      if (parent.children.has(name)) renamed.push(...(this.#join(parent, name, extension) ?? []))
    return renamed
  }

  /** One value that is like those beside it, which are ids by their looks or learnt ones: left out before, or of another sort of id. */
  #join(parent: PathNode, key: string, extension: string): string[] | null {
    const shared = parent.children.get(`{id}${extension}`)
    if (shared === undefined) return null
    const node = parent.children.get(key)!
    const below = kinds(node)
    if (!isWithin(below, kinds(shared)) && !isWithin(words(furtherKinds(node)), furtherKinds(shared))) return null
    const word = shapeOf(key.slice(0, key.length - extension.length)) === 'word'
    if (parent.learnt?.has(extension) !== true && (word || shared.principals.length < 2)) return null
    const sampled = node.samples > 0 && shared.samples > 0
    const alike = sampled
      ? node.keys.within(shared.keys) >= ALIKE
      : words(below).length > 0 || !word || isHandledLike(node, shared)
    if (!alike) return null
    if (parent.learnt?.has(extension) !== true) this.#noteJoined(parent, key)
    return this.#merge(parent, [key], `{id}${extension}`)
  }

  #noteJoined(parent: PathNode, key: string): void {
    parent.joined ??= new Set()
    if (parent.joined.size >= MOST_JOINED) {
      for (const first of parent.joined) {
        parent.joined.delete(first)
        break
      }
    }
    parent.joined.add(key)
    this.learnt = true
  }

  #merge(parent: PathNode, names: readonly string[], key: string): string[] {
    let shared = parent.children.get(key)
    if (shared === undefined) {
      shared = new PathNode()
      parent.children.set(key, shared)
      this.#nodes++
      this.#budget.used++
    }
    const renamed: string[] = []
    for (const name of names) {
      this.#fold(parent.children.get(name)!, shared, renamed)
      parent.children.delete(name)
      parent.literals--
    }
    return renamed
  }

  /** Puts what is known of one place into another; its endpoints are to be named anew. */
  #fold(from: PathNode, to: PathNode, renamed: string[]): void {
    renamed.push(...from.endpoints)
    to.keys.add(from.keys)
    to.samples += from.samples
    for (const principal of from.principals) {
      if (to.principals.length < 2 && !to.principals.includes(principal)) to.principals.push(principal)
    }
    if (from.learnt !== null) to.learnt = new Set([...(to.learnt ?? []), ...from.learnt])
    for (const [key, child] of from.children) {
      const known = to.children.get(key)
      if (known !== undefined) this.#fold(child, known, renamed)
      else {
        collect(child, renamed)
        to.children.set(key, child)
        if (key.charCodeAt(0) !== OPEN_BRACE) to.literals++
      }
    }
    this.#nodes--
    this.#budget.used--
  }
}

/** All endpoints at a place and below it, which it gives up: they are named anew, and learnt again under their new names. */
function collect(node: PathNode, renamed: string[]): void {
  renamed.push(...node.endpoints)
  node.endpoints.length = 0
  for (const child of node.children.values()) collect(child, renamed)
}

function isTypical({ samples, keys }: PathNode, answer: KeySketch): boolean {
  return samples < A_FEW || (samples < TYPICAL && answer.within(keys) >= UNALIKE)
}

/** The extension behind a segment that is known to vary there; null when it is not. */
function learntExtension(node: PathNode, segment: string): string | null {
  if ((node.learnt === null && node.joined === null) || RESERVED.test(segment)) return null
  const extension = extensionOf(segment)
  return node.learnt?.has(extension) === true || node.joined?.has(segment) === true ? extension : null
}

const OPEN_BRACE = 0x7b
const NOTHING: readonly string[] = []

/** `{id2}.json` as `{id}.json`. */
function unnumbered(segment: string): string {
  return segment.replace(/^\{([a-z]+)\d+\}/, '{$1}')
}

/** Segments as a template, its variable ones numbered anew by kind. */
function numbered(segments: readonly string[]): string {
  let ids = 0
  let dates = 0
  let template = ''
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i]!
    template += '/'
    const close = segment.charCodeAt(0) === OPEN_BRACE ? segment.indexOf('}') : -1
    if (close < 0) template += segment
    else if (segment.startsWith('{date')) template += `{date${++dates === 1 ? '' : dates}}${segment.slice(close + 1)}`
    else if (segment.startsWith('{id')) template += `{id${++ids === 1 ? '' : ids}}${segment.slice(close + 1)}`
    else template += segment
  }
  return template
}
