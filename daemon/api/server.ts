import { once } from 'node:events'
import { lstat, unlink } from 'node:fs/promises'
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { OffpathError } from '../telemetry/errors.ts'
import type { Logger } from '../telemetry/log.ts'
import { type AppOptions, buildApp, type Health } from './app.ts'
import { ownedAsFolder } from './data-folder.ts'
import { isLoopback, type ListenAddress } from './hosts.ts'
import type { Operations } from './operations.ts'

export interface ApiServerOptions {
  readonly operations: Operations
  readonly health: () => Health
  readonly metrics: () => Promise<string>
  /** In the data folder, whose lock the caller holds: `socketIn`. */
  readonly socketPath: string
  /** Null: only the socket. Port 0: any. */
  readonly listen: ListenAddress | null
  readonly token: string
  readonly hosts: readonly string[]
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string } | null
  readonly allowPlain: boolean
  readonly logger: Logger
  readonly observe?: NonNullable<AppOptions['observe']>
  readonly limits?: Partial<typeof LIMITS>
}

export interface ApiServer {
  /** `http://127.0.0.1:7710`; null without one. */
  readonly address: string | null
  /** Takes no more requests, and waits up to `graceMs` for those under way. */
  close(graceMs: number): Promise<void>
}

/** Another program listens there. Whether that matters is for the caller to say. */
export class PortTaken extends OffpathError {
  constructor({ host, port }: ListenAddress, cause: unknown) {
    super('OFFPATH_E_CONFIG', `port ${port} of ${host} is taken`, {
      at: 'server.listen',
      remedy: 'another port, or null for the unix socket alone',
      cause,
    })
  }
}

const LIMITS = {
  /** Connections of each listener at once. */
  connections: 64,
  headersMs: 10_000,
  /** The whole request, body included. */
  requestMs: 15_000,
  /** A reader that takes nothing for this long is let go. */
  idleMs: 60_000,
  keepAliveMs: 5000,
}

/** Serves the API on the unix socket (mode 0600, no token) and, if asked, over TCP (token, Host checked). */
export async function startServer(options: ApiServerOptions): Promise<ApiServer> {
  const { listen, socketPath } = options
  if (listen !== null) checkExposure(listen, options)
  const servers: Server[] = []
  try {
    await removeStaleSocket(socketPath)
    servers.push(await listenOnSocket(makeServer({ ...options, guard: null }, options), socketPath))
    if (listen !== null) servers.push(await listenOnPort(guardedServer(listen, options), listen))
  } catch (error) {
    await Promise.all(servers.map((server) => shut(server, 0)))
    throw error
  }
  return {
    address: listen === null ? null : addressOf(servers[1]!, listen, options.tls !== null),
    close: async (graceMs) => {
      await Promise.all(servers.map((server) => shut(server, graceMs)))
    },
  }
}

function checkExposure({ host }: ListenAddress, { tls, allowPlain }: ApiServerOptions): void {
  if (isLoopback(host) || tls !== null || allowPlain) return
  throw new OffpathError(
    'OFFPATH_E_CONFIG',
    `${host} is no loopback address, and there is no TLS: the token could be read`,
    {
      at: 'server.listen',
      remedy: 'server.tls_cert_file and server.tls_key_file, or server.allow_plain: true behind a proxy that has TLS',
    },
  )
}

function guardedServer(listen: ListenAddress, options: ApiServerOptions): Server {
  const guard = {
    token: options.token,
    hosts: isLoopback(listen.host) ? options.hosts : [...options.hosts, listen.host],
    probesNeedToken: !isLoopback(listen.host),
  }
  return makeServer({ ...options, guard }, options, options.tls)
}

function makeServer(
  app: AppOptions,
  { limits, logger }: ApiServerOptions,
  tls: ApiServerOptions['tls'] = null,
): Server {
  const { connections, headersMs, requestMs, idleMs, keepAliveMs } = { ...LIMITS, ...limits }
  const serverOptions: ServerOptions = {
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: Math.min(1000, headersMs),
    maxHeaderSize: 16 * 1024,
  }
  const listener = getRequestListener(buildApp(app).fetch as Parameters<typeof getRequestListener>[0], {
    overrideGlobalObjects: false,
  }) as RequestListener
  const server =
    tls === null
      ? createServer(serverOptions, listener)
      : withTls(() => createTlsServer({ ...serverOptions, ...tls, minVersion: 'TLSv1.2' }, listener))
  server.maxConnections = connections
  server.setTimeout(idleMs)
  server.on('drop', () =>
    logger.warn({ code: 'api.connections' }, 'a connection to the API was refused: there are too many'),
  )
  return server
}

function withTls(make: () => Server): Server {
  try {
    return make()
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_CONFIG', `certificate and key cannot be used: ${(cause as Error).message}`, {
      at: 'server.tls_cert_file',
      remedy: 'PEM files that belong together',
      cause,
    })
  }
}

/** What a daemon left that was killed. One that answers is alive, whatever the lock says (it may be in another pid namespace). */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (found === null) return
  if (!found.isSocket()) {
    throw new OffpathError('OFFPATH_E_DATA_FOLDER', 'something that is no socket stands where the socket belongs', {
      at: path,
      remedy: 'move it away',
    })
  }
  if (await answers(path)) {
    throw new OffpathError('OFFPATH_E_RUNNING', 'another daemon answers on the socket of this data folder', {
      at: path,
      remedy: 'stop it, or give this one a state.folder of its own',
    })
  }
  await unlink(path)
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const done = (alive: boolean) => {
      socket.destroy()
      resolve(alive)
    }
    socket.on('connect', () => done(true))
    socket.on('error', () => done(false))
    // A full queue of connections is somebody's too.
    socket.setTimeout(1000, () => done(true))
  })
}

async function listenOnSocket(server: Server, path: string): Promise<Server> {
  // bind(2) makes the file, with the umask, before listen returns: there is no moment in which it is open to others.
  const before = process.umask(0o177)
  try {
    server.listen(path)
  } finally {
    process.umask(before)
  }
  await listening(server).catch((cause: NodeJS.ErrnoException) => {
    throw new OffpathError('OFFPATH_E_DATA_FOLDER', `the socket cannot be made: ${cause.code ?? cause.message}`, {
      at: path,
      remedy: 'a data folder on a local file system',
      cause,
    })
  })
  await ownedAsFolder(path)
  return server
}

async function listenOnPort(server: Server, address: ListenAddress): Promise<Server> {
  server.listen(address.port, address.host)
  await listening(server).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EADDRINUSE') throw new PortTaken(address, cause)
    throw new OffpathError(
      'OFFPATH_E_CONFIG',
      `it is impossible to listen on ${address.host}: ${cause.code ?? cause.message}`,
      {
        at: 'server.listen',
        remedy: 'an address of this host, and a port that this user may use',
        cause,
      },
    )
  })
  return server
}

async function listening(server: Server): Promise<void> {
  await once(server, 'listening')
  // What goes wrong later concerns one connection, not the daemon.
  server.on('error', () => undefined)
}

function addressOf(server: Server, { host }: ListenAddress, tls: boolean): string {
  const { port } = server.address() as AddressInfo
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

async function shut(server: Server, graceMs: number): Promise<void> {
  if (!server.listening) return
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearTimeout(timer)
}
