import fc from 'fast-check'
import { expect, test } from 'vitest'
import { JsonText } from '../model/json-text.ts'
import { HARMLESS, KEEP, NAME, OPAQUE, STRING } from './json-vector-code.ts'
import { JsonVectors } from './json-vectors.ts'

const vectors = JsonVectors.open()!
const out = new JsonText()

function written(text: string): { readonly json: string; readonly ascii: boolean } {
  out.take()
  vectors.write(Buffer.from(text), out)
  const { ascii } = out
  return { json: out.take(), ascii }
}

const control = fc.integer({ min: 0, max: 0x7f }).map((code) => String.fromCharCode(code))

test('a text is escaped as JSON.stringify does it', () => {
  const piece = fc.oneof(control, fc.constantFrom('"', '\\', '\n', 'plain text of some length', 'ü', '😀', '\u2028'))
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const text = pieces.join('')
      const { json, ascii } = written(text)
      expect(json).toBe(JSON.stringify(text))
      expect(ascii).toBe(Buffer.byteLength(text) === text.length)
    }),
    { numRuns: 3000 },
  )
})

test('nothing is lost where pieces of a long text meet', () => {
  for (const unit of ['"', '\u0001', 'a', 'ü\n', '{"id":14704,"state":"open"}']) {
    for (const shift of [0, 1, 7]) {
      const text = 'x'.repeat(shift) + unit.repeat(Math.ceil(50_000 / unit.length))
      expect(written(text).json === JSON.stringify(text)).toBe(true)
    }
  }
})

test('names are asked for once, and those that are too long each time', () => {
  const long = 'n'.repeat(33)
  const text = Buffer.from(`{"order_state":"open","${long}":1}`)
  const asked = () => {
    const names: string[] = []
    vectors.begin(text, false)
    for (let met = vectors.scan(false); met !== HARMLESS; met = vectors.scan(false)) {
      expect(met).toBe(NAME)
      names.push(vectors.raw())
      vectors.learn(vectors.raw() === long ? KEEP : OPAQUE)
    }
    return names
  }
  expect(asked()).toEqual(['order_state', long])
  expect(asked()).toEqual([long])
})

test('what a name says holds for its value only, and in the length that matters', () => {
  vectors.begin(Buffer.from('{"some_state":"0123456789ab","other_name":"0123456789ab"}'), false)
  expect([vectors.scan(false), vectors.raw()]).toEqual([NAME, 'some_state'])
  vectors.learn(OPAQUE)
  expect([vectors.scan(false), vectors.raw()]).toEqual([STRING, '0123456789ab'])
  expect([vectors.scan(true), vectors.raw()]).toEqual([NAME, 'other_name'])
  vectors.learn(KEEP)
  expect(vectors.scan(false)).toBe(HARMLESS)
})

test('a text that is too long is not begun', () => {
  expect(vectors.begin(Buffer.alloc(1024 * 1024), false)).toBe(true)
  expect(vectors.begin(Buffer.alloc(1024 * 1024 + 1), false)).toBe(false)
})
