import { type Command, InvalidArgumentError } from 'commander'
import { renderTable } from '../../sinks/text-table.ts'
import { asking, type Connect, configOption, connectByConfig, outputOption, writeJson } from './connection.ts'
import type { CliContext } from './context.ts'
import { userName } from './user-name.ts'
import { writeText } from './write-text.ts'

interface MarkOptions {
  readonly config?: string
  readonly service: string
  readonly version: string
  readonly commit?: string
  readonly output: 'table' | 'json'
}

const MOST_SERVICE = 300
const MOST_VERSION = 128

/** What a pipeline says after it has released something. */
export function addDeploy(program: Command, context: CliContext, connect: Connect = connectByConfig): void {
  const deploy = program.command('deploy').description('releases, so that before and after are compared: mark')
  deploy
    .command('mark')
    .description('say that a service was released just now; said again, the newest release stays the one it is')
    .requiredOption('--service <name>', 'as routes list prints it: a host, or address:port', upTo(MOST_SERVICE))
    .requiredOption('--version <version>', 'what runs now', upTo(MOST_VERSION))
    .option('--commit <id>', 'what it was made from', upTo(MOST_VERSION))
    .addOption(configOption())
    .addOption(outputOption(['table', 'json']))
    .addHelpText(
      'after',
      '\nExample:\n  $ offpath deploy mark --service api.shop.test --version 2.4.1 --commit 9fceb02\n',
    )
    .action((options: MarkOptions) =>
      asking(connect(options, 'refused'), async (operations) => {
        const { service, version, commit, output } = options
        const made = await operations.markDeploy({
          service,
          version,
          ...(commit === undefined ? {} : { commit }),
          who: userName(context),
        })
        if (output === 'json') return writeJson(context, made)
        const columns = [
          { title: 'SERVICE' },
          { title: 'VERSION' },
          { title: 'COMMIT' },
          { title: 'AT' },
          { title: 'BY' },
        ]
        const row = [made.service, made.version, made.commit ?? '-', made.at, made.who]
        return writeText(context.stdout, renderTable(columns, [row], context))
      }),
    )
}

function upTo(most: number): (text: string) => string {
  return (text) => {
    const trimmed = text.trim()
    if (trimmed === '') throw new InvalidArgumentError('it is empty.')
    if (trimmed.length > most) throw new InvalidArgumentError(`at most ${most} characters.`)
    return trimmed
  }
}
