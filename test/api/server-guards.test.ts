import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { request as requestTls } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { ROUTES } from '../../daemon/api/routes.ts'
import { PortTaken } from '../../daemon/api/server.ts'
import { ask, type Running, serveApi, TOKEN } from './api-server.ts'
import { EXAMPLES, faults } from './documented.ts'

let server: Running
beforeAll(async () => {
  server = await serveApi()
})
afterAll(() => server.stop())
beforeEach(() => {
  server.operations.asked.length = 0
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
