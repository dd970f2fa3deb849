import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type Context, Hono } from 'hono'
import { z } from 'zod'
import type { Logger } from '../telemetry/log.ts'
import { answersTo } from './hosts.ts'
import type { Operations } from './operations.ts'
import { problemOf, RefusedRequest } from './problem.ts'
import { ROUTES, type Route } from './routes.ts'
import { takingTurns } from './turns.ts'

export interface Health {
  readonly live: boolean
  readonly ready: boolean
  /** Why it is not. */
  readonly reasons: readonly string[]
}

export interface AppOptions {
  readonly operations: Operations
  readonly health: () => Health
  readonly metrics: () => Promise<string>
  readonly logger: Logger
  /** Null: whoever can reach it may ask, as over the unix socket. */
  readonly guard: Guard | null
  /** Told about each answer, with the path of its route. */
  readonly observe?: (route: string, status: number, seconds: number) => void
}

export interface Guard {
  readonly token: string
  /** Names in Host besides those of the loopback. */
  readonly hosts: readonly string[]
  /** Whether health and metrics need the token too. */
  readonly probesNeedToken: boolean
}

const MAX_BODY_BYTES = 64 * 1024

/** Nothing of this is for browsers; should one get here, it must neither guess, keep, frame nor run anything. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
}

interface Env {
  Bindings: { incoming: IncomingMessage }
}

/** The API over HTTP: guards, routes and probes. Knows nothing of sockets. */
export function buildApp(options: AppOptions): Hono<Env> {
  const app = new Hono<Env>()
  app.onError((error) => refusal(error, options.logger))
  app.use('*', async (context, next) => {
    const startedAt = performance.now()
    await next()
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.res.headers.set(name, value)
    options.observe?.(routeOf(context.req.path), context.res.status, (performance.now() - startedAt) / 1000)
  })
  if (options.guard !== null) guardWith(app, options.guard)
  for (const route of ROUTES) {
    app.on(route.method, honoPath(route.path), (context) => serve(route, options.operations, context))
  }
  addProbes(app, options)
  for (const [path, methods] of methodsByPath()) {
    app.all(honoPath(path), (context) => {
      throw new RefusedRequest(405, `${context.req.method} is nothing that can be done with it`, {
        at: path,
        remedy: `use ${methods.join(' or ')}`,
        headers: { allow: methods.join(', ') },
      })
    })
  }
  app.notFound(() => {
    const missing = new RefusedRequest(404, 'there is no such route', {
      remedy: 'docs/openapi.json lists those there are',
    })
    return refusal(missing, options.logger)
  })
  return app
}

function guardWith(app: Hono<Env>, { token, hosts, probesNeedToken }: Guard): void {
  const expected = digest(token)
  app.use('*', async (context, next) => {
    if (!answersTo(context.req.header('host'), hosts)) {
      throw new RefusedRequest(421, 'this server does not go by that name', {
        at: 'Host',
        remedy: 'server.hosts lists the names it answers to besides the loopback ones',
      })
    }
    if (
      (probesNeedToken || !PROBES.has(context.req.path)) &&
      !hasToken(context.req.header('authorization'), expected)
    ) {
      throw new RefusedRequest(401, 'the token is missing or wrong', {
        at: 'Authorization',
        remedy: 'send `Authorization: Bearer` with the token of the data folder, or use the unix socket',
        headers: { 'www-authenticate': 'Bearer realm="offpath"' },
      })
    }
    await next()
  })
}

/** In time that says nothing about how much of it was right. */
function hasToken(header: string | undefined, expected: Buffer): boolean {
  const match = /^Bearer ([\x21-\x7e]{1,4096})$/i.exec(header ?? '')
  return match !== null && timingSafeEqual(digest(match[1]!), expected)
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

const PROBES: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics'])

function addProbes(app: Hono<Env>, { health, metrics }: AppOptions): void {
  app.get('/healthz', (context) => {
    const { live, reasons } = health()
    return context.json({ ok: live, reasons: live ? [] : reasons }, live ? 200 : 503)
  })
  app.get('/readyz', (context) => {
    const { ready, reasons } = health()
    return context.json({ ok: ready, reasons }, ready ? 200 : 503)
  })
  app.get('/metrics', async () => {
    return new Response(await metrics(), { headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' } })
  })
}

async function serve(route: Route, operations: Operations, context: Context<Env>): Promise<Response> {
  const { id = '' } = check(route.params, context.req.param(), 'path') as { id?: string }
  const query = check(route.query, readQuery(route.query, new URL(context.req.url).searchParams), 'query')
  const body = route.body === null ? null : check(route.body, await readBody(context.env.incoming), 'body')
  const answer = await route.run(operations, { id, query: query as Record<string, unknown>, body })
  return new Response(await jsonText(answer as object), { headers: { 'content-type': 'application/json' } })
}

/** As JSON.stringify, without holding the event loop over a list of a thousand. */
async function jsonText(answer: object): Promise<string> {
  const turn = takingTurns()
  const fields: string[] = []
  for (const [name, value] of Object.entries(answer)) {
    if (value === undefined) continue
    if (!Array.isArray(value)) {
      fields.push(`${JSON.stringify(name)}:${JSON.stringify(value)}`)
      continue
    }
    const parts: string[] = []
    for (const entry of value as unknown[]) {
      parts.push(JSON.stringify(entry) ?? 'null')
      await turn()
    }
    fields.push(`${JSON.stringify(name)}:[${parts.join(',')}]`)
  }
  return `{${fields.join(',')}}`
}

/** Parameters as what their schemas want: a query knows only text. */
function readQuery(schema: z.ZodObject, given: URLSearchParams): Record<string, unknown> {
  const read: Record<string, unknown> = {}
  for (const [name, text] of given) {
    if (Object.hasOwn(read, name)) throw new RefusedRequest(400, 'a parameter stands there twice', { at: name })
    const field = schema.shape[name]
    const inner = field instanceof z.ZodOptional ? field.unwrap() : field
    if (inner instanceof z.ZodNumber) read[name] = /^\d{1,9}$/.test(text) ? Number(text) : text
    else if (inner instanceof z.ZodBoolean) read[name] = text === 'true' ? true : text === 'false' ? false : text
    else read[name] = text
  }
  return read
}

function check(schema: z.ZodType, value: unknown, place: string): unknown {
  const checked = schema.safeParse(value)
  if (checked.success) return checked.data
  const [issue] = checked.error.issues
  const path = issue === undefined ? '' : issue.path.map(String).join('.')
  throw new RefusedRequest(400, (issue?.message ?? 'that is not what is expected').slice(0, 300), {
    at: path === '' ? place : `${place} ${path.slice(0, 128)}`,
  })
}

/** Straight from the socket: what is too long is not even read. */
async function readBody(incoming: IncomingMessage): Promise<unknown> {
  const type = incoming.headers['content-type'] ?? ''
  if (!/^application\/json(\s*;\s*charset=utf-8)?$/i.test(type)) {
    throw new RefusedRequest(415, 'the body is not application/json', { at: 'Content-Type' })
  }
  if (Number(incoming.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLong()
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of incoming as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > MAX_BODY_BYTES) throw tooLong()
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString())
  } catch {
    throw new RefusedRequest(400, 'the body is not JSON', { at: 'body' })
  }
}

function tooLong(): RefusedRequest {
  // The rest of the body stays unread, so the connection cannot be used again.
  return new RefusedRequest(413, `the body is longer than ${MAX_BODY_BYTES} bytes`, {
    headers: { connection: 'close' },
  })
}

function refusal(error: unknown, logger: Logger): Response {
  const problem = problemOf(error)
  if (problem.status === 500) logger.error({ code: 'api.bug', err: error }, 'a request of the API met a bug')
  const headers = error instanceof RefusedRequest ? error.headers : {}
  return new Response(`${JSON.stringify(problem)}\n`, {
    status: problem.status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  })
}

function honoPath(path: string): string {
  return path.replace('{id}', ':id')
}

function methodsByPath(): ReadonlyMap<string, readonly string[]> {
  const methods = new Map<string, string[]>([...PROBES].map((path) => [path, ['GET', 'HEAD']]))
  for (const { path, method } of ROUTES) {
    methods.set(path, [...(methods.get(path) ?? []), ...(method === 'GET' ? ['GET', 'HEAD'] : [method])])
  }
  return methods
}

const PATTERNS = [...methodsByPath().keys()].map((path) => ({
  path,
  pattern: new RegExp(`^${path.replace('{id}', '[^/]+')}$`),
}))

/** For metrics: never the path as sent. */
function routeOf(path: string): string {
  return PATTERNS.find(({ pattern }) => pattern.test(path))?.path ?? 'none'
}
