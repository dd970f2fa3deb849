import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { request as requestTls } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openApiDocument } from '../../daemon/api/openapi.ts'
import { ROUTES } from '../../daemon/api/routes.ts'
import { PortTaken } from '../../daemon/api/server.ts'
import { OffpathError } from '../../daemon/telemetry/errors.ts'
import { type Answer, type Asked, ask, type Running, serveApi, TOKEN } from './api-server.ts'

interface Said {
  readonly responses: Record<number, { readonly content: Record<string, unknown> }>
}
const document = openApiDocument() as { paths: Record<string, Record<string, Said>> }
const ajv = new Ajv2020({ strict: false, allErrors: true })
formats.default(ajv)
ajv.addSchema(document, 'api')

/** What is wrong with an answer, by the document. */
function faults(method: string, template: string, { status, headers, json }: Answer): unknown {
  const said = document.paths[template]?.[method.toLowerCase()]?.responses[status]
  if (said === undefined) return `${method} ${template} may not say ${status}`
  const type = String(headers['content-type']).split(';')[0]!
  if (said.content[type] === undefined) return `${method} ${template} ${status} may not be ${type}`
  if (json === null) return null
  const pointer = ['paths', template, method.toLowerCase(), 'responses', String(status), 'content', type, 'schema']
  const validate = ajv.getSchema(
    `api#/${pointer.map((part) => encodeURIComponent(part.replace(/~/g, '~0').replace(/\//g, '~1'))).join('/')}`,
  )!
  return validate(json) ? null : validate.errors
}

function codeOf({ json }: Answer): unknown {
  return (json as { code?: string } | null)?.code
}

let server: Running
beforeAll(async () => {
  server = await serveApi()
})
afterAll(() => server.stop())
beforeEach(() => {
  server.operations.asked.length = 0
  server.operations.decided = null
  server.operations.storeAbsent = false
})

const by = { who: 'ada', reason: 'it is an attack' }
const EXAMPLES: Readonly<Record<string, Asked>> = {
  status: { path: '/api/v1/status' },
  incidents: { path: '/api/v1/incidents?limit=5&min_severity=high&since=2026-11-21T20:00:00Z&status=open&policy=p' },
  incident: { path: '/api/v1/incidents/inc1' },
  actions: { path: '/api/v1/actions?live=true&incident=inc1' },
  approveAction: { method: 'POST', path: '/api/v1/actions/act1/approve', body: by },
  denyAction: { method: 'POST', path: '/api/v1/actions/act1/deny', body: by },
  revertAction: { method: 'POST', path: '/api/v1/actions/act1/revert', body: by },
  policies: { path: '/api/v1/policies' },
  reloadPolicies: { method: 'POST', path: '/api/v1/policies/reload' },
  deliveries: { path: '/api/v1/deliveries?state=dead&endpoint=soc' },
  redeliver: { method: 'POST', path: '/api/v1/deliveries/redeliver', body: { event: 'evt1' } },
  query: {
    method: 'POST',
    path: '/api/v1/query',
    body: { sql: 'SELECT {n:UInt8} AS n', params: { n: 1 }, max_rows: 5 },
  },
}

describe.each(['unix', 'tcp'] as const)('over %s', (transport) => {
  test.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s answers as documented',
    async (_, route) => {
      const answer = await ask(server, transport, EXAMPLES[route.operationId]!)
      expect([answer.status, faults(route.method, route.path, answer)]).toEqual([200, null])
      expect(server.operations.asked.length).toBe(1)
    },
  )

  test.each([
    ['an unknown id', 'GET', '/api/v1/incidents/{id}', { path: '/api/v1/incidents/none' }, 404, 'OFFPATH_E_NOT_FOUND'],
    [
      'an id that is none',
      'GET',
      '/api/v1/incidents/{id}',
      { path: '/api/v1/incidents/..%2f..%2fetc' },
      400,
      'OFFPATH_E_USAGE',
    ],
    [
      'an unknown action',
      'POST',
      '/api/v1/actions/{id}/deny',
      { path: '/api/v1/actions/none/deny', body: by },
      404,
      'OFFPATH_E_NOT_FOUND',
    ],
    [
      'an unknown parameter',
      'GET',
      '/api/v1/incidents',
      { path: '/api/v1/incidents?limits=5' },
      400,
      'OFFPATH_E_USAGE',
    ],
    [
      'a parameter twice',
      'GET',
      '/api/v1/incidents',
      { path: '/api/v1/incidents?limit=5&limit=6' },
      400,
      'OFFPATH_E_USAGE',
    ],
    ['a wrong number', 'GET', '/api/v1/incidents', { path: '/api/v1/incidents?limit=-1' }, 400, 'OFFPATH_E_USAGE'],
    [
      'a number that is too great',
      'GET',
      '/api/v1/incidents',
      { path: '/api/v1/incidents?limit=1001' },
      400,
      'OFFPATH_E_USAGE',
    ],
    ['a wrong time', 'GET', '/api/v1/incidents', { path: '/api/v1/incidents?since=yesterday' }, 400, 'OFFPATH_E_USAGE'],
    ['a parameter where there is none', 'GET', '/api/v1/status', { path: '/api/v1/status?x' }, 400, 'OFFPATH_E_USAGE'],
    ['no body', 'POST', '/api/v1/query', { path: '/api/v1/query' }, 415, 'OFFPATH_E_USAGE'],
    ['a body that is not JSON', 'POST', '/api/v1/query', { path: '/api/v1/query', body: '{' }, 400, 'OFFPATH_E_USAGE'],
    [
      'a form',
      'POST',
      '/api/v1/query',
      { path: '/api/v1/query', body: '{}', headers: { 'content-type': 'text/plain' } },
      415,
      'OFFPATH_E_USAGE',
    ],
    [
      'an unknown key',
      'POST',
      '/api/v1/query',
      { path: '/api/v1/query', body: { sql: 'SELECT 1', format: 'CSV' } },
      400,
      'OFFPATH_E_USAGE',
    ],
    [
      'a decision without a reason',
      'POST',
      '/api/v1/actions/{id}/deny',
      { path: '/api/v1/actions/act1/deny', body: { who: 'ada' } },
      400,
      'OFFPATH_E_USAGE',
    ],
    [
      'nothing to redeliver',
      'POST',
      '/api/v1/deliveries/redeliver',
      { path: '/api/v1/deliveries/redeliver', body: {} },
      400,
      'OFFPATH_E_USAGE',
    ],
    [
      'a query that is refused',
      'POST',
      '/api/v1/query',
      { path: '/api/v1/query', body: { sql: 'DROP TABLE t' } },
      400,
      'OFFPATH_E_QUERY',
    ],
    [
      'a body that is too long',
      'POST',
      '/api/v1/query',
      { path: '/api/v1/query', body: { sql: 'x'.repeat(70_000) } },
      413,
      'OFFPATH_E_USAGE',
    ],
  ])('%s is a problem', async (_, method, template, asked, status, code) => {
    const answer = await ask(server, transport, { method, ...asked })
    expect([answer.status, codeOf(answer), faults(method, template, answer)]).toEqual([status, code, null])
    expect(answer.headers['content-type']).toBe('application/problem+json')
  })

  test('a long body in chunks is cut off too', async () => {
    const headers = { 'transfer-encoding': 'chunked' }
    const body = 'x'.repeat(300_000)
    // The answer may be lost to the reset that the unread rest of the body causes.
    const answer = await ask(server, transport, { method: 'POST', path: '/api/v1/query', body, headers }).catch(
      () => null,
    )
    if (answer !== null) expect(answer.status).toBe(413)
    expect(server.operations.asked).toEqual([])
  })

  test('a decision that comes too late is a conflict', async () => {
    await ask(server, transport, EXAMPLES.approveAction!)
    const answer = await ask(server, transport, EXAMPLES.denyAction!)
    expect([answer.status, codeOf(answer)]).toEqual([409, 'OFFPATH_E_STATE'])
    expect(faults('POST', '/api/v1/actions/{id}/deny', answer)).toBeNull()
  })

  test('without a store a query is unavailable', async () => {
    server.operations.storeAbsent = true
    const answer = await ask(server, transport, EXAMPLES.query!)
    expect([answer.status, codeOf(answer)]).toEqual([503, 'OFFPATH_E_STORE'])
    expect(answer.json).toMatchObject({ remedy: 'store.enabled', detail: 'there is no store' })
  })

  test('policy files that are wrong are said with their place', async () => {
    server.operations.fault = new OffpathError('OFFPATH_E_POLICY', 'unknown detector', { at: 'mine.yaml:3:4' })
    const answer = await ask(server, transport, EXAMPLES.reloadPolicies!)
    expect(answer.status).toBe(422)
    expect(answer.json).toMatchObject({ code: 'OFFPATH_E_POLICY', at: 'mine.yaml:3:4' })
  })

  test('a bug says nothing of itself but in the log', async () => {
    server.operations.fault = new TypeError('inner detail')
    const answer = await ask(server, transport, EXAMPLES.status!)
    expect([answer.status, faults('GET', '/api/v1/status', answer)]).toEqual([500, null])
    expect(answer.text).not.toContain('inner detail')
    expect(server.log.join('')).toContain('inner detail')
  })

  test('HEAD is GET without the body; what else there is, is said', async () => {
    const head = await ask(server, transport, { method: 'HEAD', path: '/api/v1/status' })
    expect([head.status, head.text]).toEqual([200, ''])
    for (const method of ['OPTIONS', 'DELETE', 'PUT', 'PATCH', 'POST']) {
      const answer = await ask(server, transport, {
        method,
        path: '/api/v1/status',
        headers: { origin: 'http://evil.test' },
      })
      expect([method, answer.status, answer.headers.allow]).toEqual([method, 405, 'GET, HEAD'])
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
    const get = await ask(server, transport, { path: '/api/v1/query' })
    expect([get.status, get.headers.allow]).toEqual([405, 'POST'])
    expect((await ask(server, transport, { path: '/api/v1/none' })).status).toBe(404)
    expect((await ask(server, transport, { path: '/api/v1/status/' })).status).toBe(404)
  })

  test('every answer is safe from browsers', async () => {
    for (const path of ['/api/v1/status', '/api/v1/none', '/healthz', '/metrics', '/api/v1/incidents?x']) {
      expect((await ask(server, transport, { path })).headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        'content-security-policy': expect.stringContaining("default-src 'none'"),
      })
    }
  })
})

test.each([
  ['none', undefined],
  ['a wrong one', 'Bearer test-token-0123456789-abcdefghijl'],
  ['a part of it', 'Bearer test-token'],
  ['another scheme', 'Basic dGVzdA=='],
  ['an empty one', 'Bearer '],
])('over TCP the token is needed, reads included: %s', async (_, authorization) => {
  for (const route of ROUTES) {
    const { method = 'GET', path, body } = EXAMPLES[route.operationId]!
    const answer = await ask(server, 'tcp', { method, path, body, headers: { authorization: authorization ?? '' } })
    expect([answer.status, faults(route.method, route.path, answer)]).toEqual([401, null])
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/)
  }
  expect(
    (await ask(server, 'tcp', { path: '/api/v1/none', headers: { authorization: authorization ?? '' } })).status,
  ).toBe(401)
  expect(server.operations.asked).toEqual([])
})

test.each([
  ['localhost', 200],
  ['LOCALHOST:7710', 200],
  ['127.0.0.1:1', 200],
  ['127.9.9.9', 200],
  ['[::1]:7710', 200],
  ['offpath.example.test', 200],
  ['Offpath.Example.Test:80', 200],
  ['evil.test', 421],
  ['localhost.evil.test', 421],
  ['127.0.0.1.evil.test', 421],
  ['evil.test#localhost', 400],
  ['user@localhost', 400],
  ['192.0.2.1', 421],
])('Host %s gets %i', async (host, status) => {
  const answer = await ask(server, 'tcp', { path: '/api/v1/status', headers: { host } })
  expect(answer.status).toBe(status)
  expect((await ask(server, 'tcp', { path: '/metrics', headers: { host } })).status).toBe(status)
})

test('health, readiness and metrics need no token on the loopback', async () => {
  const ill = await serveApi({ health: () => ({ live: true, ready: false, reasons: ['the store is down'] }) })
  const nobody = { authorization: '' }
  for (const path of ['/healthz', '/readyz']) {
    const well = await ask(server, 'tcp', { path, headers: nobody })
    expect([well.status, well.json, faults('GET', path, well)]).toEqual([200, { ok: true, reasons: [] }, null])
  }
  expect((await ask(ill, 'tcp', { path: '/healthz', headers: nobody })).status).toBe(200)
  const answer = await ask(ill, 'unix', { path: '/readyz' })
  expect([answer.status, answer.json]).toEqual([503, { ok: false, reasons: ['the store is down'] }])
  const metrics = await ask(server, 'tcp', { path: '/metrics', headers: nobody })
  expect([metrics.status, metrics.text, faults('GET', '/metrics', metrics)]).toEqual([200, 'offpath_up 1\n', null])
  await ill.stop()
})

test('beyond the loopback nothing is said without the token', async () => {
  const open = await serveApi({ listen: { host: '0.0.0.0', port: 0 }, allowPlain: true })
  for (const path of ['/healthz', '/readyz', '/metrics', '/api/v1/status']) {
    expect((await ask(open, 'tcp', { path, headers: { authorization: '' } })).status).toBe(401)
    expect((await ask(open, 'tcp', { path })).status).toBe(200)
  }
  await open.stop()
})

test('beyond the loopback it does not start in plain text', async () => {
  await expect(serveApi({ listen: { host: '0.0.0.0', port: 0 } })).rejects.toMatchObject({
    code: 'OFFPATH_E_CONFIG',
    at: 'server.listen',
  })
  await expect(
    serveApi({ listen: { host: '0.0.0.0', port: 0 }, tls: { cert: 'no', key: 'no' } }),
  ).rejects.toMatchObject({ code: 'OFFPATH_E_CONFIG', at: 'server.tls_cert_file' })
})

test('a head or body that never comes ends the connection', async () => {
  const impatient = await serveApi({ limits: { headersMs: 200, requestMs: 400 } })
  const to = { host: '127.0.0.1', port: Number(new URL(impatient.address!).port) }
  const head = 'POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\n'
  for (const sent of [
    head,
    `${head}Authorization: Bearer test-token-0123456789-abcdefghijk\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{`,
  ]) {
    const socket = connect(to)
    socket.write(sent)
    let answered = ''
    socket.setEncoding('utf8').on('data', (text) => {
      answered += text
    })
    await new Promise((resolve) => socket.on('close', resolve))
    expect(answered).toMatch(/^HTTP\/1\.1 408/)
  }
  expect(impatient.operations.asked).toEqual([])
  await impatient.stop()
})

test('connections are limited', async () => {
  const small = await serveApi({ limits: { connections: 2 } })
  const port = Number(new URL(small.address!).port)
  const held = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
  await Promise.all(held.map((socket) => new Promise((resolve) => socket.on('connect', resolve))))
  await expect(ask(small, 'tcp', { path: '/healthz' })).rejects.toThrow()
  expect((await ask(small, 'unix', { path: '/healthz' })).status).toBe(200)
  for (const socket of held) socket.destroy()
  await small.stop()
})

test('the socket is for its owner, and goes with the server', async () => {
  const one = await serveApi({ listen: null })
  expect(one.address).toBeNull()
  expect(statSync(one.socketPath).mode & 0o777).toBe(0o600)
  await expect(serveApi({ socketPath: one.socketPath })).rejects.toMatchObject({ code: 'OFFPATH_E_RUNNING' })
  expect((await ask(one, 'unix', { path: '/healthz' })).status).toBe(200)
  await one.close(0)
  expect(existsSync(one.socketPath)).toBe(false)
  await one.stop()
})

test('a socket that was left behind is replaced; a file is not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'offpath-stale-'))
  const socketPath = join(folder, 'offpath.sock')
  const killed = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', killed, socketPath])
  expect(statSync(socketPath).isSocket()).toBe(true)
  const replaced = await serveApi({ socketPath })
  expect((await ask({ ...replaced, socketPath }, 'unix', { path: '/healthz' })).status).toBe(200)
  await replaced.stop()
  writeFileSync(socketPath, 'mine')
  await expect(serveApi({ socketPath })).rejects.toMatchObject({ code: 'OFFPATH_E_DATA_FOLDER', at: socketPath })
  rmSync(folder, { recursive: true })
})

test('a port that is taken has an error of its own, and the socket is not left', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => other.on('listening', resolve))
  const { port } = other.address() as AddressInfo
  const folder = mkdtempSync(join(tmpdir(), 'offpath-taken-'))
  const socketPath = join(folder, 'offpath.sock')
  await expect(serveApi({ socketPath, listen: { host: '127.0.0.1', port } })).rejects.toBeInstanceOf(PortTaken)
  expect(existsSync(socketPath)).toBe(false)
  other.close()
  rmSync(folder, { recursive: true })
})

/** What comes back for bytes that are sent as they are, up to the end of the connection. */
function sendRaw(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(server.address!).port), '127.0.0.1')
    let back = ''
    socket.setEncoding('latin1').on('data', (text) => {
      back += text
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(back))
    socket.end(bytes, 'latin1')
  })
}

const AUTHORIZED = `Host: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: close\r\n`

test.each([
  ['garbage', '\x16\x03\x01\x02\x00\xff\xfe\r\n\r\n', 400],
  ['no Host', `GET /api/v1/status HTTP/1.1\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`, 400],
  ['two lengths', `POST /api/v1/query HTTP/1.1\r\n${AUTHORIZED}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, 400],
  [
    'a length beside chunks',
    `POST /api/v1/query HTTP/1.1\r\n${AUTHORIZED}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  ['a head that is too long', `GET /api/v1/status HTTP/1.1\r\n${AUTHORIZED}X: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ['broken percent-encoding', `GET /api/v1/incidents/%E0%A4%A HTTP/1.1\r\n${AUTHORIZED}\r\n`, 400],
  [
    'a target with another host',
    `GET http://evil.test/api/v1/status HTTP/1.1\r\nHost: evil.test\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`,
    421,
  ],
  ['two hosts', `GET /api/v1/status HTTP/1.1\r\n${AUTHORIZED}Host: evil.test\r\n\r\n`, 421],
  ['a tunnel', `CONNECT evil.test:80 HTTP/1.1\r\n${AUTHORIZED}\r\n`, 0],
])('%s is refused, and the server goes on', async (_, bytes, status) => {
  const back = await sendRaw(bytes)
  expect(Number(/^HTTP\/1\.1 (\d+)/.exec(back)?.[1] ?? 0)).toBe(status)
  expect(server.operations.asked).toEqual([])
  expect((await ask(server, 'tcp', { path: '/healthz' })).status).toBe(200)
})

test('a long list, which is made in parts, is the same list', async () => {
  const columns = [{ name: 'n', type: 'String' }]
  const query = server.operations.query.bind(server.operations)
  for (const length of [50, 51, 100, 151, 3000]) {
    const rows = Array.from({ length }, (_, row) => [`value "${row}"`, row, null])
    server.operations.query = async () => ({ columns, rows, cut: true, elapsedMs: 1 })
    const answer = await ask(server, 'tcp', EXAMPLES.query!)
    expect(answer.json).toEqual({ columns, rows, cut: true, elapsed_ms: 1 })
  }
  server.operations.query = query
})

test('over TLS', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'offpath-tls-'))
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  spawnSync('openssl', ['req', '-x509', ...kind, ...names, '-keyout', key, '-out', cert])
  const pem = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  const secure = await serveApi({ listen: { host: '0.0.0.0', port: 0 }, tls: pem })
  expect(secure.address).toMatch(/^https:/)
  const to = { host: '127.0.0.1', port: new URL(secure.address!).port, servername: 'localhost', ca: pem.cert }
  const headers = { host: 'localhost', authorization: `Bearer ${TOKEN}` }
  const status = await new Promise((resolve, reject) => {
    const asked = requestTls({ ...to, path: '/api/v1/status', headers, agent: false }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
    asked.on('error', reject)
    asked.end()
  })
  expect(status).toBe(200)
  await secure.stop()
  rmSync(folder, { recursive: true })
})

test('closing waits for what is under way, as long as it was told', async () => {
  let finish: (text: string) => void = () => undefined
  const slow = await serveApi({ metrics: () => new Promise((resolve) => (finish = resolve)) })
  const answer = ask(slow, 'unix', { path: '/metrics' })
  await new Promise((resolve) => setTimeout(resolve, 50))
  const closed = slow.close(5000)
  finish('late 1\n')
  expect((await answer).text).toBe('late 1\n')
  await closed
  const stuck = await serveApi({ metrics: () => new Promise(() => undefined) })
  const never = ask(stuck, 'unix', { path: '/metrics' }).catch((error: Error) => error)
  await new Promise((resolve) => setTimeout(resolve, 50))
  await stuck.close(50)
  expect(await never).toBeInstanceOf(Error)
  await slow.stop()
  await stuck.stop()
})
