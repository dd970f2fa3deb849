import type { ASTNode } from '@marcbachmann/cel-js'

/** A problem of an expression, at a character of it (0 is the first). */
export class ExpressionProblem extends Error {
  override readonly name = 'ExpressionProblem'
  readonly offset: number

  constructor(message: string, offset: number) {
    super(message)
    this.offset = offset
  }
}

/** Parsing and type checking of CEL fail with classes of their own. */
interface Faulty {
  readonly message: string
  readonly range?: { readonly start: number } | undefined
}

export function problemOf(error: Faulty | undefined): ExpressionProblem {
  const lines = (error?.message ?? 'is no valid CEL').split('\n')
  return new ExpressionProblem(lines[0]!, error?.range?.start ?? 0)
}

/** The line of an expression that a problem is on, from where it begins to be of interest. */
export function excerptAt(text: string, offset: number): string {
  const from = Math.max(0, offset - 20)
  const piece = text.slice(from, offset + 20).replace(/\s+/g, ' ')
  return `${from > 0 ? '…' : ''}${piece}${offset + 20 < text.length ? '…' : ''}`
}

const OVER_LISTS = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])
/** A list within a list is 100 x 100 steps; one more would be a million for one signal. */
const MAX_NESTING = 2

/**
 * Refuses what could take long: `matches` (JavaScript's regular expressions can take for ever on a text that an attacker
 * chose), loops within loops within loops, and patterns of rx() that are put together at run time.
 */
export function checkCost(root: ASTNode, checkPattern: (pattern: string, offset: number) => void): void {
  const visit = (node: ASTNode, depth: number): void => {
    let inside = depth
    if (node.op === 'call' || node.op === 'rcall') {
      const [name] = node.args
      const given = node.op === 'call' ? node.args[1] : node.args[2]
      if (name === 'matches') {
        throw new ExpressionProblem('matches() is not there, use rx(text, "pattern")', node.start)
      }
      if (name === 'rx') {
        const pattern = given[1]
        if (pattern?.op !== 'value' || typeof pattern.args !== 'string') {
          throw new ExpressionProblem('the pattern of rx() has to be written out, in quotes', node.start)
        }
        if (depth >= MAX_NESTING) throw new ExpressionProblem('rx() cannot stand in a loop within a loop', node.start)
        checkPattern(pattern.args, pattern.start)
      }
      if (OVER_LISTS.has(name)) inside++
      if (inside > MAX_NESTING) throw new ExpressionProblem(`loops are nested over ${MAX_NESTING} deep`, node.start)
    }
    for (const child of childrenOf(node)) visit(child, inside)
  }
  visit(root, 0)
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value
}

/** Arguments are nodes, lists of nodes (calls, lists) and lists of pairs of nodes (maps). */
function childrenOf({ args }: ASTNode): ASTNode[] {
  const found: ASTNode[] = []
  const gather = (value: unknown): void => {
    if (isNode(value)) found.push(value)
    else if (Array.isArray(value)) for (const each of value) gather(each)
  }
  gather(args)
  return found
}
