import { type Command, InvalidArgumentError } from 'commander'
import { renderFacts, renderTable } from '../../sinks/text-table.ts'
import { MAX_CREDENTIALS, MAX_DEVICES } from '../callers/profile.ts'
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
      { name: 'Known by', text: knownBy(client.via) },
      { name: 'Seen', text: `${timeText(client.first_seen)} to ${timeText(client.last_seen)}` },
      { name: 'Requests', text: `${client.requests}, ${refusedText(client)} refused` },
      { name: 'Endpoints', text: `${client.endpoints}${callsText(client)}` },
      { name: 'Role', text: roleText(client) },
      ...(client.labels.length === 0 ? [] : [{ name: 'Labels', text: client.labels.join(', ') }]),
      {
        name: 'Addresses',
        text: `${client.addresses}${client.shared ? ', shared by several people' : ''}${listText(client.networks)}`,
      },
      ...(client.asns.length === 0 ? [] : [{ name: 'Networks of', text: client.asns.map(asnText).join(', ') }]),
      { name: 'Programs', text: client.agents.length === 0 ? 'not told' : client.agents.join(', ') },
      { name: 'Devices', text: `${atLeast(client.devices, MAX_DEVICES)} by the order of their headers` },
      { name: 'Credentials', text: atLeast(client.credentials, MAX_CREDENTIALS) },
    ],
    context,
  )
}

/** `, mostly at api.shop.test: GET /v1/orders/{id} (62 %)`; where these are of several services, with theirs. */
function callsText({ calls }: ClientJson): string {
  if (calls.length === 0) return ''
  const one = calls.every(({ service }) => service === calls[0]!.service)
  const named = calls.map(
    ({ service, endpoint, share }) => `${one ? '' : `${service} `}${endpoint} (${Math.round(100 * share)} %)`,
  )
  return `, mostly${one ? ` at ${calls[0]!.service}:` : ''} ${named.join(', ')}`
}

const KNOWN_BY: Readonly<Record<string, string>> = {
  'jwt.sub': 'the subject of its tokens',
  login: 'its login',
  client_id: 'the client id it asked for a token with',
  basic: 'its Basic user name',
  bearer: 'an opaque token',
  consumer: "the name in a gateway's log",
  certificate: 'its certificate, as a trusted hop tells',
  'certificate.default': 'its certificate, as a hop tells that is trusted by default',
  peer: 'its address',
  forwarded: 'its address, as a trusted hop tells',
  'forwarded.default': 'its address, as a hop tells that is trusted by default',
}

/** In words, and as `via` says it. */
function knownBy(via: string): string {
  const dot = via.indexOf('.')
  const [place, name] = dot < 0 ? [via, ''] : [via.slice(0, dot), via.slice(dot + 1)]
  const words =
    KNOWN_BY[via] ??
    (place === 'header'
      ? `the header ${name}`
      : place === 'cookie'
        ? `the cookie ${name}`
        : place === 'query'
          ? `the parameter ${name}`
          : null)
  return words === null ? via : `${words} (${via})`
}

/** Counts of a bounded list say no more than that it is full. */
function atLeast(count: number, most: number): string {
  return count >= most ? `${count} or more` : String(count)
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
