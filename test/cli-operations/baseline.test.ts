import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DetectorSet } from '../../analyzers/analysis.ts'
import { DETECTORS } from '../../analyzers/registry.ts'
import { learningPath, mergedPath } from '../../daemon/api/learning-path.ts'
import { lockFolder } from '../../daemon/api/lock.ts'
import type { CliContext } from '../../daemon/cli/context.ts'
import { runProgram } from '../../daemon/cli/program.ts'
import { sealedParts } from '../../daemon/durable/sealed-lines.ts'
import { MINUTE_US } from '../../daemon/model/time.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { createLogger } from '../../daemon/telemetry/log.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import { learningLines } from '../../daemon/topology/learning-file.ts'
import { SnapshotKeeper } from '../../daemon/topology/snapshot-keeper.ts'
import { order, play, START } from '../conformance/traffic.ts'
import { sink } from '../in-process.ts'

const root = mkdtempSync(join(tmpdir(), 'offpath-baseline-'))
const data = join(root, 'data')
const config = join(root, 'offpath.yaml')
const logger = createLogger('info', { write: () => undefined })
afterAll(() => rmSync(root, { recursive: true, force: true }))

beforeAll(async () => {
  mkdirSync(join(data, 'state'), { recursive: true, mode: 0o700 })
  writeFileSync(config, `state: {folder: ${data}}\n`)
  const telemetry = { counters: new Counters(), funnel: new LossFunnel(), weirds: new WeirdCounts() }
  const set = new DetectorSet(
    DETECTORS.map((declaration) => ({ declaration, options: {} })),
    telemetry,
  )
  const visits = Array.from({ length: 2000 }, (_, i) => order(START + i * MINUTE_US, `u${i % 40}`, `o${i % 400}`))
  play(visits, set)
  const now = START + 2000 * MINUTE_US
  const keeper = new SnapshotKeeper({ path: learningPath(data), what: 'learning', maxBytes: 1e8, packed: true, logger })
  const parts = [
    ...sealedParts(
      learningLines(set.parts(), 'k1', () => ({ now, topics: [] })),
      65_536,
    ),
  ]
  for (const [i, text] of parts.entries()) keeper.take({ text, first: i === 0, last: i === parts.length - 1 })
  await keeper.close()
})

async function offpath(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const out: string[] = []
  const err: string[] = []
  const context: CliContext = {
    environment: {},
    stdin: process.stdin,
    stdout: sink(out, false),
    stderr: sink(err, false),
    logger,
    width: 160,
    colour: false,
    stop: new AbortController(),
    exitCode: 0,
  }
  const status = await runProgram(['baseline', ...args, '--config', config], context)
  return { status, out: out.join(''), err: err.join('') }
}

const partsNow = async () => {
  const [last] = JSON.parse((await offpath('status', '-o', 'json')).out) as { parts: { name: string }[] }[]
  return last!.parts.map(({ name }) => name)
}

test('says what was learnt and until when', async () => {
  const [last] = JSON.parse((await offpath('status', '-o', 'json')).out) as Record<string, unknown>[]
  expect(last).toMatchObject({ event_time: '2026-11-21T17:20:00.000Z', key_id: 'k1', refused: null })
  expect(await partsNow()).toEqual(expect.arrayContaining(['auth.bruteforce', 'object.enumeration', 'scan.probing']))
  expect((await offpath('status')).out).toContain('object.enumeration')
})

test('explains what is usual', async () => {
  const found = JSON.parse((await offpath('explain', '/v1/orders', '-o', 'json')).out) as Record<string, unknown>[]
  expect(found).toMatchObject([
    { detector: 'object.enumeration', of: 'api.shop.test GET /v1/orders/{id}', maturity: 1 },
  ])
  expect((await offpath('explain', 'api.shop.test')).out).toMatch(/scan\.probing +api\.shop\.test .*of requests miss/)
  expect((await offpath('explain', 'nobody.test')).out).toBe('No baseline of that name.\n')
})

test('goes out to a file, is forgotten, and comes back; never while a daemon runs, and never damaged', async () => {
  const file = join(root, 'out.gz')
  expect((await offpath('export', file)).status).toBe(0)
  expect((await offpath('export', file)).status).toBe(1)
  expect((await offpath('reset', '--detector', 'scan.probing')).status).toBe(0)
  expect(await partsNow()).not.toContain('scan.probing')
  expect((await offpath('reset')).status).toBe(0)
  expect(await partsNow()).toEqual([])

  const lock = await lockFolder(data)
  const refused = await offpath('import', file)
  await lock.release()
  expect(refused).toMatchObject({ status: 1, err: expect.stringContaining('OFFPATH_E_RUNNING') as string })

  const torn = join(root, 'torn.gz')
  writeFileSync(torn, readFileSync(file).subarray(0, -40))
  expect(await offpath('import', torn)).toMatchObject({
    status: 1,
    err: expect.stringContaining('end of file') as string,
  })
  expect(await partsNow()).toEqual([])

  expect((await offpath('import', file)).status).toBe(0)
  expect(await partsNow()).toContain('scan.probing')
  expect(await offpath('import', join(root, 'no.gz'))).toMatchObject({
    status: 1,
    err: expect.stringContaining('OFFPATH_E_NO_FILE') as string,
  })
})

test('files of others are counted beside what was learnt, replaced by the next ones, and forgotten with it', async () => {
  const file = join(root, 'site.gz')
  expect((await offpath('export', file)).status).toBe(0)
  const before = await partsNow()
  expect(await offpath('import', '--merge', file, file)).toMatchObject({ status: 0, err: '' })
  expect(await partsNow()).toEqual(before)
  const lines = async () =>
    gunzipSync(readFileSync(mergedPath(data)))
      .toString()
      .split('\n')
  const heads = (await lines()).filter((line) => line === '{"part":"object.ownership","version":1}')
  expect(heads).toHaveLength(2)
  await offpath('import', '--merge', file)
  expect((await lines()).filter((line) => line === heads[0])).toHaveLength(1)
  expect(await offpath('import', file, file)).toMatchObject({ status: 2 })
  const damaged = join(root, 'damaged.gz')
  writeFileSync(damaged, readFileSync(file).subarray(0, 500))
  expect(await offpath('import', '--merge', damaged)).toMatchObject({ status: 1 })
  expect((await offpath('reset', '--detector', 'object.ownership')).status).toBe(0)
  expect((await lines()).filter((line) => line === heads[0])).toHaveLength(0)
})
