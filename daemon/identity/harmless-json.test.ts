import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isHarmlessJson } from './harmless-json.ts'
import { TEST_KEY } from './privacy-key.ts'
import { Pseudonyms } from './pseudonym.ts'
import { redactJson } from './redact-json.ts'

const pseudonyms = new Pseudonyms(TEST_KEY)
const places = ['query', 'request', 'response'] as const

const piece = fc.oneof(
  fc.constantFrom('{', '}', '[', ']', '(', ')', ',', ':', '=', '&', '?', '"', '\\', '\\"', '\n', ' ', '\t', '-'),
  fc.constantFrom(
    '"id":',
    '"token":',
    '"state":',
    '"code":',
    '"key":',
    'pin:',
    'password=',
    '"pass\\u0077ord":',
    '"ü":',
  ),
  fc.constantFrom('"open"', '"a1b2c3d4e5f6a7b8c9"', '"123456"', '404', '1795000000000', '4111111111111111', 'null'),
  fc.constantFrom('"4111 1111 1111 1111"', '"SG. and some more words"', '"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln"'),
  fc.constantFrom('"https://a.test/x?token=1"', '"/reset/abcdef"', '"/v1/orders"', '"{\\"pin\\":1234}"', '"[\\"a\\"]"'),
  fc.constantFrom(
    '"sk_live_0123456789abcdef"',
    'sk_live_0123456789abcdef',
    '"x-ghp_ABCDEFGHIJKLMNOPQR"',
    '"grün"',
    '😀',
  ),
  fc.stringMatching(/^"[0-9a-z_-]{0,30}"$/),
  fc.stringMatching(/^[0-9.]{1,20}$/),
)

test('what is called harmless is what redactJson leaves as it is', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), fc.constantFrom(...places), (pieces, place) => {
      const text = pieces.join('')
      // The second time names come from memory.
      const judged = [1, 2].map(() => isHarmlessJson(Buffer.from(text), place, pseudonyms))
      if (judged.includes(true)) expect(redactJson(text, place, pseudonyms)).toBe(text)
      expect(judged[0]).toBe(judged[1])
    }),
    { numRuns: 20_000 },
  )
})

/** Secrets at every place of a value that is looked at sixteen bytes at a time, and what stands around them. */
const part = fc.oneof(
  fc.constantFrom(
    '4111 1111 1111 1111',
    '4111-1111-1111-1111',
    '4111111111111111',
    '4222222222222',
    '2026-11-21 19:00',
  ),
  fc.constantFrom(
    'sk_live_0123456789abcdef',
    'ghp_0123456789abcdef',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0',
    'SG.0123456789ab',
  ),
  fc.constantFrom(
    'sk_live_',
    'AKIA',
    'eyJ',
    'hf_',
    '0123456789ab',
    '-',
    '--',
    '.',
    '_',
    ' ',
    ': ',
    '/',
    '{',
    '[',
    'J',
    'ü',
    '\u00a0',
  ),
  fc.stringMatching(/^[a-z0-9]{0,15}$/),
)

test('no secret in a value is missed, wherever it stands', () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), fc.constantFrom('note', 'state', 'code'), (parts, name) => {
      const text = JSON.stringify({ [name]: parts.join(''), id: 1 })
      const judged = isHarmlessJson(Buffer.from(text), 'request', pseudonyms)
      if (judged) expect(redactJson(text, 'request', pseudonyms)).toBe(text)
    }),
    { numRuns: 20_000 },
  )
})

test('names and values of all kinds', () => {
  const judge = (value: unknown) => isHarmlessJson(Buffer.from(JSON.stringify(value)), 'response', pseudonyms)
  expect(judge({ items: [{ id: 1042, customer: 'c-0123456789ab', state: 'open', total: 12.5, paid: true }] })).toBe(
    true,
  )
  expect(judge({ note: 'a\nb "c" \\ and some more', created: '2026-11-21T19:00:00Z', hex: 'ab12'.repeat(10) })).toBe(
    true,
  )
  expect(judge({ next: '/v1/orders?page=2', self: 'https://shop.test/v1/orders', name: 'Jürgen Groß' })).toBe(true)
  expect(judge({ error: { code: 404, message: 'Not Found' } })).toBe(true)
  expect(judge({ token: null })).toBe(false)
  expect(judge({ note: 'card 4111 1111 1111 1111' })).toBe(false)
  expect(judge({ link: '/reset/abcdef' })).toBe(false)
  expect(judge({ state: 'a1b2c3d4e5f6a7b8c9' })).toBe(false)
  expect(judge({ inner: '{"password":"x"}' })).toBe(false)
})

test('time grows with the length only', () => {
  for (const text of [
    '"'.repeat(500_001),
    '{'.repeat(500_000),
    '"a" '.repeat(125_000),
    '"a":'.repeat(125_000),
    `"${'a '.repeat(250_000)}"`,
    `"${'4 '.repeat(250_000)}"`,
    '"J234567890J2":'.repeat(30_000),
    `"a${' '.repeat(63)}"`.repeat(8_000),
  ]) {
    const start = performance.now()
    isHarmlessJson(Buffer.from(text), 'request', pseudonyms)
    expect(performance.now() - start).toBeLessThan(1000)
  }
})
