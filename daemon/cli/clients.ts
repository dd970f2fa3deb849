import { type Command, InvalidArgumentError } from 'commander'
import { renderFacts, renderTable } from '../../sinks/text-table.ts'
import type { ClientJson } from '../inventory/views.ts'
import { asnText } from '../model/transaction.ts'
import { OffpathError } from '../telemetry/errors.ts'
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
import { captureOption, clientsOf, type InventoryFlags, storedOption } from './inventory-source.ts'
import { timeText } from './route-view.ts'
import { writeText } from './write-text.ts'

const DEFAULT_LIMIT = 50
const MAX_LIMIT = 5000

type ListFlags = InventoryFlags & { readonly output: ListFormat; readonly limit: number }
type ShowFlags = InventoryFlags & { readonly output: 'table' | 'json' }

export function addClients(program: Command, context: CliContext, connect: Connect = connectByConfig): void {
  const clients = program.command('clients').description('who calls the API, as seen: list, show')

  clients
    .command('list')
    .description('list callers, busiest first')
    .addOption(captureOption())
    .addOption(storedOption())
    .option('--limit <n>', `at most so many, up to ${MAX_LIMIT}`, parseLimit, DEFAULT_LIMIT)
    .addOption(configOption())
    .addOption(outputOption(['table', 'json', 'jsonl']))
    .addHelpText('after', '\nExample:\n  $ offpath clients list --limit 10\n')
    .action(async (flags: ListFlags) => {
      const all = await clientsOf(flags, context, connect)
      const found = all.slice(0, flags.limit)
      if (flags.output === 'json') return writeJson(context, found)
      if (flags.output === 'jsonl') return writeJsonLines(context, found)
      if (found.length === 0) {
        return writeText(context.stdout, 'No callers yet. offpath status says whether traffic is seen.\n')
      }
      const more =
        found.length < all.length ? `The busiest ${found.length} of ${all.length}; --limit shows more.\n` : ''
      return writeText(context.stdout, renderClients(found, context) + more)
    })

  clients
    .command('show')
    .description('one caller')
    .argument('<id>', 'id, its beginning, or the name shown')
    .addOption(captureOption())
    .addOption(storedOption())
    .addOption(configOption())
    .addOption(outputOption(['table', 'json']))
    .addHelpText('after', '\nExample:\n  $ offpath clients show u_1042\n')
    .action(async (id: string, flags: ShowFlags) => {
      const found = find(id, await clientsOf(flags, context, connect))
      if (flags.output === 'json') return writeJson(context, found)
      return writeText(context.stdout, renderClient(found, context))
    })
}

function renderClients(clients: readonly ClientJson[], context: CliContext): string {
  return renderTable(
    [
      { title: 'KIND' },
      { title: 'CALLER', least: 14 },
      { title: 'ROLE, LABELS' },
      { title: 'REQUESTS', align: 'right' },
      { title: 'ENDPOINTS', align: 'right' },
      { title: 'ADDRESSES', align: 'right' },
      { title: 'REFUSED', align: 'right' },
      { title: 'FIRST SEEN' },
      { title: 'LAST SEEN' },
    ],
    clients.map((client) => [
      client.kind,
      client.display,
      [client.role ?? '-', ...client.labels].join(' '),
      String(client.requests),
      String(client.endpoints),
      String(client.addresses),
      refusedText(client),
      timeText(client.first_seen),
      timeText(client.last_seen),
    ]),
    context,
  )
}

function renderClient(client: ClientJson, context: CliContext): string {
  return renderFacts(
    [
      { name: 'Caller', text: client.display },
      { name: 'Kind', text: client.kind },
      { name: 'Id', text: client.id },
      { name: 'Known by', text: client.via },
      { name: 'Seen', text: `${timeText(client.first_seen)} to ${timeText(client.last_seen)}` },
      { name: 'Requests', text: `${client.requests}, ${refusedText(client)} refused` },
      { name: 'Endpoints', text: String(client.endpoints) },
      { name: 'Role', text: roleText(client) },
      ...(client.labels.length === 0 ? [] : [{ name: 'Labels', text: client.labels.join(', ') }]),
      {
        name: 'Addresses',
        text: `${client.addresses}${client.shared ? ', shared by several people' : ''}${listText(client.networks)}`,
      },
      ...(client.asns.length === 0 ? [] : [{ name: 'Networks of', text: client.asns.map(asnText).join(', ') }]),
      { name: 'Programs', text: client.agents.length === 0 ? 'not told' : client.agents.join(', ') },
      { name: 'Devices', text: `${client.devices} by the order of their headers` },
      { name: 'Credentials', text: String(client.credentials) },
    ],
    context,
  )
}

function roleText({ role, reasons }: ClientJson): string {
  if (role === null && reasons.length === 0) return 'not known yet'
  return `${role ?? 'none'}: ${reasons.join('; ')}`
}

function listText(list: readonly string[]): string {
  return list.length === 0 ? '' : ` (${list.join(', ')})`
}

function refusedText({ refused_share: share }: ClientJson): string {
  return share > 0 && share < 0.01 ? '<1 %' : `${Math.round(share * 100)} %`
}

function find(wanted: string, clients: readonly ClientJson[]): ClientJson {
  const exact = clients.filter(({ id, display }) => id === wanted || display === wanted)
  const found = exact.length > 0 ? exact : wanted === '' ? [] : clients.filter(({ id }) => id.startsWith(wanted))
  if (found.length === 1) return found[0]!
  const which =
    found.length === 0
      ? `there is no caller ${wanted.slice(0, 64)}`
      : `${found.length} callers are called ${wanted.slice(0, 64)}`
  throw new OffpathError('OFFPATH_E_NOT_FOUND', which, {
    remedy:
      found.length === 0
        ? 'offpath clients list'
        : `by id: ${found
            .slice(0, 3)
            .map(({ id }) => id)
            .join(', ')}`,
  })
}

function parseLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > MAX_LIMIT) throw new InvalidArgumentError(`expected a whole number from 1 to ${MAX_LIMIT}.`)
  return limit
}
