import { basename, join } from 'node:path'
import type { Logger } from 'pino'
import { WebhookConnector } from '../../sinks/webhook/connector.ts'
import type { EventContext } from '../../sinks/webhook/events.ts'
import { Outbox } from '../../sinks/webhook/outbox.ts'
import { webhookEndpoints } from '../../sinks/webhook/settings.ts'
import type { Health } from '../api/app.ts'
import { ownedAsFolder } from '../api/data-folder.ts'
import { parseListen } from '../api/hosts.ts'
import type { Operations } from '../api/operations.ts'
import { type ApiServer, PortTaken, startServer } from '../api/server.ts'
import { socketIn } from '../api/socket-path.ts'
import { loadToken } from '../api/token.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import { DurableMap } from '../durable/durable-map.ts'
import type { Connector } from '../model/action.ts'
import { loadConnectors } from '../response/recipes/load.ts'
import { OffpathError } from '../telemetry/errors.ts'
import type { Closers } from './closers.ts'
import { serverTls } from './server-tls.ts'
import { type StoreProcess, startStoreProcess } from './store-process.ts'
import { clickHouseOptions, hasChdb } from './store-settings.ts'

/** What the daemon is made of, each part opened from the configuration and closed with the rest. */
export interface PartsRequest {
  readonly config: ValidatedConfig
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly version: string
  readonly logger: Logger
  readonly closers: Closers
}

const MIB = 1024 * 1024
const DEFAULT_LISTEN = '127.0.0.1:7710'
/** For each of: requests under way, deliveries under way, batches not stored yet. */
const GRACE_MS = 3000

/** A map of control's in the data folder. */
export async function openMap<Value>({ logger, closers }: PartsRequest, path: string): Promise<DurableMap<Value>> {
  const map = await DurableMap.open<Value>(path).catch((cause: unknown) => {
    throw new OffpathError('OFFPATH_E_DATA_FOLDER', `${path} cannot be used: ${(cause as Error).message}`, {
      at: path,
      remedy: 'Check who owns it, and that the disk takes more.',
      cause,
    })
  })
  await ownedAsFolder(path)
  const { tornLines } = map
  if (tornLines > 0) logger.warn({ file: basename(path), tornLines }, 'the end of a file was torn; it was cut off')
  closers.add(basename(path), () => map.close())
  return map
}

/** Null when nothing is stored: switched off, or the package of the embedded store is not there. */
export async function openStoreProcess(request: PartsRequest, folder: string): Promise<StoreProcess | null> {
  const { config, environment, logger, closers } = request
  if (!config.store.enabled) return null
  if (config.sinks.clickhouse.url === null && !hasChdb()) {
    logger.warn(
      'the package chdb is not installed, so nothing is stored; npm install chdb, or set sinks.clickhouse.url',
    )
    return null
  }
  const store = await startStoreProcess({
    folder,
    clickhouse: clickHouseOptions(config, environment),
    spoolMaxBytes: config.store.spool_mib * MIB,
    logger,
  })
  closers.add('store', () => store.close(GRACE_MS))
  return store
}

export async function openOutbox(request: PartsRequest, path: string): Promise<Outbox> {
  const { config, environment, logger, version, closers } = request
  const outbox = await Outbox.open({
    path,
    endpoints: webhookEndpoints(config.sinks.webhook, environment),
    userAgent: `Offpath/${version}`,
    logger,
    onEscalate: ({ endpoint, type, error }) =>
      logger.error({ endpoint, type, error }, 'a receiver could not be told what to do: somebody must look'),
  })
  await ownedAsFolder(path)
  closers.add('outbox', () => outbox.stop(GRACE_MS))
  return outbox
}

/** By the names that policies use; `webhook` is always there. */
export async function openConnectors(
  { config, environment, closers }: PartsRequest,
  outbox: Outbox,
  context: EventContext,
): Promise<ReadonlyMap<string, Connector>> {
  const webhook = new WebhookConnector({ outbox, context })
  const connectors = new Map<string, Connector>([[webhook.name, webhook]])
  const settings = config.response.connectors
  const loaded = await loadConnectors(settings, { env: environment, folder: '.', nowMs: Date.now })
  for (const connector of loaded.values()) {
    connectors.set(connector.name, connector)
    closers.add(connector.name, () => connector.close())
  }
  return connectors
}

export interface Served {
  readonly operations: Operations
  health(): Health
  metrics(): Promise<string>
  observe(route: string, status: number, seconds: number): void
}

export async function serveApi(request: PartsRequest, folder: string, served: Served): Promise<ApiServer> {
  const { config, logger, closers } = request
  const { listen, hosts, token_file: tokenFile, allow_plain: allowPlain } = config.server
  const options = {
    ...served,
    socketPath: socketIn(folder),
    listen: listen === null ? null : parseListen(listen),
    token: await loadToken(tokenFile ?? join(folder, 'token'), { make: tokenFile === null }),
    hosts,
    tls: serverTls(config),
    allowPlain,
    logger,
  }
  const server = await startServer(options).catch((error: unknown) => {
    // Nobody asked for this port: a second daemon on the host goes without it.
    if (!(error instanceof PortTaken) || listen !== DEFAULT_LISTEN) throw error
    logger.warn({ listen }, 'the port of the HTTP API is taken; this daemon answers on its unix socket only')
    return startServer({ ...options, listen: null })
  })
  closers.add('API', () => server.close(GRACE_MS))
  return server
}
