import { userInfo } from 'node:os'
import { expect, test } from 'vitest'
import { incidentJson } from '../../daemon/api/json-forms.ts'
import type { JudgedJson, VerdictRequest } from '../../daemon/api/operations.ts'
import { OffpathError } from '../../daemon/telemetry/errors.ts'
import { fakeIncident } from '../fake-incident.ts'
import { command } from './command.ts'
import { fakePolicy, MemoryOperations } from './memory-operations.ts'

const ID = '01m8067qx5zc4tfwx1hggsq2a0'
const incident = fakeIncident({ id: ID })

class Judging extends MemoryOperations {
  readonly said: unknown[] = []

  async judgeIncident(id: string, { verdict: is, who, reason }: VerdictRequest): Promise<JudgedJson> {
    this.said.push({ id, is, who, reason })
    const judged = { ...incident, status: 'false' as const, verdict: { is, who, reason, at: 2_000_000 } }
    const verdicts = { attack: 3, benign: 0, false: 2, precision: 0.571 }
    const demoted = { at: '2026-11-21T20:00:00.000Z', why: '2 of its incidents of one week were found to be false' }
    return {
      incident: incidentJson(judged),
      policy: fakePolicy('auth-bruteforce', { mode: 'stage', verdicts, demoted }),
    }
  }

  async reinstatePolicy(id: string) {
    if (id === 'auth-bruteforce') return fakePolicy(id, { mode: 'enforce' })
    throw new OffpathError('OFFPATH_E_NOT_FOUND', `there is no policy ${id}`)
  }
}

const known = () =>
  new Judging([
    { incident: incidentJson(incident), signals: [], transactions: [], history: [], actions: [], policy: null },
  ])

test('who says what of which incident and why; what became of it, and how its policy stands', async () => {
  const operations = known()
  const { stdout, status } = await command(
    () => operations.connection(),
    ['verdict', ID.slice(0, 8), 'false', '--reason', ' a forgotten password '],
  )
  expect(status).toBe(0)
  const who = userInfo().username
  expect(operations.said).toEqual([{ id: ID, is: 'false', who, reason: 'a forgotten password' }])
  expect(stdout).toMatch(/ low +false +Password guessing /)
  expect(stdout).toContain(
    '3 found to be attacks, 0 benign, 2 false; precision about 57 %; does not enforce any more: 2 of',
  )
})

test.each([
  [['verdict', ID, 'maybe', '--reason', 'x'], 2],
  [['verdict', ID, 'false'], 2],
  [['verdict', ID, 'false', '--reason', '  '], 2],
  [['verdict', 'zzz', 'false', '--reason', 'x'], 1],
  [['policy', 'reinstate', 'auth-bruteforce'], 2],
  [['policy', 'reinstate', 'another', '--reason', 'x'], 1],
  [['policy', 'reinstate', 'auth-bruteforce', '--reason', 'x'], 0],
])('%j ends with %d', async (line, expected) => {
  const operations = known()
  expect((await command(() => operations.connection(), line)).status).toBe(expected)
  expect(operations.said).toEqual([])
})
