import { expect, test } from 'vitest'

import type { Transaction } from '../daemon/model/transaction.ts'
import { EvidenceTrail } from './finding.ts'

function transaction(i: number, status: number | null, whole: boolean): Transaction {
  return { id: `id ${i}`, time: 1.7e15 + i, status, state: whole ? 'complete' : 'gap', pairing: 'exact' } as Transaction
}

test('a trail gives back its last 32 transactions as they were, also from its state, and starts anew', () => {
  const trail = new EvidenceTrail()
  const statuses = [200, 404, null, 0, 599]
  for (let i = 0; i < 40; i++) trail.add(transaction(i, statuses[i % 5]!, i % 3 > 0))
  const expected = Array.from({ length: 32 }, (_, at) => {
    const i = at + 8
    return { transactionId: `id ${i}`, time: 1.7e15 + i, status: statuses[i % 5]!, whole: i % 3 > 0 }
  })
  const kept = EvidenceTrail.fromState(trail.toState())
  expect(trail.take()).toEqual(expected)
  expect(kept.take()).toEqual(expected)
  expect(trail.take()).toEqual([])
  trail.add(transaction(50, null, false))
  expect(trail.take()).toEqual([{ transactionId: 'id 50', time: 1.7e15 + 50, status: null, whole: false }])
})
