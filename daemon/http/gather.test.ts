import { expect, test } from 'vitest'
import { Gather } from './gather.ts'
import { NO_LINE, REQUEST_LINE } from './start-line.ts'

const MOST = 1024

test('a head is whole at its blank line, however it is cut', () => {
  const head = Buffer.from('Host: a\r\nAccept: b\n\r\n')
  const bytes = Buffer.concat([head, Buffer.from('body')])
  for (let cut = 0; cut <= head.length; cut++) {
    const gather = new Gather()
    gather.lineEmpty = false
    expect(gather.takeHead(bytes, 0, cut, MOST)).toBe(cut)
    expect(gather.whole).toBe(cut === head.length)
    if (gather.whole) continue
    expect(gather.takeHead(bytes, cut, bytes.length, MOST)).toBe(head.length)
    expect(gather.whole).toBe(true)
    expect(gather.bytes.toString('latin1', 0, gather.length)).toBe(head.toString())
  }
})

test('a line ends at its line feed, and no more is taken than may be held', () => {
  const gather = new Gather()
  const bytes = Buffer.from('GET / HTTP/1.1\r\nHost')
  expect(gather.takeLine(bytes, 0, 10, MOST)).toBe(10)
  expect(gather.lineEnd).toBe(-1)
  expect(gather.takeLine(bytes, 10, bytes.length, MOST)).toBe(16)
  expect(gather.lineEnd).toBe(14)
  gather.clear()
  expect(gather.lineEnd).toBe(-1)
  expect(gather.takeLine(bytes, 0, bytes.length, 5)).toBe(5)
})

test('what cannot become a start line is told by its first bytes, anew after it was cleared', () => {
  const gather = new Gather()
  gather.append(Buffer.from('GET /a/long/target/that/goes/on/and/on/past/what/is/looked/at/0123456789'), 0, 70)
  expect(gather.mayBegin(REQUEST_LINE)).toBe(true)
  gather.clear()
  gather.append(Buffer.from('\0\0'), 0, 2)
  expect(gather.mayBegin(NO_LINE)).toBe(false)
})
