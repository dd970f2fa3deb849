import { expect, test } from 'vitest'
import type { SealedBatch } from '../../sinks/store/inserter.ts'
import { SealQueue } from './store-queue.ts'

const MIB = 1024 * 1024

function batch(token: string, mib: number, isReread = false): SealedBatch {
  return {
    token,
    table: 'transactions',
    day: '2026-11-21',
    columns: ['id'],
    format: 'TabSeparated',
    rows: 1,
    bytes: new Uint8Array(mib * MIB),
    rereadIds: isReread ? ['a'] : null,
  }
}

function setUp(maxMib = 64) {
  const shed: string[] = []
  const answers: string[] = []
  const queue = new SealQueue(maxMib * MIB, (one) => shed.push(one.token))
  const add = (one: SealedBatch) =>
    queue.add(one).then(
      () => answers.push(`${one.token} sealed`),
      (error: Error) => answers.push(`${one.token} ${(error as Error & { reason?: string }).reason ?? error.message}`),
    )
  const sendAll = () => {
    const sent: string[] = []
    for (let next = queue.next(); next !== null; next = queue.next()) {
      queue.sent(next)
      sent.push(`${next.batch.token} ${next.id}`)
    }
    return sent
  }
  return { queue, add, sendAll, shed, answers }
}

test('no more goes into the channel than the window, and each answer lets the next in', async () => {
  const { queue, add, sendAll, answers } = setUp()
  const all = ['a', 'b', 'c'].map((token) => add(batch(token, 10)))
  expect(sendAll()).toEqual(['a 1', 'b 2'])
  queue.answered(1, null)
  expect(sendAll()).toEqual(['c 3'])
  queue.answered(2, null)
  queue.answered(3, new Error('no room'))
  await Promise.all(all)
  expect(answers).toEqual(['a sealed', 'b sealed', 'c no room'])
})

test('rows of a file that wait for the database take no room from live ones, and the other way round', () => {
  const { add, sendAll } = setUp()
  void add(batch('file', 20, true))
  void add(batch('live', 16))
  void add(batch('live2', 1))
  void add(batch('file2', 1, true))
  expect(sendAll()).toEqual(['file 1', 'live 2', 'file2 4'])
})

test('what was not acknowledged is sent again first, in order, under the same number', () => {
  const { queue, add, sendAll } = setUp()
  for (const token of ['a', 'b', 'c']) void add(batch(token, 1))
  sendAll()
  queue.answered(2, null)
  void add(batch('d', 1))
  queue.resendAll()
  expect(sendAll()).toEqual(['a 1', 'c 3', 'd 4'])
})

test('over the limit the oldest live batch goes, and a late answer to it is passed over', async () => {
  const { queue, add, sendAll, shed, answers } = setUp(10)
  void add(batch('file', 4, true))
  const first = add(batch('a', 4))
  sendAll()
  void add(batch('b', 4))
  await first
  expect([shed, answers]).toEqual([['a'], ['a shed']])
  queue.answered(2, null)
  expect(queue.live).toBe(1)
})
