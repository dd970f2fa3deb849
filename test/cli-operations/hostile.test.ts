import { describe, expect, test } from 'vitest'
import type { IncidentDetailJson, IncidentJson } from '../../daemon/api/operations.ts'
import { HOSTILE_TEXT, hasUnshowable } from '../hostile-text.ts'
import { command } from './command.ts'
import { fakeAction, fakePolicy, MemoryOperations } from './memory-operations.ts'

const ID = '01m8067qx5zc4tfwx1hggsq2a0'
const TS = '2026-11-21T23:14:35.045006Z'

/** An incident every text of which an attacker or a receiver has written. */
function hostileDetail(text: string): IncidentDetailJson {
  const incident: IncidentJson = {
    id: ID,
    policy: text,
    detector: text,
    detectors: [text],
    owasp_all: [text],
    attack: [text],
    severity: text,
    title: text,
    why: text,
    opened_at: TS,
    updated_at: text,
    closed_at: text,
    subject: { kind: text, value: text, members: [text, text] },
    service: text,
    endpoints: [text],
    signal_count: 1,
    transaction_count: 1,
    evidence: [{ transaction_id: text, ts: TS, status: 200 }],
    outcome: { p_success: 0.5, objects_exposed: 1, accounts: [text] },
    maturity: 1,
    completeness: 1,
    status: text,
    actions: [text],
    simulated: false,
    doubts: [text],
  }
  const action = fakeAction(ID, {
    id: text,
    step: text,
    connector: text,
    target: { kind: 'user', value: text },
    reason: text,
    error: text,
    history: [{ state: 'refused', at: text, why: text }],
    state: 'refused',
    lease_until: text,
    proposed_at: text,
  })
  const principal = { kind: 'user', id: text, display: text, via: text, app: text }
  const signal = {
    ts: TS,
    detector: text,
    principal,
    endpoint: text,
    log10_p: -6,
    maturity: 1,
    why: text,
    expected: text,
    observed: text,
    evidence: { [text]: text, list: [text] },
  }
  const transaction = {
    id: text,
    ts: TS,
    end_ts: text,
    method: text,
    path: `/${text}`,
    query: text,
    endpoint: text,
    status: 200,
    principal,
    state: text,
    pairing: text,
  }
  return {
    incident,
    signals: [signal],
    transactions: [transaction],
    history: [{ at: text, kind: text, why: text }],
    actions: [action],
    policy: fakePolicy(text, { title: text, owner: text, condition: text, origin: text }),
  }
}

const COMMANDS: readonly (readonly string[])[] = [
  ['incident', 'list'],
  ['incident', 'list', '-o', 'json'],
  ['incident', 'list', '-o', 'jsonl'],
  ['incident', 'show', ID],
  ['incident', 'show', ID, '-o', 'json'],
  ['incident', 'explain', ID],
  ['incident', 'export', ID, '--output', '-'],
  ['action', 'list'],
  ['action', 'list', '-o', 'jsonl'],
]

const isJson = (args: readonly string[]) => args.some((arg) => /^(json|jsonl|-)$/.test(arg))
const NO_GLYPH = /[\u034f\u115f\u1160\u3164\uffa0]|[\u{e0100}-\u{e01ef}]/gu

/** The colours we write ourselves. */
const OWN_COLOURS = /\x1b\[\d{1,2}m/g

describe.each(COMMANDS.map((args) => [args.join(' '), args] as const))('offpath %s on a terminal', (_, args) => {
  test.each(HOSTILE_TEXT.map(({ name, text }) => [name, text]))('%s', async (name, text) => {
    const operations = new MemoryOperations([hostileDetail(text)])
    for (const width of [80, 200]) {
      const { stdout, stderr, status } = await command(() => operations.connection(), args, { tty: true, width })
      expect([status, stderr.startsWith('offpath:')]).toEqual([0, false])
      expect(stdout).not.toBe('')
      // Only ours may be there: theirs has lost its escape character.
      expect(text.includes('\x1b') && stdout.includes(text)).toBe(false)
      const shown = stdout.replace(OWN_COLOURS, '')
      // What merely has no glyph stays in JSON as it is: sinks/escape.ts.
      expect(hasUnshowable(isJson(args) ? shown.replace(NO_GLYPH, '') : shown)).toBe(false)
      if (!isJson(args)) {
        const forged = stdout.split('\n').filter((line) => /^0:21 HIGH/.test(line))
        expect([name, forged]).toEqual([name, []])
      }
    }
  })
})

test('an id from a store that would be a path is none', async () => {
  const operations = new MemoryOperations([hostileDetail('x')])
  const { stderr, status } = await command(() => operations.connection(), ['incident', 'show', '../\x1b[2Jx'])
  expect(status).toBe(1)
  expect(hasUnshowable(stderr)).toBe(false)
})
