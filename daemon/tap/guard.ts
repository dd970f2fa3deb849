import { type ASTNode, Environment } from '@marcbachmann/cel-js'
import { child } from './path.ts'

/** A problem of a guard, at a character of it. */
export class GuardProblem extends Error {
  override readonly name = 'GuardProblem'
}

export type Guard = (record: unknown) => boolean

const ENVIRONMENT = new Environment({
  unlistedVariablesAreDyn: true,
  limits: { maxAstNodes: 100, maxDepth: 16, maxListElements: 32, maxMapEntries: 8, maxCallArguments: 4 },
})
/** What runs over a list or a pattern of the record's own making takes time that its sender chose. */
const REFUSED = new Set(['matches', 'all', 'exists', 'exists_one', 'map', 'filter'])

/** `where` of a mapping: CEL over the members of the record, which are null where they are not there. */
export function compileGuard(text: string): Guard {
  let evaluate: ReturnType<typeof ENVIRONMENT.parse>
  try {
    evaluate = ENVIRONMENT.parse(text)
  } catch (error) {
    throw new GuardProblem((error as Error).message.split('\n')[0]!)
  }
  const names = new Set<string>()
  visit(evaluate.ast, names)
  return (record) => {
    const variables: Record<string, unknown> = {}
    for (const name of names) variables[name] = child(record, name) ?? null
    try {
      return evaluate(variables) === true
    } catch {
      // Types that cannot be compared: then it is not what was asked for.
      return false
    }
  }
}

function visit(node: unknown, names: Set<string>): void {
  if (Array.isArray(node)) {
    for (const each of node) visit(each, names)
    return
  }
  if (typeof node !== 'object' || node === null || !('op' in node)) return
  const { op, args } = node as ASTNode
  if (op === 'id') names.add(String(args))
  if (op === 'call' || op === 'rcall') {
    const name = String((args as unknown[])[0])
    if (REFUSED.has(name)) throw new GuardProblem(`${name}() cannot be used here`)
  }
  visit(args, names)
}
