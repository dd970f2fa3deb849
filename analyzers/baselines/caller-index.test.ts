import { expect, test } from 'vitest'
import type { Principal } from '../../daemon/model/transaction.ts'
import { CallerIndex } from './caller-index.ts'
import { KeyedTable } from './keyed-table.ts'
import { hashText } from './lookup-hash.ts'
import { principalKey, voteKey } from './principal-key.ts'

const LIMIT = 16_384

function caller(id: string, kind: Principal['kind'] = 'user'): Principal {
  return { kind, id, display: id, via: 'test', app: null }
}

test('a row says of its caller what would be worked out for each request', () => {
  const index = new CallerIndex()
  for (const principal of [caller('u1'), caller('s1', 'session'), caller('203.0.113.9', 'ip')]) {
    const row = index.of(principal)
    const key = principalKey(principal)
    const voter = voteKey(principal)
    expect([row.key, row.voter, row.hash, row.voterHash]).toEqual([key, voter, hashText(key), hashText(voter)])
  }
})

test('the same caller has one row, whatever object it comes as', () => {
  const index = new CallerIndex()
  const first = index.of(caller('u1'))
  index.of(caller('u2'))
  const again = caller('u1')
  expect([index.of({ ...again }), index.of(again), index.of(caller('u1', 'session'))]).toEqual([
    first,
    first,
    expect.not.objectContaining({ key: first.key }),
  ])
})

test('a table gives a row what it gives the key, and admits, promotes and evicts alike', () => {
  const index = new CallerIndex()
  const newTable = (callers: CallerIndex | null) => {
    let made = 0
    return new KeyedTable(8, () => ({ number: ++made }), callers)
  }
  const byKey = newTable(null)
  const byRow = newTable(index)
  // Busy ones, some that come back after they left, and a flood.
  for (let i = 0; i < 2000; i++) {
    const id = `u${i % 3 === 0 ? i % 7 : i % 5 === 0 ? i % 40 : i}`
    expect(byRow.useOf(index.of(caller(id)))).toEqual(byKey.use(id))
  }
  const state = ({ number }: { number: number }) => number
  expect([...byRow.entries(state)]).toEqual([...byKey.entries(state)])
  expect(byRow.occupancy).toEqual(byKey.occupancy)
})

test('what left a table is not kept alive by a row, nor given to it again', () => {
  const index = new CallerIndex()
  const table = new KeyedTable<{ id: number }>(2, () => ({ id: Math.random() }), index)
  const row = index.of(caller('u1'))
  const before = table.useOf(row)
  for (let i = 0; i < 5; i++) table.useOf(row)
  expect(row.values).toEqual([before])
  // One place is for those who came often: the next of them takes it.
  for (const id of ['u2', 'u3']) for (let i = 0; i < 6; i++) table.use(id)
  expect(table.peek('u1')).toBeUndefined()
  expect(row.values).toEqual([null])
  const after = table.useOf(row)
  expect([after, table.peek('u1')]).toEqual([{ id: expect.any(Number) }, after])
  expect(after).not.toBe(before)
})

test('tables of one index do not meet', () => {
  const index = new CallerIndex()
  const a = new KeyedTable(4, () => 'a', index)
  const row = index.of(caller('u1'))
  expect(a.useOf(row)).toBe('a')
  // One made later, as when a detector is reset.
  const b = new KeyedTable(4, () => 'b', index)
  expect([b.useOf(row), a.useOf(row), b.useOf(row)]).toEqual(['b', 'a', 'b'])
})

test('a flood of callers starts the index over, and loses nothing of the tables', () => {
  const index = new CallerIndex()
  const table = new KeyedTable(3 * LIMIT, () => ({ uses: 0 }), index)
  const known = caller('u1')
  const rows = new Set()
  for (let round = 0; round < 5; round++) {
    const row = index.of(known)
    rows.add(row)
    table.useOf(row).uses++
    for (let i = 0; i < LIMIT / 2; i++) index.of(caller(`${round} ${i}`))
  }
  expect(table.peek('u1')).toEqual({ uses: 5 })
  expect(rows.size).toBeGreaterThan(1)
  expect(rows.size).toBeLessThan(5)
})

test('a row of an index that started over holds nothing, and its table goes on', () => {
  const index = new CallerIndex()
  const table = new KeyedTable(4, () => ({ uses: 0 }), index)
  const known = caller('u1')
  const before = index.of(known)
  for (let i = 0; i < 6; i++) table.useOf(before).uses++
  expect(before.values).toEqual([{ uses: 6 }])
  for (let i = 0; i < LIMIT; i++) index.of(caller(`${i}`))
  expect(before.values).toEqual([])
  const after = index.of(known)
  expect(table.useOf(after)).toEqual({ uses: 6 })
  expect([before.values, after.values]).toEqual([[], [{ uses: 6 }]])
})
