import { type Command, Option } from 'commander'
import pc from 'picocolors'
import { escapeTerminal } from '../../sinks/escape.ts'
import type { CliContext } from './context.ts'
import { examineHost, type Finding } from './doctor-checks.ts'

interface DoctorOptions {
  readonly config?: string
  readonly output: 'table' | 'json'
}

export function addDoctor(program: Command, context: CliContext): void {
  program
    .command('doctor')
    .description(
      'check this host: runtime, capture, privileges, interfaces, configuration, key, memory, store, receivers',
    )
    .option('--config <file>', 'default: offpath.yaml in this folder, else the defaults')
    .addOption(new Option('-o, --output <format>', 'table or json').choices(['table', 'json']).default('table'))
    .addHelpText(
      'after',
      '\nExit 1 when something fails; a warning is a limit to know, not a failure.\n\nExamples:\n  $ offpath doctor\n  $ offpath doctor -o json | jq \'.[] | select(.level != "ok")\'',
    )
    .action(async (options: DoctorOptions) => {
      const findings = await examineHost(options.config, context.environment)
      context.stdout.write(
        options.output === 'json' ? `${JSON.stringify(findings, null, 2)}\n` : findingsText(findings, context.colour),
      )
      if (findings.some(({ level }) => level === 'fail')) context.exitCode = 1
    })
}

function findingsText(findings: readonly Finding[], colour: boolean): string {
  const colours = pc.createColors(colour)
  const paint = { ok: colours.green, warn: colours.yellow, fail: colours.red }
  const width = Math.max(...findings.map(({ check }) => check.length))
  return findings
    .map(({ level, check, found, remedy }) => {
      const [first = '', ...more] = found.split('\n')
      const indent = ' '.repeat(width + 8)
      const line = `${paint[level](level.padEnd(4))}  ${check.padEnd(width)}  ${escapeTerminal(first)}\n`
      const rest = more.map((text) => `${indent}${escapeTerminal(text)}\n`).join('')
      return line + rest + (remedy === undefined ? '' : `${indent}${colours.bold('fix:')} ${escapeTerminal(remedy)}\n`)
    })
    .join('')
}
