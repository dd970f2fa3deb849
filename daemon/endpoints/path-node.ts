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

/** Field names, samples, endpoints, principals, learnt extensions, joined values. */
export type PathNodeState = [
  keys: [number, number, number, number],
  samples: number,
  endpoints: string[],
  principals: string[],
  learnt: string[] | null,
  joined: string[] | null,
]

/** One place in the paths of a service. */
export class PathNode {
  /** By segment; variable ones as `{id}`, `{date}`, `{id}.png`, without number. */
  readonly children = new Map<string, PathNode>()
  /** Field names of all answers here and below. */
  readonly keys = new KeySketch()
  /** Answers that said enough to be counted in. */
  samples = 0
  /** Endpoints that end here. */
  readonly endpoints: string[] = []
  /** Two of those who were answered, which is enough. */
  readonly principals: string[] = []
  /** Extensions (and '' for none) of the literal children that are one variable segment from now on. */
  learnt: Set<string> | null = null
  /** Single values that are no literal children any more, though nothing is learnt of their sort. */
  joined: Set<string> | null = null
  /** Literal children that are tracked. */
  literals = 0
  frequent: Map<string, Frequent> | null = null

  toState(): PathNodeState {
    return [
      this.keys.toState(),
      this.samples,
      this.endpoints.slice(0, MAX_KEPT_NAMES),
      [...this.principals],
      this.learnt === null ? null : [...this.learnt].slice(0, MAX_KEPT_NAMES),
      this.joined === null ? null : [...this.joined].slice(0, MAX_KEPT_NAMES),
    ]
  }

  /** Takes a state into a place of which nothing is known. */
  restore([words, samples, endpoints, principals, learnt, joined]: PathNodeState): void {
    this.keys.addState(words)
    this.samples = samples
    this.endpoints.push(...endpoints)
    this.principals.push(...principals)
    this.learnt = learnt === null ? null : new Set(learnt)
    this.joined = joined === null ? null : new Set(joined)
  }
}

interface Frequent {
  readonly keys: KeySketch
  count: number
}
