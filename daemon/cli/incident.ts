import { type Command, InvalidArgumentError, Option } from 'commander'
import { renderExplanation } from '../../sinks/explain.ts'
import { renderIncidentList } from '../../sinks/incident-list-table.ts'
import { renderIncidentPage } from '../../sinks/incident-page.ts'
import type { IncidentDetailJson, IncidentFilter, Operations } from '../api/operations.ts'
import { formatTime, parseTime, SECOND_US } from '../model/time.ts'
import { OffpathError } from '../telemetry/errors.ts'
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
import { exportIncident } from './incident-export.ts'
import { notFound, resolveId } from './resolve-id.ts'
import { writeText } from './write-text.ts'

const STATUSES = ['open', 'contained', 'resolved', 'benign', 'false'] as const
const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const
export const DEFAULT_LIMIT = 50
export const MAX_LIMIT = 1000

interface ListOptions {
  readonly config?: string
  readonly since?: string
  readonly status?: (typeof STATUSES)[number]
  readonly severity?: (typeof SEVERITIES)[number]
  readonly policy?: string
  readonly limit: number
  readonly output: ListFormat
}

interface OneOptions {
  readonly config?: string
  readonly output: 'table' | 'json'
}

export function addIncident(program: Command, context: CliContext, connect: Connect = connectByConfig): void {
  const incident = program.command('incident').description('what was found: list, show, explain, export')

  incident
    .command('list')
    .description('list incidents, newest first')
    .option('--since <when>', 'updated since then: 30m, 24h, 7d, or a time such as 2026-11-21T20:00:00Z', parseSince)
    .addOption(new Option('--status <status>', 'only those in this state').choices(STATUSES))
    .addOption(new Option('--severity <severity>', 'at least this severe').choices(SEVERITIES))
    .option('--policy <id>', 'only those of this policy')
    .option('--limit <n>', `at most so many, up to ${MAX_LIMIT}`, parseLimit, DEFAULT_LIMIT)
    .addOption(configOption())
    .addOption(outputOption(['table', 'json', 'jsonl']))
    .addHelpText('after', '\nExample:\n  $ offpath incident list --since 24h --severity high\n')
    .action((options: ListOptions) =>
      asking(connect(options, 'allowed'), (operations) => list(operations, options, context)),
    )

  incident
    .command('show')
    .description('one incident: who, what, since when, how it is known, what came of it, what was done')
    .argument('<id>', 'incident id; its beginning is enough when only one begins so')
    .addOption(configOption())
    .addOption(outputOption(['table', 'json']))
    .addHelpText('after', '\nExample:\n  $ offpath incident show 01m8067qx5\n')
    .action((id: string, options: OneOptions) =>
      asking(connect(options, 'allowed'), async (operations) => {
        const detail = await find(operations, id)
        if (options.output === 'json') await writeJson(context, detail)
        else await writeText(context.stdout, renderIncidentPage(detail, context))
      }),
    )

  incident
    .command('explain')
    .description('how it was decided: signals, policy and threshold, doubts, a plot, what was done and why')
    .argument('<id>', 'incident id, or its beginning')
    .addOption(configOption())
    .addHelpText('after', '\nExample:\n  $ offpath incident explain 01m8067qx5\n')
    .action((id: string, options: { config?: string }) =>
      asking(connect(options, 'allowed'), async (operations) => {
        await writeText(context.stdout, renderExplanation(await find(operations, id), context))
      }),
    )

  incident
    .command('export')
    .description('write the requests behind it as native transactions, and what replaying them should find')
    .argument('<id>', 'incident id, or its beginning')
    .option('--output <folder>', 'folder for ID.jsonl and ID.expect.json; - prints the transactions only', '.')
    .option('--as-test', 'print the entry for the tests of a policy file as well')
    .addOption(configOption())
    .addHelpText(
      'after',
      '\nExample:\n  $ offpath incident export 01m8067qx5 --output - | offpath replay - --emit incidents\n',
    )
    .action((id: string, options: { config?: string; output: string; asTest?: boolean }) =>
      asking(connect(options, 'allowed'), async (operations) => {
        await exportIncident(
          await find(operations, id),
          { to: options.output, asTest: options.asTest === true },
          context,
        )
      }),
    )
}

async function list(operations: Operations, options: ListOptions, context: CliContext): Promise<void> {
  const incidents = await operations.incidents(filterOf(options))
  if (options.output === 'json') return writeJson(context, incidents)
  if (options.output === 'jsonl') return writeJsonLines(context, incidents)
  if (incidents.length === 0) {
    const none = isFiltered(options) ? 'No incident matches.' : 'No incidents yet.'
    return writeText(context.stdout, `${none} offpath status says whether traffic is seen.\n`)
  }
  const actions = await operations.actions({ limit: MAX_LIMIT })
  const more =
    incidents.length < options.limit ? '' : `The newest ${options.limit}; --limit up to ${MAX_LIMIT} shows more.\n`
  return writeText(context.stdout, renderIncidentList(incidents, actions, context) + more)
}

function filterOf({ since, status, severity, policy, limit }: ListOptions): IncidentFilter {
  return {
    ...(since === undefined ? {} : { since }),
    ...(status === undefined ? {} : { status }),
    ...(severity === undefined ? {} : { min_severity: severity }),
    ...(policy === undefined ? {} : { policy }),
    limit,
  }
}

function isFiltered({ since, status, severity, policy }: ListOptions): boolean {
  return [since, status, severity, policy].some((given) => given !== undefined)
}

/** By its id or the beginning of it. */
async function find(operations: Operations, given: string): Promise<IncidentDetailJson> {
  const known = (await operations.incidents({ limit: MAX_LIMIT })).map(({ id }) => id)
  try {
    return await operations.incident(resolveId('incident', given, known))
  } catch (error) {
    if (
      error instanceof OffpathError &&
      error.code === 'OFFPATH_E_NOT_FOUND' &&
      !known.some((id) => id.startsWith(given))
    ) {
      throw notFound('incident', given, known)
    }
    throw error
  }
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** `24h` before now, or the time itself, as RFC 3339. */
function parseSince(text: string): string {
  const match = /^(\d{1,6})([smhd])$/.exec(text)
  if (match !== null) {
    const nowUs = Date.now() * 1000
    return formatTime(nowUs - Number(match[1]) * UNITS[match[2]!]! * SECOND_US)
  }
  const time = parseTime(text)
  if (time === null) throw new InvalidArgumentError('expected 30m, 24h, 7d, or a time such as 2026-11-21T20:00:00Z.')
  return formatTime(time)
}

export function parseLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > MAX_LIMIT) throw new InvalidArgumentError(`expected a whole number from 1 to ${MAX_LIMIT}.`)
  return limit
}
