import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { SECOND_US } from '../model/time.ts'
import type { Claims } from '../model/transaction.ts'
import { Counters } from '../telemetry/counters.ts'
import { NOTHING } from './credentials.ts'
import { KeySets, readKeySet } from './key-set.ts'
import { TokenVerifier } from './token-verifier.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
const secret = Buffer.alloc(32, 7)

const jwk = (key: KeyObject, kid: string) => ({ ...key.export({ format: 'jwk' }), kid })
const keys = [
  jwk(rsa.publicKey, 'r1'),
  jwk(ec.publicKey, 'e1'),
  jwk(ed.publicKey, 'd1'),
  { kty: 'oct', kid: 'h1', k: secret.toString('base64url') },
]
const text = JSON.stringify({ keys })
const sets = new KeySets([{ issuer: null, text }])

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const unsigned = (alg: string, kid: string | null) =>
  `${part({ alg, ...(kid === null ? {} : { kid }) })}.${part({ sub: 'u1', iss: 'id' })}`

function signed(alg: string, kid: string | null, made: (input: Buffer) => Buffer): string {
  const input = unsigned(alg, kid)
  return `${input}.${made(Buffer.from(input)).toString('base64url')}`
}

const rs256 = (kid: string | null, key: KeyObject = rsa.privateKey) =>
  signed('RS256', kid, (input) => sign('sha256', input, key))

describe('a token', () => {
  test.each([
    ['RS256', 'r1', (input: Buffer) => sign('sha256', input, rsa.privateKey)],
    ['PS256', 'r1', (input: Buffer) => sign('sha256', input, { key: rsa.privateKey, padding: 6, saltLength: 32 })],
    ['ES256', 'e1', (input: Buffer) => sign('sha256', input, { key: ec.privateKey, dsaEncoding: 'ieee-p1363' })],
    ['EdDSA', 'd1', (input: Buffer) => sign(null, input, ed.privateKey)],
    ['HS256', 'h1', (input: Buffer) => createHmac('sha256', secret).update(input).digest()],
  ] as const)('signed with %s is right, and wrong with one bit changed', (alg, kid, made) => {
    const token = signed(alg, kid, made)
    expect(sets.verdict(token, 'id', alg, kid)).toBe('yes')
    const flipped = signed(alg, kid, (input) => {
      const signature = Buffer.from(made(input))
      signature[5]! ^= 1
      return signature
    })
    expect(sets.verdict(flipped, 'id', alg, kid)).toBe('no')
  })

  test('is wrong without a signature, and where an RSA key is used as a secret', () => {
    expect(sets.verdict(`${unsigned('none', null)}.`, 'id', 'none', null)).toBe('no')
    const pem = Buffer.from(rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string)
    const confused = signed('HS256', 'r1', (input) => createHmac('sha256', pem).update(input).digest())
    expect(sets.verdict(confused, 'id', 'HS256', 'r1')).toBe('no')
    expect(sets.verdict(rs256('r1', stranger.privateKey), 'id', 'RS256', 'r1')).toBe('no')
  })

  test('that names no key is tried with those that fit; under a name nobody has, nothing is said', () => {
    expect(sets.verdict(rs256(null), 'id', 'RS256', null)).toBe('yes')
    expect(sets.verdict(rs256(null, stranger.privateKey), 'id', 'RS256', null)).toBe('no')
    expect(sets.verdict(rs256('r2'), 'id', 'RS256', 'r2')).toBe('unknown')
    expect(sets.verdict(rs256('r1'), 'id', 'XY1', 'r1')).toBe('unknown')
  })

  test('of another issuer is not judged', () => {
    const own = new KeySets([{ issuer: 'id', text }])
    expect(own.verdict(rs256('r1'), 'id', 'RS256', 'r1')).toBe('yes')
    expect(own.verdict(rs256('r1', stranger.privateKey), 'other', 'RS256', 'r1')).toBe('unknown')
  })
})

test('a file without keys is refused, and the error says nothing of what is in it', () => {
  expect(() => readKeySet('{"k":"c2VjcmV0')).toThrow(/^it is no JSON$/)
  expect(() => readKeySet('{"keys":[{"kty":"RSA"},{"kty":"oct","use":"enc","k":"c2VjcmV0"}]}')).toThrow(
    /none of its keys/,
  )
  expect(readKeySet(JSON.stringify({ keys: [...keys, { kty: 'XX' }] }))).toHaveLength(4)
})

describe('the verifier', () => {
  const claimsOf = (): Claims => ({
    ...{ iss: 'id', sub: 'u1', tenant: null, role: [], scope: [] },
    ...{ alg: 'RS256', kid: 'r1', iat: null, exp: null },
  })

  test('checks each token once, so the same claims come out', () => {
    const counters = new Counters()
    const verifier = new TokenVerifier([{ issuer: null, text }], counters)
    const claims = claimsOf()
    verifier.remember(claims, rs256('r1'))
    const first = verifier.verified({ ...NOTHING, claims }, 0)
    expect(first.claims?.verified).toBe('yes')
    expect(verifier.verified({ ...NOTHING, claims }, 0).claims).toBe(first.claims)
    expect(counters.entries()).toEqual([['identity.tokens_verified_yes', 1]])
    verifier.close()
    expect(verifier.verified({ ...NOTHING, claims }, 0).claims?.verified).toBeUndefined()
  })

  test('checks a thousand tokens a second and counts the others', () => {
    const counters = new Counters()
    const verifier = new TokenVerifier([{ issuer: null, text: JSON.stringify({ keys: [keys[3]] }) }], counters)
    const verdictAt = (now: number) => {
      const claims = { ...claimsOf(), alg: 'HS256', kid: 'h1' }
      verifier.remember(claims, 'e30.e30.AAAA')
      return verifier.verified({ ...NOTHING, claims }, now).claims?.verified
    }
    const verdicts = Array.from({ length: 1200 }, () => verdictAt(5))
    expect(verdicts.filter((each) => each === 'no')).toHaveLength(1000)
    expect(verdicts.at(-1)).toBe('unknown')
    expect(Object.fromEntries(counters.entries())['identity.tokens_not_checked']).toBe(200)
    expect(verdictAt(SECOND_US)).toBe('no')
  })
})
