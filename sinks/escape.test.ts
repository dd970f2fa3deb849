import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HOSTILE_TEXT, hasUnshowable } from '../test/hostile-text.ts'
import { escapeJson, escapeTerminal } from './escape.ts'

describe('a terminal', () => {
  test.each(HOSTILE_TEXT)('is not moved by $name', ({ text }) => {
    const shown = escapeTerminal(text)
    expect(hasUnshowable(shown)).toBe(false)
    expect(shown).not.toContain('\n')
  })

  test.each([
    ['\x1b[31m', '\\x1b[31m'],
    ['a\r\n\0', 'a\\x0d\\x0a\\x00'],
    ['\u009b', '\\x9b'],
    ['\u202e', '\\u{202E}'],
    ['\u{e0041}', '\\u{E0041}'],
    ['\ud800', '\\u{D800}'],
  ])('shows %j as %j', (text, shown) => expect(escapeTerminal(text)).toBe(shown))

  test.each(['GET /v1/orders/42?x=1', 'naïve café', '北京', 'Zürich e\u0301', '😀', 'a\\b'])(
    'shows %j as it is',
    (text) => expect(escapeTerminal(text)).toBe(text),
  )
})

describe('JSON', () => {
  test.each(HOSTILE_TEXT)('of $name carries nothing a terminal obeys and means the same', ({ text }) => {
    const json = escapeJson(JSON.stringify({ text }))
    expect(/[\p{Cc}\p{Cf}]/u.test(json)).toBe(false)
    expect(JSON.parse(json)).toEqual({ text })
  })

  test('means the same for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(JSON.parse(escapeJson(JSON.stringify(text)))).toBe(text)
      }),
    )
  })
})

test('any text comes out showable', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !hasUnshowable(escapeTerminal(text))))
})
