import { z } from 'zod'
import { KeySketch } from './key-sketch.ts'

/** What may be learnt, over all services together and beside one another. */
export class NodeBudget {
  readonly limit: number
  used = 0

  constructor(limit: number) {
    this.limit = limit
  }
}

/** Of one place, so many names outlive the process. */
const MOST_KEPT = 4096

const word = z.int().min(0).max(0xffffffff)
const text = z.string().max(65_536)
const texts = z.array(text)

/** Field names, samples, endpoints, principals, learnt extensions, joined values. */
export const PathNodeState = z.tuple([
  z.tuple([word, word, word, word]),
  z.int().min(0),
  texts.max(MOST_KEPT),
  texts.max(2),
  texts.max(MOST_KEPT).nullable(),
  texts.max(MOST_KEPT).nullable(),
])
export type PathNodeState = z.infer<typeof PathNodeState>

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
      this.endpoints.slice(0, MOST_KEPT),
      [...this.principals],
      this.learnt === null ? null : [...this.learnt].slice(0, MOST_KEPT),
      this.joined === null ? null : [...this.joined].slice(0, MOST_KEPT),
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
