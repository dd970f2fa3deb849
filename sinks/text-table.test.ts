import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cutText, renderFacts, renderTable, wrapText } from './text-table.ts'

describe('renderTable', () => {
  const columns = [{ title: 'ID' }, { title: 'NAME', least: 6 }, { title: 'COUNT', align: 'right' as const }]

  test('columns line up, and the widest that may gives way', () => {
    const rows = [
      ['a1', 'a name that is long', '7'],
      ['b2', 'short', '1204'],
    ]
    expect(renderTable(columns, rows, { width: 80, colour: false })).toBe(
      'ID  NAME                 COUNT\na1  a name that is long      7\nb2  short                 1204\n',
    )
    expect(renderTable(columns, rows, { width: 22, colour: false })).toBe(
      'ID  NAME         COUNT\na1  a name tha…      7\nb2  short         1204\n',
    )
  })

  test('any cells at any width: a line each, none longer than asked where columns may shrink that far', () => {
    const row = fc.tuple(fc.string({ maxLength: 2 }), fc.string({ unit: 'binary' }), fc.string({ maxLength: 5 }))
    fc.assert(
      fc.property(fc.array(row), fc.integer({ min: 0, max: 200 }), (rows, width) => {
        const lines = renderTable(columns, rows, { width, colour: false }).split('\n')
        expect(lines).toHaveLength(rows.length + 2)
        const ascii = rows.every((cells) => /^[\x20-\x7e]*$/.test(cells.join('')))
        if (ascii) for (const line of lines) expect(line.length).toBeLessThanOrEqual(Math.max(width, 2 + 2 + 6 + 2 + 5))
      }),
    )
  })

  test('a cell of a million characters is cut at once', () => {
    const text = renderTable(columns, [['a', 'x'.repeat(1_000_000), '1']], { width: 80, colour: false })
    expect(text.split('\n')[1]!.length).toBe(80)
  })
})

test('wrapped text loses nothing but spaces, and no line is too long', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 0, max: 60 }), (text, width) => {
      const lines = wrapText(text, width)
      expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''))
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(Math.max(8, width))
      for (const line of lines) expect(line).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])/)
    }),
  )
})

test('cut text is as long as asked, and half of a pair is never left', () => {
  expect(cutText('abcdef', 4)).toBe('abc…')
  expect(cutText('abc', 3)).toBe('abc')
  expect(cutText('a\u{1f600}b', 3)).toBe('a…')
  expect(cutText('abc', 0)).toBe('')
})

test('facts without text are left out, and long ones stay in their column', () => {
  const facts = [
    { name: 'A', text: 'one two three four' },
    { name: 'Long', text: '' },
    { name: 'Bee', text: 'x' },
  ]
  expect(renderFacts(facts, { width: 15, colour: false })).toBe('A    one two\n     three four\nBee  x\n')
})
