import { type Command, Option } from 'commander'
import type { DetectorDeclaration } from '../../analyzers/detector.ts'
import { describedForOperators, snakeCase } from '../../analyzers/option-names.ts'
import { DETECTORS } from '../../analyzers/registry.ts'
import { wrapText } from '../../sinks/text-table.ts'
import { leaves, toJsonSchema } from '../yaml/key-tree.ts'
import { nearest } from '../yaml/suggest.ts'
import type { CliContext } from './context.ts'
import { usageError } from './failure.ts'

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
