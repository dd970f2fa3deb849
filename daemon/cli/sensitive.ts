import { type Command, Option } from 'commander'
import { SENSITIVE_CLASSES } from '../inventory/sensitive.ts'
import {
  type Connect,
  configOption,
  connectByConfig,
  type ListFormat,
  outputOption,
  writeJson,
  writeJsonLines,
} from './connection.ts'
import type { CliContext } from './context.ts'
import { captureOption, type InventoryFlags, routesOf, storedOption } from './inventory-source.ts'
import { renderSensitive, sensitiveRows } from './route-view.ts'
import { writeText } from './write-text.ts'

type ListFlags = InventoryFlags & { readonly output: ListFormat; readonly class?: string }

export function addSensitive(program: Command, context: CliContext, connect: Connect = connectByConfig): void {
  program
    .command('sensitive')
    .description('where personal data and secrets travel: list')
    .command('list')
    .description('list the fields that carry personal data or secrets, by class; never a value')
    .addOption(new Option('--class <class>', 'only this one').choices(SENSITIVE_CLASSES))
    .addOption(captureOption())
    .addOption(storedOption())
    .option('--service <name>', 'only this one: the host as callers name it')
    .addOption(configOption())
    .addOption(outputOption(['table', 'json', 'jsonl']))
    .addHelpText('after', '\nExample:\n  $ offpath sensitive list --class email\n')
    .action(async (flags: ListFlags) => {
      const all = sensitiveRows(await routesOf(flags, context, connect))
      const rows = flags.class === undefined ? all : all.filter((row) => row.class === flags.class)
      if (flags.output === 'json') return writeJson(context, rows)
      if (flags.output === 'jsonl') return writeJsonLines(context, rows)
      return writeText(
        context.stdout,
        rows.length === 0 ? 'No sensitive fields seen.\n' : renderSensitive(rows, context),
      )
    })
}
