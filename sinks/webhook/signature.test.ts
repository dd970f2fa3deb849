import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import { afterAll, expect, test } from 'vitest'
import { parseSecret, resolveSecret } from './secret.ts'
import { sign, verify } from './signature.ts'

const NOW = Date.now()
const text = (bytes: Buffer) => `whsec_${bytes.toString('base64')}`
const [first, second, third] = [randomBytes(24), randomBytes(32), randomBytes(64)] as [Buffer, Buffer, Buffer]
const BODY = '{"title":"naïve \\u202e …"}'

test('the published library takes what we sign, under either secret of a rotation', () => {
  const headers = { ...sign('evt.1', BODY, [first, second], NOW) }
  for (const secret of [first, second])
    expect(new Webhook(text(secret)).verify(BODY, headers)).toEqual(JSON.parse(BODY))
  expect(() => new Webhook(text(third)).verify(BODY, headers)).toThrow()
})

test('we take what the published library signs, whatever the body', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.uuid(), (body, id) => {
      const signature = new Webhook(text(third)).sign(id, new Date(NOW), body)
      const headers = {
        'Webhook-Id': id,
        'WEBHOOK-TIMESTAMP': String(Math.floor(NOW / 1000)),
        'webhook-signature': `v1a,AAAA v1,${'A'.repeat(44)} ${signature}`,
      }
      expect(verify(headers, body, [first, third], NOW)).toBeNull()
    }),
  )
})

test('each check that fails is named', () => {
  const good = sign('evt', BODY, [first], NOW)
  const fault = (change: Record<string, string | undefined>, body = BODY, secrets = [first], nowMs = NOW) =>
    verify({ ...good, ...change }, body, secrets, nowMs)
  expect(fault({})).toBeNull()
  expect(fault({ 'webhook-id': undefined })).toBe('webhook-id is missing')
  expect(fault({ 'webhook-timestamp': '' })).toBe('webhook-timestamp is missing')
  expect(fault({ 'webhook-timestamp': '1e9' })).toBe('webhook-timestamp is no whole number of seconds')
  expect(fault({ 'webhook-signature': undefined })).toBe('webhook-signature is missing')
  expect(fault({ 'webhook-signature': 'v1a,xyz v2,abc' })).toBe('webhook-signature has no v1 signature')
  const other = 'webhook-signature is of another body, id, timestamp or secret'
  expect(fault({ 'webhook-signature': 'v1,' })).toBe(other)
  expect(fault({ 'webhook-id': 'evt2' })).toBe(other)
  expect(fault({ 'webhook-timestamp': String(Math.floor(NOW / 1000) + 1) })).toBe(other)
  expect(fault({}, `${BODY} `)).toBe(other)
  expect(fault({}, BODY, [second])).toBe(other)
  expect(fault({}, BODY, [])).toBe(other)
  expect(fault({}, BODY, [first], NOW + 299_000)).toBeNull()
  expect(fault({}, BODY, [first], NOW + 301_500)).toBe('webhook-timestamp is too old')
  expect(fault({}, BODY, [first], NOW - 302_000)).toBe('webhook-timestamp is in the future')
})

test('a secret is whsec_ and 24 to 64 bytes', () => {
  expect(parseSecret(`${text(first)}\n`)).toEqual(first)
  for (const bad of ['', 'whsec_', text(randomBytes(23)), text(randomBytes(65)), first.toString('base64'), 'whsec_***'])
    expect(parseSecret(bad)).toBeNull()
})

const folder = mkdtempSync(join(tmpdir(), 'offpath-secret-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('secrets come from a variable or a private file, and no error repeats them', () => {
  const file = join(folder, 'secret')
  writeFileSync(file, text(second), { mode: 0o600 })
  const environment = { GOOD: text(first), BAD: 'whsec_tooshort', EMPTY: '' }
  expect(resolveSecret({ env: null, file: null }, environment)).toBeNull()
  expect(resolveSecret({ env: 'GOOD', file: null }, environment)).toEqual(first)
  expect(resolveSecret({ env: 'GOOD', file }, environment)).toEqual(second)
  const failure = (place: { env: string | null; file: string | null }) => {
    try {
      resolveSecret({ ...place, at: 'sinks.webhook[0]' }, environment)
    } catch (error) {
      return error
    }
    throw new Error('nothing was thrown')
  }
  const expected = { code: 'OFFPATH_E_CONFIG', at: 'sinks.webhook[0]', remedy: expect.any(String) }
  expect(failure({ env: 'BAD', file: null })).toMatchObject(expected)
  expect(String(failure({ env: 'BAD', file: null }))).not.toContain('tooshort')
  expect(failure({ env: 'EMPTY', file: null })).toMatchObject({
    ...expected,
    message: expect.stringMatching(/not set/),
  })
  expect(failure({ env: null, file: join(folder, 'none') })).toMatchObject(expected)
  expect(failure({ env: null, file: folder })).toMatchObject(expected)
  chmodSync(file, 0o640)
  expect(failure({ env: null, file })).toMatchObject({ ...expected, message: expect.stringMatching(/read by others/) })
})
