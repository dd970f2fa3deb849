import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Transaction } from '../model/transaction.ts'
import { OrderedOutput } from './ordered-output.ts'

const record = (endTime: number, id: string) => ({ endTime, id }) as Transaction

test('records that end in the same microsecond come out by id, whatever order they became final in', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ step: fc.integer({ min: 0, max: 2 }), id: fc.uuid() }), { maxLength: 60 }),
      (steps) => {
        const out: Transaction[] = []
        const order = new OrderedOutput((transaction) => out.push(transaction))
        let now = 100
        const given = steps.map(({ step, id }) => {
          now += step
          order.advance(now)
          const transaction = record(now, id)
          order.push(transaction)
          return transaction
        })
        order.flush()
        const expected = [...given].sort((a, b) => a.endTime - b.endTime || (a.id < b.id ? -1 : 1))
        expect(out).toEqual(expected)
      },
    ),
  )
})

test('a record waits for the clock to move past it, and no longer', () => {
  const out: string[] = []
  const order = new OrderedOutput((transaction) => out.push(transaction.id))
  order.push(record(5, 'a'))
  order.advance(5)
  expect(out).toEqual([])
  order.advance(6)
  expect(out).toEqual(['a'])
})
