import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeyedHash } from './keyed-hash.ts'

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest()
}

test('the hash of any text under any key is its HMAC-SHA-256', () => {
  // Lone surrogates among them: text that was made of bytes that are no UTF-8.
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.nat(0xffff).map(String.fromCharCode) }))
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.array(text, { maxLength: 4 }), (key, texts) => {
      const keyed = new KeyedHash(key)
      for (const each of texts) {
        expect(keyed.bytes(each)).toEqual(hmac(key, each))
        expect(keyed.hex(each)).toBe(hmac(key, each).toString('hex'))
      }
    }),
    { numRuns: 20 },
  )
})

test('long texts, and a short one behind them, are hashed as any other', () => {
  const key = new Uint8Array(32).fill(7)
  const keyed = new KeyedHash(key)
  for (const length of [5461, 5462, 16_383, 16_384, 16_385, 100_000, 3]) {
    for (const unit of ['a', 'é', '€']) {
      const text = unit.repeat(length)
      expect(keyed.bytes(text)).toEqual(hmac(key, text))
    }
  }
})

test('the key is copied: whoever overwrites theirs changes no hash', () => {
  const key = new Uint8Array(32).fill(7)
  const keyed = new KeyedHash(key)
  const long = 'x'.repeat(20_000)
  const before = [keyed.hex('a'), keyed.hex(long)]
  key.fill(0)
  expect([keyed.hex('a'), keyed.hex(long)]).toEqual(before)
})
