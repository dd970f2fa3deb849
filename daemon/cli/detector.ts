import { type Command, InvalidArgumentError, Option } from 'commander'
import type { DetectorDeclaration } from '../../analyzers/detector.ts'
import { describedForOperators, snakeCase } from '../../analyzers/option-names.ts'
import { DETECTORS } from '../../analyzers/registry.ts'
import { wrapText } from '../../sinks/text-table.ts'
import { loadPrivacyKey } from '../identity/privacy-key.ts'
import { leaves, toJsonSchema } from '../yaml/key-tree.ts'
import { nearest } from '../yaml/suggest.ts'
import { configOption, writeJson } from './connection.ts'
import type { CliContext } from './context.ts'
import { usageError } from './failure.ts'
import { configPath, DEFAULT_CONFIG_FILE, loadSettings } from './settings.ts'
import { writeText } from './write-text.ts'

type Format = 'table' | 'json'

export function addDetector(program: Command, context: CliContext): void {
  const detector = program.command('detector').description('what is detected, how, and what can be tuned')

  detector
    .command('list')
    .description('list the detectors of this build')
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  $ offpath detector list -o json | jq -r .[].id\n')
    .action(({ output }: { output: Format }) => {
      context.stdout.write(output === 'json' ? `${JSON.stringify(DETECTORS.map(summaryOf), null, 2)}\n` : listText())
    })

  detector
    .command('show')
    .description('show one detector: what it detects, its statistic, memory, warm-up, traps, and its options')
    .argument('<id>', 'detector id, as in detector list')
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  $ offpath detector show auth.bruteforce\n')
    .action((id: string, { output }: { output: Format }) => {
      const declaration = find(id)
      const text =
        output === 'json'
          ? `${JSON.stringify({ ...summaryOf(declaration), ...describedForOperators(declaration), options: optionsOf(declaration) }, null, 2)}\n`
          : showText(declaration, Math.min(context.width, 110))
      context.stdout.write(text)
    })

  detector
    .command('tune')
    .description('judge stored traffic, or recordings, with other options: what would be told, and what no more')
    .argument('<id>', 'detector id, as in detector list')
    .argument('[file...]', 'recordings, as for replay; without any, what is stored (no headers and bodies)')
    .requiredOption('--set <key=value>', 'an option as in offpath.yaml; again for more', collect, [])
    .option('--days <n>', 'of what is stored', parseDays, DEFAULT_DAYS)
    .option('--save', 'write the options to the configuration file after the comparison')
    .addOption(configOption())
    .addOption(outputOption())
    .addHelpText(
      'after',
      `
Examples:
  $ offpath detector tune object.enumeration --set report=1e-6
  $ offpath detector tune scan.probing --set report=1e-7 monday.pcap --save`,
    )
    .action((id: string, files: string[], flags: TuneFlags) => tuneCommand(id, files, flags, context))
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value]
}

const DEFAULT_DAYS = 7

interface TuneFlags {
  readonly set: readonly string[]
  readonly days: number
  readonly config?: string
  readonly save?: boolean
  readonly output: Format
}

async function tuneCommand(id: string, files: readonly string[], flags: TuneFlags, context: CliContext): Promise<void> {
  const declaration = find(id)
  const { tune } = await import('./detector-tune.ts')
  const path = configPath(flags.config)
  const { config } = loadSettings(path)
  const { key } = loadPrivacyKey({
    keyFile: config.privacy.key_file,
    previousKeyIds: config.privacy.previous_key_ids,
    environment: context.environment,
    allowTestKey: true,
  })
  const result = await tune({
    declaration,
    settings: flags.set,
    config,
    key,
    files,
    days: flags.days,
    environment: context.environment,
    warn: (message) => context.logger.warn(message),
    stop: context.stop.signal,
  })
  if (flags.output === 'json') await writeJson(context, result)
  else await writeText(context.stdout, (await import('./tune-view.ts')).tuneText(result, context))
  if (flags.save !== true || context.stop.signal.aborted) return
  const { saveOptions } = await import('./save-options.ts')
  const saved = saveOptions(path ?? DEFAULT_CONFIG_FILE, id, result.changes)
  context.stderr.write(`${saved}: saved; a running daemon takes it at its next start\n`)
}

function parseDays(text: string): number {
  const days = Number(text)
  if (!Number.isFinite(days) || days <= 0 || days > 3650) throw new InvalidArgumentError('expected days, such as 7.')
  return days
}

function outputOption(): Option {
  return new Option('-o, --output <format>', 'table or json').choices(['table', 'json']).default('table')
}

function find(id: string): DetectorDeclaration {
  const found = DETECTORS.find((declaration) => declaration.id === id)
  if (found !== undefined) return found
  const near = nearest(
    id,
    DETECTORS.map((declaration) => declaration.id),
  )
  throw usageError(`no detector '${id}'${near === null ? '' : ` (did you mean ${near}?)`}`, 'offpath detector list')
}

function summaryOf({ id, title, owasp, attack }: DetectorDeclaration) {
  return { id, title, owasp, attack }
}

function listText(): string {
  const width = Math.max(...DETECTORS.map(({ id }) => id.length))
  const owaspWidth = Math.max(...DETECTORS.map(({ owasp }) => owasp.join(' ').length))
  return DETECTORS.map(
    ({ id, title, owasp }) => `${id.padEnd(width)}  ${owasp.join(' ').padEnd(owaspWidth)}  ${title}\n`,
  ).join('')
}

function showText(declaration: DetectorDeclaration, width: number): string {
  const { id, title, owasp, attack } = declaration
  const describes = describedForOperators(declaration)
  const facts: [string, string][] = [
    ['Detects', describes.detects],
    ['Maps to', [...owasp.map((name) => `OWASP ${name}`), ...attack.map((name) => `ATT&CK ${name}`)].join('; ')],
    ['Statistic', describes.statistic],
    ['Memory', describes.memory],
    ['Warm-up', describes.warmUp],
    ['Traps', describes.traps],
    ['Tuning', describes.tuning],
  ]
  const options = optionsOf(declaration).map(({ key, default: value, meaning }) => [
    `  ${key}`,
    `${JSON.stringify(value)}  ${meaning}`,
  ])
  const label = Math.max(...facts.map(([name]) => name.length), ...options.map(([key = '']) => key.length)) + 2
  const row = ([name = '', text = '']: readonly string[]) =>
    wrapText(text, width - label)
      .map((line, index) => `${(index === 0 ? name : '').padEnd(label)}${line}\n`)
      .join('')
  return `${id}: ${title}\n\n${facts.map(row).join('')}\nOptions, under detectors.${id} in offpath.yaml:\n${options.map(row).join('')}`
}

/** The detector's own options, as the configuration takes them. */
function optionsOf(declaration: DetectorDeclaration): { key: string; default: unknown; meaning: string }[] {
  return leaves(toJsonSchema(declaration.options)).map(({ path, node }) => ({
    key: snakeCase(path),
    default: node.default ?? null,
    meaning: node.description ?? '',
  }))
}
