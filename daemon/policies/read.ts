import { ExpressionProblem, excerptAt } from '../yaml/cel-limits.ts'
import { check } from '../yaml/check.ts'
import { type FileKind, type FileProblem, fileError, readYaml } from '../yaml/document.ts'
import { formatPath } from '../yaml/key-tree.ts'
import { compileCondition } from './cel.ts'
import { POLICY_FILE, type PolicyFile } from './policy-file.ts'

export const POLICY_KIND: FileKind = {
  code: 'OFFPATH_E_POLICY',
  name: 'the policy',
  remedy: 'docs/policies.md explains every key; docs/policy.schema.json is the JSON Schema for editors',
}

/** Text of a policy file to a policy, or one OFFPATH_E_POLICY with every problem in it, each with its place. */
export function readPolicy(text: string, name: string): PolicyFile {
  const yaml = readYaml(text, name, POLICY_KIND)
  const file = check(POLICY_FILE, yaml.settings, yaml, POLICY_KIND)
  const problems: FileProblem[] = []
  for (const { path, text } of expressionsOf(file)) {
    try {
      compileCondition(text)
    } catch (error) {
      if (!(error instanceof ExpressionProblem)) throw error
      const message = `${error.message}, at character ${error.offset + 1} of \`${excerptAt(text, error.offset)}\``
      problems.push({ at: yaml.placeOf(path, 'value'), path: formatPath(path), message })
    }
  }
  const steps = new Set(file.respond.map(({ id }) => id))
  for (const [index, { expect }] of file.tests.entries()) {
    for (const [position, step] of (expect.actions ?? []).entries()) {
      if (steps.has(step)) continue
      const path = ['tests', index, 'expect', 'actions', position]
      problems.push({ at: yaml.placeOf(path, 'value'), path: formatPath(path), message: `no step is called ${step}` })
    }
  }
  if (problems.length > 0) throw fileError(POLICY_KIND, problems)
  return file
}

function expressionsOf({ when, severity }: PolicyFile): { path: PropertyKey[]; text: string }[] {
  const found = (['condition', 'unless'] as const).flatMap((key) => {
    const text = when[key]
    return text === undefined ? [] : [{ path: ['when', key] as PropertyKey[], text }]
  })
  if (typeof severity !== 'object') return found
  const cases = severity.cases.map(({ when: text }, index) => ({ path: ['severity', 'cases', index, 'when'], text }))
  return [...found, ...cases]
}
