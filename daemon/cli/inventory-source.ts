import { Option } from 'commander'
import { lossHints } from '../../sinks/loss-hints.ts'
import { MOST_ROUTES, selectClients, selectRoutes } from '../api/inventory-file.ts'
import type { Operations } from '../api/operations.ts'
import { loadPrivacyKey } from '../identity/privacy-key.ts'
import { INVENTORY_DEFAULTS, Inventory } from '../inventory/inventory.ts'
import type { InventoryState } from '../inventory/snapshot.ts'
import type { ClientJson, RouteJson } from '../inventory/views.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { asking, type Connect } from './connection.ts'
import type { CliContext } from './context.ts'
import { loadSettings } from './settings.ts'

export interface InventoryFlags {
  readonly config?: string
  readonly capture?: readonly string[]
  readonly service?: string
}

export function captureOption(): Option {
  return new Option('--capture <file...>', 'learn from these captures or transactions instead of asking the daemon')
}

/** Learnt from --capture, else asked of the daemon, else read from its data folder. */
export async function routesOf(
  flags: InventoryFlags,
  context: CliContext,
  connect: Connect,
): Promise<readonly RouteJson[]> {
  const filter = { ...(flags.service === undefined ? {} : { service: flags.service }), limit: MOST_ROUTES }
  if (flags.capture !== undefined) return selectRoutes(await learn(flags.capture, flags, context), filter)
  return asking(connect(flags, 'allowed'), (operations) => operations.routes?.(filter) ?? refuse(operations))
}

export async function clientsOf(
  flags: InventoryFlags,
  context: CliContext,
  connect: Connect,
): Promise<readonly ClientJson[]> {
  if (flags.capture !== undefined) return selectClients(await learn(flags.capture, flags, context), MOST_ROUTES)
  const filter = { limit: MOST_ROUTES }
  return asking(connect(flags, 'allowed'), (operations) => operations.clients?.(filter) ?? refuse(operations))
}

function refuse(_operations: Operations): Promise<never> {
  return Promise.reject(new OffpathError('OFFPATH_E_STATE', 'this daemon keeps no inventory'))
}

async function learn(files: readonly string[], flags: InventoryFlags, context: CliContext): Promise<InventoryState> {
  const { config } = loadSettings(flags.config)
  const { key } = loadPrivacyKey({
    keyFile: config.privacy.key_file,
    environment: context.environment,
    allowTestKey: true,
  })
  const { replay } = await import('../topology/replay.ts')
  const { compileLabels } = await import('../policies/client-labels.ts')
  const inventory = new Inventory(INVENTORY_DEFAULTS, compileLabels(config.identity.labels))
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
