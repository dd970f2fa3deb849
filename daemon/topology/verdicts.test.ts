import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defaultConfig } from '../config/defaults.ts'
import { TEST_KEY } from '../identity/privacy-key.ts'
import type { Incident, IncidentChange } from '../model/incident.ts'
import { SECOND_US } from '../model/time.ts'
import type { Verdict } from '../model/verdict.ts'
import { openInput } from '../sources/capture-file.ts'
import { assemble, nativeReader } from './assemble.ts'
import { buildDetection } from './detection.ts'
import { drive } from './inputs.ts'

/** One address asks for 60 paths that are not there, within a minute. */
const RECORDING = join(import.meta.dirname, '../../policies/tests/word-list.jsonl')

async function replayed(verdicts: readonly Verdict[]): Promise<IncidentChange[]> {
  const config = await defaultConfig()
  const changes: IncidentChange[] = []
  const assembly = assemble({
    config,
    key: TEST_KEY,
    bodies: true,
    detect: buildDetection,
    listeners: { incident: (change) => changes.push(change) },
    detectorFailed: (detector, error) => {
      throw new Error(detector, { cause: error })
    },
  })
  for (const each of verdicts) assembly.verdict(each)
  const opened = await openInput(RECORDING, { counters: assembly.intake.counters })
  const { info } = opened.source
  await drive(
    assembly.chain,
    [{ opened, info, reader: nativeReader(assembly, info) }],
    new AbortController().signal,
    () => undefined,
  )
  await assembly.chain.close()
  return changes.filter(({ incident }) => incident.policy === 'scan-probing')
}

function verdict({ id, policy, detector, openedAt, subject }: Incident, at: number, is: Verdict['is']): Verdict {
  const said = { who: 'ada', reason: 'our own link checker', at, is, saidAtMs: at / 1000, version: 1 }
  return { incidentId: id, policy, detector, openedAt, subject, ...said }
}

test('a verdict counts from its event time on, the same each time; what comes after it opens nothing', async () => {
  const before = await replayed([])
  const opened = before[0]!.incident
  expect(before.some(({ kind }) => kind === 'closed')).toBe(false)
  const said = verdict(opened, opened.openedAt + 2 * SECOND_US, 'false')
  const after = await replayed([said])
  const closing = after.find(({ kind }) => kind === 'closed')!
  expect(closing.incident).toMatchObject({ id: opened.id, status: 'false' })
  const late = closing.incident.closedAt! - said.at
  expect(late).toBeGreaterThanOrEqual(0)
  expect(late).toBeLessThan(2 * SECOND_US)
  expect(after.at(-1)).toBe(closing)
  expect(JSON.stringify(await replayed([said]))).toBe(JSON.stringify(after))
})

test('of several verdicts the later one holds, in whatever order they are told', async () => {
  const { incident } = (await replayed([]))[0]!
  const wrong = verdict(incident, incident.openedAt + SECOND_US, 'false')
  const takenBack = verdict(incident, incident.openedAt + 3 * SECOND_US, 'none')
  for (const told of [
    [wrong, takenBack],
    [takenBack, wrong],
  ]) {
    const changes = await replayed(told)
    expect(changes.findLast(({ kind }) => kind !== 'updated')).toMatchObject({
      kind: 'opened',
      incident: { id: incident.id, status: 'open' },
    })
  }
})
