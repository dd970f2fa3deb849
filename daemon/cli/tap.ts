import { type Command, InvalidArgumentError, Option } from 'commander'
import { escapeJson } from '../../sinks/escape.ts'
import { loadPrivacyKey } from '../identity/privacy-key.ts'
import { openInput } from '../sources/capture-file.ts'
import { inheritedInput, STDIN } from '../sources/inherited-input.ts'
import type { LineReader } from '../sources/native-file.ts'
import { findPreset, presetText, shippedPresets } from '../tap/presets.ts'
import { Counters } from '../telemetry/counters.ts'
import type { CliContext } from './context.ts'
import { usageError } from './failure.ts'
import { loadSettings } from './settings.ts'
import { explainSample, renderTapReport, type SampleLine } from './tap-explain.ts'
import { writeText } from './write-text.ts'

type Output = 'table' | 'json'

export function addTap(program: Command, context: CliContext): void {
  const tap = program.command('tap').description('formats of gateway, proxy and mesh logs')

  tap
    .command('presets')
    .description('list the formats this build reads, or print one as a file to copy and change')
    .argument('[name]', 'print this one')
    .addOption(outputOption())
    .addHelpText('after', '\nExamples:\n  $ offpath tap presets\n  $ offpath tap presets kong > my-kong.yaml\n')
    .action(async (name: string | undefined, { output }: { output: Output }) => {
      await writeText(context.stdout, name === undefined ? presetList(output) : onePreset(name, output))
    })

  tap
    .command('explain')
    .description(
      'say of a sample how it is read: every field and where it came from, what failed, and what detectors will miss',
    )
    .argument('<file>', 'records, one a line, or a HAR file; - is standard input')
    .option('--format <name>', 'a preset, a mapping file, or auto', 'auto')
    .option('--records <count>', 'how many records to look at', parseCount, 1000)
    .option('--config <file>', 'configuration, for the privacy key')
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ offpath tap explain gateway.jsonl\n  $ kcat -C -t gateway.logs -c 100 | offpath tap explain - --format kong\n',
    )
    .action(async (file: string, options: ExplainOptions) => {
      const { privacy } = loadSettings(options.config).config
      const { key } = loadPrivacyKey({
        keyFile: privacy.key_file,
        previousKeyIds: privacy.previous_key_ids,
        environment: context.environment,
        allowTestKey: true,
      })
      const { name, lines } = await readSample(file, options.records, context.stop.signal)
      const report = explainSample(name, lines, options.format === 'auto' ? 'auto' : findPreset(options.format), key)
      const json = `${JSON.stringify(report, null, 2)}\n`
      const text = options.output === 'table' ? renderTapReport(report) : json
      await writeText(
        context.stdout,
        options.output === 'json' && context.stdout.isTTY === true ? escapeJson(json) : text,
      )
    })
}

interface ExplainOptions {
  readonly format: string
  readonly records: number
  readonly config?: string
  readonly output: Output
}

function outputOption(): Option {
  return new Option('-o, --output <format>', 'table or json').choices(['table', 'json']).default('table')
}

const MAX_RECORDS = 100_000

function parseCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= MAX_RECORDS) return count
  throw new InvalidArgumentError(`expected 1 to ${MAX_RECORDS}.`)
}

function presetList(output: Output): string {
  const presets = shippedPresets().map(({ name, title, lacks, notes }) => ({ name, title, lacks, notes }))
  if (output === 'json') return `${JSON.stringify(presets, null, 2)}\n`
  const width = (cells: readonly string[]) => Math.max(...cells.map((cell) => cell.length))
  const names = width(presets.map(({ name }) => name))
  const titles = width(presets.map(({ title }) => title))
  const rows = presets.map(
    ({ name, title, lacks }) => `${name.padEnd(names)}  ${title.padEnd(titles)}  ${lacks.join(', ') || '-'}`,
  )
  return `${'name'.padEnd(names)}  ${'what'.padEnd(titles)}  lacks by default\n${rows.join('\n')}\n`
}

function onePreset(name: string, output: Output): string {
  const preset = findPreset(name)
  return output === 'json' ? `${JSON.stringify(preset, null, 2)}\n` : presetText(preset.name)
}

/** The first lines of an input, as they are. */
async function readSample(
  file: string,
  records: number,
  stop: AbortSignal,
): Promise<{ name: string; lines: readonly SampleLine[] }> {
  const lines: SampleLine[] = []
  const enough = new AbortController()
  const collector = (whole: boolean): LineReader => ({
    read: (text, line, emit) => {
      if (lines.length < records) lines.push({ value: whole ? parsed(text) : text, line })
      if (lines.length >= records) enough.abort()
      // The reader below counts what it was given; what it was given is looked at here.
      emit({}, line, line)
    },
    end: () => {},
  })
  const opened = await openInput(file, {
    stdin: () => inheritedInput(STDIN, stop),
    counters: new Counters(),
    lines: (_name, whole) => collector(whole),
    formatNamed: true,
  })
  if (opened.kind !== 'native') {
    // Closes what was opened.
    for await (const _ of opened.source.batches(AbortSignal.abort())) break
    throw usageError('that is a capture, and this looks at records', 'offpath replay reads captures')
  }
  for await (const _ of opened.source.batches(AbortSignal.any([stop, enough.signal]))) if (enough.signal.aborted) break
  return { name: opened.source.info.name, lines }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
