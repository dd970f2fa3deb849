import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HOSTILE_TEXT, hasUnshowable } from '../../../test/hostile-text.ts'
import { START_MS } from '../../../test/response/harness.ts'
import type { Action, ConnectorResult, Selector } from '../../model/action.ts'
import type { RecipeConnector } from './connector.ts'
import { loadConnectors } from './load.ts'
import { readRecipe } from './recipe.ts'

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

let server: Server
let folder = ''
let seen: Seen[] = []
let answer: (request: Seen, response: ServerResponse) => void
const opened: RecipeConnector[] = []
let now = START_MS

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-recipe-'))
  seen = []
  now = START_MS
  answer = (_, response) => void response.writeHead(200).end('{"id":7}')
  server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      const got = { method: request.method!, url: request.url!, headers: request.headers, body }
      seen.push(got)
      answer(got, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((connector) => connector.close()))
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true, force: true })
})

const origin = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

async function connector(
  recipe: string,
  params: Record<string, string> = {},
  secrets: Record<string, string> = {},
): Promise<RecipeConnector> {
  let which = recipe
  if (recipe.includes('\n')) {
    which = './own.yaml'
    writeFileSync(join(folder, 'own.yaml'), recipe)
  }
  const setting = {
    recipe: which,
    params: { url: `${origin()}/base`, ...params },
    secret_env: Object.fromEntries(Object.keys(secrets).map((key) => [key, key])),
    secret_file: {},
  }
  const loaded = await loadConnectors({ edge: setting }, { env: secrets, folder, nowMs: () => now })
  opened.push(...loaded.values())
  return loaded.get('edge')!
}

function action(target: Selector, over: Partial<Action> = {}): Action {
  return {
    id: 'a1',
    incidentId: 'i1',
    policy: 'bruteforce',
    step: 'ban',
    connector: 'edge',
    target,
    mode: 'enforce',
    simulated: false,
    state: 'dispatched',
    reason: 'Password guessing: 400 failed logins',
    idempotencyKey: 'k1',
    proposedAtMs: START_MS,
    leaseUntilMs: START_MS + 900_000,
    ttlMs: 900_000,
    attempts: 1,
    error: null,
    receipt: {},
    history: [],
    ...over,
  }
}

const ip: Selector = { kind: 'ip', value: '203.0.113.9' }
function send(
  to: RecipeConnector,
  operation: 'apply' | 'revert',
  what: Action,
  signal = new AbortController().signal,
): Promise<ConnectorResult> {
  return to[operation]({ action: what, incident: null, signal })
}

function recipe(apply: string, revert = 'method: DELETE\n  path: [x]\n  success: {status: [200]}', more = ''): string {
  return `apiVersion: offpath.dev/v1
kind: Connector
metadata: {id: own, title: Own}
accepts: [ip, cidr, user, service]
${more}
apply:
  ${apply}
revert:
  ${revert}
`
}

describe('generic-http', () => {
  test('posts what to do and then what to take back, each with a key of its own', async () => {
    const edge = await connector('generic-http', {}, { token: 's3cret' })
    expect(await send(edge, 'apply', action(ip))).toEqual({ ok: true, receipt: {} })
    now += 600_000
    expect(await send(edge, 'revert', action(ip, { state: 'reverting' }))).toEqual({ ok: true, receipt: {} })
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(['POST /base', 'POST /base'])
    expect(seen[0]!.headers).toMatchObject({ authorization: 'Bearer s3cret', 'content-type': 'application/json' })
    expect(seen.map(({ headers }) => headers['idempotency-key'])).toEqual(['k1', 'k1.revert'])
    expect(JSON.parse(seen[0]!.body)).toEqual({
      operation: 'apply',
      action_id: 'a1',
      incident_id: 'i1',
      policy: 'bruteforce',
      step: 'ban',
      target: { kind: 'ip', value: '203.0.113.9' },
      lease_until: '2026-11-21T20:15:00Z',
      duration_seconds: 900,
      reason: 'Password guessing: 400 failed logins',
    })
    expect(JSON.parse(seen[1]!.body)).toMatchObject({ operation: 'revert', duration_seconds: 300 })
  })
})

describe('a value', () => {
  const everywhere = recipe(`method: PUT
  path: [u, '{target_value}']
  query: {who: 'x {target_value}'}
  body: {who: '{target_value}', 'a"b': ['is {target_value}', '{duration_seconds}', 'in {duration}']}
  success: {status: [200]}`)

  test('stays in its place, whatever it is', async () => {
    const edge = await connector(everywhere)
    for (const value of ['a/../b', 'a?b#c', 'a&b=c', '"}, {"', '%2e%2e%2f', 'ä €', "'; drop", '{policy}']) {
      expect(await send(edge, 'apply', action({ kind: 'user', value }))).toMatchObject({ ok: true })
      const got = seen.at(-1)!
      const url = new URL(got.url, origin())
      expect(url.pathname.split('/').slice(1, 3)).toEqual(['base', 'u'])
      expect(url.pathname.split('/').slice(3).map(decodeURIComponent)).toEqual([value])
      expect([...url.searchParams]).toEqual([['who', `x ${value}`]])
      expect(JSON.parse(got.body)).toEqual({ who: value, 'a"b': [`is ${value}`, 900, 'in 900s'] })
    }
  })

  test('that is navigation, invisible, or not of its type stops the action, and nothing is sent', async () => {
    const edge = await connector(everywhere)
    const hostile = HOSTILE_TEXT.filter(({ text }) => hasUnshowable(text)).map(({ text }) => text)
    expect(hostile.length).toBeGreaterThan(10)
    for (const value of ['.', '..', 'x'.repeat(257), ...hostile]) {
      const result = await send(edge, 'apply', action({ kind: 'user', value }))
      expect([value, result]).toMatchObject([value, { ok: false, retry: false, uncertain: false }])
    }
    const typed = await connector(
      recipe(`method: PUT
  path: ['{ip}']
  headers: {x-who: '{target_value}'}
  success: {status: [200]}`),
    )
    for (const target of [
      { kind: 'ip', value: '203.0.113.9/24' },
      { kind: 'ip', value: 'localhost' },
      { kind: 'user', value: '203.0.113.9' },
    ] as const) {
      expect(await send(typed, 'apply', action(target))).toMatchObject({ ok: false, retry: false })
    }
    const principal = await connector(
      recipe(`method: PUT
  path: ['{principal}']
  success: {status: [200]}`),
    )
    expect(await send(principal, 'apply', action({ kind: 'user', value: 'hmac:5b1e' }))).toMatchObject({ ok: false })
    expect(seen).toEqual([])
  })

  test('that is no header value stops the action', async () => {
    const edge = await connector(
      recipe(`method: PUT
  path: [x]
  headers: {x-who: '{target_value}'}
  success: {status: [200]}`),
    )
    expect(await send(edge, 'apply', action({ kind: 'user', value: 'ä' }))).toMatchObject({ ok: false, retry: false })
    expect(seen).toEqual([])
  })

  test('of a receipt comes back at revert, and its absence is told', async () => {
    const edge = await connector(
      recipe(
        'method: POST\n  path: [x]\n  success: {status: [200]}\n  receipt: {id: /id}',
        "method: DELETE\n  path: ['{receipt.id}']\n  success: {status: [200, 404]}",
      ),
    )
    expect(await send(edge, 'apply', action(ip))).toEqual({ ok: true, receipt: { id: '7' } })
    answer = (_, response) => void response.writeHead(404).end()
    expect(await send(edge, 'revert', action(ip, { receipt: { id: 'a/b' } }))).toMatchObject({ ok: true })
    expect(seen.at(-1)!.url).toBe('/base/a%2Fb')
    const lost = await send(edge, 'revert', action(ip))
    expect(lost).toMatchObject({ ok: false, error: 'edge: {receipt.id}: the action has no such value' })
  })
})

describe('an answer', () => {
  const plain = recipe('method: POST\n  path: [x]\n  success: {status: [200], json: {pointer: /ok, equals: true}}')
  test.each([
    [200, '{"ok":true}', { ok: true }],
    [200, '{"ok":false}', { ok: false, retry: true, uncertain: true }],
    [200, 'no json', { ok: false, retry: true, uncertain: true }],
    [302, '', { ok: false, retry: false, uncertain: false, error: 'edge: status 302: redirects are not followed' }],
    [403, 'no\x1b[31m', { ok: false, retry: false, uncertain: false, error: 'edge: status 403: no\\x1b[31m' }],
    [429, '', { ok: false, retry: true, uncertain: false, retryAfterMs: 7000 }],
    [503, '', { ok: false, retry: true, uncertain: true }],
  ])('of status %d with %j is judged', async (status, body, expected) => {
    const edge = await connector(plain)
    answer = (_, response) => void response.writeHead(status, { 'retry-after': '7', location: '/other' }).end(body)
    expect(await send(edge, 'apply', action(ip))).toMatchObject(expected)
    expect(seen.length).toBe(1)
  })

  test('that is lost may have been a yes; one that could not be asked for was not', async () => {
    const edge = await connector(plain)
    answer = (_, response) => void response.destroy()
    expect(await send(edge, 'apply', action(ip))).toMatchObject({ ok: false, retry: true, uncertain: true })
    answer = (_, response) => void response.writeHead(200).end(`"${'x'.repeat(300_000)}"`)
    expect(await send(edge, 'apply', action(ip))).toMatchObject({ ok: false, retry: true, uncertain: true })
    const nobody = await connector(plain, { url: 'http://127.0.0.1:1' })
    expect(await send(nobody, 'apply', action(ip))).toMatchObject({ ok: false, retry: true, uncertain: false })
  })

  test('that does not come is not waited for', async () => {
    const edge = await connector(plain, { timeout_seconds: '1' })
    answer = () => undefined
    const begun = performance.now()
    expect(await send(edge, 'apply', action(ip))).toMatchObject({
      ok: false,
      uncertain: true,
      error: 'edge: no answer in time',
    })
    expect(performance.now() - begun).toBeLessThan(6000)
    expect(await send(edge, 'apply', action(ip), AbortSignal.timeout(20))).toMatchObject({ ok: false, uncertain: true })
  })

  test('that repeats a secret is shown without it', async () => {
    const edge = await connector('generic-http', {}, { token: 's3cret-t0ken' })
    answer = ({ headers }, response) => void response.writeHead(400).end(`bad ${headers.authorization}`)
    const result = await send(edge, 'apply', action(ip))
    expect(result).toMatchObject({ ok: false, error: 'edge: status 400: bad Bearer redacted' })
  })
})

test('a login is made once, again when its time is over or it is not taken any more, and once for all who wait', async () => {
  const edge = await connector(
    recipe(
      'method: POST\n  path: [x]\n  success: {status: [200]}',
      undefined,
      `secrets: {password: {description: password}}
login:
  method: POST
  path: [login]
  body: {password: '{secrets.password}'}
  success: {status: [200]}
  token: /token
  valid_seconds: 60
  send: {authorization: 'Bearer {token}'}`,
    ),
    {},
    { password: 'pw' },
  )
  let token = 0
  answer = ({ url, headers }, response) => {
    if (url === '/base/login') response.writeHead(200).end(JSON.stringify({ token: `t${++token}` }))
    else response.writeHead(headers.authorization === `Bearer t${token}` ? 200 : 401).end('{}')
  }
  const both = await Promise.all([send(edge, 'apply', action(ip)), send(edge, 'revert', action(ip))])
  expect(both.map(({ ok }) => ok)).toEqual([true, true])
  expect(token).toBe(1)
  now += 61_000
  expect((await send(edge, 'apply', action(ip))).ok).toBe(true)
  expect(token).toBe(2)
  token = 10
  expect((await send(edge, 'apply', action(ip))).ok).toBe(true)
  expect(token).toBe(11)
  answer = (_, response) => void response.writeHead(401).end()
  expect(await send(edge, 'apply', action(ip))).toMatchObject({ ok: false, retry: false })
})

describe('a recipe', () => {
  const good = 'method: POST\n  path: [x]\n  success: {status: [200]}'
  test.each([
    ['an unknown key', recipe(`${good}\n  retries: 3`), /^own\.yaml:10:12 apply\.retries: unknown key/],
    [
      'an unknown placeholder',
      recipe(good.replace('[x]', "['{host}']")),
      /apply\.path\.0: unknown placeholder \{host\}/,
    ],
    ['a brace', recipe(good.replace('[x]', "['{ip']")), /a brace that belongs to no placeholder/],
    ['a receipt that apply does not keep', recipe(good, good.replace('[x]', "['{receipt.id}']")), /\{receipt\.id\}/],
    [
      'a secret in the path',
      recipe(good.replace('[x]', "['{secrets.token}']"), undefined, 'secrets: {token: {description: t}}'),
      /a secret stands in headers and bodies only/,
    ],
    ['a pointer that is none', recipe(`${good}\n  receipt: {id: id}`), /expected a JSON pointer/],
    ['a key twice', recipe(`${good}\n  path: [y]`), /is no valid YAML/],
  ])('with %s is refused with its place', (_, text, message) => {
    expect(() => readRecipe(text, 'own.yaml')).toThrow(message)
    expect(() => readRecipe(text, 'own.yaml')).toThrow(/^own\.yaml:\d+:\d+ /)
  })

  test('of the documentation can be read', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/response.md'), 'utf8')
    const shown = [...page.matchAll(/```yaml\n(apiVersion.*?)```/gs)].map(([, text]) => text!)
    expect(shown.map((text) => readRecipe(text, 'docs/response.md').metadata.id)).toEqual(['edge'])
  })

  test('is given what it asks for, or the configuration is told to be wrong', async () => {
    await expect(connector('crowdsek')).rejects.toThrow(/no shipped recipe crowdsek; there are crowdsec, generic-http/)
    await expect(connector('generic-http')).rejects.toThrow('response.connectors.edge.secret_env.token: is missing')
    await expect(connector('generic-http', {}, { token: '' })).rejects.toThrow('token is empty or not set')
    await expect(connector('generic-http', { hots: 'x' }, { token: 't' })).rejects.toThrow(
      /params\.hots: unknown parameter/,
    )
    for (const url of ['ftp://x', 'x', 'http://u:p@x', 'http://x?y']) {
      await expect(connector('generic-http', { url }, { token: 't' })).rejects.toMatchObject({
        code: 'OFFPATH_E_CONFIG',
      })
    }
    await expect(connector('generic-http', { ca_file: 'none.pem' }, { token: 't' })).rejects.toThrow('cannot be read')
  })
})
