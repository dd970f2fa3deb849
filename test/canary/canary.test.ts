import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectOperations } from '../../daemon/api/connect.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { createLogger } from '../../daemon/telemetry/log.ts'
import { ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'
import type { Store } from '../../sinks/store/store.ts'
import { incidentEvent } from '../../sinks/webhook/events.ts'
import { Outbox } from '../../sinks/webhook/outbox.ts'
import { parseSecret } from '../../sinks/webhook/secret.ts'
import { TOKEN as API_TOKEN, ask, serveApi } from '../api/api-server.ts'
import { command } from '../cli-operations/command.ts'
import { ensureBuilt, offpath } from '../integration/program.ts'
import { Receiver } from '../webhook/receiver.ts'
import { plantedCapture, TRAFFIC_CANARIES } from './planted-capture.ts'
import { type Canary, type Surface, scanForCanaries } from './scan.ts'
import { drained, openEmbeddedStore, replayInto } from './stored-replay.ts'

const SIGNING_SECRET = `whsec_${Buffer.from('c4nary-signing-secret-0123456789').toString('base64')}`
const PASSWORD = 'c4nary-clickhouse-Passw0rd'
const CANARIES: readonly Canary[] = [
  ...TRAFFIC_CANARIES,
  { name: 'privacy key', secret: TEST_KEY.bytes.toString('hex') },
  { name: 'signing secret', secret: SIGNING_SECRET },
  { name: 'signing secret, its bytes', secret: 'c4nary-signing-secret-0123456789' },
  { name: 'API token', secret: API_TOKEN },
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

const folder = mkdtempSync(join(tmpdir(), 'offpath-canary-'))
const data = join(folder, 'data')
const capture = join(folder, 'planted.pcap')
let store: Store

beforeAll(async () => {
  ensureBuilt()
  writeFileSync(capture, plantedCapture())
  store = await openEmbeddedStore(data)
})

afterAll(async () => {
  await store.close(0)
  rmSync(folder, { recursive: true, force: true })
})

/** Nothing leaks, and every surface had something to look through. */
async function expectClean(surfaces: readonly Surface[], canaries: readonly Canary[] = CANARIES): Promise<void> {
  const { leaks, bytes } = await scanForCanaries(surfaces, canaries)
  expect(leaks).toEqual([])
  for (const { name } of surfaces) {
    const seen = [...bytes].filter(([surface]) => surface.startsWith(name)).reduce((sum, [, count]) => sum + count, 0)
    expect([name, seen > 0]).toEqual([name, true])
  }
}

test('the capture holds every secret of the traffic', async () => {
  const { leaks } = await scanForCanaries([{ name: 'capture', content: plantedCapture() }], TRAFFIC_CANARIES)
  expect(new Set(leaks.map(({ canary }) => canary))).toEqual(new Set(TRAFFIC_CANARIES.map(({ name }) => name)))
})

test('a planted leak is found, in whatever form and wherever it lies', async () => {
  const secret = CANARIES[0]!.secret
  const forms = [
    secret,
    Buffer.from(`x${secret}y`).toString('base64'),
    Buffer.from(`xy${secret}`).toString('base64url'),
    Buffer.from(secret).toString('hex'),
    encodeURIComponent(`a ${secret}`),
  ]
  for (const content of forms) {
    expect((await scanForCanaries([{ name: 'a', content: `before ${content} after` }], CANARIES)).leaks).not.toEqual([])
  }
  const leaky = mkdtempSync(join(folder, 'leaky-'))
  writeFileSync(join(leaky, 'file'), `log line with ${secret}`)
  expect((await scanForCanaries([{ name: 'f', folder: leaky }], CANARIES)).leaks.map(({ surface }) => surface)).toEqual(
    ['f/file'],
  )
  const rows = { columns: [], rows: [[1, `x${secret}`]], cut: false, elapsedMs: 0 }
  expect((await scanForCanaries([{ name: 't', tables: ['a'], query: async () => rows }], CANARIES)).leaks).toHaveLength(
    1,
  )
  expect((await scanForCanaries([{ name: 'n', content: 'nothing' }], CANARIES)).leaks).toEqual([])
})

test('replay prints none of them, whatever it emits, on either stream', async () => {
  const surfaces: Surface[] = []
  for (const emit of ['transactions', 'signals', 'incidents', 'summary', 'none']) {
    const { stdout, stderr, status } = await offpath(['replay', capture, '--emit', emit])
    expect([emit, status]).toEqual([emit, 0])
    surfaces.push({ name: `replay --emit ${emit}`, content: `${emit}${stdout}${stderr}` })
    if (emit === 'transactions') expect(stdout.split('\n').length).toBeGreaterThan(70)
    if (emit === 'incidents') expect(stdout).toContain('auth-bruteforce')
  }
  await expectClean(surfaces)
})

describe('stored, asked for, and told', () => {
  test('no table, file, webhook, answer or page has one', async () => {
    const receiver = await Receiver.listen()
    const log: string[] = []
    const logger = createLogger('debug', { write: (line) => void log.push(line) })
    try {
      const changes = await replayInto(data, store, [capture])
      await drained(store)
      expect(changes.some(({ incident }) => incident.policy === 'auth-bruteforce')).toBe(true)
      expect(changes.some(({ incident }) => incident.policy === 'scan-probing')).toBe(true)

      const outbox = await Outbox.open({
        path: join(data, 'state', 'deliveries'),
        endpoints: [
          {
            name: 'soc',
            url: receiver.url,
            secrets: [parseSecret(SIGNING_SECRET)!],
            events: ['incident', 'action'],
            caFile: null,
            timeoutMs: 5000,
          },
        ],
        userAgent: 'Offpath/test',
        logger,
      })
      for (const change of changes) await outbox.publish(incidentEvent(change, { deployment: 'test', version: '0' }))
      for (let tries = 0; tries < 200 && receiver.received.length === 0; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
      expect(receiver.received.length).toBeGreaterThan(0)
      await outbox.stop(2000)

      const operations = await connectOperations({ stateFolder: data, openStore: async () => store })
      const server = await serveApi({ operations, logger })
      const answers: string[] = []
      const [incident] = await operations.incidents({ policy: 'auth-bruteforce' })
      for (const path of [
        '/api/v1/incidents',
        `/api/v1/incidents/${incident!.id}`,
        '/api/v1/actions',
        '/api/v1/policies',
        '/api/v1/deliveries',
        '/healthz',
        '/readyz',
        '/metrics',
        '/api/v1/status',
        '/api/v1/nowhere',
      ]) {
        const answer = await ask(server, 'tcp', { path })
        answers.push(JSON.stringify(answer.headers), answer.text)
      }
      const wrong = await ask(server, 'tcp', { path: '/api/v1/incidents', headers: { authorization: 'Bearer wrong' } })
      expect(wrong.status).toBe(401)
      answers.push(wrong.text)
      const sql = "SELECT * FROM evidence WHERE transaction LIKE '%login%'"
      const asked = await ask(server, 'tcp', { method: 'POST', path: '/api/v1/query', body: { sql } })
      expect(asked.status).toBe(200)
      expect(asked.text).toContain('/v1/login')
      answers.push(asked.text)
      await server.stop()

      const pages: string[] = []
      const connect = () =>
        connectOperations({
          stateFolder: data,
          openStore: async () => ({ ...store, query: store.query.bind(store), close: async () => {} }) as Store,
        })
      for (const { id } of await operations.incidents({})) {
        for (const args of [
          ['show', id],
          ['show', id, '-o', 'json'],
          ['explain', id],
          ['export', id, '--output', '-'],
        ]) {
          const ran = await command(connect, ['incident', ...args])
          expect([args[0], ran.status]).toEqual([args[0], 0])
          pages.push(ran.stdout, ran.stderr)
        }
      }
      expect(pages.join('')).toContain('redacted')

      const surfaces: Surface[] = [
        {
          name: 'table',
          tables: TABLES,
          query: (text) => store.query({ sql: text, maxRows: 100_000 }),
        },
        { name: 'data folder', folder: data },
        { name: 'webhooks', content: JSON.stringify(receiver.received) },
        { name: 'answers', content: answers.join('\n') },
        { name: 'pages', content: pages.join('\n') },
        { name: 'log', content: `log\n${log.join('')}` },
      ]
      await expectClean(surfaces)
      // The name of the service is no secret: it is found wherever traffic came out, so these places were really looked at.
      const { leaks } = await scanForCanaries(surfaces, [{ name: 'service', secret: 'api.shop.test' }])
      const places = new Set(leaks.map(({ surface }) => surface))
      for (const place of [
        'table transactions',
        'table evidence',
        'table signals',
        'table incidents',
        'table endpoints',
        'data folder/state/incidents',
        'data folder/state/deliveries',
        'webhooks',
        'answers',
        'pages',
      ]) {
        expect([...places]).toContain(place)
      }
    } finally {
      await receiver.close()
    }
  }, 60_000)

  test('a secret of the configuration is in no error and no status', async () => {
    const down = new ClickHouseStore({
      kind: 'server',
      url: `http://someone:${PASSWORD}@127.0.0.1:9`,
      user: 'default',
      password: PASSWORD,
      caFile: null,
      database: 'offpath',
      keepDays: { transactions: 1, evidence: 1, signals: 1, incidents: 1 },
    })
    const error = await down.open().then(
      () => null,
      (cause: unknown) => cause,
    )
    expect(error).not.toBeNull()
    await down.close()
    const shown = [down.where, ...chainOf(error)].join('\n')
    const file = join(folder, 'offpath.yaml')
    writeFileSync(
      file,
      `sinks:\n  clickhouse:\n    url: http://127.0.0.1:9\n  webhook:\n    - name: soc\n      url: https://soc.example.test/hook\n      secret_env: SOC_SECRET\n`,
    )
    const config = await offpath(['config', 'show', '--config', file])
    await expectClean([
      { name: 'error', content: shown },
      { name: 'config show', content: config.stdout + config.stderr },
    ])
  })
})

function chainOf(error: unknown): string[] {
  const texts: string[] = []
  for (let at = error; at instanceof Error && texts.length < 20; at = at.cause)
    texts.push(at.message, at.stack ?? '', JSON.stringify(at))
  return texts
}
