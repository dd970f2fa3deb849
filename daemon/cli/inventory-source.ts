import { Option } from 'commander'
import { lossHints } from '../../sinks/loss-hints.ts'
import type { StoreQuery } from '../../sinks/store/store.ts'
import { MOST_ROUTES, selectClients, selectRoutes } from '../api/inventory-file.ts'
import type { Operations } from '../api/operations.ts'
import { loadPrivacyKey } from '../identity/privacy-key.ts'
import type { DescribedRoute } from '../inventory/descriptions.ts'
import { INVENTORY_DEFAULTS, Inventory } from '../inventory/inventory.ts'
import type { InventoryState } from '../inventory/snapshot.ts'
import { type ClientJson, compareClients, compareRoutes } from '../inventory/views.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { answered, asking, type Connect } from './connection.ts'
import type { CliContext } from './context.ts'
import { loadSettings } from './settings.ts'

export interface InventoryFlags {
  readonly config?: string
  readonly capture?: readonly string[]
  readonly service?: string
  readonly stored?: true
}

export function captureOption(): Option {
  return new Option('--capture <file...>', 'learn from these captures or transactions instead of asking the daemon')
}

export function storedOption(): Option {
  return new Option('--stored', 'what the store has, also of what the daemon has let go').conflicts('capture')
}

/** Learnt from --capture, else asked of the daemon or its store, else read from its data folder. */
export async function routesOf(
  flags: InventoryFlags,
  context: CliContext,
  connect: Connect,
): Promise<readonly DescribedRoute[]> {
  const filter = { ...(flags.service === undefined ? {} : { service: flags.service }), limit: MOST_ROUTES }
  if (flags.capture !== undefined) return selectRoutes(await learn(flags.capture, flags, context), filter)
  if (flags.stored === true) return storedRoutes(flags, connect)
  return asking(connect(flags, 'allowed'), (operations) => operations.routes?.(filter) ?? refuse(operations))
}

export async function clientsOf(
  flags: InventoryFlags,
  context: CliContext,
  connect: Connect,
): Promise<readonly ClientJson[]> {
  if (flags.capture !== undefined) return selectClients(await learn(flags.capture, flags, context), MOST_ROUTES)
  if (flags.stored === true) return storedClients(flags, connect)
  const filter = { limit: MOST_ROUTES }
  return asking(connect(flags, 'allowed'), (operations) => operations.clients?.(filter) ?? refuse(operations))
}

async function storedRoutes(flags: InventoryFlags, connect: Connect): Promise<readonly DescribedRoute[]> {
  const own = flags.service === undefined ? '' : ' AND service = {service:String}'
  const routes = await stored<DescribedRoute>(flags, connect, {
    sql: `SELECT route FROM routes FINAL WHERE state != 'merged'${own}`,
    ...(flags.service === undefined ? {} : { params: { service: flags.service } }),
  })
  // Those that were stored before `documented` was, say nothing.
  return routes.map((route) => ({ ...route, documented: route.documented ?? null })).sort(compareRoutes)
}

async function storedClients(flags: InventoryFlags, connect: Connect): Promise<readonly ClientJson[]> {
  const clients = await stored<ClientJson>(flags, connect, {
    sql: 'SELECT client FROM clients FINAL ORDER BY requests DESC',
  })
  return clients.sort(compareClients)
}

/** Rows of one column of JSON, which this program wrote. */
async function stored<Each>(flags: InventoryFlags, connect: Connect, query: StoreQuery): Promise<Each[]> {
  const { rows } = await asking(connect(flags, 'allowed'), (operations) =>
    answered(operations.query({ ...query, maxRows: MOST_ROUTES })),
  )
  return rows.map(([text]) => JSON.parse(String(text)) as Each)
}

function refuse(_operations: Operations): Promise<never> {
  return Promise.reject(new OffpathError('OFFPATH_E_STATE', 'this daemon keeps no inventory'))
}

async function learn(files: readonly string[], flags: InventoryFlags, context: CliContext): Promise<InventoryState> {
  const { config } = loadSettings(flags.config)
  const { key } = loadPrivacyKey({
    keyFile: config.privacy.key_file,
    previousKeyIds: config.privacy.previous_key_ids,
    environment: context.environment,
    allowTestKey: true,
  })
  const { replay } = await import('../topology/replay.ts')
  const { compileLabels } = await import('../policies/client-labels.ts')
  const { openAsns } = await import('../topology/asns.ts')
  const label = compileLabels(config.identity.labels)
  const inventory = new Inventory(INVENTORY_DEFAULTS, { label, asns: await openAsns(config) })
  const summary = await replay({
    files,
    emit: 'none',
    bodies: 'text',
    config,
    key,
    speed: 'max',
    write: () => undefined,
    warn: (message) => context.logger.warn(message),
    inventory,
    stop: context.stop.signal,
  })
  for (const hint of lossHints(summary)) context.logger.warn(hint)
  return inventory.state()
}
