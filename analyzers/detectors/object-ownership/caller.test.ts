import { expect, test } from 'vitest'
import { HOUR_US, MINUTE_US } from '../../../daemon/model/time.ts'
import { START } from '../../../test/conformance/traffic.ts'
import { AGAIN, Caller, FieldRecord, OFTEN, ONCE } from './caller.ts'

const turns = (values: readonly number[], gapUs = 5 * MINUTE_US) => {
  const caller = new Caller()
  return values.map((value, i) => caller.see(1, value, START + i * gapUs))
}

test.each([
  ['one value is the own', [7, 7, 7], ['first', 'own', 'own']],
  ['another one that stays becomes the own', [7, 8, 8, 8, 8], ['first', 'other', 'other', 'other', 'own']],
  ['another one shows what it was when the own returns', [7, 8, 7, 7], ['first', 'other', 'returned', 'own']],
  ['so does a third', [7, 8, 9, 10], ['first', 'other', 'third', 'third']],
])('%s', (_, values, expected) => expect(turns(values)).toEqual(expected))

test('another one so soon after the own is no new name of it; the second time it is as any', () => {
  expect(turns([7, 8, 8, 7, 9], MINUTE_US)).toEqual(['first', 'quick', 'other', 'returned', 'quick'])
})

test('where neither was seen again, which of the two is the own shows an hour later', () => {
  expect(turns([7, 8, 9, 9], 61 * MINUTE_US)).toEqual(['first', 'other', 'first', 'own'])
  const caller = new Caller()
  for (const value of [7, 7, 7]) caller.see(1, value, START)
  caller.see(2, 5, START)
  caller.forgetDoubtful()
  expect([caller.ownIn(1), caller.ownIn(2)]).toEqual([7, 0])
  expect(Caller.fromState(caller.toState()).ownIn(1)).toBe(7)
})

test('a day later another one is nobody’s any more: the plain own stays, a doubtful one begins anew', () => {
  expect(turns([7, 7, 7, 8, 9], 25 * HOUR_US)).toEqual(['first', 'own', 'own', 'changed', 'changed'])
  expect(turns([7, 8, 9, 9], 25 * HOUR_US)).toEqual(['first', 'other', 'first', 'own'])
})

test('who sees one other once is no case yet, who sees several is, and who comes back to the same has a reason', () => {
  const record = new FieldRecord(1)
  expect(record.noteBreak(5, false, START)).toBe(ONCE)
  expect(record.noteBreak(6, true, START + MINUTE_US)).toBe(OFTEN)
  expect(record.noteBreak(5, false, START + 2 * HOUR_US)).toBe(AGAIN)
})
