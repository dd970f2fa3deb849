import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { DurableMap } from '../durable/durable-map.ts'
import type { DeployMark } from '../model/deploy.ts'
import { DeployLedger } from './deploy-ledger.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-deploys-'))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('a release is on disk before it is told, and told once however often a pipeline says it', async () => {
  const path = join(folder, 'deploys')
  const told: DeployMark[] = []
  let now = 1000
  const open = async (refused: string | null = null) => {
    const marks = await DurableMap.open<DeployMark>(path)
    const ledger = new DeployLedger({ marks, nowMs: () => now, tell: (mark) => told.push(mark), refused })
    return { marks, ledger }
  }
  const first = await open()
  const shop = { service: 'api.shop.test', version: '1', who: 'pipeline' }
  const made = await first.ledger.mark(shop)
  expect(made).toMatchObject({
    service: 'api.shop.test',
    version: '1',
    commit: null,
    at: '1970-01-01T00:00:01.000000Z',
  })
  now = 2000
  expect(await first.ledger.mark(shop)).toEqual(made)
  await first.ledger.mark({ ...shop, version: '2', commit: 'abc' })
  // Rolled back: version 1 is a release again.
  now = 3000
  await first.ledger.mark(shop)
  expect(told.map(({ version, at }) => [version, at])).toEqual([
    ['1', 1_000_000],
    ['2', 2_000_000],
    ['1', 3_000_000],
  ])
  await first.marks.close()
  const second = await open()
  expect(second.ledger.all()).toEqual(told)
  expect(second.ledger.list().map(({ version }) => version)).toEqual(['1', '2', '1'])
  await second.marks.close()
  const sensor = await open('a sensor compares nothing')
  await expect(sensor.ledger.mark({ ...shop, version: '3' })).rejects.toMatchObject({ code: 'OFFPATH_E_STATE' })
  await sensor.marks.close()
})
