import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeIncident } from '../../test/fake-incident.ts'
import { DurableMap } from '../durable/durable-map.ts'
import type { Standing } from '../response/response.ts'
import { IncidentLedger, type LedgerChange, type LedgerEntry } from './incident-ledger.ts'

let folder = ''
let entries: DurableMap<LedgerEntry>
let told: LedgerChange[] = []
let unsaved: unknown[] = []
let taken: Standing = { actions: [], simulated: false, contained: false }
let ledger: IncidentLedger

async function start(tell = async (change: LedgerChange): Promise<void> => void told.push(change)): Promise<void> {
  entries = await DurableMap.open<LedgerEntry>(join(folder, 'incidents'))
  ledger = new IncidentLedger({ entries, standing: () => taken, tell, unsaved: (error) => void unsaved.push(error) })
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-ledger-'))
  told = []
  unsaved = []
  taken = { actions: [], simulated: false, contained: false }
  await start()
})
afterEach(async () => {
  await entries.close()
  rmSync(folder, { recursive: true, force: true })
})

const opened = fakeIncident()
const grown = fakeIncident({ updatedAt: 2000, signalCount: 5 })
const closed = fakeIncident({ ...grown, closedAt: 9000, status: 'resolved' })

test('states are told in order, each with a higher version', async () => {
  await ledger.take({ kind: 'opened', incident: opened, keys: ['k'] })
  await Promise.all([
    ledger.take({ kind: 'updated', incident: grown, keys: ['k'] }),
    ledger.take({ kind: 'closed', incident: closed, keys: ['k'] }),
  ])
  expect(told.map(({ kind, version }) => [kind, version])).toEqual([
    ['opened', 1],
    ['updated', 2],
    ['closed', 3],
  ])
  expect(ledger.held().map((held) => held.incident.closedAt)).toEqual([9000])
})

test('the same input read again tells nothing, until it goes beyond what was known', async () => {
  await ledger.take({ kind: 'opened', incident: opened, keys: [] })
  await ledger.take({ kind: 'updated', incident: grown, keys: [] })
  for (let again = 0; again < 2; again++) {
    await ledger.take({ kind: 'opened', incident: opened, keys: [] })
    await ledger.take({ kind: 'updated', incident: grown, keys: [] })
    await ledger.take({ kind: 'closed', incident: closed, keys: [] })
  }
  expect(told.map(({ kind }) => kind)).toEqual(['opened', 'updated', 'closed'])
  await ledger.take({ kind: 'opened', incident: fakeIncident({ updatedAt: 9500, signalCount: 6 }), keys: [] })
  expect(told.at(-1)).toMatchObject({ kind: 'opened', version: 4, incident: { closedAt: null } })
})

test('a state that was not told before the end is told by the next start, once', async () => {
  await entries.close()
  await start(() => Promise.reject(new Error('killed here')))
  await expect(ledger.take({ kind: 'opened', incident: opened, keys: ['k'] })).rejects.toThrow('killed here')
  await entries.close()
  await start()
  await ledger.resume()
  expect(told.map(({ kind, version }) => [kind, version])).toEqual([['opened', 1]])
  expect(ledger.held()[0]?.keys).toEqual(['k'])
  await entries.close()
  await start()
  await ledger.resume()
  expect(told).toHaveLength(1)
})

test('an action shows on its incident: its id, whether it was simulated, and containment while it holds', async () => {
  await ledger.take({ kind: 'opened', incident: opened, keys: [] })
  taken = { actions: ['a1'], simulated: false, contained: true }
  await ledger.acted('i1', 1500, 'ban applied')
  expect(told.at(-1)).toMatchObject({ kind: 'updated', incident: { status: 'contained', actions: ['a1'] } })
  await ledger.take({ kind: 'updated', incident: grown, keys: [] })
  expect(told.at(-1)).toMatchObject({ incident: { status: 'contained', signalCount: 5 } })
  taken = { ...taken, contained: false }
  await ledger.acted('i1', 3000, 'ban taken back')
  await ledger.acted('i1', 3000, 'nothing new')
  expect(told.map(({ incident: { status } }) => status)).toEqual(['open', 'contained', 'contained', 'open'])
  await ledger.take({ kind: 'closed', incident: closed, keys: [] })
  taken = { ...taken, contained: true }
  await ledger.acted('i1', 9500, 'late')
  expect(ledger.get('i1')?.incident.status).toBe('resolved')
})

test('what cannot be saved is told all the same', async () => {
  await entries.close()
  await ledger.take({ kind: 'opened', incident: opened, keys: [] })
  expect(told.map(({ kind }) => kind)).toEqual(['opened'])
  expect(unsaved.length).toBeGreaterThan(0)
})
