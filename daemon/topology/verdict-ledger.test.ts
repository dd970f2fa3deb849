import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeIncident } from '../../test/fake-incident.ts'
import { DurableMap } from '../durable/durable-map.ts'
import type { Verdict } from '../model/verdict.ts'
import { IncidentLedger, type LedgerChange, type LedgerEntry } from './incident-ledger.ts'
import { type KeptVerdict, VerdictLedger } from './verdict-ledger.ts'

const SILENT = 1_000_000
let folder = ''
let entries: DurableMap<LedgerEntry>
let verdicts: DurableMap<KeptVerdict>
let told: LedgerChange[] = []
let heard: Verdict[] = []
let judged: Verdict[] = []
let now: number | null = 5000
let incidents: IncidentLedger
let ledger: VerdictLedger

async function start(apply = async (verdict: Verdict): Promise<void> => void judged.push(verdict)): Promise<void> {
  entries = await DurableMap.open<LedgerEntry>(join(folder, 'incidents'))
  verdicts = await DurableMap.open<KeptVerdict>(join(folder, 'verdicts'))
  incidents = new IncidentLedger({
    entries,
    standing: () => ({ actions: [], simulated: false, contained: false }),
    tell: async (change) => void told.push(change),
    unsaved: () => {},
  })
  ledger = new VerdictLedger({
    verdicts,
    incidents,
    eventTime: () => now,
    autoCloseUs: () => SILENT,
    nowMs: () => 1_700_000_000_000,
    judged: apply,
    tell: (verdict) => heard.push(verdict),
  })
}

async function stop(): Promise<void> {
  await entries.close()
  await verdicts.close()
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-verdicts-'))
  told = []
  heard = []
  judged = []
  now = 5000
  await start()
  await incidents.take({ kind: 'opened', incident: fakeIncident(), keys: ['k'] })
})
afterEach(async () => {
  await stop()
  rmSync(folder, { recursive: true, force: true })
})

const by = { who: 'ada', reason: 'the nightly export' }
const states = () => told.map(({ kind, incident: { status, closedAt } }) => [kind, status, closedAt])

test('a false incident is closed at the event time of the word, with who said it and why; said again it is the same word', async () => {
  const verdict = await ledger.say('i1', { is: 'false', ...by })
  expect(verdict).toMatchObject({ incidentId: 'i1', is: 'false', at: 5000, version: 1, subject: { value: 'u_1' } })
  now = 6000
  const again = await ledger.say('i1', { is: 'false', who: 'bob', reason: 'me too' })
  expect(again).toEqual({ ...verdict, settled: true })
  expect(states().slice(1)).toEqual([['closed', 'false', 5000]])
  expect(told.at(-1)?.incident.verdict).toEqual({ is: 'false', at: 5000, ...by })
  expect(told.at(-1)?.history.at(-1)?.why).toBe('found to be false by ada: the nightly export')
  expect([judged, heard]).toEqual([[verdict], [verdict]])
})

test('an attack stays open; words on one incident have rising times, also while event time stands still', async () => {
  now = null
  const words = await Promise.all(
    (['attack', 'benign', 'none', 'false'] as const).map((is) => ledger.say('i1', { is, ...by })),
  )
  expect(words.map(({ at, version }) => [at, version])).toEqual([
    [1000, 1],
    [1001, 2],
    [1002, 3],
    [1003, 4],
  ])
  expect(states().slice(1)).toEqual([
    ['updated', 'open', null],
    ['closed', 'benign', 1001],
    ['opened', 'open', null],
    ['closed', 'false', 1003],
  ])
})

test('taken back when it would have fallen silent, an incident is resolved', async () => {
  await ledger.say('i1', { is: 'false', ...by })
  now = 1000 + SILENT
  await ledger.say('i1', { is: 'none', ...by })
  expect(states().at(-1)).toEqual(['closed', 'resolved', 5000])
})

test('what the engine tells before it has heard the verdict, and after it was taken back, changes nothing of it', async () => {
  await ledger.say('i1', { is: 'false', ...by })
  await incidents.take({ kind: 'updated', incident: fakeIncident({ updatedAt: 5500, signalCount: 9 }), keys: ['k'] })
  expect(incidents.get('i1')?.incident).toMatchObject({ status: 'false', closedAt: 5000, signalCount: 9 })
  const resolved = fakeIncident({ updatedAt: 5600, signalCount: 9, status: 'resolved', closedAt: 5700 })
  await incidents.take({ kind: 'closed', incident: resolved, keys: ['k'] })
  expect(incidents.get('i1')?.incident).toMatchObject({ status: 'false', closedAt: 5000 })
  await ledger.say('i1', { is: 'none', ...by })
  const late = fakeIncident({ updatedAt: 5600, signalCount: 9, status: 'false', closedAt: 5001 })
  await incidents.take({ kind: 'closed', incident: late, keys: ['k'] })
  expect(incidents.get('i1')?.incident).toMatchObject({ status: 'open', closedAt: null })
})

test('graver evidence that reopens it leaves the word to be read', async () => {
  await ledger.say('i1', { is: 'false', ...by })
  const graver = fakeIncident({ updatedAt: 9000, signalCount: 9, severity: 'high' })
  await incidents.take({ kind: 'opened', incident: graver, keys: ['k'] })
  expect(told.at(-1)).toMatchObject({ kind: 'opened', incident: { status: 'open', verdict: { is: 'false' } } })
})

test('a kill between the word and its effect leaves the effect to the next start, once', async () => {
  const before = entries.get('i1')!
  await stop()
  await start(() => Promise.reject(new Error('killed here')))
  await expect(ledger.say('i1', { is: 'false', ...by })).rejects.toThrow('killed here')
  await stop()
  await start()
  await ledger.resume()
  await ledger.resume()
  // The incident was closed before the kill, what was done about it was not ended.
  expect(states()).toEqual([
    ['opened', 'open', null],
    ['closed', 'false', 5000],
  ])
  expect(judged).toHaveLength(1)
  // As if the kill had come before the incident was closed.
  await entries.set('i1', before)
  await verdicts.set('i1', { ...verdicts.get('i1')!, settled: false })
  await ledger.resume()
  expect(states().slice(2)).toEqual([['closed', 'false', 5000]])
  expect(ledger.newest()).toMatchObject([{ is: 'false', at: 5000 }])
})

test('what nobody knows, and what nobody said, cannot be judged or taken back', async () => {
  await expect(ledger.say('i2', { is: 'false', ...by })).rejects.toMatchObject({ code: 'OFFPATH_E_NOT_FOUND' })
  await expect(ledger.say('i1', { is: 'none', ...by })).rejects.toMatchObject({ code: 'OFFPATH_E_STATE' })
  expect(verdicts.size).toBe(0)
})
