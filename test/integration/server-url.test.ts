import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { IncidentDetailJson, IncidentJson, StatusJson } from '../../daemon/api/operations.ts'
import { Gateway } from '../clickhouse/gateway.ts'
import { DaemonFolder, until } from './daemon-process.ts'
import { ensureBuilt, ROOT } from './program.ts'

/** The commands of the embedded store, with a server's URL in its place. The server is chdb behind ClickHouse's HTTP protocol. */
const PASSWORD = 'correct horse'
const DAY = join(ROOT, 'demo', 'day.jsonl.gz')
const SCENE = join(ROOT, 'demo', 'scene.pcap.gz')

const server = mkdtempSync(join(tmpdir(), 'offpath-server-'))
const elsewhere = mkdtempSync(join(tmpdir(), 'offpath-open-'))
const gateway = new Gateway({ folder: server, user: 'offpath', password: PASSWORD })
let folder: DaemonFolder

beforeAll(async () => {
  ensureBuilt()
  chmodSync(elsewhere, 0o755)
  await gateway.start()
  folder = new DaemonFolder()
  folder.environment.OFFPATH_CLICKHOUSE_PASSWORD = PASSWORD
})

afterAll(async () => {
  await folder.remove()
  await gateway.stop()
  rmSync(server, { recursive: true, force: true })
  rmSync(elsewhere, { recursive: true, force: true })
})

async function count(sql: string): Promise<number[]> {
  const { stdout, stderr } = await folder.offpath('store', 'query', sql, '-o', 'jsonl')
  if (stdout === '') throw new Error(stderr)
  return Object.values(JSON.parse(stdout) as object).map(Number)
}

test('run, replay, store and incident work with a server as with the embedded store', async () => {
  const sources = [DAY, SCENE].map((path) => ({ kind: 'file', path }))
  folder.configure({ sources, sinks: { clickhouse: { url: gateway.url, user: 'offpath' } } })
  const migrated = await folder.offpath('store', 'migrate')
  expect([migrated.status, migrated.stderr]).toEqual([0, ''])
  const daemon = folder.start()
  expect([await daemon.ended, daemon.stderr]).toEqual([0, expect.not.stringContaining(PASSWORD)])
  expect(await count('SELECT count(), uniqExact(id) FROM transactions')).toEqual([15_190, 15_190])
  expect(await count('SELECT sum(requests) FROM endpoint_minute')).toEqual([15_190])
  const incidents = await folder.json<IncidentJson[]>('incident', 'list')
  expect(incidents).toHaveLength(6)
  const detail = await folder.json<IncidentDetailJson>('incident', 'show', incidents[0]!.id)
  expect(detail.transactions.length).toBeGreaterThan(10)

  // The same files again, by replay: nothing is stored twice.
  const replayed = await folder.offpath('replay', DAY, SCENE, '--config', 'offpath.yaml', '--store', gateway.url)
  expect([replayed.status, replayed.stderr]).toEqual([0, expect.not.stringContaining('error')])
  expect(await count('SELECT count(), uniqExact(id) FROM transactions')).toEqual([15_190, 15_190])
}, 120_000)

test('a server that is gone does not stop the daemon: rows wait, and are stored when it is back', async () => {
  const rows = async () => await count('SELECT count() FROM transactions')
  const [before] = await rows()
  // A source that stays: the daemon is asked while the server is gone. As root it may not keep its rights, so it reads from the open folder.
  const open = join(elsewhere, 'scene.pcap.gz')
  copyFileSync(SCENE, open)
  const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  const command = [...(process.getuid?.() === 0 ? asNobody : []), 'sh', '-c', `zcat ${open}; exec sleep 120`]
  folder.configure({
    sources: [{ kind: 'exec', command }],
    sinks: { clickhouse: { url: gateway.url, user: 'offpath', database: 'second' } },
  })
  await gateway.stop()
  const daemon = folder.start()
  const status = async () => await folder.json<StatusJson>('status')
  await until(
    async () => ((await status().catch(() => null))?.store?.spool.rows ?? 0) > 0,
    45_000,
    () => daemon.stderr,
  )
  expect((await status()).store).toMatchObject({ down: expect.any(String) })
  await gateway.start()
  await until(
    async () => (await status()).store?.spool.rows === 0,
    45_000,
    () => daemon.stderr,
  )
  expect(await daemon.stop()).toBe(0)
  expect((await rows())[0]).toBeLessThan(before!)
  expect(await count('SELECT count() > 1000 FROM transactions')).toEqual([1])
}, 120_000)
