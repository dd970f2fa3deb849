import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { CONFIG_SCHEMA } from '../config/current-schema.ts'
import { effectiveConfig } from '../config/effective.ts'
import { TEST_KEY } from '../identity/privacy-key.ts'
import { parseTime } from '../model/time.ts'
import type { Transaction } from '../model/transaction.ts'
import { assemble, nativeReader } from './assemble.ts'
import { buildDetection } from './detection.ts'

const day = join(import.meta.dirname, '..', '..', 'demo', 'day.jsonl.gz')
const RECORDS = 1500
const records = gunzipSync(readFileSync(day))
  .toString()
  .split('\n', RECORDS)
  .map((line) => JSON.parse(line) as Record<string, unknown>)

/** What is learnt from the day, by part, and how its transactions were named; of each `again` says how often it is read. */
function learn(again: (index: number) => number) {
  const seen = new Set<string>()
  const named = new Map<string, string>()
  const assembly = assemble({
    config: effectiveConfig(CONFIG_SCHEMA, null).config,
    key: TEST_KEY,
    bodies: true,
    detect: buildDetection,
    listeners: {
      learnt: (transaction: Transaction) => {
        const known = seen.has(transaction.id)
        seen.add(transaction.id)
        return known
      },
      transaction: ({ id, principal, endpoint, caller }) => {
        expect(caller).toBeDefined()
        named.set(id, JSON.stringify([principal.id, endpoint]))
      },
    },
    detectorFailed: (detector, error) => {
      throw new Error(detector, { cause: error })
    },
  })
  const reader = nativeReader(assembly, { kind: 'kafka', name: 'topic' })
  for (const [index, record] of records.entries()) {
    for (let times = again(index); times > 0; times--) {
      const time = parseTime(String(record.end_ts))!
      assembly.chain.transaction(reader.read({ ...record }, index, time, false)!, time)
    }
  }
  assembly.chain.settle()
  const parts = new Map(
    assembly.learning.map((part) => [part.name, [...part.snapshot()].map((line) => JSON.stringify(line)).sort()]),
  )
  return { parts, named }
}

test('what is read a second time is named as before, and teaches nothing', () => {
  const once = learn(() => 1)
  const again = learn((index) => (index % 3 === 0 ? 3 : 1))
  expect(again.named.size).toBe(RECORDS)
  expect(once.parts.size).toBeGreaterThan(20)
  for (const [name, lines] of once.parts) {
    // The sensor's own rhythm is of records that come, whatever they say.
    if (!name.startsWith('capture.')) expect({ name, lines: again.parts.get(name) }).toEqual({ name, lines })
  }
  const differ = [...once.named].filter(([id, name]) => again.named.get(id) !== name)
  expect(differ.length).toBeLessThan(RECORDS / 100)
})
