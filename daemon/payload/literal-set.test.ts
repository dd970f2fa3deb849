import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LiteralSet } from './literal-set.ts'

const NESTED = 1 << 30
const bytes = (text: string) => Buffer.from(text, 'latin1')

function scan(set: LiteralSet, text: string): number {
  return set.scan(bytes(text), 0, text.length)
}

test('in a long text it is found wherever it stands, also where a run of blanks or a percent sign is in it', () => {
  for (const hidden of ['union select', 'union      select', '<script', '%2e./', '..%2f']) {
    for (let before = 0; before < 200; before++) {
      const text = `${'u '.repeat(before >> 1)}${'.'.repeat(before & 1)}${hidden}${'u'.repeat(200 - before)}`
      expect(scan(set, text), text).not.toBe(0)
      expect(isClean(set, text), text).toBe(false)
    }
  }
  expect(isClean(set, 'union '.repeat(100))).toBe(true)
})

function isClean(set: LiteralSet, text: string): boolean {
  return set.isClean(bytes(text), 0, text.length)
}

const set = new LiteralSet(
  [
    { text: 'union select', mask: 1 },
    { text: 'select', mask: 2 },
    { text: '<script', mask: 4 },
    { text: '../', mask: 8 },
  ],
  NESTED,
)

test('case, white space and plus make no difference; one layer of percent-encoding is read through', () => {
  expect(scan(set, 'q=shoes')).toBe(0)
  expect(scan(set, 'q=1 UNION\tSELECT 2')).toBe(3)
  expect(scan(set, 'q=1+union+select+2')).toBe(3)
  expect(scan(set, 'q=%3CsCrIpT')).toBe(4)
  expect(scan(set, '%2e%2E%2f')).toBe(8)
})

test('another layer, and bytes past ASCII, are told', () => {
  expect(scan(set, '%252e%252e')).toBe(NESTED)
  expect(scan(set, '%c0%ae')).toBe(NESTED)
  expect(scan(set, '100%')).toBe(0)
})

test('find tells where a literal ends', () => {
  expect(set.find('a <script>', 0)).toBe(9)
  expect(set.find('a <script>', 3)).toBe(-1)
})

test('what it finds is what includes() finds, with a run of blanks as one', () => {
  const letters = fc.constantFrom(...'abA <.')
  // Long ones are read in four parts at once.
  const text = fc
    .tuple(fc.array(letters, { maxLength: 24 }), fc.nat(160), fc.array(letters, { maxLength: 24 }))
    .map(([before, gap, after]) => `${before.join('')}${'x'.repeat(gap)}${after.join('')}`)
  const collapsed = (text: string) => text.toLowerCase().replaceAll(/ +/g, ' ')
  const word = fc.array(letters, { minLength: 1, maxLength: 4 }).map((all) => collapsed(all.join('')))
  fc.assert(
    fc.property(text, fc.array(word, { minLength: 1, maxLength: 8 }), (haystack, words) => {
      const many = new LiteralSet(
        words.map((each, index) => ({ text: each, mask: 1 << index })),
        NESTED,
      )
      const expected = words.reduce(
        (mask, each, index) => (collapsed(haystack).includes(each) ? mask | (1 << index) : mask),
        0,
      )
      expect(scan(many, haystack)).toBe(expected)
      expect(isClean(many, haystack)).toBe(expected === 0)
      expect(many.scanText(haystack)).toBe(expected)
    }),
  )
})
