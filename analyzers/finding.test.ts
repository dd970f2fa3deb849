import { expect, test } from 'vitest'

import type { Transaction } from '../daemon/model/transaction.ts'
import { EvidenceTrail } from './finding.ts'
import { isPackable, unpackId } from './packed-id.ts'

function transaction(i: number, status: number | null, whole: boolean): Transaction {
  return { id: idOf(i), time: 1.7e15 + i, status, state: whole ? 'complete' : 'gap', pairing: 'exact' } as Transaction
}

function idOf(i: number): string {
  // Of our own making (millisecond of the time, then sixteen digits), and in turn with some that look like it or do not.
  const time = unpackId(1.7e15 + i, 0, 0).slice(0, 10)
  const digits = `zyxwv${String(i).padStart(11, '0')}`
  return [
    `${time}${digits}`,
    `${time}${digits}`,
    `0${digits}${time.slice(1)}`,
    `${time}u${digits.slice(1)}`,
    `id ${i}`,
  ][i % 5]!
}

test('a trail gives back its last 32 transactions as they were, also from its state, and starts anew', () => {
  const trail = new EvidenceTrail()
  const statuses = [200, 404, null, 0, 599]
  for (let i = 0; i < 40; i++) trail.add(transaction(i, statuses[i % 5]!, i % 3 > 0))
  const expected = Array.from({ length: 32 }, (_, at) => {
    const i = at + 8
    return { transactionId: idOf(i), time: 1.7e15 + i, status: statuses[i % 5]!, whole: i % 3 > 0 }
  })
  const kept = EvidenceTrail.fromState(trail.toState())
  expect(trail.take()).toEqual(expected)
  expect(kept.take()).toEqual(expected)
  expect(trail.take()).toEqual([])
  trail.add(transaction(50, null, false))
  expect(trail.take()).toEqual([{ transactionId: idOf(50), time: 1.7e15 + 50, status: null, whole: false }])
})

test('an id of our own making is packed, and no other', () => {
  const time = 1.7e15 + 123_456
  const id = unpackId(time, 2 ** 40 - 1, 12_345)
  expect(id).toMatch(/^[0-9a-hjkmnp-tv-z]{10}z{8}00000c1s$/)
  expect(isPackable(id, time)).toBe(true)
  expect(isPackable(id, time + 1000)).toBe(false)
  for (const odd of [
    '',
    id.slice(1),
    `${id}0`,
    id.replace('z', 'Z'),
    id.replace('z', 'l'),
    id.replace('z', '\u00e9'),
  ]) {
    expect(isPackable(odd, time)).toBe(false)
  }
  expect(isPackable(unpackId(0, 1, 2), 0)).toBe(true)
  expect(isPackable(id, -1)).toBe(false)
})
