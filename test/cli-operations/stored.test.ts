import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Connection, connectOperations } from '../../daemon/api/connect.ts'
import { offlineSources } from '../../daemon/cli/offline-sources.ts'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import type { Store } from '../../sinks/store/store.ts'
import { drained, openEmbeddedStore, replayInto } from '../canary/stored-replay.ts'
import { command } from './command.ts'

/** The attacks of the demo, really stored: what the commands show comes from the database and the data folder. */
const DEMO = join(import.meta.dirname, '..', '..', 'demo')
const folder = mkdtempSync(join(tmpdir(), 'offpath-stored-'))
let store: Store

const connect = (): Promise<Connection> =>
  connectOperations({
    ...offlineSources(effectiveConfig(CONFIG_SCHEMA, null, {}).config, {}),
    stateFolder: folder,
    // One process has one such folder open: it is closed at the end.
    openStore: async () => ({ ...store, query: (query) => store.query(query), close: async () => {} }) as Store,
  })
const run = (...args: string[]) => command(connect, ['incident', ...args])

beforeAll(async () => {
  store = await openEmbeddedStore(folder)
  await replayInto(folder, store, [join(DEMO, 'day.jsonl.gz'), join(DEMO, 'scene.pcap.gz')])
  await drained(store)
})

afterAll(async () => {
  await store.close(0)
  rmSync(folder, { recursive: true, force: true })
})

test('list has the incidents of the demo', async () => {
  const { stdout, status } = await run('list')
  expect(status).toBe(0)
  expect(stdout.match(/^01m8067\w{5} /gm)).toHaveLength(6)
})

describe('the walk through orders', () => {
  const id = async () =>
    (JSON.parse((await run('list', '--severity', 'high', '-o', 'json')).stdout) as { id: string }[])[0]!.id

  test('show has the evidence with its requests, from the store', async () => {
    const { stdout, status } = await run('show', await id())
    expect(status).toBe(0)
    expect(stdout).toMatch(/^Evidence \(100 requests kept of 213\):$/m)
    expect(stdout).toMatch(/^ {2}23:14:33.906 +GET +\/v1\/orders\/49646 +200 +u_1280$/m)
    expect(stdout).toMatch(/^Expected +2-3 different orders in 10 min$/m)
    expect(stdout).not.toMatch(/undefined|NaN|\[object/)
  })

  test('explain has the signals and the plot, from the store', async () => {
    const { stdout } = await run('explain', await id())
    expect(stdout).toMatch(/23:14:35.045 +object.enumeration +-6.55 +100 % +22 .*<- opened it$/m)
    expect(stdout).toMatch(/^ {4}neighbouring ids +\d+$/m)
    expect(stdout).toMatch(/object id: 100 points from 49646 to 49858, rising/)
    expect(stdout).not.toMatch(/undefined|NaN|\[object/)
  })

  test('export has whole native transactions', async () => {
    const { stdout, stderr } = await run('export', await id(), '--output', '-')
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toHaveLength(100)
    for (const line of lines) {
      expect(line).toMatchObject({ host: 'api.shop.test', redacted: true, key_id: expect.any(String) })
      expect(line.request_headers.length).toBeGreaterThan(0)
    }
    expect(stderr).not.toContain('without headers and bodies')
  })
})

test.each([['list'], ['show', '01m8067qx5zc'], ['explain', '01m8067r2cyg']])(
  'the manual shows incident %s as it is',
  async (...args) => {
    const manual = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'incidents.md'), 'utf8')
    const { stdout } = await run(...args)
    expect(manual).toContain(`$ offpath incident ${args.join(' ')}\n${stdout}\`\`\`\n`)
  },
)
