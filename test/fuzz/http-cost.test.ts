import { expect, test } from 'vitest'
import { HttpDriver } from './http-flow.ts'

const BYTES = 1024 * 1024
const HEAD = 'POST /a HTTP/1.1\r\nHost: a.test\r\n'

function filled(pattern: string, length: number): string {
  return pattern.repeat(Math.ceil(length / pattern.length)).slice(0, length)
}

/** A direction of `length` bytes or a little more, and into how large pieces it is cut. */
interface Shape {
  readonly name: string
  readonly stream: (length: number) => string
  readonly piece: number
}

const repeated = (name: string, unit: string, piece = 1400): Shape => ({
  name,
  stream: (length) => unit.repeat(Math.ceil(length / unit.length)),
  piece,
})
const endless = (name: string, beginning: string, pattern: string, piece = 1400): Shape => ({
  name,
  stream: (length) => beginning + filled(pattern, length),
  piece,
})

const BENIGN = repeated(
  'benign',
  `GET /v1/orders/42 HTTP/1.1\r\nHost: api.test\r\nUser-Agent: client\r\nAccept: */*\r\nX-Id: ${'i'.repeat(60)}\r\n\r\n`,
)
const full = (pattern: string, length = 60_000) => `${HEAD}${filled(pattern, length)}\r\n\r\n`

const HOSTILE: readonly Shape[] = [
  repeated('one byte per segment', BENIGN.stream(1), 1),
  repeated('heads of colons', full(':')),
  repeated('heads of colon lines', full(':\r\n')),
  repeated('heads of one-letter fields', full('a:b\r\n')),
  repeated('heads of lone carriage returns', full('a:\r')),
  repeated('heads of blanks', full('a: ')),
  repeated('heads of folded lines', full('\r\n x')),
  repeated('heads of lone line feeds', full('a\nb:c\n')),
  repeated('heads of nul bytes', full('a:\0\0')),
  repeated('heads of content lengths', full('Content-Length: 0\r\n')),
  repeated('heads of transfer codings', full('Transfer-Encoding: x\r\n')),
  repeated('a length list', `${HEAD}Content-Length: ${filled('0,', 16_000)}0\r\n\r\n`),
  repeated('the smallest requests', 'A / HTTP/1.1\r\n\r\n'),
  repeated('empty lines', '\r\n'),
  endless('a head without end', HEAD, 'a: b\r\n'),
  endless('a line without end', 'GET /', 'x'),
  endless('one-byte chunks', `${HEAD}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'),
  endless('one-byte chunks with extensions', `${HEAD}Transfer-Encoding: chunked\r\n\r\n`, '1;a\r\nx\r\n'),
  endless('one-byte chunks, one byte per segment', `${HEAD}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n', 1),
  endless('false starts', `${HEAD}Transfer-Encoding: chunked\r\n\r\nbroken\r\n`, 'GET / HTTP/1.1 GET / HTTP/1.1 \r\n'),
  endless('words of a false start', `${HEAD}Transfer-Encoding: chunked\r\n\r\nbroken\r\n`, 'GET '),
  endless('false heads', `${HEAD}Transfer-Encoding: chunked\r\n\r\nbroken\r\n`, 'GET / HTTP/1.1\r\nbad\r\n\r\n'),
]

/** Microseconds of CPU. */
function cost(shape: Shape, length: number): number {
  const bytes = Buffer.from(shape.stream(length), 'latin1')
  const flow = new HttpDriver()
  const before = process.cpuUsage()
  for (let at = 0; at < bytes.length; at += shape.piece)
    flow.push(0, bytes, at, Math.min(bytes.length, at + shape.piece))
  const used = process.cpuUsage(before)
  flow.close()
  expect(flow.unexplained()).toEqual({ bytes: 0, messages: 0, pairs: 0 })
  return used.user + used.system
}

/** The least of a few runs: what is over it is the machine's. */
function least(shape: Shape, length: number): number {
  return Math.min(...Array.from({ length: 3 }, () => cost(shape, length)))
}

cost(BENIGN, BYTES)
const benign = least(BENIGN, BYTES)

test.each(HOSTILE.map((shape) => [shape.name, shape] as const))('%s: no worse than linear', (_, shape) => {
  const once = least(shape, BYTES / 4)
  const long = least(shape, BYTES)
  // Four times the bytes for at most eight times the price, above what cannot be measured.
  expect(long).toBeLessThan(once * 8 + 20_000)
  // A byte alone in its segment costs a call; nothing else costs much more than a byte of benign traffic.
  expect(long).toBeLessThan(benign * (shape.piece === 1 ? 20 : 8) + 20_000)
  if (process.env.OFFPATH_COSTS) process.stdout.write(`${shape.name}: ${(long / benign).toFixed(1)} of benign\n`)
})
