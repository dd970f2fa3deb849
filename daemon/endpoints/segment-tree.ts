import { alikeOf, ENOUGH_CODES, RESERVED } from './alike-siblings.ts'
import { formOf } from './id-form.ts'
import { hasValue, KeySketch } from './key-sketch.ts'
import { KnownValues } from './known-values.ts'
import { belongsTo, isCollections, isList } from './like-objects.ts'
import { isOdd } from './odd-values.ts'
import { isTypical, type NodeBudget, PathNode, type PathNodeState } from './path-node.ts'
import { bare, isVariable, numbered, unnumbered } from './path-text.ts'
import type { PathTemplate } from './template.ts'
import { extensionOf, shapeOf } from './word-shape.ts'

/** Siblings of one place that are looked at before anything is decided; more are not followed. */
const MOST_SIBLINGS = 96
/** So far down a place outlives the process. */
const MOST_KEPT_DEPTH = 64
/** Nodes of one service. */
const MOST_NODES = 8192
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
  readonly #values: KnownValues
  #nodes = 0
  /** Whether anything was learnt: until then no path needs to be walked. */
  learnt = false
  /** Whether the last path that was rewritten has a word in it that was not seen yet as an object's. */
  fresh = false

  constructor(service: string, budget: NodeBudget, values: KnownValues) {
    this.#budget = budget
    this.#values = values
    this.#root.salt = KnownValues.salt(service)
  }

  /**
   * The template with what was learnt put in. The same object when nothing was. Of a call that was granted its method says more: a word that
   * was not seen yet as an object's stays when the path goes on as those of objects do not.
   */
  rewrite(found: PathTemplate, granted: string | null = null): PathTemplate {
    this.fresh = false
    const segments = found.template.split('/')
    let node: PathNode | undefined = this.#root
    let values: string[] | null = null
    let variables = 0
    for (let i = 1; i < segments.length && node !== undefined; i++) {
      const segment: string = segments[i]!
      const variable = isVariable(segment)
      const own: PathNode | undefined = node.children.get(variable ? unnumbered(segment) : segment)
      const extension: string | null = variable || own !== undefined ? null : learntExtension(node, segment)
      const shared: PathNode | undefined = extension === null ? undefined : node.children.get(`{id}${extension}`)
      const path: readonly string[] = segments
      if (
        extension === null ||
        shared === undefined ||
        (granted !== null && this.#goesOnOtherwise({ parent: node, shared, segments: path, at: i }, granted))
      ) {
        if (variable) variables++
        node = own
        continue
      }
      values ??= [...found.values]
      values.splice(variables, 0, segment.slice(0, segment.length - extension.length))
      segments[i] = `{id}${extension}`
      variables++
      node = shared
    }
    return values === null ? found : { template: numbered(segments), values }
  }

  #goesOnOtherwise({ parent, shared, segments, at }: Step, method: string): boolean {
    const value = bare(segments[at]!)
    if (this.#values.has(parent.salt, value)) return false
    this.fresh = true
    if (this.#values.has(this.#root.salt, value) || shapeOf(value) === 'value') return false
    const next = segments[at + 1]
    if (next === undefined) return !shared.endpoints.some((endpoint) => endpoint.startsWith(`${method} `))
    if (isVariable(next)) return !shared.children.has(unnumbered(next))
    return learntExtension(shared, next) === null && !shared.children.has(next)
  }

  /**
   * An answer of `endpoint`, whose path has this template. Returns the endpoints that are to be named anew when that settled
   * something, else none.
   */
  learn(
    template: string,
    endpoint: string,
    principal: string,
    values: readonly string[],
    body: string | undefined,
  ): readonly string[] {
    const segments = template.split('/')
    const depth = this.#note(segments, endpoint, principal, values, body)
    let node = this.#root
    let above = ''
    let renamed: string[] | null = null
    for (let i = 1; i <= depth; i++) {
      const key = isVariable(segments[i]!) ? unnumbered(segments[i]!) : segments[i]!
      const child = node.children.get(key)
      if (child === undefined) break
      if (!isVariable(key) && !RESERVED.test(key)) {
        const merged = this.#decide(node, key, isCollections(above))
        if (merged !== null) renamed = [...(renamed ?? []), ...merged]
      }
      above = node.children.has(key) ? key : `{id}${extensionOf(key)}`
      node = node.children.get(above) ?? child
    }
    return renamed ?? NOTHING
  }

  /** Takes an answer down at the places of its path, before anything is made of it. Returns how many of them there are. */
  #note(
    segments: readonly string[],
    endpoint: string,
    principal: string,
    values: readonly string[],
    body: string | undefined,
  ): number {
    const keys = new KeySketch()
    const says = body !== undefined && keys.addJson(body)
    let variables = 0
    let node = this.#root
    const end = segments.length - 1
    for (let i = 1; i <= end; i++) {
      const variable = isVariable(segments[i]!)
      const key = variable ? unnumbered(segments[i]!) : segments[i]!
      const child = node.children.get(key) ?? this.#grow(node, key)
      if (child === null) return i - 1
      if (child.principals.length < 2 && !child.principals.includes(principal)) child.principals.push(principal)
      if (variable) child.noteForm(formOf(values[variables++] ?? ''))
      // What a place answers is what ends there, or at an object of it: further down there are other things.
      const answers = i === end || (i === end - 1 && isVariable(segments[end]!))
      if (says && answers && (!variable || isTypical(child.samples, child.keys, keys))) {
        child.keys.add(keys)
        child.samples++
      }
      node = child
    }
    const last = segments[end]!
    if (endpoint.startsWith('GET ')) node.noteRead(KeySketch.ofRead(body), isVariable(last))
    if (!node.named && body !== undefined && !isVariable(last)) node.named = hasValue(body, bare(last))
    if (!node.endpoints.includes(endpoint)) node.endpoints.push(endpoint)
    return end
  }

  /** An endpoint that was named anew has this template now. */
  place(template: string, endpoint: string): void {
    let node: PathNode | undefined = this.#root
    const segments = template.split('/')
    for (let i = 1; i < segments.length && node !== undefined; i++) {
      const segment: string = segments[i]!
      node = node.children.get(isVariable(segment) ? unnumbered(segment) : segment)
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
  look(raw: string, method: string, body: string | undefined): boolean {
    const segments = raw.split('/')
    let node: PathNode | undefined = this.#root
    for (let i = 1; i < segments.length && node !== undefined; i++) {
      const segment: string = segments[i]!
      const variable = isVariable(segment)
      const own: PathNode | undefined = node.children.get(variable ? unnumbered(segment) : segment)
      if (own !== undefined || variable || node.learnt === null) {
        node = own
        continue
      }
      const shared: PathNode | undefined = node.children.get(`{id}${extensionOf(segment)}`)
      const last = i === segments.length - 1
      const service = this.#root.salt
      if (shared !== undefined && isOdd({ service, parent: node, shared, segment, last }, method, body, this.#values)) {
        this.#values.remove(this.#root.salt, bare(segment))
        return this.#grow(node, segment) !== null
      }
      node = shared
    }
    return false
  }

  #grow(parent: PathNode, key: string): PathNode | null {
    const literal = !isVariable(key)
    if (this.#nodes >= MOST_NODES || this.#budget.used >= this.#budget.limit) return null
    if (literal && parent.literals >= MOST_SIBLINGS) return null
    const child = new PathNode()
    child.salt = KnownValues.salt(key, parent.salt)
    parent.children.set(key, child)
    if (literal) parent.literals++
    this.#nodes++
    this.#budget.used++
    return child
  }

  /** Whether the literal children of the sort of `key` are one variable segment; if so, makes them one. */
  #decide(parent: PathNode, key: string, collections: boolean): string[] | null {
    const extension = extensionOf(key)
    const one = this.#join(parent, key, extension, collections)
    if (one !== null) return one
    if (parent.literals < ENOUGH_CODES) return null
    const names = [...parent.children.keys()].filter(
      (each) => !isVariable(each) && extensionOf(each) === extension && !RESERVED.test(each),
    )
    const isObject = (name: string, node: PathNode) => this.#isObject(name, node)
    const alike = names.length < ENOUGH_CODES ? null : alikeOf(parent, names, { collections, isObject })
    if (alike === null) return null
    parent.learnt ??= new Set()
    parent.learnt.add(extension)
    this.learnt = true
    const renamed = this.#merge(parent, alike, `{id}${extension}`)
    // What was left out for lack of what lies below it may be known there by now.
    for (const name of names)
      if (parent.children.has(name)) renamed.push(...(this.#join(parent, name, extension, collections) ?? []))
    return renamed
  }

  #isObject(name: string, node: PathNode): boolean {
    return !isList(node) && (node.named || this.#values.has(this.#root.salt, bare(name)))
  }

  /** One value that is like those beside it, which are ids by their looks or learnt ones: left out before, or of another sort of id. */
  #join(parent: PathNode, key: string, extension: string, collections: boolean): string[] | null {
    const shared = parent.children.get(`{id}${extension}`)
    if (shared === undefined) return null
    const node = parent.children.get(key)!
    const isObject = shapeOf(bare(key)) !== 'word' || shared.forms.has(formOf(key)) || this.#isObject(key, node)
    if (parent.learnt?.has(extension) !== true && (!isObject || shared.principals.length < 2)) return null
    if (!belongsTo(shared, node, { isObject, collections })) return null
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
      shared.salt = KnownValues.salt(key, parent.salt)
      parent.children.set(key, shared)
      this.#nodes++
      this.#budget.used++
    }
    const renamed: string[] = []
    for (const name of names) {
      this.#values.add(parent.salt, bare(name))
      this.#values.add(this.#root.salt, bare(name))
      this.#fold(parent.children.get(name)!, shared, renamed)
      parent.children.delete(name)
      parent.literals--
    }
    return renamed
  }

  /** Puts what is known of one place into another; its endpoints are to be named anew. */
  #fold(from: PathNode, to: PathNode, renamed: string[]): void {
    renamed.push(...from.endpoints)
    to.take(from)
    for (const [key, child] of from.children) {
      const known = to.children.get(key)
      if (known !== undefined) this.#fold(child, known, renamed)
      else {
        collect(child, renamed)
        to.children.set(key, child)
        resalt(child, key, to)
        if (!isVariable(key)) to.literals++
      }
    }
    this.#nodes--
    this.#budget.used--
  }
}

/** A word of a path where objects stand. */
interface Step {
  readonly parent: PathNode
  readonly shared: PathNode
  readonly segments: readonly string[]
  readonly at: number
}

/** All endpoints at a place and below it, which it gives up: they are named anew, and learnt again under their new names. */
function collect(node: PathNode, renamed: string[]): void {
  renamed.push(...node.endpoints)
  node.endpoints.length = 0
  for (const child of node.children.values()) collect(child, renamed)
}

/** What is known by place is known anew where it is now. */
function resalt(node: PathNode, key: string, above: PathNode): void {
  node.salt = KnownValues.salt(key, above.salt)
  for (const [name, child] of node.children) resalt(child, name, node)
}

/** The extension behind a segment that is known to vary there; null when it is not. */
function learntExtension(node: PathNode, segment: string): string | null {
  if ((node.learnt === null && node.joined === null) || RESERVED.test(segment)) return null
  const extension = extensionOf(segment)
  return node.learnt?.has(extension) === true || node.joined?.has(segment) === true ? extension : null
}

const NOTHING: readonly string[] = []
