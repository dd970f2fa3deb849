import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DETECTORS } from '../../analyzers/registry.ts'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { parseTime } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { assemble, nativeReader } from '../../daemon/topology/assemble.ts'
import { play } from './traffic.ts'

/** Transactions of a recording of policies/tests, as detectors are shown them. */
async function recording(name: string): Promise<Transaction[]> {
  const { config } = effectiveConfig(CONFIG_SCHEMA, null)
  const seen: Transaction[] = []
  const assembly = assemble({
    config,
    key: TEST_KEY,
    bodies: true,
    detect: null,
    listeners: { transaction: (transaction) => seen.push(transaction) },
    detectorFailed: () => {},
  })
  const reader = nativeReader(assembly, { kind: 'file', name })
  const lines = readFileSync(join(import.meta.dirname, '../../policies/tests', name), 'utf8')
    .trim()
    .split('\n')
  for (const [i, line] of lines.entries()) {
    const record = JSON.parse(line) as Record<string, unknown>
    const endUs = parseTime(String(record['end_ts']))!
    const transaction = reader.read(record, i + 1, endUs, false)
    if (transaction !== null) assembly.chain.transaction(transaction, endUs)
  }
  await assembly.chain.close()
  reader.close()
  return seen
}

test.each([
  ['auth.token_forged', 'unsigned-tokens.jsonl'],
  ['auth.token_hygiene', 'token-in-url.jsonl'],
  ['auth.missing', 'open-invoices.jsonl'],
  ['inventory.shadow', 'left-behind.jsonl'],
  ['inventory.zombie', 'old-reports.jsonl'],
  ['auth.stuffing', 'stolen-list.jsonl'],
])('%s, put into another process in the midst of %s, goes on as if it had never stopped', async (id, name) => {
  const declaration = DETECTORS.find((each) => each.id === id)!
  const create = () => declaration.create(declaration.options.parse({}))
  const signalsOf = (detector: ReturnType<typeof create>, list: readonly Transaction[]) => {
    const signals: unknown[] = []
    play(list, detector, (signal) => {
      if (signal !== null) signals.push(signal)
    })
    return signals
  }
  const list = await recording(name)
  const whole = signalsOf(create(), list)
  expect(whole.length).toBeGreaterThan(0)
  const last = list.length - Math.max(2, Math.floor(whole.length / 2))
  const before = create()
  const early = signalsOf(before, list.slice(0, last))
  const lines = [...before.snapshot!()].map((line) => JSON.stringify(line))
  const after = create()
  for (const line of lines) after.restore!(JSON.parse(line))
  expect([...after.snapshot!()].map((line) => JSON.stringify(line))).toEqual(lines)
  expect([...early, ...signalsOf(after, list.slice(last))]).toEqual(whole)
  expect(signalsOf(create(), list.slice(last))).not.toEqual(whole.slice(early.length))
})
