import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NativeReader } from '../identity/native-reader.ts'
import type { Transaction } from '../model/transaction.ts'
import type { NativeRecord } from '../sources/native-file.ts'
import type { Chain } from './chain.ts'
import { NativeOrder } from './native-order.ts'

const second = 1_000_000

/** Reader and chain stand-ins: what is under test is the order between them. */
function ordered(clocks: readonly number[]): number[] {
  const out: number[] = []
  const reader = { read: (_record: unknown, line: number, clock: number) => ({ endTime: clock, id: String(line) }) }
  const chain = { transaction: (_transaction: Transaction, clock: number) => void out.push(clock) }
  const order = new NativeOrder(reader as unknown as NativeReader, chain as unknown as Chain)
  for (const [line, clock] of clocks.entries()) {
    order.push({ line, record: {}, clock, bogusTime: false } satisfies NativeRecord)
  }
  order.flush()
  return out
}

test('records less than a minute out of order are put right', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 59 * second }), { maxLength: 300 }), (clocks) => {
      expect(ordered(clocks)).toEqual([...clocks].sort((a, b) => a - b))
    }),
  )
})

test('a record later than that goes on as it is, and nothing is lost', () => {
  expect(ordered([0, 200 * second, 300 * second, 10 * second])).toEqual([0, 200, 10, 300].map((t) => t * second))
})

test('what is held is bounded', () => {
  const clocks = Array.from({ length: 70_000 }, (_, index) => (index * 7919) % second)
  const out = ordered(clocks)
  expect(out).toHaveLength(70_000)
  expect(out).not.toEqual([...clocks].sort((a, b) => a - b))
})
