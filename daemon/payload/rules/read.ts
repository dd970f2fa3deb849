import { ExpressionProblem, excerptAt } from '../../yaml/cel-limits.ts'
import { check } from '../../yaml/check.ts'
import { type FileKind, type FileProblem, fileError, readYaml } from '../../yaml/document.ts'
import { formatPath } from '../../yaml/key-tree.ts'
import { compilePattern } from './compile.ts'
import { compileCondition } from './condition.ts'
import { type PayloadRule, TRANSFORMS } from './rule.ts'
import { RULE_FILE, type RuleFile } from './rule-file.ts'

export const RULES_KIND: FileKind = {
  code: 'OFFPATH_E_POLICY',
  name: 'the file of payload rules',
  remedy: 'docs/payload-rules.md explains every key',
}

/** Whether a file is one of payload rules; it stands in the folder of policies, which are of another kind. */
export function holdsRules(text: string): boolean {
  return /^kind:[ \t]{0,16}["']?PayloadRules\b/m.test(text)
}

/** Text of a file to its rules, or one OFFPATH_E_POLICY with every problem in it, each with its place. */
export function readRules(text: string, name: string): RuleFile {
  const yaml = readYaml(text, name, RULES_KIND)
  const file = check(RULE_FILE, yaml.settings, yaml, RULES_KIND)
  const problems: FileProblem[] = []
  const report = (path: PropertyKey[], message: string) =>
    problems.push({ at: yaml.placeOf(path, 'value'), path: formatPath(path), message })
  const ids = new Set<string>()
  for (const [index, { id, class: name, tests, in: fields, pattern, condition }] of file.rules.entries()) {
    const here = (...path: PropertyKey[]) => ['rules', index, ...path]
    if (ids.has(id)) report(here('id'), `${id} is also the id of another rule`)
    ids.add(id)
    if (name === 'graphql') report(here('class'), 'what this class means is said by the shipped rules alone')
    if (pattern !== undefined) {
      try {
        compilePattern(pattern)
      } catch (cause) {
        report(here('pattern'), `cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`)
      }
    }
    if (condition !== undefined) {
      try {
        compileCondition(condition)
      } catch (error) {
        if (!(error instanceof ExpressionProblem)) throw error
        const { message, offset } = error
        report(here('condition'), `${message}, at character ${offset + 1} of \`${excerptAt(condition, offset)}\``)
      }
    }
    if (!tests.some(({ finds }) => finds)) report(here('tests'), 'no value is given that it finds')
    if (name.startsWith('leak_') && fields.some((field) => field !== '*' && field !== 'response'))
      report(here('in'), 'a rule about answers has one field, `response`')
  }
  if (problems.length > 0) throw fileError(RULES_KIND, problems)
  return file
}

/** As they travel to where raw values are. */
export function rulesOf({ metadata, budget, rules }: RuleFile): PayloadRule[] {
  return rules.map(({ id, class: name, in: fields, read, transforms, contains, pattern, condition, logOdds }) => ({
    id,
    file: metadata.id,
    class: name,
    in: fields,
    read,
    transforms: TRANSFORMS.filter((each) => transforms.includes(each)),
    contains,
    pattern: pattern ?? null,
    condition: condition ?? null,
    logOdds,
    budget,
  }))
}
