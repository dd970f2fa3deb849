import { expect, test } from 'vitest'
import { HeadScanner } from './head-scanner.ts'
import { HeadSlabs } from './head-slabs.ts'
import { ALL_NAMES } from './known-headers.ts'
import { DEFAULT_HTTP_LIMITS } from './limits.ts'
import { REQUEST_LINE, STATUS_LINE } from './start-line.ts'

const scanner = new HeadScanner(DEFAULT_HTTP_LIMITS, ALL_NAMES)

function copyOf(slabs: HeadSlabs, target: string) {
  const bytes = Buffer.from(`GET ${target} HTTP/1.1\r\nHost: a.test\r\nX-One: ${target}\r\n\r\n`, 'latin1')
  expect(scanner.scan(bytes, 0, bytes.length, REQUEST_LINE, true)).toBe(bytes.length)
  const head = slabs.copy(scanner, bytes, 0, bytes.length)
  bytes.fill(0x21)
  return head
}

test('a head reads the same in its cell, and handed over while other heads take the cell', () => {
  const slabs = new HeadSlabs()
  for (const length of [1, 100, 1000, 5000]) {
    const target = `/${'a'.repeat(length)}`
    const head = copyOf(slabs, target)
    const fields = [
      ['Host', 'a.test'],
      ['X-One', target],
    ]
    expect([head.method, head.target, head.headers()]).toEqual(['GET', target, fields])
    slabs.handOver(head)
    const others = Array.from({ length: 100 }, (_, i) => copyOf(slabs, `/${'b'.repeat(length - 1)}${i % 10}`))
    expect([head.method, head.target, head.headers()]).toEqual(['GET', target, fields])
    expect(head.header('host')).toBe('a.test')
    for (const other of others) slabs.handOver(other)
  }
  expect(slabs.used).toBe(0)
})

test('cells are used again, in whatever order they are given back', () => {
  const slabs = new HeadSlabs()
  const held = Array.from({ length: 500 }, (_, i) => copyOf(slabs, `/${i}`))
  const blocks = new Set(held.map(({ block }) => block))
  for (let round = 0; round < 5; round++) {
    // Every other one, then the rest: blocks are full, have room, and are empty in between.
    for (let i = round % 2; i < held.length; i += 2) {
      slabs.handOver(held[i]!)
      held[i] = copyOf(slabs, `/${round}/${i}`)
    }
  }
  for (const [i, head] of held.entries()) expect(head.target.endsWith(`/${i}`)).toBe(true)
  expect(new Set(held.map(({ block }) => block)).size).toBeLessThanOrEqual(blocks.size + 1)
  expect(slabs.used).toBe(500)
  for (const head of held) slabs.handOver(head)
  expect(slabs.used).toBe(0)
})

test('a head that was handed over is not given back twice', () => {
  const slabs = new HeadSlabs()
  const head = copyOf(slabs, '/a')
  slabs.handOver(head)
  slabs.handOver(head)
  expect(slabs.used).toBe(0)
})

test('the head of a response is in a cell only while more of its message is to come', () => {
  const slabs = new HeadSlabs()
  for (const length of [1, 100, 5000]) {
    const bytes = Buffer.from(`HTTP/1.1 200 OK\r\nServer: a\r\nX-Two: ${'c'.repeat(length)}\r\n\r\n`, 'latin1')
    expect(scanner.scan(bytes, 0, bytes.length, STATUS_LINE, true)).toBe(bytes.length)
    const head = slabs.copy(scanner, bytes, 0, bytes.length)
    const fields = [
      ['Server', 'a'],
      ['X-Two', 'c'.repeat(length)],
    ]
    expect(slabs.used).toBe(0)
    slabs.keep(head)
    slabs.keep(head)
    expect(slabs.used).toBe(length < 4096 ? 1 : 0)
    expect([head.status, head.headers()]).toEqual([200, fields])
    slabs.handOver(head)
    expect([head.status, head.headers()]).toEqual([200, fields])
    expect(slabs.used).toBe(0)
  }
})
