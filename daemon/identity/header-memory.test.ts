import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ParsedHead } from '../http/head.ts'
import { HeadScanner } from '../http/head-scanner.ts'
import { HeadSlabs } from '../http/head-slabs.ts'
import { DEFAULT_HTTP_LIMITS } from '../http/limits.ts'
import { REQUEST_LINE } from '../http/start-line.ts'
import { JsonText } from '../model/json-text.ts'
import { HeaderJson } from './header-json.ts'
import { HeaderMemory } from './header-memory.ts'
import { TEST_KEY } from './privacy-key.ts'
import { Pseudonyms } from './pseudonym.ts'
import { HeaderRedactor } from './redact-headers.ts'

const scanner = new HeadScanner(DEFAULT_HTTP_LIMITS)
const slabs = new HeadSlabs()

function headOf(fields: readonly string[]): ParsedHead {
  const bytes = Buffer.from(`GET / HTTP/1.1\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`)
  expect(scanner.scan(bytes, 0, bytes.length, REQUEST_LINE, false)).toBeGreaterThan(0)
  return slabs.copy(scanner, bytes, 0, bytes.length)
}

function memory(): (head: ParsedHead) => { kept: string; anew: string } {
  const json = new HeaderJson(new HeaderRedactor(new Pseudonyms(TEST_KEY)))
  const lists = new HeaderMemory(json)
  const out = new JsonText()
  const plain = new JsonText()
  return (head) => {
    lists.write(head, out)
    json.write(head, plain)
    return { kept: out.take(), anew: plain.take() }
  }
}

/** Few names and values, many of the same length, so that lists meet in one slot and differ in every way. */
const name = fc.constantFrom('Host', 'Date', 'Etag', 'Via', 'Cookie', 'Authorization', 'X-Api-Key', 'Referer', 'X-Note')
const value = fc.oneof(
  fc.constantFrom('', 'a', 'b', '"', '\\', 'ab', 'a b', 'gzip', 'br', '4111111111111111', '4111111111111112'),
  fc.constantFrom(
    'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln',
    'Bearer 0123456789012345678901234567890123456789',
  ),
  fc.constantFrom('sid=0123456789abcdef', 'sid=fedcba9876543210', 'http://x/?token=a%C3%A4b', 'folded\r\n line', 'ä'),
  fc.stringMatching(/^[0-9a-f]{32}$/),
)
const field = fc
  .tuple(name, fc.constantFrom('', ' ', '  '), value)
  .map(([each, blank, text]) => `${each}:${blank}${text}`)

test('what is kept and patched is what is written anew, byte for byte', () => {
  fc.assert(
    fc.property(fc.array(fc.array(field, { maxLength: 6 }), { maxLength: 40 }), (lists) => {
      const write = memory()
      for (const list of [...lists, ...lists]) {
        const { kept, anew } = write(headOf(list))
        expect(kept).toBe(anew)
      }
    }),
    { numRuns: 300 },
  )
})

test('one list after another of a connection, in which some fields change always and some now and then', () => {
  const write = memory()
  for (let i = 0; i < 200; i++) {
    const head = headOf([
      'Host: api.shop.test',
      `Date: Sat, 21 Nov 2026 20:00:${String(i >> 4).padStart(2, '0')} GMT`,
      `Authorization: Bearer ${String(i % 5).repeat(40)}`,
      `X-Request-Id: ${String(i).padStart(32, 'ab')}`,
      `Content-Length: ${i}`,
    ])
    const { kept, anew } = write(head)
    expect(kept).toBe(anew)
  }
})

test('fields move by a byte while their list keeps its length', () => {
  const write = memory()
  for (let i = 0; i < 100; i++) {
    const long = i % 2 === 0 ? 'ab' : 'a'
    const { kept, anew } = write(headOf([`A: ${long}`, `B: ${i % 2 === 0 ? 'a' : 'ba'}`, 'C: c']))
    expect(kept).toBe(anew)
  }
})
