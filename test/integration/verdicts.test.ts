import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type {
  ActionJson,
  IncidentDetailJson,
  IncidentJson,
  JudgedJson,
  PolicyJson,
  StatusJson,
} from '../../daemon/api/operations.ts'
import { DaemonFolder, until } from './daemon-process.ts'
import { enforcingPolicy } from './enforcing-policy.ts'
import { ensureBuilt } from './program.ts'

/** What people say of incidents, to the daemon as they run it, over a kill. */
const whyNot = process.getuid?.() === 0 ? null : 'needs root to capture on the loopback'
if (whyNot !== null) console.warn(`skipped: verdicts on the loopback: ${whyNot}`)

/** Two false incidents a week are one too many. */
const ENFORCING = enforcingPolicy('10m')

let folder: DaemonFolder
let server: Server
let port = 0

beforeAll(ensureBuilt)

beforeEach(async () => {
  folder = new DaemonFolder()
  folder.environment.HOOK_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.statusCode = request.url === '/hook' ? 204 : 401
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
  mkdirSync(join(folder.path, 'policies'))
  writeFileSync(join(folder.path, 'policies', 'own.yaml'), ENFORCING)
  folder.configure({
    sources: [{ kind: 'pcap', interface: 'lo', filter: `tcp port ${port}` }],
    sinks: { webhook: [{ name: 'hook', url: `http://127.0.0.1:${port}/hook`, secret_env: 'HOOK_SECRET' }] },
    policies: { folder: './policies' },
    identity: { trusted_hops: ['127.0.0.0/8'] },
  })
})

afterEach(async () => {
  await folder.remove()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

async function guess(account: string, source: string): Promise<void> {
  for (let i = 0; i < 30; i++) {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': source },
      body: JSON.stringify({ username: account, password: `wrong-${i}` }),
    })
    await answer.text()
  }
}

const incidents = () => folder.json<IncidentJson[]>('incident', 'list')
const actions = () => folder.json<ActionJson[]>('action', 'list')
const ours = async () => (await folder.json<PolicyJson[]>('policy', 'list')).find(({ id }) => id === 'auth-bruteforce')!
const judge = (id: string, verdict: string) =>
  folder.json<JudgedJson>('verdict', id, verdict, '--reason', 'a forgotten password')

test.skipIf(whyNot !== null)(
  'false incidents are closed, their actions end, and the second one costs the policy its mode until somebody gives it back',
  { timeout: 60_000 },
  async () => {
    const first = folder.start()
    await first.ready()
    await guess('ada', '203.0.113.9')
    await guess('bob', '203.0.113.10')
    await until(
      async () => (await actions()).filter(({ state }) => state === 'applied').length === 2,
      8000,
      () => first.stderr,
    )
    const [b, a] = (await incidents()).map(({ id }) => id) as [string, string]
    const judged = await judge(a, 'false')
    expect(judged).toMatchObject({
      incident: { id: a, status: 'false', verdict: { is: 'false', reason: 'a forgotten password' } },
      policy: { mode: 'enforce', verdicts: { false: 1, precision: 0.333 } },
    })
    const ofA = async () => (await actions()).find(({ incident_id }) => incident_id === a)!
    await until(
      async () => (await ofA()).state === 'reverted',
      5000,
      () => first.stderr,
    )
    expect((await ofA()).history.at(-2)?.why).toContain('closed as false')
    expect((await judge(b, 'false')).policy).toMatchObject({
      mode: 'stage',
      demoted: { why: expect.stringContaining('2 of its incidents of one week') },
    })
    expect(first.stderr).toContain('policy auth-bruteforce does not enforce any more')
    // More of the same reopens nothing.
    await guess('ada', '203.0.113.9')
    await first.kill()
    // What comes on a connection that the second joins in its midst is not seen whole, and nothing is done on such evidence.
    server.closeAllConnections()

    const second = folder.start()
    await second.ready()
    expect((await incidents()).map(({ status }) => status)).toEqual(['false', 'false'])
    expect(await ours()).toMatchObject({ mode: 'stage', verdicts: { false: 2 } })
    expect((await folder.json<StatusJson>('status')).policies.demoted).toMatchObject([{ policy: 'auth-bruteforce' }])
    await guess('eve', '203.0.113.11')
    await until(
      async () => (await actions()).some(({ state }) => state === 'awaiting_approval'),
      8000,
      () => second.stderr,
    )
    const rows = async () =>
      (await folder.offpath('store', 'query', "SELECT verdict, who != '' FROM verdicts FINAL", '-o', 'jsonl')).stdout
    await until(
      async () => (await rows()).split('false').length === 3,
      5000,
      () => second.stderr,
    )
    expect((await folder.offpath('policy', 'reinstate', 'auth-bruteforce', '--reason', 'seen')).status).toBe(0)
    expect((await ours()).mode).toBe('enforce')
    expect((await folder.offpath('policy', 'reinstate', 'auth-bruteforce', '--reason', 'seen')).status).toBe(1)

    // Taken back, an incident goes on.
    expect((await judge(b, 'none')).incident).toMatchObject({ status: 'open', closed_at: null })
    const { history } = await folder.json<IncidentDetailJson>('incident', 'show', b)
    expect(history.map(({ kind }) => kind).slice(-2)).toEqual(['closed', 'opened'])
    expect((await folder.offpath('verdict', 'nothing', 'false', '--reason', 'x')).stderr).toContain(
      'OFFPATH_E_NOT_FOUND',
    )
    expect(await second.stop()).toBe(0)
    expect((await folder.offpath('verdict', b, 'false', '--reason', 'x')).status).toBe(69)
  },
)
