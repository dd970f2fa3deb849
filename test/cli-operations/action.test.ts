import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { connectOperations } from '../../daemon/api/connect.ts'
import type { IncidentDetailJson, IncidentJson } from '../../daemon/api/operations.ts'
import { command } from './command.ts'
import { fakeAction, MemoryOperations } from './memory-operations.ts'

const INCIDENT = '01m8067qx5zc4tfwx1hggsq2a0'
const waiting = fakeAction(INCIDENT, {
  id: '01m806aaaa000000000000aaaa',
  simulated: false,
  state: 'awaiting_approval',
  lease_until: null,
})
const over = fakeAction(INCIDENT, {
  id: '01m806bbbb000000000000bbbb',
  simulated: false,
  state: 'failed',
  error: 'receiver answered 500',
})

function operations(): MemoryOperations {
  const incident = {
    id: INCIDENT,
    updated_at: '2026-11-21T23:14:45.000000Z',
    severity: 'high',
  } as unknown as IncidentJson
  const detail: IncidentDetailJson = {
    incident,
    signals: [],
    transactions: [],
    history: [],
    actions: [waiting, over],
    policy: null,
  }
  return new MemoryOperations([detail])
}

const run = (known: MemoryOperations, args: readonly string[], environment = {}) =>
  command(() => known.connection(), ['action', ...args], { environment })

describe('action list', () => {
  test('what, on whom, in which state, until when, and why', async () => {
    const { stdout } = await run(operations(), ['list'])
    const [titles, ...rows] = stdout.trimEnd().split('\n')
    expect(titles).toMatch(/^ID +INCIDENT +PROPOSED +STATE +ACTION +TARGET +UNTIL +WHY$/)
    expect(rows[0]).toMatch(
      /^01m806aaaa00 +01m8067qx5zc +2026-11-21 23:14:35Z +awaiting approval +throttle\S* .*user u_1280 +- /,
    )
    expect(rows[1]).toMatch(/ failed .* 23:29:35Z +receiver answer/)
  })

  test('filters, formats, and nothing', async () => {
    const known = operations()
    expect(JSON.parse((await run(known, ['list', '--live', '-o', 'json'])).stdout)).toEqual([waiting])
    await run(known, ['list', '--incident', INCIDENT.slice(0, 10), '-o', 'json'])
    expect(known.asked).toEqual({ incident: INCIDENT, limit: 50 })
    expect((await run(known, ['list', '-o', 'jsonl'])).stdout.trimEnd().split('\n')).toHaveLength(2)
    expect((await run(known, ['list', '--incident', 'nothere'])).status).toBe(1)
    expect((await run(new MemoryOperations([]), ['list'])).stdout).toMatch(/^No actions yet\./)
  })
})

describe('action approve, deny, revert', () => {
  test.each(['approve', 'deny', 'revert'])('%s is told who and why, and shows what came of it', async (name) => {
    const known = operations()
    const { stdout, status } = await run(known, [name, waiting.id.slice(0, 12), '--reason', '  seen and agreed '])
    expect(status).toBe(0)
    const who = userInfo().username
    expect(known.decided).toEqual([{ name, id: waiting.id, by: { who, reason: 'seen and agreed' } }])
    expect(stdout).toContain('seen and ag')
    const json = await run(known, [name, waiting.id, '--reason', 'r', '-o', 'json'])
    expect(JSON.parse(json.stdout).history.at(-1).why).toBe('r')
  })

  test.runIf(process.getuid?.() === 0)('under sudo it is the person behind it', async () => {
    const known = operations()
    await run(known, ['approve', waiting.id, '--reason', 'r'], { SUDO_USER: 'alice' })
    expect(known.decided[0]!.by.who).toBe('alice')
  })

  test('a reason is required, short, and more than spaces; a wrong id decides nothing', async () => {
    const known = operations()
    for (const args of [
      ['approve', waiting.id],
      ['approve', waiting.id, '--reason', ' '],
      ['approve', waiting.id, '--reason', 'x'.repeat(501)],
    ]) {
      expect((await run(known, args)).status).toBe(2)
    }
    expect((await run(known, ['approve', '01m806', '--reason', 'r'])).stderr).toContain('2 actions begin with 01m806')
    expect((await run(known, ['approve', 'nope', '--reason', 'r'])).stderr).toContain('OFFPATH_E_NOT_FOUND')
    expect(known.decided).toEqual([])
  })

  test('without a daemon it is exit 69', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'offpath-none-'))
    try {
      const offline = (_: unknown, mode: 'allowed' | 'refused') =>
        connectOperations({ stateFolder: folder, offline: mode })
      const { status, stderr } = await command(offline, ['action', 'approve', waiting.id, '--reason', 'r'])
      expect(status).toBe(69)
      expect(stderr).toContain('OFFPATH_E_UNREACHABLE')
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
