import { renderTable } from '../../sinks/text-table.ts'
import type { RuleFile } from '../payload/rules/rule-file.ts'
import type { CliContext } from './context.ts'

export interface RuleResult {
  /** The file and the rule, `shop-rules/report_name`. */
  readonly rule: string
  readonly field: string
  readonly value: string
  readonly passed: boolean
  readonly wrong: readonly string[]
}

/** Every test of the files, one by one. */
export async function ruleResults(files: readonly RuleFile[]): Promise<readonly RuleResult[]> {
  if (files.length === 0) return []
  const { testRules } = await import('../payload/rules/rule-test.ts')
  return files.flatMap((file) =>
    testRules(file).map(({ rule, field, value, finds, found }) => ({
      rule: `${file.metadata.id}/${rule}`,
      field,
      value,
      passed: finds === found,
      wrong: finds === found ? [] : [finds ? 'is not found' : 'is found'],
    })),
  )
}

export function ruleResultsText(results: readonly RuleResult[], context: CliContext): string {
  const columns = [
    { title: '' },
    { title: 'rule' },
    { title: 'field', least: 12 },
    { title: 'value', least: 24 },
    { title: 'not as expected', least: 16 },
  ]
  const rows = results.map(({ passed, rule, field, value, wrong }) => [
    passed ? 'ok' : 'FAILED',
    rule,
    field,
    value,
    wrong.join('; '),
  ])
  const failed = results.filter(({ passed }) => !passed).length
  return `${renderTable(columns, rows, context)}\n${results.length} values, ${failed} failed\n`
}
