import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ParsedHead } from '../http/head.ts'
import { HeadScanner } from '../http/head-scanner.ts'
import { HeadSlabs } from '../http/head-slabs.ts'
import { DEFAULT_HTTP_LIMITS } from '../http/limits.ts'
import { REQUEST_LINE } from '../http/start-line.ts'
import { JsonText } from '../model/json-text.ts'
import { HeaderJson } from './header-json.ts'
import { TEST_KEY } from './privacy-key.ts'
import { Pseudonyms } from './pseudonym.ts'
import { HeaderRedactor } from './redact-headers.ts'

const redactor = new HeaderRedactor(new Pseudonyms(TEST_KEY), ['x-shop-key'])
const json = new HeaderJson(redactor)
const scanner = new HeadScanner(DEFAULT_HTTP_LIMITS)
const slabs = new HeadSlabs()

function headOf(fields: readonly string[]): ParsedHead {
  const bytes = Buffer.from(`GET / HTTP/1.1\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`)
  expect(scanner.scan(bytes, 0, bytes.length, REQUEST_LINE, false)).toBeGreaterThan(0)
  return slabs.copy(scanner, bytes, 0, bytes.length)
}

function written(head: ParsedHead): string {
  const out = new JsonText()
  json.write(head, out)
  return out.take()
}

const name = fc.oneof(
  fc.constantFrom(
    ...'Host Date Content-Type Authorization COOKIE Set-Cookie Referer Location X-Api-Key x-shop-key User-Agent'.split(
      ' ',
    ),
    ...'X-Request-Id x-password X-Reset-Token Sec-WebSocket-Key Via ETag X-Note'.split(' '),
  ),
  fc.stringMatching(/^[A-Za-z!#$%&'*+.^_`|~0-9-]{1,20}$/),
)
const piece = fc.oneof(
  fc.constantFrom(
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl',
    'sk_live_0123456789abcdef',
    'ghp_ABCDEFGHIJKLMNOP',
    '4111 1111 1111 1111',
    '4111-1111-1111-1111',
    '4111111111111111',
    '-._~+',
    'eyJ',
    '1795000000000',
    'hmac:0123456789abcdef0123456789abcdef',
  ),
  fc.constantFrom(' ', '  ', ';', '=', '/', '"', '\\', '\t', 'ä', '\u007f', '\u2028', ',', '\r\n '),
  fc.stringMatching(/^[0-9a-f]{1,40}$/),
  fc.stringMatching(/^[ -~]{0,20}$/),
)
const value = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''))

test('header lists written from bytes are those written from redacted strings, byte for byte', () => {
  const field = fc.tuple(name, value).map(([each, text]) => `${each}: ${text}`)
  fc.assert(
    fc.property(fc.array(field, { maxLength: 8 }), (fields) => {
      const head = headOf(fields)
      const expected = JSON.stringify(redactor.redact(head.headers()))
      // The second time secrets come from memory.
      expect([written(head), written(head)]).toEqual([expected, expected])
    }),
    { numRuns: 3000 },
  )
})

test('what was said under a name once does not decide for the next value', () => {
  const secret = 'sk_live_0123456789abcdef'
  for (const text of ['plain', `a ${secret}`, 'plain again', '4111 1111 1111 1111']) {
    const head = headOf([`X-Note: ${text}`])
    expect(written(head)).toBe(JSON.stringify(redactor.redact(head.headers())))
    expect(written(head)).not.toContain(secret)
  }
})

test('a remembered secret never answers for another that looks like it', () => {
  const key = 'k'.repeat(200)
  for (let i = 0; i < key.length; i++) {
    const head = headOf([`X-Api-Key: ${key.slice(0, i)}x${key.slice(i + 1)}`])
    expect(written(head)).toBe(JSON.stringify(redactor.redact(head.headers())))
  }
  for (const field of ['X-Auth: abc', 'DPoP: abc', 'Cookie: abc', 'x-auth: abc', 'X-Auth: abcd']) {
    const head = headOf([field])
    expect(written(head)).toBe(JSON.stringify(redactor.redact(head.headers())))
  }
})

test('what it forgot is made again', () => {
  const head = headOf([
    'Cookie: sid=made-up',
    'Referer: https://shop.test/caf%C3%A9-eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln',
  ])
  const before = written(head)
  json.close()
  expect([written(head), written(head)]).toEqual([before, before])
})

test('more names than are remembered are still written right', () => {
  for (let i = 0; i < 2000; i++) {
    const head = headOf([`x-made-up-${i}: v${i}`, `x-token-${i}: secret-${i}`])
    expect(written(head)).toBe(JSON.stringify(redactor.redact(head.headers())))
  }
})
