import { MAX_KEPT_NAMES } from './endpoint-state.ts'
import { KeySketch } from './key-sketch.ts'

/** What may be learnt, over all services together and beside one another. */
export class NodeBudget {
  readonly limit: number
  used = 0

  constructor(limit: number) {
    this.limit = limit
  }
}

type Names = [number, number, number, number]

/**
 * Field names, samples, endpoints, principals, learnt extensions, joined values; then field names of reads and how many they were, whether
 * an answer named its word, forms of ids, which states of earlier versions lack.
 */
export type PathNodeState = [
  keys: Names,
  samples: number,
  endpoints: string[],
  principals: string[],
  learnt: string[] | null,
  joined: string[] | null,
  objects?: [reads: Names | null, timesRead: number, named: boolean, forms: string[]],
]

/** Answers that say what is typical of a variable segment: later ones would only blur it, and after a few so would odd ones. */
const TYPICAL = 8
export const A_FEW = 3
export const UNALIKE = 0.5

export function isTypical(samples: number, known: KeySketch, answer: KeySketch): boolean {
  return samples < A_FEW || (samples < TYPICAL && answer.within(known) >= UNALIKE)
}

/** Kinds of ids at one place that are told apart. */
const MOST_FORMS = 4

/** One place in the paths of a service. */
export class PathNode {
  /** By segment; variable ones as `{id}`, `{date}`, `{id}.png`, without number. */
  readonly children = new Map<string, PathNode>()
  /** Field names of all answers here and below. */
  readonly keys = new KeySketch()
  /** Answers that said enough to be counted in. */
  samples = 0
  /** Field names of what reads of this very place were answered with, however few: they say what differs. */
  reads: KeySketch | null = null
  timesRead = 0
  /** An answer that ends here has this very word among its values. */
  named = false
  /** Endpoints that end here. */
  readonly endpoints: string[] = []
  /** Two of those who were answered, which is enough. */
  readonly principals: string[] = []
  /** Extensions (and '' for none) of the literal children that are one variable segment from now on. */
  learnt: Set<string> | null = null
  /** Single values that are no literal children any more, though nothing is learnt of their sort. */
  joined: Set<string> | null = null
  /** Forms of the ids that stood here. */
  readonly forms = new Set<string>()
  /** Of its place in its service (KnownValues.salt); that of the service at the root. */
  salt = 0
  /** Literal children that are tracked. */
  literals = 0
  frequent: Map<string, Frequent> | null = null

  noteRead(names: KeySketch, variable: boolean): void {
    this.reads ??= new KeySketch()
    if (variable && !isTypical(this.timesRead, this.reads, names)) return
    this.reads.add(names)
    this.timesRead++
  }

  noteForm(form: string): void {
    if (form !== '' && this.forms.size < MOST_FORMS) this.forms.add(form)
  }

  /** Takes over what is known of another place, but for what lies below it. */
  take(from: PathNode): void {
    this.keys.add(from.keys)
    this.samples += from.samples
    if (from.reads !== null) {
      this.reads ??= new KeySketch()
      this.reads.add(from.reads)
      this.timesRead += from.timesRead
    }
    for (const form of from.forms) this.noteForm(form)
    for (const principal of from.principals) {
      if (this.principals.length < 2 && !this.principals.includes(principal)) this.principals.push(principal)
    }
    if (from.learnt !== null) this.learnt = new Set([...(this.learnt ?? []), ...from.learnt])
  }

  toState(): PathNodeState {
    return [
      this.keys.toState(),
      this.samples,
      this.endpoints.slice(0, MAX_KEPT_NAMES),
      [...this.principals],
      this.learnt === null ? null : [...this.learnt].slice(0, MAX_KEPT_NAMES),
      this.joined === null ? null : [...this.joined].slice(0, MAX_KEPT_NAMES),
      [this.reads?.toState() ?? null, this.timesRead, this.named, [...this.forms]],
    ]
  }

  /** Takes a state into a place of which nothing is known. */
  restore([words, samples, endpoints, principals, learnt, joined, objects]: PathNodeState): void {
    this.keys.addState(words)
    this.samples = samples
    this.endpoints.push(...endpoints)
    this.principals.push(...principals)
    this.learnt = learnt === null ? null : new Set(learnt)
    this.joined = joined === null ? null : new Set(joined)
    if (objects === undefined) return
    const [reads, timesRead, named, forms] = objects
    if (reads !== null) {
      this.reads = new KeySketch()
      this.reads.addState(reads)
    }
    this.timesRead = timesRead
    this.named = named
    for (const form of forms) this.noteForm(form)
  }
}

interface Frequent {
  readonly keys: KeySketch
  count: number
  /** Its very first answers. */
  readonly fresh: boolean
}
