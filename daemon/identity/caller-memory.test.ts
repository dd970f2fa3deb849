import { expect, test } from 'vitest'
import type { ParsedHead } from '../http/head.ts'
import { HeadScanner } from '../http/head-scanner.ts'
import { HeadSlabs } from '../http/head-slabs.ts'
import { DEFAULT_HTTP_LIMITS } from '../http/limits.ts'
import { REQUEST_LINE } from '../http/start-line.ts'
import { CallerMemory } from './caller-memory.ts'
import { NOTHING } from './credentials.ts'
import { TargetMemory } from './target-memory.ts'

const scanner = new HeadScanner(DEFAULT_HTTP_LIMITS)
const slabs = new HeadSlabs()

function headOf(fields: readonly string[], target = '/'): ParsedHead {
  const bytes = Buffer.from(`GET ${target} HTTP/1.1\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`)
  expect(scanner.scan(bytes, 0, bytes.length, REQUEST_LINE, false)).toBeGreaterThan(0)
  return slabs.copy(scanner, bytes, 0, bytes.length)
}

const callerOf = (host: string) => ({ host, presented: { ...NOTHING }, clean: false })

test('a caller is known again by the same bytes in the same headers, on any connection', () => {
  const memory = new CallerMemory(['authorization', 'cookie', 'x-api-key'])
  const usual = ['Host: a.test', 'Authorization: Bearer one', 'Cookie: sid=1']
  const caller = callerOf('a.test')
  memory.keep(headOf(usual), caller)
  expect(memory.recall(headOf([...usual, 'X-Request-Id: 42', 'Accept: */*']))).toBe(caller)
  expect(memory.recall(headOf(['accept: */*', 'cookie: sid=1', 'HOST: a.test', 'authorization: Bearer one']))).toBe(
    caller,
  )
  for (const other of [
    ['Host: b.test', 'Authorization: Bearer one', 'Cookie: sid=1'],
    ['Host: a.test', 'Authorization: Bearer two', 'Cookie: sid=1'],
    ['Host: a.test', 'Authorization: Bearer one', 'Cookie: sid=2'],
    ['Host: a.test', 'Authorization: Bearer one'],
    ['Host: a.test', 'Authorization: Bearer onesid=1', 'Cookie:'],
    ['Host: a.test', 'Authorization: Bearer ones', 'Cookie: id=1'],
    [...usual, 'X-Api-Key: k'],
    [...usual, 'X-Api-Key:'],
    ['Authorization: Bearer one', 'Cookie: sid=1'],
    [...usual, 'X-Name: ä'],
  ]) {
    expect(memory.recall(headOf(other))).toBeNull()
  }
  expect(memory.recall(headOf(usual))).toBe(caller)
  // A head too long to keep leaves nobody in its place.
  const long = [`Cookie: ${'c'.repeat(3000)}`]
  memory.keep(headOf(long), caller)
  expect(memory.recall(headOf(long))).toBeNull()
  memory.close()
  expect(memory.recall(headOf(usual))).toBeNull()
})

test('many callers of one host find themselves and nobody else', () => {
  const memory = new CallerMemory(['authorization', 'cookie', 'x-api-key'])
  const callers = Array.from({ length: 3000 }, (_, i) => ({
    fields: ['Host: a.test', `Authorization: Bearer t-${i}-x`],
    i,
  }))
  const kept = callers.map(({ fields, i }) => {
    const caller = callerOf(`host ${i}`)
    memory.keep(headOf(fields), caller)
    return caller
  })
  const found = callers.map(({ fields }) => memory.recall(headOf(fields)))
  for (const [i, caller] of found.entries()) if (caller !== null) expect(caller).toBe(kept[i])
  expect(found.filter((caller) => caller !== null).length).toBeGreaterThan(2500)
})

test('of more than there is room for the latest are known, and none for another', () => {
  const memory = new CallerMemory(['authorization', 'cookie', 'x-api-key'])
  const fieldsOf = (i: number) => ['Host: a.test', `Authorization: Bearer ${i}`, `Cookie: ${'c'.repeat(1800)}`]
  const kept = Array.from({ length: 6000 }, (_, i) => {
    const caller = callerOf(`host ${i}`)
    memory.keep(headOf(fieldsOf(i)), caller)
    return caller
  })
  const found = kept.map((_, i) => memory.recall(headOf(fieldsOf(i))))
  for (const [i, caller] of found.entries()) if (caller !== null) expect(caller).toBe(kept[i])
  expect(found.slice(0, 1000).every((caller) => caller === null)).toBe(true)
  expect(found.slice(-2000).filter((caller) => caller !== null).length).toBeGreaterThan(1500)
})

test('a header that no table knows turns it off', () => {
  const memory = new CallerMemory(['authorization', 'x-shop-key'])
  memory.keep(headOf(['Host: a.test']), callerOf('a.test'))
  expect(memory.recall(headOf(['Host: a.test']))).toBeNull()
})

test('targets are known again by their bytes', () => {
  const memory = new TargetMemory()
  const targets = Array.from({ length: 5000 }, (_, i) => ({ path: `/v1/orders/${i}`, query: `page=${i % 7}` }))
  let known = 0
  for (const target of [...targets, ...targets.slice(-500)]) {
    const head = headOf([], `${target.path}?${target.query}`)
    const found = memory.recall(head)
    if (found !== null) {
      known++
      expect(found).toBe(target)
    }
    memory.keep(head, target)
    expect(memory.recall(head)).toBe(target)
  }
  expect(known).toBeGreaterThan(300)
  const long = headOf([], `/${'a'.repeat(200)}`)
  memory.keep(long, { path: '/', query: '' })
  expect(memory.recall(long)).toBeNull()
})
