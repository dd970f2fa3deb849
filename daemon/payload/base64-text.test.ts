import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Base64Text } from './base64-text.ts'

const runs = new Base64Text()

function decoded(text: string): string[] {
  const found: string[] = []
  const bytes = Buffer.from(text, 'latin1')
  runs.some(bytes, 0, bytes.length, (each, length) => {
    found.push(Buffer.from(each.subarray(0, length)).toString('latin1'))
    return false
  })
  return found
}

test('whatever is written in base64 is found in every kind of place, as it was', () => {
  const text = fc.string({
    minLength: 9,
    maxLength: 64,
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
  })
  fc.assert(
    fc.property(text, fc.constantFrom('q=', '"', ' ', '/files/', '%22', 'a; b='), (plain, before) => {
      const encoded = Buffer.from(plain).toString('base64url')
      expect(decoded(`${before}${encoded}&x`)).toContain(plain)
    }),
  )
})

test('pluses and slashes that a client escaped are part of it', () => {
  for (const plain of ["' UNION SELECT 1,2>>>3-- -", 'a?>b~~c>>>d???e', '~~~~~~~~~~~~~~~']) {
    const encoded = Buffer.from(plain).toString('base64').replace(/=+$/, '')
    expect(encoded).toMatch(/[+/]/)
    const escaped = encoded.replaceAll('+', '%2B').replaceAll('/', '%2f')
    expect(decoded(`q=${escaped}&x`)).toContain(plain)
    expect(decoded(`/files%2F${escaped}`)).toContain(plain)
  }
})

test('words, numbers, paths and random tokens are passed over', () => {
  expect(decoded('GET /v1/orders/1042/items/description?expand=customers HTTP/1.1 thequickbrownfoxjumps')).toEqual([])
  expect(decoded('550e8400e29b41d4a716446655440000 da39a3ee5e6b4b0d3255bfef95601890afd80709')).toEqual([])
})

test('a long run with many slashes is decoded no more than a few times', () => {
  let looks = 0
  const bytes = Buffer.from('/aGVsbG8gd29ybGQh'.repeat(2000))
  runs.some(bytes, 0, bytes.length, () => {
    looks++
    return false
  })
  expect(looks).toBeLessThanOrEqual(4)
})

test('where nothing is percent-encoded, what looks at one byte in twelve passes over nothing that is found', () => {
  const text = fc
    .array(fc.constantFrom('a', '7', 'aGVsbG8', 'gd29ybGQh', 'aGVsbG8gd29ybGQh', '.', ' ', '/', '"'), { maxLength: 40 })
    .map((all) => all.join(''))
  const bytesOf = (text: string) => Buffer.from(`.${text}.`, 'latin1')
  const mayHold = (bytes: Buffer) => runs.mayHold(bytes, 1, bytes.length - 1)
  fc.assert(
    fc.property(text, (text) => {
      const bytes = bytesOf(text)
      expect(runs.some(bytes, 1, bytes.length - 1, () => true) && !mayHold(bytes)).toBe(false)
    }),
    { numRuns: 1000 },
  )
  for (const clean of ['/v1/orders/10482?page=1&limit=20', 'd4a52c1a760841737b9f20a68b38e4c0', '{"state":"shipped"}'])
    expect(mayHold(bytesOf(clean)), clean).toBe(false)
})
