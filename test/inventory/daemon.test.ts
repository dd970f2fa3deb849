import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { DescribedRoute } from '../../daemon/inventory/descriptions.ts'
import type { ClientJson, RouteJson } from '../../daemon/inventory/views.ts'
import { DaemonFolder, until } from '../integration/daemon-process.ts'
import { ensureBuilt } from '../integration/program.ts'
import { SCENE } from './learn.ts'

const folder = new DaemonFolder()
/** A command of root that keeps its capabilities is refused when it lasts, as it does on a busy machine. */
const WITHOUT_CAPABILITIES = process.geteuid?.() === 0 ? ['setpriv', '--bounding-set=-all', '--'] : []

beforeAll(() => {
  ensureBuilt()
  writeFileSync(join(folder.path, 'scene.pcap'), gunzipSync(readFileSync(SCENE)))
  folder.configure({
    state: { folder: './data' },
    sources: [{ kind: 'exec', command: [...WITHOUT_CAPABILITIES, 'cat', 'scene.pcap'] }],
  })
}, 60_000)
afterAll(() => folder.remove())

test('what a daemon learnt is there after it has ended, and the next one goes on with it', async () => {
  const path = join(folder.path, 'data', 'state', 'inventory')
  expect(await folder.start().ended).toBe(0)
  expect(existsSync(path)).toBe(true)
  const first = await folder.json<RouteJson[]>('routes', 'list')
  expect(first).toHaveLength(14)
  expect(await folder.start().ended).toBe(0)
  const second = await folder.json<RouteJson[]>('routes', 'list')
  expect(second.map(({ endpoint, first_seen, requests }) => [endpoint, first_seen, requests])).toEqual(
    first.map(({ endpoint, first_seen, requests }) => [endpoint, first_seen, requests * 2]),
  )
  // The store has what the daemon knew when it ended.
  expect(await folder.json('routes', 'list', '--stored')).toEqual(second)
  expect(await folder.json('sensitive', 'list', '--stored')).toEqual(await folder.json('sensitive', 'list'))
  // The same callers came again, and are no new ones.
  const clients = await folder.json<ClientJson[]>('clients', 'list', '--limit', '5000')
  expect(new Set(clients.map(({ kind, id }) => `${kind} ${id}`)).size).toBe(clients.length)
  expect(await folder.json('clients', 'list', '--limit', '5000', '--stored')).toEqual(clients)
  expect(clients.reduce((sum, { requests }) => sum + requests, 0)).toBe(2 * 1428)
}, 60_000)

test('a daemon says of each route whether it is described, and so does its store', async () => {
  const folder = new DaemonFolder()
  try {
    writeFileSync(join(folder.path, 'scene.pcap'), gunzipSync(readFileSync(SCENE)))
    writeFileSync(join(folder.path, 'shop.yaml'), 'openapi: 3.1.0\npaths: { "/v1/orders/{order}": { get: {} } }\n')
    folder.configure({
      state: { folder: './data' },
      sources: [{ kind: 'exec', command: [...WITHOUT_CAPABILITIES, 'sh', '-c', 'cat scene.pcap; sleep 60'] }],
      endpoints: { descriptions: [{ file: './shop.yaml' }] },
    })
    // Whoever asks has no description.
    writeFileSync(
      join(folder.path, 'asking.yaml'),
      stringify({ server: { listen: null }, state: { folder: './data' } }),
    )
    const ask = () => folder.json<DescribedRoute[]>('routes', 'list', '--config', 'asking.yaml')
    const documented = (routes: readonly DescribedRoute[]) =>
      routes.map(({ endpoint, documented }) => [endpoint, documented])
    const daemon = folder.start()
    await daemon.ready()
    let told: DescribedRoute[] = []
    await until(
      async () => {
        told = await ask()
        return told.length === 14
      },
      20_000,
      () => daemon.stderr,
    )
    expect(documented(told).filter(([, described]) => described === true)).toEqual([['GET /v1/orders/{id}', true]])
    expect(documented(told).filter(([, described]) => described === false)).toHaveLength(13)
    // The engine knows the description, too.
    const incidents = await folder.json<{ detector: string }[]>('incident', 'list', '--config', 'asking.yaml')
    expect(incidents.filter(({ detector }) => detector === 'inventory.drift')).toMatchObject([
      { severity: 'low', subject: { kind: 'service' } },
    ])
    await daemon.stop()
    const stored = await folder.json<DescribedRoute[]>('routes', 'list', '--stored', '--config', 'asking.yaml')
    expect(documented(stored)).toEqual(documented(told))
    const rows = await folder.json<{ documented: string; routes: string }[]>(
      'store',
      'query',
      'SELECT documented, count() AS routes FROM routes FINAL GROUP BY documented ORDER BY documented',
    )
    expect(rows).toEqual([
      { documented: 'no', routes: '13' },
      { documented: 'yes', routes: '1' },
    ])
  } finally {
    await folder.remove()
  }
}, 60_000)
