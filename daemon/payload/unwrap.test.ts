import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_LAYERS, MAX_TEXT, unwrap } from './unwrap.ts'

test.each([
  ['plain words', 'plain words', []],
  ['%3Cb%3E', '<b>', ['percent']],
  ['%253Cb%253E', '<b>', ['percent', 'percent']],
  ['%u003cb', '<b', ['percent']],
  ['&lt;b&#62;&#x3e;', '<b>>', ['entities']],
  ['\\u003cb\\x3e', '<b>', ['escapes']],
  ['..%c0%afetc', '../etc', ['overlong']],
  ['%e0%80%af', '/', ['overlong']],
  ['Jm x0Owo=', 'Jm x0Owo=', []],
  ['PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==', '<script>alert(1)</script>', ['base64']],
  ['JTNDc2NyaXB0JTNF', '<script>', ['base64', 'percent']],
  ['etc%00.png', 'etc.png', ['percent', 'nul']],
  ['100% sure', '100% sure', []],
  ['Tom & Jerry', 'Tom & Jerry', []],
  ['caf%C3%A9', 'café', ['percent']],
  ['caf%E9', 'café', ['percent']],
  ['internationally', 'internationally', []],
])('%s', (value, text, layers) => {
  expect(unwrap(value, false)).toEqual({ text, layers })
})

test('a plus is a blank in queries and forms only', () => {
  expect(unwrap('a+b', true).text).toBe('a b')
  expect(unwrap('a+b', false).text).toBe('a+b')
})

test('six layers: five come off', () => {
  let value = '<'
  for (let i = 0; i < 6; i++)
    value = [...value].map((c) => (/[a-z0-9]/i.test(c) ? c : `%${c.charCodeAt(0).toString(16)}`)).join('')
  expect(unwrap(value, false)).toEqual({ text: '%3c', layers: Array(MAX_LAYERS).fill('percent') })
})

test('whatever comes, it ends, and nothing grows', () => {
  const pieces = fc.constantFrom(
    '%',
    '25',
    '3c',
    '&',
    '#',
    'x3c;',
    'lt;',
    '\\',
    'u003c',
    '\\u{1F600}',
    'c0',
    'ÀÁ',
    '\u0080',
    'QUJD',
    '=',
    '\0',
    '中',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 200 }), fc.boolean(), (parts, plus) => {
      const value = parts.join('')
      const { text, layers } = unwrap(value, plus)
      expect(text.length).toBeLessThanOrEqual(Math.min(value.length, MAX_TEXT))
      expect(layers.length).toBeLessThanOrEqual(MAX_LAYERS + 1)
    }),
  )
})
