import { type Command, InvalidArgumentError } from 'commander'
import { renderActionTable } from '../../sinks/action-table.ts'
import type { ActionJson, Decision, Operations } from '../api/operations.ts'
import {
  asking,
  type Connect,
  configOption,
  connectByConfig,
  type ListFormat,
  outputOption,
  writeJson,
  writeJsonLines,
} from './connection.ts'
import type { CliContext } from './context.ts'
import { DEFAULT_LIMIT, MAX_LIMIT, parseLimit } from './incident.ts'
import { resolveId } from './resolve-id.ts'
import { userName } from './user-name.ts'
import { writeText } from './write-text.ts'

const MAX_REASON = 500

interface ListOptions {
  readonly config?: string
  readonly incident?: string
  readonly live?: boolean
  readonly limit: number
  readonly output: ListFormat
}

interface DecideOptions {
  readonly config?: string
  readonly reason: string
  readonly output: 'table' | 'json'
}

type Decide = (operations: Operations, id: string, by: Decision) => Promise<ActionJson>

const DECISIONS: readonly { readonly name: string; readonly description: string; readonly decide: Decide }[] = [
  {
    name: 'approve',
    description: 'let an action that waits for a person go',
    decide: (operations, id, by) => operations.approveAction(id, by),
  },
  {
    name: 'deny',
    description: 'refuse an action that waits for a person',
    decide: (operations, id, by) => operations.denyAction(id, by),
  },
  {
    name: 'revert',
    description: 'take an action back before its lease ends',
    decide: (operations, id, by) => operations.revertAction(id, by),
  },
]

export function addAction(program: Command, context: CliContext, connect: Connect = connectByConfig): void {
  const action = program.command('action').description('what was done about incidents: list, approve, deny, revert')

  action
    .command('list')
    .description('list actions, newest first')
    .option('--incident <id>', 'only those for this incident')
    .option('--live', 'only those that are not over')
    .option('--limit <n>', `at most so many, up to ${MAX_LIMIT}`, parseLimit, DEFAULT_LIMIT)
    .addOption(configOption())
    .addOption(outputOption(['table', 'json', 'jsonl']))
    .addHelpText('after', '\nExample:\n  $ offpath action list --live\n')
    .action((options: ListOptions) =>
      asking(connect(options, 'allowed'), (operations) => list(operations, options, context)),
    )

  for (const { name, description, decide } of DECISIONS) {
    action
      .command(name)
      .description(description)
      .argument('<id>', 'action id, or its beginning')
      .requiredOption('--reason <text>', 'why, for the record', parseReason)
      .addOption(configOption())
      .addOption(outputOption(['table', 'json']))
      .addHelpText('after', `\nExample:\n  $ offpath action ${name} 01m8067qx5 --reason "seen and agreed"\n`)
      .action((id: string, options: DecideOptions) =>
        // Only the daemon can: without one there is nobody to carry it out.
        asking(connect(options, 'refused'), async (operations) => {
          const known = (await operations.actions({ limit: MAX_LIMIT })).map((each) => each.id)
          const by = { who: userName(context), reason: options.reason }
          const decided = await decide(operations, resolveId('action', id, known), by)
          if (options.output === 'json') await writeJson(context, decided)
          else await writeText(context.stdout, renderActionTable([decided], context))
        }),
      )
  }
}

async function list(operations: Operations, options: ListOptions, context: CliContext): Promise<void> {
  const { incident, live, limit } = options
  const filter = { limit, ...(live === true ? { live } : {}) }
  const actions = await operations.actions(
    incident === undefined ? filter : { ...filter, incident: await incidentId(operations, incident) },
  )
  if (options.output === 'json') return writeJson(context, actions)
  if (options.output === 'jsonl') return writeJsonLines(context, actions)
  if (actions.length === 0) {
    const none = incident !== undefined || live === true ? 'No action matches.' : 'No actions yet.'
    return writeText(context.stdout, `${none} offpath policy list says what would be done, and in which mode.\n`)
  }
  const more = actions.length < limit ? '' : `The newest ${limit}; --limit up to ${MAX_LIMIT} shows more.\n`
  return writeText(context.stdout, renderActionTable(actions, context) + more)
}

async function incidentId(operations: Operations, given: string): Promise<string> {
  const known = (await operations.incidents({ limit: MAX_LIMIT })).map(({ id }) => id)
  return resolveId('incident', given, known)
}

export function parseReason(text: string): string {
  const reason = text.trim()
  if (reason === '') throw new InvalidArgumentError('a reason is needed: it is what the next reader has.')
  if (reason.length > MAX_REASON) throw new InvalidArgumentError(`at most ${MAX_REASON} characters.`)
  return reason
}
