import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ActionJson, IncidentDetailJson, IncidentJson, StatusJson } from '../../daemon/api/operations.ts'
import { shippedPolicies } from '../../daemon/policies/load.ts'
import { DaemonFolder, until } from './daemon-process.ts'
import { enforcingPolicy } from './enforcing-policy.ts'
import { ensureBuilt, ROOT } from './program.ts'

/** The daemon as a user runs it: what it finds is stored, told, acted on, and survives being killed. */
const whyNot = process.getuid?.() === 0 ? null : 'needs root to capture on the loopback'
if (whyNot !== null) console.warn(`skipped: the daemon on the loopback: ${whyNot}`)

interface Event {
  readonly id: string
  readonly type: string
  readonly subject: string
  readonly simulated: boolean
  readonly data: { readonly offpath: { readonly action?: ActionJson } }
}

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const STOLEN = 'sk_live_never-to-be-seen-anywhere'

let folder: DaemonFolder
let api: Server
let receiver: Server
let events: Event[] = []
let forged = 0

beforeAll(ensureBuilt)

beforeEach(async () => {
  folder = new DaemonFolder()
  folder.environment.HOOK_SECRET = SECRET
  events = []
  forged = 0
  api = await listening((_headers, _body) => 401)
  receiver = await listening((headers, body) => {
    try {
      new Webhook(SECRET).verify(body, headers)
    } catch {
      forged++
      return 401
    }
    events.push(JSON.parse(body) as Event)
    return 204
  })
})

afterEach(async () => {
  await folder.remove()
  for (const server of [api, receiver]) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function listening(answer: (headers: Record<string, string>, body: string) => number): Promise<Server> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      response.statusCode = answer(request.headers as Record<string, string>, Buffer.concat(parts).toString())
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

function configure(settings: Readonly<Record<string, unknown>>): void {
  const webhook = [{ name: 'hook', url: `http://127.0.0.1:${portOf(receiver)}/`, secret_env: 'HOOK_SECRET' }]
  folder.configure({ sinks: { webhook }, ...settings })
}

function live(): Record<string, unknown> {
  return { sources: [{ kind: 'pcap', interface: 'lo', filter: `tcp port ${portOf(api)}` }] }
}

async function guess(account: string, count: number, source = '203.0.113.9'): Promise<void> {
  for (let i = 0; i < count; i++) {
    const answer = await fetch(`http://127.0.0.1:${portOf(api)}/v1/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': source, 'x-api-key': STOLEN },
      body: JSON.stringify({ username: account, password: `wrong-${i}` }),
    })
    await answer.text()
  }
}

function ofType(type: string): Event[] {
  return events.filter((event) => event.type === type)
}

const ENFORCING = enforcingPolicy('2s')

function ownPolicy(text: string): void {
  mkdirSync(join(folder.path, 'policies'), { recursive: true })
  writeFileSync(join(folder.path, 'policies', 'own.yaml'), text)
}

describe.skipIf(whyNot !== null)('on the loopback', () => {
  test('an incident is stored, told with a valid signature, acted on in rehearsal, and can be asked for', async () => {
    configure(live())
    const daemon = folder.start()
    await daemon.ready()
    await guess('mallory', 30)
    await until(
      () => ofType('offpath.action.result.v1').length > 0,
      5000,
      () => daemon.stderr,
    )
    expect(forged).toBe(0)
    const [opened] = ofType('offpath.incident.opened.v1')
    expect(ofType('offpath.action.result.v1')[0]).toMatchObject({ subject: opened!.subject, simulated: true })
    expect(ofType('offpath.action.requested.v1')).toEqual([])

    const [incident] = await folder.json<IncidentJson[]>('incident', 'list')
    expect(incident).toMatchObject({ id: opened!.subject, simulated: true, detector: 'auth.bruteforce' })
    const detail = async () => await folder.json<IncidentDetailJson>('incident', 'show', incident!.id)
    // Rows are in the store a second after they were made.
    await until(
      async () => (await detail()).transactions.length > 3,
      5000,
      () => daemon.stderr,
    )
    expect((await detail()).transactions[0]).toMatchObject({ method: 'POST', path: '/v1/login', redacted: true })

    const [action] = await folder.json<ActionJson[]>('action', 'list')
    expect(action).toMatchObject({ simulated: true, state: 'applied', target: { kind: 'ip', value: '203.0.113.9' } })
    await folder.json('action', 'revert', action!.id, '--reason', 'enough')
    await until(
      () => ofType('offpath.action.result.v1').some(({ data }) => data.offpath.action?.state === 'reverted'),
      5000,
      () => daemon.stderr,
    )

    const status = await folder.json<StatusJson>('status')
    expect(status).toMatchObject({ incidents: { open: 1 }, webhooks: [{ endpoint: 'hook', state: 'ok', pending: 0 }] })
    expect(status.processes.map(({ name }) => name)).toEqual(['control', 'engine', 'capture lo', 'store'])
    const query = 'SELECT count() FROM transactions'
    const rows = async () => (await folder.offpath('store', 'query', query, '-o', 'jsonl')).stdout
    await until(
      async () => /30/.test(await rows()),
      5000,
      () => daemon.stderr,
    )

    const startedMs = Date.now()
    expect(await daemon.stop()).toBe(0)
    expect(Date.now() - startedMs).toBeLessThan(5000)
    // The data folder answers without the daemon.
    expect((await folder.json<IncidentJson[]>('incident', 'list')).map(({ id }) => id)).toEqual([incident!.id])
    expect((await folder.offpath('status')).status).toBe(69)
    expect(daemon.stderr + JSON.stringify(events)).not.toMatch(/sk_live|wrong-|whsec_|mallory/)
  })

  test('a lease that ends while the daemon is dead is taken back by the next one', async () => {
    ownPolicy(ENFORCING)
    configure({ ...live(), policies: { folder: './policies' }, identity: { trusted_hops: ['127.0.0.0/8'] } })
    const first = folder.start()
    await first.ready()
    await guess('mallory', 30)
    await until(
      () => ofType('offpath.action.requested.v1').length > 0,
      5000,
      () => first.stderr,
    )
    // Confirmed means that the receiver's answer is on disk.
    await until(
      () => ofType('offpath.action.result.v1').length > 0,
      5000,
      () => first.stderr,
    )
    await first.kill()
    await sleep(2500)
    expect(ofType('offpath.action.reverted.v1')).toEqual([])
    const second = folder.start()
    await until(
      () => ofType('offpath.action.reverted.v1').length > 0,
      8000,
      () => second.stderr,
    )
    expect(ofType('offpath.action.reverted.v1')[0]!.data.offpath.action?.idempotency_key).toBe(
      ofType('offpath.action.requested.v1')[0]!.data.offpath.action?.idempotency_key,
    )
    expect(second.stderr).toContain('the last run did not end cleanly')
    await second.ready()
    // The incident goes on: further guesses join it.
    await guess('mallory', 20)
    await sleep(1500)
    expect(await second.stop()).toBe(0)
    expect(new Set(ofType('offpath.incident.opened.v1').map(({ subject }) => subject)).size).toBe(1)
  })

  test('a second daemon on the folder is refused; policies are loaded anew, unless they are wrong', async () => {
    ownPolicy(ENFORCING.replace('enforce', 'observe'))
    configure({ ...live(), policies: { folder: './policies' } })
    const daemon = folder.start()
    await daemon.ready()
    const other = await folder.offpath('run')
    expect([other.status, other.stderr]).toEqual([1, expect.stringContaining('OFFPATH_E_RUNNING')])

    ownPolicy('kind: Nonsense\n')
    await until(
      () => daemon.stderr.includes('the old ones stay in force'),
      5000,
      () => daemon.stderr,
    )
    expect((await folder.json<StatusJson>('status')).policies).toMatchObject({
      count: shippedPolicies().documents.length,
      error: expect.any(String),
    })
    await guess('eve', 30, '203.0.113.10')
    await until(
      async () => (await folder.json<IncidentJson[]>('incident', 'list')).length === 1,
      5000,
      () => daemon.stderr,
    )
    // Mode observe tells nobody.
    expect(events).toEqual([])

    ownPolicy(ENFORCING.replace('enforce', 'simulate'))
    daemon.child.kill('SIGHUP')
    await until(
      () => daemon.stderr.includes('policies loaded anew'),
      5000,
      () => daemon.stderr,
    )
    await guess('trent', 30, '203.0.113.11')
    await until(
      () => ofType('offpath.incident.opened.v1').length > 0,
      5000,
      () => daemon.stderr,
    )
    daemon.child.kill('SIGTERM')
    daemon.child.kill('SIGINT')
    expect(await daemon.ended).not.toBe(0)
  })

  test('without a store it detects and tells all the same', async () => {
    configure(live())
    const daemon = folder.start('--store', 'none')
    await daemon.ready()
    await guess('mallory', 30)
    await until(
      () => ofType('offpath.incident.opened.v1').length > 0,
      5000,
      () => daemon.stderr,
    )
    const [incident] = await folder.json<IncidentJson[]>('incident', 'list')
    expect((await folder.json<IncidentDetailJson>('incident', 'show', incident!.id)).transactions).toEqual([])
    expect((await folder.offpath('store', 'query', 'SELECT 1')).stderr).toContain('OFFPATH_E_STORE')
    expect(await daemon.stop()).toBe(0)
  })
})

test('a file that is read by daemons killed again and again is stored once, roll-ups too', {
  timeout: 120_000,
}, async () => {
  const files = ['day.jsonl.gz', 'scene.pcap.gz'].map((name) => ({ kind: 'file', path: join(ROOT, 'demo', name) }))
  configure({ sources: files })
  for (let run = 0; run < 6; run++) {
    const daemon = folder.start()
    await Promise.race([sleep(250 + run * 230), daemon.ended])
    await daemon.kill()
  }
  const last = folder.start()
  expect(await last.ended).toBe(0)
  const count = async (sql: string) => {
    const { stdout, stderr } = await folder.offpath('store', 'query', sql, '-o', 'jsonl')
    if (stdout === '') throw new Error(stderr)
    return Object.values(JSON.parse(stdout) as object).map(Number)
  }
  expect(await count('SELECT count(), uniqExact(id) FROM transactions')).toEqual([15_190, 15_190])
  expect(await count('SELECT sum(requests) FROM endpoint_minute')).toEqual([15_190])
  expect(await count('SELECT count(), uniqExact(id) FROM signals')).toEqual([340, 340])
  expect(await count('SELECT count() FROM incidents FINAL')).toEqual([6])
  expect(await folder.json<IncidentJson[]>('incident', 'list')).toHaveLength(6)
  const opened = ofType('offpath.incident.opened.v1')
  expect(new Set(opened.map(({ subject }) => subject)).size).toBe(6)
  expect(new Set(opened.map(({ id }) => id)).size).toBe(6)
})
