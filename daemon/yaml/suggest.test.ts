import { expect, test } from 'vitest'
import { nearest } from './suggest.ts'

const known = ['interface', 'filter', 'ring_mib', 'snap_length', 'kind', 'name']

test.each([
  ['interfce', 'interface'],
  ['intreface', 'interface'],
  ['iface', null],
  ['filtre', 'filter'],
  ['snapLength', 'snap_length'],
  ['snaplen', null],
  ['ring-mib', 'ring_mib'],
  ['knd', 'kind'],
  ['x', null],
  ['', null],
  ['completely_different', null],
  ['a'.repeat(100_000), null],
])('%j is taken for %j', (typed, meant) => expect(nearest(typed, known)).toBe(meant))

test('one letter may differ even in a short word', () => {
  expect(nearest('nam', known)).toBe('name')
  expect(nearest('nmae', known)).toBe('name')
})
