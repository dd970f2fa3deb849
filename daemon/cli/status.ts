import type { Command } from 'commander'
import { wireStatus } from '../api/store-status.ts'
import { asking, type Connect, configOption, connectByConfig, outputOption, writeJson } from './connection.ts'
import type { CliContext } from './context.ts'
import { renderStatus } from './status-view.ts'
import { writeText } from './write-text.ts'

export function addStatus(program: Command, context: CliContext, connect: Connect = connectByConfig): void {
  program
    .command('status')
    .description('how the daemon is: sources, losses, store, webhooks, detectors')
    .addOption(configOption())
    .addOption(outputOption(['table', 'json']))
    .addHelpText('after', '\nExamples:\n  $ offpath status\n  $ offpath status -o json | jq .store.spool\n')
    .action(async (options: { config?: string; output: 'table' | 'json' }) => {
      const status = await asking(connect(options, 'refused'), (offpath) => offpath.status())
      if (options.output === 'json') await writeJson(context, wireStatus(status))
      else
        await writeText(
          context.stdout,
          renderStatus(status, { width: context.width, colour: context.colour }, Date.now()),
        )
    })
}
