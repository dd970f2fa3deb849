import fc from 'fast-check'
import { expect, test } from 'vitest'
import { loginInBody, SecretHasher } from '../../daemon/identity/login-attempt.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { Pseudonyms } from '../../daemon/identity/pseudonym.ts'
import { redactBody } from '../../daemon/identity/redact-body.ts'
import { HeaderRedactor } from '../../daemon/identity/redact-headers.ts'
import { redactPath, redactQuery } from '../../daemon/identity/redact-url.ts'

const pseudonyms = new Pseudonyms(TEST_KEY)
const types = [
  'application/json',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=b',
  'text/plain',
  'text/xml',
  null,
]

/** Texts that make careless parsers slow: each is one piece repeated. */
const pieces: readonly string[] = [
  '[',
  '{',
  '{"a":',
  '"',
  '\\',
  '"\\',
  '\\u',
  '":',
  '  ',
  ': ',
  'eyJ',
  'eyJ.',
  'eyJaaaaaaaa.',
  '.',
  '-',
  '--b',
  '--b\r\n',
  '\r\n\r\n',
  '<',
  '<a',
  '<password>',
  '<a name="x" ',
  '4',
  '4 ',
  '4-',
  '4111 1111 1111 111',
  '%',
  '%2',
  '%25',
  '+',
  '&',
  '=',
  'token=',
  ';',
  '/',
  '/reset',
  '/reset/',
  'a@',
  '?',
  '#',
  '://',
  'http://a@',
  '"{\\"',
  'sk_live_',
  'password',
  'token: ',
  'hmac:',
  '\n',
  ',',
  '(',
  'name="',
  '\u00ff',
]

test.each(pieces)(
  'a body, query, path and header of nothing but %j is read in time that grows with its length only',
  (piece) => {
    const small = piece.repeat(Math.ceil(100_000 / piece.length))
    const large = piece.repeat(Math.ceil(1_000_000 / piece.length))
    const headers = new HeaderRedactor(pseudonyms)
    const read = (text: string): number => {
      const start = process.hrtime.bigint()
      for (const type of types) redactBody(text, type, 'request', pseudonyms)
      redactQuery(text, pseudonyms)
      redactPath(text, pseudonyms)
      headers.value('cookie', text)
      headers.value('location', text)
      headers.value('x-any', text)
      return Number(process.hrtime.bigint() - start) / 1e6
    }
    read(small)
    const first = Math.min(read(small), read(small))
    // Ten times as long may take ten times as long, and more on a busy machine; a square of a million takes many minutes.
    expect(read(large)).toBeLessThan(50 * first + 3000)
  },
)

test('a hundred thousand nested brackets and ten megabytes of something like JSON end soon', () => {
  const deep = `${'[{"password":'.repeat(100_000)}"deep-secret-1"`
  expect(redactBody(deep, 'application/json', 'request', pseudonyms)).not.toContain('deep-secret-1')
  const garbage = '{"a":[1,2,{"b":"\\u00zz","token":"x'.repeat(300_000)
  const start = process.hrtime.bigint()
  redactBody(garbage, 'application/json', 'request', pseudonyms)
  expect(Number(process.hrtime.bigint() - start) / 1e9).toBeLessThan(8)
})

test('no bytes make redaction throw, and what it gives is the same when done again', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.array(fc.constantFrom(...pieces, 'x', '1'), { maxLength: 40 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, fc.constantFrom(...types), (body, type) => {
      const once = redactBody(body, type, 'response', pseudonyms)
      expect(redactBody(body, type, 'response', pseudonyms)).toBe(once)
      redactPath(body, pseudonyms)
      redactQuery(body, pseudonyms)
      loginInBody(body, type, pseudonyms, new SecretHasher())
    }),
    { numRuns: 500 },
  )
})

/** Without long runs of digits: one in some is a valid card number. */
const harmless = fc.json({ maxDepth: 4 }).filter((json) => !/\d{13}/.test(json))

test('JSON without secrets stays as it was sent, byte for byte, and stays JSON with them', () => {
  fc.assert(
    fc.property(harmless, fc.string({ minLength: 1 }), (json, secret) => {
      expect(redactBody(json, 'application/json', 'response', pseudonyms)).toBe(json)
      const planted = JSON.stringify(
        { before: JSON.parse(json), password: secret, after: { access_token: secret } },
        null,
        1,
      )
      const read = JSON.parse(redactBody(planted, 'application/json', 'response', pseudonyms))
      expect(read).toEqual({
        before: JSON.parse(json),
        password: 'redacted',
        after: { access_token: pseudonyms.secret(secret) },
      })
    }),
    { numRuns: 300 },
  )
})

test('a secret in JSON that is cut anywhere is never left', () => {
  const secret = 'Zq9-secret-Zq9'
  const whole = JSON.stringify({
    user: 'a',
    list: [1, { password: secret }],
    access_token: secret,
    nested: { api_key: [secret] },
  })
  for (let cut = 1; cut <= whole.length; cut++) {
    expect(redactBody(whole.slice(0, cut), 'application/json', 'request', pseudonyms)).not.toMatch(/Zq9/)
  }
})
