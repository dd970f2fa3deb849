import { expect, test } from 'vitest'
import { loginInBody, MAX_LOGIN_BODY, refusedAuthorization, SecretHasher } from './login-attempt.ts'
import { TEST_KEY } from './privacy-key.ts'
import { Pseudonyms } from './pseudonym.ts'

const pseudonyms = new Pseudonyms(TEST_KEY)
const hasher = new SecretHasher()
const read = (text: string) => loginInBody(text, 'application/json', pseudonyms, hasher)
const whole = read('{"username":"ada","password":"one two"}')

test('an attempt names its account by pseudonym and its secret by a hash', () => {
  expect(whole).toEqual({
    field: 'body:/password',
    account: expect.stringMatching(/^hmac:/),
    secret: hasher.hash('one two'),
  })
})

test.each([
  ['cut off after the secret', '{"username":"ada","password":"one two","remember'],
  ['cut off in the string after it', '{"username" : "ada", "password":"one two", "device":"a \\"pho'],
  ['with a stray quote before it', '{" "username":"ada","password":"one two",'],
  ['with a list before it', '["x","y",{"username":"ada","password":"one two",'],
  ['without its brace', '"username":"ada","password":"one two"'],
])('a body %s gives the same attempt', (_, text) => {
  expect(read(text)).toEqual(whole)
})

test('a body cut off inside the secret makes no attempt with half of it', () => {
  expect(read('{"username":"ada","password":"one tw')).toBeNull()
})

test.each(['"', '"pass', '\\"', '"a":"', '" : "', '"\\'])('a body of nothing but %j is read in no time', (piece) => {
  const text = `{"pass${piece.repeat(MAX_LOGIN_BODY / piece.length)}`.slice(0, MAX_LOGIN_BODY)
  const before = process.cpuUsage()
  for (let i = 0; i < 20; i++) read(text)
  expect(process.cpuUsage(before).user).toBeLessThan(1_000_000)
})

test('refused credentials are an attempt where they can be guessed: an opaque token, a password, but no JWT', () => {
  const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl'
  expect(refusedAuthorization(`Bearer ${jwt}`, null, hasher)).toBeNull()
  expect(refusedAuthorization('Bearer opaque-0815', null, hasher)).toMatchObject({ account: null })
  expect(refusedAuthorization('Basic YWRhOng=', 'hmac:ada', hasher)).toMatchObject({ account: 'hmac:ada' })
  expect(refusedAuthorization('Digest username="ada"', null, hasher)).toBeNull()
})
