import { expect, test } from 'vitest'
import { readToken } from './jwt.ts'
import { TEST_KEY } from './privacy-key.ts'
import { Pseudonyms } from './pseudonym.ts'

const pseudonyms = new Pseudonyms(TEST_KEY)

function oddity(header: object, signature = 'c2lnbmF0dXJl'): string | null {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return readToken(`${part(header)}.${part({ sub: 'u1' })}.${signature}`, pseudonyms)!.oddity
}

test.each([
  ['no signature wanted', { alg: 'none' }, 'jwt.alg_none'],
  ['in other letters', { alg: 'nOnE' }, 'jwt.alg_none'],
  ['its own key', { alg: 'RS256', jwk: { kty: 'RSA' } }, 'jwt.embedded_key'],
  ['a key id that climbs', { alg: 'HS256', kid: '../../../dev/null' }, 'jwt.odd_kid'],
  ['a key id that asks a table', { alg: 'HS256', kid: "x' UNION SELECT 'a" }, 'jwt.odd_kid'],
  ['a key somewhere else', { alg: 'RS256', jku: 'https://evil.test/keys' }, 'jwt.remote_key'],
])('%s is odd', (_, header, name) => {
  expect(oddity(header)).toBe(name)
})

test('no signature is odd whatever the header says', () => {
  expect(oddity({ alg: 'RS256' }, '')).toBe('jwt.alg_none')
})

test.each([
  ['plain', { alg: 'RS256', typ: 'JWT' }],
  ['a key id in base64', { alg: 'RS256', kid: '/abc+d/etcdefghij=' }],
  ['a key id that is an address', { alg: 'ES256', kid: 'https://id.shop.test/keys/2026-10#k1' }],
  ['a thumbprint', { alg: 'RS256', x5t: 'abc', x5c: ['MIIC'] }],
  ['odd types', { alg: 7, kid: ['..'] }],
])('%s is not', (_, header) => {
  expect(oddity(header)).toBeNull()
})
