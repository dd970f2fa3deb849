import { dirname } from 'node:path'
import { type Command, Option } from 'commander'
import { renderTable } from '../../sinks/text-table.ts'
import type { PolicyJson } from '../api/operations.ts'
import { loadPrivacyKey } from '../identity/privacy-key.ts'
import type { RuleFile } from '../payload/rules/rule-file.ts'
import { loadPolicies, type PolicySet, readPolicyFile, readRuleFile } from '../policies/load.ts'
import type { PolicyDocument } from '../policies/policy-file.ts'
import { nearest } from '../yaml/suggest.ts'
import { parseReason } from './action.ts'
import { asking, type Connect, connectByConfig } from './connection.ts'
import type { CliContext } from './context.ts'
import { usageError } from './failure.ts'
import type { PolicyTestResult } from './policy-test.ts'
import { ruleResults, ruleResultsText } from './rule-test.ts'
import { configPath, loadSettings } from './settings.ts'
import { userName } from './user-name.ts'
import { standingText } from './verdict.ts'
import { writeText } from './write-text.ts'

type Format = 'table' | 'json'

interface ListOptions {
  readonly config?: string
  readonly output: Format
}
interface ReinstateOptions extends ListOptions {
  readonly reason: string
}
interface TestOptions extends ListOptions {
  readonly policy?: string
}

export function addPolicy(program: Command, context: CliContext, connect: Connect = connectByConfig): void {
  const policy = program.command('policy').description('how signals become incidents, and what is done about them')

  policy
    .command('list')
    .description('list the policies in force: those of the daemon, or of the configuration while none runs')
    .option('--config <file>', 'default: offpath.yaml in this folder, else the defaults')
    .addOption(outputOption())
    .addHelpText('after', '\nExamples:\n  $ offpath policy list\n  $ offpath policy list -o json | jq -r .[].mode\n')
    .action((options: ListOptions) =>
      asking(connect(options, 'allowed'), async (operations) =>
        writePolicies(await operations.policies(), options.output, context),
      ),
    )

  policy
    .command('reinstate')
    .description('give a policy its mode back, which it lost by more false incidents than its budget allows')
    .argument('<id>', 'policy id')
    .requiredOption('--reason <text>', 'why, for the record', parseReason)
    .option('--config <file>', 'default: offpath.yaml in this folder, else the defaults')
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nExample:\n  $ offpath policy reinstate scan-probing --reason "the crawler is excepted now"\n',
    )
    .action((id: string, options: ReinstateOptions) =>
      asking(connect(options, 'refused'), async (operations) => {
        const by = { who: userName(context), reason: options.reason }
        return writePolicies([await operations.reinstatePolicy(id, by)], options.output, context)
      }),
    )

  policy
    .command('test')
    .description(
      'run the tests of policies (recorded traffic in, expected incidents out) and of payload rules; exit 1 when one fails',
    )
    .argument('[file...]', 'files of policies or payload rules; default: those in force')
    .option('--policy <id>', 'only this policy')
    .option('--config <file>', 'default: offpath.yaml in this folder, else the defaults')
    .addOption(outputOption())
    .addHelpText('after', '\nExamples:\n  $ offpath policy test\n  $ offpath policy test policies/login.yaml\n')
    .action((files: string[], options: TestOptions) => testPolicies(files, options, context))
}

function outputOption(): Option {
  return new Option('-o, --output <format>', 'table or json').choices(['table', 'json']).default('table')
}

async function writePolicies(policies: readonly PolicyJson[], output: Format, context: CliContext): Promise<void> {
  if (output === 'json') return writeText(context.stdout, `${JSON.stringify(policies, null, 2)}\n`)
  const rows = policies.map(({ id, mode, demoted, detectors, severity, respond, origin }) => [
    id,
    demoted === undefined ? mode : `${mode} (demoted)`,
    detectors.length <= 2 ? detectors.join(' ') : `${detectors[0]} and ${detectors.length - 1} more`,
    severity ?? 'as detected',
    respond.map((step) => `${step.id} (${step.action})`).join(', ') || '-',
    origin,
  ])
  const columns = [
    { title: 'policy' },
    { title: 'mode' },
    { title: 'detectors', least: 16 },
    { title: 'severity', least: 11 },
    { title: 'respond', least: 12 },
    { title: 'origin', least: 12 },
  ]
  const standings = policies.flatMap((policy) => {
    const text = standingText(policy)
    return text === null ? [] : [`${policy.id}: ${text}.\n`]
  })
  await writeText(context.stdout, renderTable(columns, rows, context) + standings.join(''))
}

async function testPolicies(files: readonly string[], options: TestOptions, context: CliContext): Promise<void> {
  const { config } = loadSettings(configPath(options.config))
  const { documents: given, ruleFiles } = files.length === 0 ? loadPolicies(config.policies) : readFiles(files)
  const chosen = options.policy === undefined ? given : [find(options.policy, given)]
  const { key } = loadPrivacyKey({
    keyFile: config.privacy.key_file,
    previousKeyIds: config.privacy.previous_key_ids,
    environment: context.environment,
    allowTestKey: true,
  })
  const { testPolicy } = await import('./policy-test.ts')
  const request = {
    config,
    key,
    warn: (message: string) => context.logger.warn(message),
    stop: context.stop.signal,
  }
  const results: PolicyTestResult[] = []
  for (const document of chosen) for await (const result of testPolicy(document, request)) results.push(result)
  const rules = options.policy === undefined ? await ruleResults(ruleFiles) : []
  const text =
    options.output === 'json'
      ? `${JSON.stringify([...results, ...rules], null, 2)}\n`
      : (chosen.length > 0 || rules.length === 0 ? resultsText(chosen, results, context) : '') +
        (rules.length === 0 ? '' : ruleResultsText(rules, context))
  await writeText(context.stdout, text)
  if (context.stop.signal.aborted || [...results, ...rules].some(({ passed }) => !passed)) context.exitCode = 1
}

function readFiles(paths: readonly string[]): Pick<PolicySet, 'documents' | 'ruleFiles'> {
  const documents: PolicyDocument[] = []
  const ruleFiles: RuleFile[] = []
  for (const path of paths) {
    const file = readRuleFile(path)
    if (file === null) documents.push(readPolicyFile(path, dirname(path), path))
    else ruleFiles.push(file)
  }
  return { documents, ruleFiles }
}

function find(id: string, documents: readonly PolicyDocument[]): PolicyDocument {
  const found = documents.find(({ file }) => file.metadata.id === id)
  if (found !== undefined) return found
  const near = nearest(
    id,
    documents.map(({ file }) => file.metadata.id),
  )
  throw usageError(`no policy '${id}'${near === null ? '' : ` (did you mean ${near}?)`}`, 'offpath policy list')
}

function resultsText(
  chosen: readonly PolicyDocument[],
  results: readonly PolicyTestResult[],
  context: CliContext,
): string {
  const columns = [
    { title: '' },
    { title: 'policy' },
    { title: 'replay', least: 16 },
    { title: 'incidents', align: 'right' as const },
    { title: 'severity' },
    { title: 'actions', least: 12 },
    { title: 'not as expected', least: 24 },
  ]
  const rows = results.map((result) => [
    result.passed ? 'ok' : 'FAILED',
    result.policy,
    result.replay,
    String(result.incidents),
    result.severity ?? '-',
    result.actions.join(', ') || '-',
    result.wrong.join('; '),
  ])
  const table = results.length === 0 ? '' : `${renderTable(columns, rows, context)}\n`
  const failed = results.filter(({ passed }) => !passed).length
  const untested = chosen.filter(({ file }) => file.tests.length === 0).map(({ file }) => file.metadata.id)
  const without = untested.length === 0 ? '' : `; without a test: ${untested.join(', ')}`
  return `${table}${results.length} ${results.length === 1 ? 'test' : 'tests'}, ${failed} failed${without}\n`
}
