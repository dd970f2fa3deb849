import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sampleAction, sampleIncident } from '../../test/api/samples.ts'
import { DurableMap } from '../durable/durable-map.ts'
import type { Incident } from '../model/incident.ts'
import { connectOperations } from './connect.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-connect-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function keep(incidents: readonly Incident[]): Promise<void> {
  mkdirSync(join(folder, 'state'))
  const kept = await DurableMap.open(join(folder, 'state', 'incidents'))
  for (const incident of incidents) {
    const history = [{ at: incident.openedAt, kind: 'opened', version: 1, why: incident.why }]
    await kept.set(incident.id, { incident, keys: [], version: 1, history, untold: null })
  }
  await kept.close()
  const actions = await DurableMap.open(join(folder, 'state', 'actions'))
  await actions.set('act1', sampleAction({ id: 'act1', incidentId: 'inc1' }))
  await actions.set('act2', sampleAction({ id: 'act2', incidentId: 'inc2', state: 'reverted' }))
  await actions.close()
}

test('without a daemon the data folder answers', async () => {
  await keep([
    sampleIncident({ id: 'inc1', severity: 'high', updatedAt: 2_000_000 }),
    sampleIncident({ id: 'inc2', severity: 'low', updatedAt: 3_000_000, policy: 'scan' }),
  ])
  const offpath = await connectOperations({ stateFolder: folder })
  expect(offpath.online).toBe(false)
  expect((await offpath.incidents({})).map(({ id }) => id)).toEqual(['inc2', 'inc1'])
  expect((await offpath.incidents({ min_severity: 'medium' })).map(({ id }) => id)).toEqual(['inc1'])
  expect((await offpath.incidents({ policy: 'scan' })).map(({ id }) => id)).toEqual(['inc2'])
  expect((await offpath.incidents({ since: '1970-01-01T00:00:02.5Z' })).map(({ id }) => id)).toEqual(['inc2'])
  expect((await offpath.incidents({ limit: 1 })).length).toBe(1)
  expect((await offpath.actions({ live: true })).map(({ id }) => id)).toEqual(['act1'])
  const detail = await offpath.incident('inc1')
  expect(detail.actions.map(({ id }) => id)).toEqual(['act1'])
  expect(detail.history).toEqual([{ at: '1970-01-01T00:00:01.000000Z', kind: 'opened', why: 'because' }])
  await offpath.close()
})

test('what changes something needs the daemon, and so does the status', async () => {
  await keep([])
  const offpath = await connectOperations({ stateFolder: folder })
  const by = { who: 'ada', reason: 'test' }
  for (const asked of [
    offpath.status(),
    offpath.approveAction('act1', by),
    offpath.denyAction('act1', by),
    offpath.revertAction('act1', by),
    offpath.reloadPolicies(),
    offpath.redeliver({}),
    offpath.markDeploy({ service: 's', version: '1', who: 'ada' }),
  ]) {
    await expect(asked).rejects.toMatchObject({ code: 'OFFPATH_E_UNREACHABLE', exitCode: 69 })
  }
  await expect(offpath.incident('none')).rejects.toMatchObject({ code: 'OFFPATH_E_NOT_FOUND' })
  await expect(offpath.query({ sql: 'SELECT 1' })).rejects.toMatchObject({ code: 'OFFPATH_E_STORE' })
})

test('offline refused, or no data folder: the daemon is missed', async () => {
  const refused = await connectOperations({ stateFolder: folder, offline: 'refused' })
  await expect(refused.incidents({})).rejects.toMatchObject({ code: 'OFFPATH_E_UNREACHABLE' })
  const nowhere = await connectOperations({ stateFolder: join(folder, 'none') })
  await expect(nowhere.incidents({})).rejects.toMatchObject({ code: 'OFFPATH_E_UNREACHABLE' })
})

test('the store is opened when a question needs it, once, and closed', async () => {
  await keep([])
  let opened = 0
  let closed = 0
  const offpath = await connectOperations({
    stateFolder: folder,
    openStore: async () => {
      opened += 1
      return {
        query: async () => ({ columns: [{ name: 'n', type: 'UInt8' }], rows: [[1]], cut: false, elapsedMs: 1 }),
        seal: async () => undefined,
        status: () => Promise.reject(new Error('not asked for')),
        close: async () => {
          closed += 1
        },
      }
    },
  })
  expect(opened).toBe(0)
  expect((await offpath.query({ sql: 'SELECT 1 AS n' })).rows).toEqual([[1]])
  await offpath.query({ sql: 'SELECT 1 AS n' })
  await offpath.close()
  expect([opened, closed]).toEqual([1, 1])
})
