import fc from 'fast-check'
import { expect, test } from 'vitest'
import { JsonText } from './json-text.ts'
import { formatTime } from './time.ts'

function written(write: (out: JsonText) => void): string {
  const out = new JsonText()
  write(out)
  return out.take()
}

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme', minLength: 250, maxLength: 600 }),
  fc.constantFrom('\ud800', 'a\udfff"\\', '\u007f\u0080\u2028'),
)

test('strings, lists and numbers are written as JSON.stringify writes them', () => {
  fc.assert(
    fc.property(
      fc.array(text),
      fc.array(fc.tuple(text, text)),
      fc.double(),
      fc.maxSafeInteger(),
      (all, pairs, x, n) => {
        for (const each of all) expect(written((out) => out.string(each))).toBe(JSON.stringify(each))
        expect(written((out) => out.strings(all))).toBe(JSON.stringify(all))
        expect(written((out) => out.pairs(pairs))).toBe(JSON.stringify(pairs))
        expect(written((out) => out.number(x))).toBe(JSON.stringify(x))
        expect(written((out) => out.number(n))).toBe(JSON.stringify(n))
      },
    ),
  )
  for (const n of [0, -0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(written((out) => out.number(n))).toBe(JSON.stringify(n))
  }
  expect(written((out) => out.string(null))).toBe('null')
  expect(written((out) => out.number(null))).toBe('null')
})

test('times are written as they are formatted', () => {
  fc.assert(
    fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (time) => {
      expect(written((out) => out.time(time))).toBe(JSON.stringify(formatTime(time)))
    }),
  )
})

test('each text starts over, also after one that was huge or not ASCII', () => {
  const out = new JsonText()
  for (const each of ['a', 'ä'.repeat(400_000), 'b'.repeat(3_000_000), 'c', 'é', 'd']) {
    out.string(each)
    expect(out.take()).toBe(JSON.stringify(each))
  }
  expect(out.bytes.length).toBeLessThanOrEqual(1024 * 1024)
})
