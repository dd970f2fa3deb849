import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { sealedParts } from '../../daemon/durable/sealed-lines.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { createLogger } from '../../daemon/telemetry/log.ts'
import { type Assembly, assemble } from '../../daemon/topology/assemble.ts'
import { buildDetection } from '../../daemon/topology/detection.ts'
import { learningLines, restoreLearning } from '../../daemon/topology/learning-file.ts'
import { SnapshotKeeper } from '../../daemon/topology/snapshot-keeper.ts'
import { mixedTraffic } from '../conformance/mixed-traffic.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-restart-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const logger = createLogger('info', { write: () => undefined })

function assembled(told: string[]): Assembly {
  const { config } = effectiveConfig(CONFIG_SCHEMA, null)
  return assemble({
    config: { ...config, limits: { ...config.limits, workers: 0 } },
    key: TEST_KEY,
    bodies: true,
    detect: buildDetection,
    listeners: {
      signal: (signal) => told.push(JSON.stringify(signal)),
      incident: ({ kind, incident }) => told.push(`${kind === 'updated' ? '' : `${kind} ${incident.id}`}`),
    },
    detectorFailed: (_, error) => {
      throw error
    },
  })
}

function feed({ chain }: Assembly, list: Iterable<Transaction>): void {
  for (const tx of list) chain.transaction({ ...tx }, tx.endTime)
  chain.settle()
}

const textOf = ({ learning }: Pick<Assembly, 'learning'>, now: number) => [
  ...sealedParts(
    learningLines(learning, 'k', () => ({ now, topics: [] })),
    65_536,
  ),
]
/** What fields carry comes back in another order of leaving the table, which shows nowhere else. */
const inOrder = ({ learning }: Assembly) => ({ learning: learning.filter(({ name }) => name !== 'payload-context') })

test('traffic in two lives of the process is traffic in one: same signals, same incidents, same learning', async () => {
  const before = [...mixedTraffic(1, 6000)]
  const after = [...mixedTraffic(8, 4000)]
  const told: string[] = []
  const unbroken = assembled(told)
  feed(unbroken, before)

  const path = join(folder, 'learning')
  const keeper = new SnapshotKeeper({ path, what: 'learning', maxBytes: 1e8, packed: true, logger })
  const parts = textOf(unbroken, unbroken.chain.now)
  for (const [i, text] of parts.entries()) keeper.take({ text, first: i === 0, last: i === parts.length - 1 })
  await keeper.close()
  const held = unbroken.detection!.incidents.held()
  const again: string[] = []
  const next = assembled(again)
  const { covers, refused } = await restoreLearning({ path }, next.learning, { id: 'k', previous: [] })
  expect(refused).toEqual([])
  next.chain.advance(covers.now!)
  next.resume(held, covers.now)
  expect(textOf(next, covers.now!)).toEqual(parts)

  told.length = 0
  feed(unbroken, after)
  feed(next, after)
  expect(told.filter((line) => line.startsWith('{')).length).toBeGreaterThan(50)
  expect(told.filter((line) => line.startsWith('opened')).length).toBeGreaterThan(0)
  expect(again.filter((line) => line !== '')).toEqual(told.filter((line) => line !== ''))
  expect(textOf(inOrder(next), 0)).toEqual(textOf(inOrder(unbroken), 0))
})
