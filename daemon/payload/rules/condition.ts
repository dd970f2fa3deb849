import { Environment } from '@marcbachmann/cel-js'
import { checkCost, ExpressionProblem, problemOf } from '../../yaml/cel-limits.ts'
import type { Field, Layer } from '../payload.ts'

/** What a condition is asked about. */
export interface RuleSubject {
  readonly field: Field
  /** What the rule looked at, after its transforms; and the value as it was sent. */
  readonly text: string
  readonly sent: string
  readonly layers: readonly Layer[]
}

export type RuleCondition = (subject: RuleSubject) => boolean

/** What may stand in a condition: name, CEL type, meaning. docs/payload-rules.md has the same table. */
const ENVIRONMENT = new Environment({
  limits: { maxAstNodes: 200, maxDepth: 16, maxListElements: 64, maxMapEntries: 16, maxCallArguments: 4 },
})
  .registerVariable({ name: 'field', schema: { name: 'string', place: 'string', key: 'string' } })
  .registerVariable('text', 'string')
  .registerVariable('sent', 'string')
  .registerVariable('layers', 'list<string>')

/** @throws ExpressionProblem. What it returns throws when the expression fails on a value. */
export function compileCondition(text: string): RuleCondition {
  const checked = ENVIRONMENT.check(text)
  if (!checked.valid) throw problemOf(checked.error)
  const evaluate = ENVIRONMENT.parse(text)
  checkCost(evaluate.ast, (_, offset) => {
    throw new ExpressionProblem('rx() is not there: a rule has a pattern', offset)
  })
  if (checked.type !== 'bool') throw new ExpressionProblem(`gives ${checked.type}, expected true or false`, 0)
  return ({ field: { name, place, key }, text: looked, sent, layers }) =>
    evaluate({ field: { name, place, key }, text: looked, sent, layers: [...layers] }) === true
}
