import { expect, test } from 'vitest'
import { vectorBuffer } from '../sources/vector-memory.ts'
import { CONTENT_LENGTH, HOST, knownIndex } from './known-headers.ts'
import { FOUND_WORDS } from './vector-code.ts'
import { VectorLines } from './vector-lines.ts'

const vector = VectorLines.open()!

/** The lines found from the beginning of `text` on, as texts, each with the known name that it has. */
function lines(
  text: string,
  longest = 100,
  most = 100,
  names = Number.POSITIVE_INFINITY,
): [name: string, value: string, known: number][] {
  const bytes = Buffer.from(text, 'latin1')
  vector.look(bytes, 0, bytes.length)
  const count = vector.lines(0, bytes.length, longest, most, names)
  return Array.from({ length: count }, (_, line) => {
    const at = (line + 1) * FOUND_WORDS
    const [start = 0, nameEnd = 0, end = 0, known = -1] = vector.found.subarray(at, at + FOUND_WORDS)
    const { shift } = vector
    return [text.slice(start - shift, nameEnd - shift), text.slice(nameEnd - shift + 2, end - shift), known]
  })
}

/** How many lines the last look read, noted or not, and where they end. */
function read(): [count: number, end: number] {
  return [vector.found[0]!, vector.found[1]! - vector.shift]
}

test('lines as everybody writes them are found, with the known ones among their names', () => {
  expect(lines('Host: a.test\r\ncONTENT-lENGTH: 12\r\nX-Own: a b:c\r\n\r\n')).toEqual([
    ['Host', 'a.test', HOST],
    ['cONTENT-lENGTH', '12', CONTENT_LENGTH],
    ['X-Own', 'a b:c', -1],
  ])
  const long = 'X-Forwarded-Client-Cert'
  expect(
    lines(`${long}: v\r\n${long}s: v\r\n${'n'.repeat(70)}: ${'v'.repeat(70)}\r\n`).map(([, , known]) => known),
  ).toEqual([knownIndex(long.toLowerCase()), -1, -1])
})

test('of some of the known names only their lines are noted, and the others are read all the same', () => {
  const text = 'Date: x\r\nHost: a\r\nX: 1\r\nContent-Length: 5\r\nAccept: */*\r\n'
  expect(lines(`${text}\r\n`, 100, 100, CONTENT_LENGTH + 1)).toEqual([
    ['Host', 'a', HOST],
    ['Content-Length', '5', CONTENT_LENGTH],
  ])
  expect(read()).toEqual([5, text.length])
  expect(lines(`${text}\r\n`, 100, 3, CONTENT_LENGTH + 1)).toEqual([['Host', 'a', HOST]])
  expect(read()).toEqual([3, text.indexOf('Content')])
  expect(lines('Accept: b\r\nB:c\r\n', 100, 100, CONTENT_LENGTH + 1)).toEqual([])
  expect(read()).toEqual([1, 11])
  expect(lines('\r\n')).toEqual([])
  expect(read()).toEqual([0, 0])
})

test('as many lines as there is room for are noted beside the tables, which they leave alone', () => {
  const bytes = vectorBuffer(30_000)
  bytes.write('A: 1\r\n'.repeat(5000), 'latin1')
  vector.look(bytes, 0, bytes.length)
  expect(vector.lines(0, bytes.length, 100, 5000, Number.POSITIVE_INFINITY)).toBe(2047)
  expect(read()).toEqual([2047, 2047 * 6])
  expect(vector.lines(0, bytes.length, 100, 5000, Number.POSITIVE_INFINITY)).toBe(2047)
  expect(lines('Host: a\r\n')).toEqual([['Host', 'a', HOST]])
})

test('a space is found wherever among sixteen it stands, and none that is not there', () => {
  const bytes = Buffer.alloc(64, '!')
  vector.look(bytes, 0, 64)
  expect(vector.spaceAt(3, 64)).toBeGreaterThanOrEqual(64)
  for (let at = 3; at < 60; at++) {
    const one = Buffer.from(bytes)
    one[at] = 0x20
    one[at + 2] = 0x20
    vector.look(one, 0, 64)
    expect(vector.spaceAt(3, 64)).toBe(at)
    expect(vector.spaceAt(3, at)).toBeGreaterThanOrEqual(at)
  }
})

test('the first line that is written otherwise ends them', () => {
  const good = 'A: 1\r\n'
  const others = [
    '\r\n',
    ' folded\r\n',
    ': v\r\n',
    'B : v\r\n',
    'B:v\r\n',
    'B: \r\n',
    'B:  v\r\n',
    'B: v \r\n',
    'B: v\n',
    'B: v\rw\r\n',
    'B: v\tw\r\n',
    'B: v\0w\r\n',
    'B: v\x7fw\r\n',
    'B: v\xe9w\r\n',
    'B\xe9: v\r\n',
    'B(: v\r\n',
    'no colon\r\n',
    `B: ${'v'.repeat(101)}\r\n`,
    'B: cut',
    'B: cut\r',
    'B:',
    'B',
  ]
  for (const other of others) expect(lines(`${good}${other}`), JSON.stringify(other)).toHaveLength(1)
  expect(lines(`${good}B: ${'v'.repeat(100)}\r\n`)).toHaveLength(2)
  expect(lines(good.repeat(5), 100, 3)).toHaveLength(3)
})

test('every byte counts as what it is, in a name and in a value, wherever among sixteen it stands', () => {
  const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/
  for (let c = 0; c < 256; c++) {
    const byte = String.fromCharCode(c)
    for (const before of [1, 15, 16, 17]) {
      const inName = lines(`${'n'.repeat(before)}${byte}n: v\r\n`).length
      expect(inName, `name ${c} ${before}`).toBe(token.test(byte) ? 1 : 0)
      const inValue = lines(`n: ${'v'.repeat(before)}${byte}v\r\n`).length
      expect(inValue, `value ${c} ${before}`).toBe(c >= 0x20 && c < 0x7f ? 1 : 0)
    }
  }
})

test('a buffer that lies in a memory is looked at there, another after it and an ordinary one between', () => {
  const text = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
  for (const bytes of [vectorBuffer(200), vectorBuffer(300), Buffer.alloc(200), vectorBuffer(100)]) {
    bytes.write(text, 50, 'latin1')
    expect(vector.look(bytes, 50, 50 + text.length)).toBe(50 + text.length)
    const lineEnd = vector.plainEnd(50, 50 + text.length)
    expect(lineEnd).toBe(50 + 14)
    expect(vector.lines(lineEnd + 2, 50 + text.length, 100, 100, 1)).toBe(1)
    expect(vector.found[FOUND_WORDS + 3]).toBe(HOST)
  }
})

test('of an ordinary buffer only the beginning is looked at', () => {
  const bytes = Buffer.alloc(100_000, 'x')
  expect(vector.look(bytes, 10, bytes.length)).toBe(10 + 8192)
  expect(vector.plainEnd(10, 10 + 8192)).toBeGreaterThanOrEqual(10 + 8192)
})
