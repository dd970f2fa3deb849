import { expect, test } from 'vitest'
import { contentOf, KINDS } from './field-content.ts'

const kindOf = (value: string) => KINDS[contentOf(value).kind]

test.each([
  ['17', 'number'],
  ['-3.5', 'number'],
  ['0f8fad5b-d9cb-469f-a165-70867728950e', 'UUID'],
  ['deadbeef01', 'hexadecimal'],
  ['2026-11-22', 'date'],
  ['2026-11-22T09:30:00.123Z', 'date'],
  ['shipped', 'word'],
  ['größe-XL_2.1', 'word'],
  ['anna@example.com', 'e-mail address'],
  ["17'", 'text'],
  ['two words', 'text'],
  ['..', 'text'],
  ['../x', 'text'],
  ['1;', 'text'],
  ['', 'text'],
])('%s: %s', (value, kind) => {
  expect(kindOf(value)).toBe(kind)
})

test('quotes, brackets, angle brackets and other signs are told apart, and nothing of a long value is kept', () => {
  const classes = ['a', '1', '-', ' ', "'", '<', '{', ';', 'é'].map((text) => contentOf(text).classes)
  expect(classes).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256])
  expect(contentOf('é'.repeat(300_000))).toEqual({ kind: KINDS.indexOf('text'), classes: 256, length: 300_000 })
})
