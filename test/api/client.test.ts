import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { ApiClient } from '../../daemon/api/client.ts'
import { connectOperations } from '../../daemon/api/connect.ts'
import type { Operations } from '../../daemon/api/operations.ts'
import { OffpathError } from '../../daemon/telemetry/errors.ts'
import { type Running, serveApi } from './api-server.ts'
import { FakeOperations } from './fake-operations.ts'
import { sampleStatus } from './samples.ts'

let server: Running
let client: ApiClient
beforeAll(async () => {
  server = await serveApi({ listen: null })
  client = new ApiClient({ socketPath: server.socketPath })
})
afterAll(() => server.stop())
beforeEach(() => {
  server.operations.asked.length = 0
  server.operations.decided = null
})

const by = { who: 'ada', reason: 'it is an attack' }
const since = '2026-11-21T20:00:00Z'
const CALLS: readonly ((offpath: Operations) => Promise<unknown>)[] = [
  (offpath) => offpath.status(),
  (offpath) => offpath.incidents({ since, status: 'open', min_severity: 'high', policy: 'a b&c=ü', limit: 3 }),
  (offpath) => offpath.incidents({}),
  (offpath) => offpath.incident('inc1'),
  (offpath) => offpath.actions({ incident: 'inc1', live: false, limit: 1000 }),
  (offpath) => offpath.approveAction('act1', by),
  (offpath) => offpath.policies(),
  (offpath) => offpath.reloadPolicies(),
  (offpath) => offpath.deliveries({ state: 'dead', endpoint: 'soc' }),
  (offpath) => offpath.redeliver({ endpoint: 'soc' }),
  (offpath) => offpath.deploys(),
  (offpath) => offpath.markDeploy({ service: 's', version: '2', who: 'ada' }),
  (offpath) => offpath.query({ sql: 'SELECT 1', params: { ids: ['a'], n: 1, b: true }, maxRows: 7 }),
]

test.each(CALLS)('%s: the client asks for the same and is told the same as whoever asks directly', async (call) => {
  const direct = new FakeOperations()
  expect(await call(client)).toEqual(await call(direct))
  expect(server.operations.asked).toEqual(direct.asked)
})

test('errors come back as what they were', async () => {
  await expect(client.incident('none')).rejects.toMatchObject({
    code: 'OFFPATH_E_NOT_FOUND',
    message: 'there is no none',
    remedy: 'ask for the list',
    exitCode: 1,
  })
  await client.approveAction('act1', by)
  await expect(client.denyAction('act1', by)).rejects.toMatchObject({ code: 'OFFPATH_E_STATE' })
  await expect(client.query({ sql: 'DROP TABLE t' })).rejects.toMatchObject({ code: 'OFFPATH_E_QUERY', at: 'sql' })
  server.operations.fault = new OffpathError('OFFPATH_E_POLICY', 'wrong', { at: 'mine.yaml:1:2' })
  await expect(client.reloadPolicies()).rejects.toMatchObject({ code: 'OFFPATH_E_POLICY', at: 'mine.yaml:1:2' })
  await expect(client.incident('not an id')).rejects.toMatchObject({ code: 'OFFPATH_E_USAGE' })
})

test('whoever asks a folder with a daemon asks the daemon', async () => {
  const offpath = await connectOperations({ stateFolder: dirname(server.socketPath), offline: 'refused' })
  expect(offpath.online).toBe(true)
  expect(await offpath.status()).toEqual(sampleStatus())
  await offpath.close()
})

test('no daemon, or one that says nothing sensible, is unreachable', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'offpath-client-'))
  const socketPath = join(folder, 's')
  const lost = new ApiClient({ socketPath, timeoutMs: 200 })
  expect(await lost.reachable()).toBe(false)
  await expect(lost.status()).rejects.toMatchObject({ code: 'OFFPATH_E_UNREACHABLE', exitCode: 69, at: socketPath })
  let answer: string | null = 'no JSON'
  const strange = createServer((_, response) => {
    if (answer !== null) response.end(answer)
  }).listen(socketPath)
  await expect(lost.status()).rejects.toMatchObject({ code: 'OFFPATH_E_UNREACHABLE' })
  answer = null
  await expect(lost.status()).rejects.toMatchObject({ message: expect.stringContaining('no answer in 200 ms') })
  strange.closeAllConnections()
  strange.close()
  rmSync(folder, { recursive: true })
})
