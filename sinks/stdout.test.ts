import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { HOSTILE_TEXT } from '../test/hostile-text.ts'
import { LineWriter } from './stdout.ts'

/** A reader that takes a piece each time `take` is called. */
class SlowReader extends Writable {
  readonly pieces: string[] = []
  #done: (() => void) | null = null

  constructor() {
    super({ highWaterMark: 1024 })
  }

  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.pieces.push(String(piece))
    this.#done = done
  }

  take(): void {
    this.#done?.()
  }
}

const options = { terminal: false, onClosed: () => {} }

test('lines are gathered into large pieces', async () => {
  const reader = new SlowReader()
  const writer = new LineWriter(reader, options)
  for (let i = 0; i < 5; i++) expect(writer.write(`line ${i}`)).toBeUndefined()
  expect(reader.pieces).toEqual([])
  void writer.flush()
  expect(reader.pieces).toEqual(['line 0\nline 1\nline 2\nline 3\nline 4\n'])
})

test('a slow reader is waited for', async () => {
  const reader = new SlowReader()
  const writer = new LineWriter(reader, options)
  const waiting = writer.write('x'.repeat(64 * 1024))
  expect(waiting).toBeInstanceOf(Promise)
  let waited = false
  const settled = Promise.resolve(waiting).then(() => {
    waited = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect(waited).toBe(false)
  reader.take()
  await settled
  expect(waited).toBe(true)
})

test('a batch that outruns its reader waits once, with one set of listeners', async () => {
  const reader = new SlowReader()
  const writer = new LineWriter(reader, options)
  const waits = Array.from({ length: 50 }, () => writer.write('x'.repeat(64 * 1024)))
  expect(new Set(waits).size).toBe(1)
  expect(reader.listenerCount('drain')).toBe(1)
  const taking = setInterval(() => reader.take(), 0)
  await waits[0]
  clearInterval(taking)
  expect(reader.pieces).toHaveLength(50)
})

test('a reader that goes away ends it quietly, once, and frees whoever waits', async () => {
  const reader = new SlowReader()
  let closed = 0
  const writer = new LineWriter(reader, { terminal: false, onClosed: () => closed++ })
  const waiting = writer.write('x'.repeat(64 * 1024))
  reader.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
  await waiting
  expect(writer.closed).toBe(true)
  expect(writer.write('more')).toBeUndefined()
  expect(closed).toBe(1)
})

test.each(HOSTILE_TEXT)('JSON with $name cannot act on a terminal and stays the same JSON', async ({ text }) => {
  const reader = new SlowReader()
  const writer = new LineWriter(reader, { terminal: true, onClosed: () => {} })
  await writer.write(JSON.stringify({ text }))
  void writer.flush()
  const line = reader.pieces.join('')
  expect(/[\p{Cc}\p{Cf}]/u.test(line.trimEnd())).toBe(false)
  expect(JSON.parse(line)).toEqual({ text })
})
