import { expect, test } from 'vitest'
import type { RowBatch } from '../model/row-batch.ts'
import { Counters } from '../telemetry/counters.ts'
import { RowOutbox } from './row-outbox.ts'

function batch(bytes: number): RowBatch {
  return {
    table: 'transactions',
    day: '2026-11-21',
    columns: ['id'],
    format: 'TabSeparated',
    rows: 10,
    bytes: new Uint8Array(bytes),
    rereadIds: null,
  }
}

test('what does not fit is given up by name; room comes back as batches are sealed', async () => {
  const sent: number[] = []
  const counters = new Counters()
  const outbox = new RowOutbox((sequence) => sent.push(sequence), counters, 100)
  outbox.push(batch(40))
  expect(outbox.room()).toBeUndefined()
  outbox.push(batch(40))
  outbox.push(batch(40))
  expect([sent, counters.entries()]).toEqual([[0, 1], [['store.shed_rows', 10]]])
  const room = outbox.room()
  expect(room).toBeDefined()
  outbox.settled(0)
  await room
  outbox.push(batch(40))
  expect(sent).toEqual([0, 1, 2])
})

test('a batch larger than the bound goes alone', () => {
  const sent: number[] = []
  const outbox = new RowOutbox((sequence) => sent.push(sequence), new Counters(), 100)
  outbox.push(batch(500))
  outbox.push(batch(1))
  outbox.settled(0)
  outbox.settled(0)
  outbox.push(batch(1))
  expect([sent, outbox.outstanding]).toEqual([[0, 1], 1])
})
