import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StoreResult } from '../../sinks/store/store.ts'
import { DaemonFolder, until } from '../integration/daemon-process.ts'
import { ensureBuilt } from '../integration/program.ts'
import { Receiver } from '../webhook/receiver.ts'
import { plantedCapture, TRAFFIC_CANARIES } from './planted-capture.ts'
import { type Canary, type Surface, scanForCanaries } from './scan.ts'

/** The daemon as a user starts it, with secrets in its traffic, its environment and its files: none comes out anywhere. */
const SIGNING_BYTES = 'c4nary-signing-secret-0123456789'
const API_TOKEN = 'c4nary-token-of-the-api-0123456789abcdefghij'
const PRIVACY_KEY = '5a'.repeat(32)
const PASSWORD = 'c4nary-clickhouse-Passw0rd'
const CANARIES: readonly Canary[] = [
  ...TRAFFIC_CANARIES,
  { name: 'signing secret', secret: SIGNING_BYTES },
  { name: 'API token', secret: API_TOKEN },
  { name: 'privacy key', secret: PRIVACY_KEY },
  { name: 'password of the database', secret: PASSWORD },
]
const TABLES = [
  'transactions',
  'evidence',
  'signals',
  'incidents',
  'incident_events',
  'actions',
  'capture_quality',
  'endpoints',
]

let folder: DaemonFolder
let receiver: Receiver
let port: number

beforeAll(async () => {
  ensureBuilt()
  receiver = await Receiver.listen()
  port = await freePort()
  folder = new DaemonFolder()
  folder.environment.SOC_SECRET = `whsec_${Buffer.from(SIGNING_BYTES).toString('base64')}`
  folder.environment.OFFPATH_CLICKHOUSE_PASSWORD = PASSWORD
  folder.environment.OFFPATH_DEBUG = '1'
  const capture = join(folder.path, 'planted.pcap')
  writeFileSync(capture, plantedCapture())
  writeFileSync(join(folder.path, 'token'), `${API_TOKEN}\n`, { mode: 0o600 })
  const command = ['sh', '-c', `cat '${capture}'; exec sleep 60`]
  // A daemon of root takes frames only from a command that has no capability left.
  const powerless = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-all', ...command] : command
  folder.configure({
    sources: [{ kind: 'exec', command: powerless }],
    server: { listen: `127.0.0.1:${port}`, token_file: join(folder.path, 'token') },
    sinks: { webhook: [{ name: 'soc', url: receiver.url, secret_env: 'SOC_SECRET' }] },
  })
})

afterAll(async () => {
  await folder.remove()
  await receiver.close()
})

test('offpath run: streams, data folder, tables, webhooks, API, metrics and every command', async () => {
  const daemon = folder.start()
  await daemon.ready()
  const found = (detector: string) => daemon.incidents.some(({ line }) => line.detector === detector)
  await until(
    () => found('auth.bruteforce') && found('scan.probing'),
    20_000,
    () => daemon.stderr,
  )
  await until(
    () => receiver.received.length > 0,
    10_000,
    () => daemon.stderr,
  )
  const rows = async () => Number((await query('SELECT count() FROM evidence')).rows[0]![0])
  await until(
    async () => (await rows()) > 20,
    15_000,
    () => daemon.stderr,
  )

  const answers: string[] = []
  const id = daemon.incidents[0]!.line.id
  for (const path of ['status', 'incidents', `incidents/${id}`, 'actions', 'policies', 'deliveries', 'nowhere']) {
    answers.push((await get(`/api/v1/${path}`, API_TOKEN)).text)
  }
  for (const path of ['/healthz', '/readyz', '/metrics']) answers.push((await get(path, API_TOKEN)).text)
  const wrong = await get('/api/v1/incidents', 'wrong')
  expect(wrong.status).toBe(401)
  answers.push(wrong.text)

  const pages: string[] = []
  for (const args of [
    ['status'],
    ['status', '-o', 'json'],
    ['incident', 'list', '-o', 'jsonl'],
    ['incident', 'show', id],
    ['incident', 'show', id, '-o', 'json'],
    ['incident', 'explain', id],
    ['incident', 'export', id, '--output', '-'],
    ['action', 'list', '-o', 'json'],
    ['policy', 'list'],
    ['config', 'show'],
    ['doctor'],
  ]) {
    const ran = await folder.offpath(...args)
    expect([args.join(' '), ran.stdout !== '']).toEqual([args.join(' '), true])
    pages.push(ran.stdout, ran.stderr)
  }
  const tables = await scanForCanaries([{ name: 'table', tables: TABLES, query }], CANARIES)
  expect(tables.leaks).toEqual([])
  expect(await daemon.stop()).toBe(0)

  const surfaces: Surface[] = [
    { name: 'data folder', folder: join(folder.path, 'offpath-data') },
    { name: 'standard output', content: JSON.stringify(daemon.incidents) },
    { name: 'standard error', content: daemon.stderr },
    { name: 'webhooks', content: JSON.stringify(receiver.received) },
    { name: 'answers', content: answers.join('\n') },
    { name: 'pages', content: pages.join('\n') },
  ]
  expect((await scanForCanaries(surfaces, CANARIES)).leaks).toEqual([])
  // The name of the service is no secret: it is found wherever traffic came out, so these places were really looked at.
  const { leaks } = await scanForCanaries(surfaces, [{ name: 'service', secret: 'api.shop.test' }])
  const places = leaks.map(({ surface }) => surface)
  for (const place of ['data folder/state/incidents', 'standard output', 'webhooks', 'answers', 'pages']) {
    expect(places).toContain(place)
  }
}, 90_000)

async function query(sql: string): Promise<StoreResult> {
  const { status, text } = await get('/api/v1/query', API_TOKEN, { sql, max_rows: 10_000 })
  if (status !== 200) throw new Error(text)
  return JSON.parse(text) as StoreResult
}

function get(path: string, token: string, body?: object): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const asked = request(
      { host: '127.0.0.1', port, path, headers, method: body === undefined ? 'GET' : 'POST' },
      (answer) => {
        const parts: string[] = [JSON.stringify(answer.headers)]
        const text: string[] = []
        answer.setEncoding('utf8').on('data', (part: string) => text.push(part))
        answer.on('end', () =>
          resolve({
            status: answer.statusCode!,
            text: body === undefined ? [...parts, ...text].join('') : text.join(''),
          }),
        )
      },
    )
    asked.on('error', reject)
    asked.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port: free } = server.address() as AddressInfo
  server.close()
  return free
}
