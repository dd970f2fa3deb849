import { constants, existsSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { DETECTORS } from '../../analyzers/registry.ts'
import { renderTable } from '../../sinks/text-table.ts'
import { learningPath, mergedPath } from '../api/learning-path.ts'
import { type Explained, explain } from './baseline-explain.ts'
import { readLearning, replaceLearning, type SnapshotFacts, snapshotsIn, withoutParts } from './baseline-file.ts'
import { configOption, type ListFormat, outputOption, writeJson, writeJsonLines } from './connection.ts'
import type { CliContext } from './context.ts'
import { configPath, loadSettings } from './settings.ts'
import { writeText } from './write-text.ts'

interface Flags {
  readonly config?: string
}
type ListFlags = Flags & { readonly output: ListFormat }

/** They read and write the snapshot in the data folder, which a running daemon renews every state.snapshot_seconds. */
export function addBaseline(program: Command, context: CliContext): void {
  const baseline = program
    .command('baseline')
    .description('what detectors have learnt: status, explain, export, import, reset')
  const folderOf = (flags: Flags) => loadSettings(configPath(flags.config)).config.state.folder

  baseline
    .command('status')
    .description('the snapshots in the data folder, and what is in them')
    .addOption(configOption())
    .addOption(outputOption(['table', 'json', 'jsonl']))
    .addHelpText('after', '\nExample:\n  $ offpath baseline status\n')
    .action(async (flags: ListFlags) => {
      const found = await snapshotsIn(folderOf(flags))
      if (flags.output === 'json') return writeJson(context, found)
      if (flags.output === 'jsonl') return writeJsonLines(context, found)
      return writeText(
        context.stdout,
        found.length === 0 ? NOTHING : found.map((each) => render(each, context)).join('\n'),
      )
    })

  baseline
    .command('explain')
    .description('what is usual, of the endpoints and services whose name holds a text')
    .argument('<text>', 'part of the name: api.shop.test, /v1/orders')
    .addOption(configOption())
    .addOption(outputOption(['table', 'json', 'jsonl']))
    .addHelpText('after', "\nExample:\n  $ offpath baseline explain '/v1/orders/{id}'\n")
    .action(async (text: string, flags: ListFlags) => {
      const found = explain(await readLearning(learningPath(folderOf(flags))), text)
      if (flags.output === 'json') return writeJson(context, found)
      if (flags.output === 'jsonl') return writeJsonLines(context, found)
      return writeText(
        context.stdout,
        found.length === 0 ? 'No baseline of that name.\n' : renderExplained(found, context),
      )
    })

  baseline
    .command('export')
    .description('copy the last snapshot to a file, after checking that it is whole; also while a daemon runs')
    .argument('<file>', 'where to; not overwritten')
    .addOption(configOption())
    .addHelpText('after', '\nExample:\n  $ offpath baseline export learning.gz\n')
    .action(async (file: string, flags: Flags) => {
      const lines = await readLearning(learningPath(folderOf(flags)))
      await copyFile(learningPath(folderOf(flags)), file, EXCLUSIVE)
      return writeText(context.stdout, `${lines.length} lines in ${file}\n`)
    })

  baseline
    .command('import')
    .description('put a file of `export` in the place of what was learnt, or beside it; no daemon may run')
    .argument('<file...>', 'one; with --merge any number')
    .option(
      '--merge',
      'count what they know of endpoints beside what is learnt here, in the place of what was merged before',
    )
    .addOption(configOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ offpath baseline import learning.gz\n  $ offpath baseline import --merge site-a.gz site-b.gz\n',
    )
    .action(async (files: readonly string[], flags: Flags & { readonly merge?: true }, command: Command) => {
      if (flags.merge === true) {
        // It loads all detectors.
        const { mergedLines } = await import('./baseline-merge.ts')
        const { config } = loadSettings(configPath(flags.config))
        const merged = await mergedLines(files, config)
        await replaceLearning(config.state.folder, merged, context, mergedPath)
        return writeText(
          context.stdout,
          `${merged.length} lines of ${files.length} files count beside what is learnt\n`,
        )
      }
      const [file, more] = files
      if (file === undefined || more !== undefined) command.error('error: without --merge one file is imported')
      const lines = await readLearning(file)
      await replaceLearning(folderOf(flags), lines, context)
      return writeText(context.stdout, `${lines.length} lines taken over; what was there is the previous snapshot\n`)
    })

  baseline
    .command('reset')
    .description('forget what was learnt, all of it or by one detector; no daemon may run')
    .addOption(new Option('--detector <id>', 'only this one').choices(DETECTORS.map(({ id }) => id)))
    .addOption(configOption())
    .addHelpText('after', '\nExample:\n  $ offpath baseline reset --detector object.enumeration\n')
    .action(async (flags: Flags & { readonly detector?: string }) => {
      const lines = await readLearning(learningPath(folderOf(flags)))
      const { detector } = flags
      const rest = withoutParts(lines, (part) => detector === undefined || part === detector)
      await replaceLearning(folderOf(flags), rest, context)
      if (existsSync(mergedPath(folderOf(flags)))) {
        const merged = await readLearning(mergedPath(folderOf(flags)))
        const kept = withoutParts(merged, (part) => detector === undefined || part === detector)
        await replaceLearning(folderOf(flags), kept, context, mergedPath)
      }
      return writeText(
        context.stdout,
        `${detector ?? 'everything'} forgotten; what was there is the previous snapshot\n`,
      )
    })
}

const EXCLUSIVE = constants.COPYFILE_EXCL
const NOTHING = 'Nothing was learnt here yet. offpath run writes it every state.snapshot_seconds.\n'

function render(snapshot: SnapshotFacts, context: CliContext): string {
  const { path, taken_at: at, bytes, event_time: eventTime, key_id: key, parts, refused } = snapshot
  const head = `${path}\n  written ${at}, ${bytes} bytes`
  if (refused !== null) return `${head}; not used: ${refused}\n`
  const table = renderTable(
    [
      { title: 'PART' },
      { title: 'VERSION', align: 'right' },
      { title: 'LINES', align: 'right' },
      { title: 'BYTES', align: 'right' },
    ],
    parts.map(({ name, version, lines, bytes: size }) => [name, String(version), String(lines), String(size)]),
    context,
  )
  return `${head}, learnt up to ${eventTime ?? 'nothing yet'}, key ${key}\n${table}`
}

function renderExplained(found: readonly Explained[], context: CliContext): string {
  return renderTable(
    [
      { title: 'DETECTOR' },
      { title: 'OF', least: 20 },
      { title: 'READY', align: 'right' },
      { title: 'VOTES', align: 'right' },
      { title: 'USUAL' },
    ],
    found.map(({ detector, of, maturity, votes, usual }) => [
      detector,
      of,
      `${Math.round(maturity * 100)} %`,
      String(Math.round(votes)),
      usual,
    ]),
    context,
  )
}
