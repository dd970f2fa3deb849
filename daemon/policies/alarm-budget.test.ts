import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DurableMap } from '../durable/durable-map.ts'
import { DAY_US } from '../model/time.ts'
import type { Verdict, VerdictIs } from '../model/verdict.ts'
import { AlarmBudget, type BudgetEntry } from './alarm-budget.ts'
import { policyOf } from './compile.ts'
import { shippedPolicies } from './load.ts'
import type { PolicyDocument } from './policy-file.ts'

const ID = 'scan-probing'
const shipped = shippedPolicies().documents.find(({ file }) => file.metadata.id === ID)!
const enforcing: PolicyDocument = { ...shipped, mode: 'enforce' }

let folder = ''
let entries: DurableMap<BudgetEntry>
let said: Verdict[] = []
let changes: string[] = []
let nowMs = 1000
let budget: AlarmBudget

async function start(): Promise<void> {
  entries = await DurableMap.open<BudgetEntry>(join(folder, 'budgets'))
  budget = new AlarmBudget({
    entries,
    verdicts: () => said,
    nowMs: () => nowMs,
    changed: (_, why) => changes.push(why),
  })
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-budget-'))
  said = []
  changes = []
  nowMs = 1000
  await start()
})
afterEach(async () => {
  await entries.close()
  rmSync(folder, { recursive: true, force: true })
})

function word(is: VerdictIs, openedAt: number): void {
  nowMs++
  const incidentId = `i${said.length}`
  const place = { policy: ID, detector: 'scan.probing', openedAt, subject: { kind: 'ip', value: '203.0.113.9' } }
  said.push({ incidentId, is, who: 'ada', reason: 'r', at: openedAt, saidAtMs: nowMs, version: 1, ...place })
}

const modeOf = (document: PolicyDocument) => budget.applied([policyOf(document)])[0]!.mode

test('one false incident in a week is within the budget, a second one demotes; attacks and benign ones do not count', async () => {
  for (let i = 0; i < 5; i++) word('benign', 0)
  for (let i = 0; i < 5; i++) word('attack', 0)
  word('false', 0)
  word('false', 8 * DAY_US)
  await budget.review([enforcing])
  expect([modeOf(enforcing), budget.demoted()]).toEqual(['enforce', []])
  word('false', 14 * DAY_US)
  await budget.review()
  expect(modeOf(enforcing)).toBe('stage')
  expect(budget.demoted()).toMatchObject([
    { policy: ID, demotion: { why: expect.stringContaining('2 of its incidents') } },
  ])
  expect(changes).toEqual([expect.stringContaining(`policy ${ID} does not enforce any more`)])
  expect(budget.standing(ID)).toMatchObject({ attack: 5, benign: 5, false: 3, precision: 0.6 })
})

test('a policy that does not enforce has nothing to lose, nor one that is told to keep its mode', async () => {
  word('false', 0)
  word('false', DAY_US)
  const file = { ...enforcing.file, budget: { ...enforcing.file.budget, onExceed: 'keep' as const } }
  await budget.review([shipped, { ...enforcing, file: { ...file, metadata: { ...file.metadata, id: 'other' } } }])
  expect(changes).toEqual([])
})

test('it stays so over restarts and reloads, until an operator puts it back; then it takes as many again', async () => {
  word('false', 0)
  word('false', DAY_US)
  await budget.review([enforcing])
  await entries.close()
  await start()
  await budget.review([enforcing])
  await budget.review([enforcing])
  expect([modeOf(enforcing), changes.length]).toEqual(['stage', 1])
  nowMs = 5000
  await budget.reinstate(ID, { who: 'ada', reason: 'excepted' })
  await budget.review()
  expect([modeOf(enforcing), changes.at(-1)]).toEqual(['enforce', expect.stringContaining('put back by ada: excepted')])
  await expect(budget.reinstate(ID, { who: 'ada', reason: 'again' })).rejects.toMatchObject({ code: 'OFFPATH_E_STATE' })
  word('false', 2 * DAY_US)
  await budget.review()
  expect(modeOf(enforcing)).toBe('enforce')
  word('false', 2 * DAY_US)
  await budget.review()
  expect(modeOf(enforcing)).toBe('stage')
})

test('a policy that was changed begins anew, and verdicts that were taken back demote nobody', async () => {
  word('false', 0)
  word('false', DAY_US)
  await budget.review([enforcing])
  const changed = { ...enforcing, file: { ...enforcing.file, severity: 'low' as const } }
  await budget.review([changed])
  expect(modeOf(changed)).toBe('enforce')
  word('false', 2 * DAY_US)
  word('false', 2 * DAY_US)
  await budget.review([changed])
  expect(modeOf(changed)).toBe('stage')
  said = said.with(-1, { ...said.at(-1)!, is: 'none' })
  await budget.review()
  expect([modeOf(changed), changes.at(-1)]).toEqual(['enforce', expect.stringContaining('taken back')])
})
