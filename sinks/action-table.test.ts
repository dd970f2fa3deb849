import { expect, test } from 'vitest'
import { fakeAction } from '../test/cli-operations/memory-operations.ts'
import { doneText, renderActionTable } from './action-table.ts'

test('what was done, in a few words: simulated is never told as done', () => {
  const done = (state: 'applied' | 'reverted', step: string, simulated: boolean) =>
    fakeAction('i', { state, step, simulated })
  expect(doneText([])).toBe('')
  expect(doneText([done('applied', 'ban', true)])).toBe('simulated: ban')
  expect(
    doneText([
      done('applied', 'ban', false),
      done('applied', 'ban', false),
      done('reverted', 'reset', false),
      done('applied', 'reset', true),
    ]),
  ).toBe('applied: 2 × ban; reverted: reset; simulated: reset')
})

test('a lease that ends on another day says which', () => {
  const look = { width: 160, colour: false }
  expect(renderActionTable([fakeAction('i')], look)).toMatch(/ 23:29:35Z /)
  expect(renderActionTable([fakeAction('i', { lease_until: '2026-11-22T00:10:00.000Z' })], look)).toMatch(
    / 2026-11-22 00:10:00Z /,
  )
  expect(renderActionTable([fakeAction('i', { lease_until: null })], look)).toMatch(/u_1280 +- /)
})
