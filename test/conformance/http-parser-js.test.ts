import fc from 'fast-check'
import { HTTPParser } from 'http-parser-js'
import { expect, test } from 'vitest'
import { HttpDriver } from '../fuzz/http-flow.ts'

/** What both parsers must agree on. */
interface Read {
  readonly headers: string[]
  readonly body: string
}

interface Oracle {
  execute(bytes: Buffer): unknown
  finish(): unknown
  [callback: number]: unknown
}

function oracle(type: 'REQUEST' | 'RESPONSE', bytes: Buffer): Read[] {
  const parser = new HTTPParser(HTTPParser[type]) as unknown as Oracle
  const all: { headers: string[]; body: string }[] = []
  parser[HTTPParser.kOnHeadersComplete] = (head: { headers: string[] }) => {
    all.push({ headers: head.headers, body: '' })
    return false
  }
  parser[HTTPParser.kOnBody] = (buffer: Buffer, offset: number, length: number) => {
    all.at(-1)!.body += buffer.toString('latin1', offset, offset + length)
  }
  parser.execute(bytes)
  parser.finish()
  return all
}

const token = fc
  .stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,12}$/)
  .filter((name) => !/^(content-length|transfer-encoding|connection|upgrade|trailer)$/i.test(name))
const value = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/)
const fields = fc.array(fc.tuple(token, value), { maxLength: 8 })
const body = fc.string({ maxLength: 200, unit: 'binary-ascii' })

const message = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH'),
  status: fc.constantFrom(200, 201, 404, 500),
  target: fc.stringMatching(/^\/[a-z0-9/?=&%._~-]{0,40}$/),
  fields,
  body,
  chunks: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 }),
  extension: fc.constantFrom('', ';a', ';a=b', ';a="b"'),
})

type Shape = typeof message extends fc.Arbitrary<infer Value> ? Value : never

function write(shape: Shape, startLine: string): Buffer {
  const lines = shape.fields.map(([name, text]) => `${name}: ${text}\r\n`).join('')
  if (shape.chunks.length === 0) {
    return Buffer.from(`${startLine}\r\n${lines}Content-Length: ${shape.body.length}\r\n\r\n${shape.body}`, 'latin1')
  }
  let rest = shape.body
  let chunked = ''
  for (const size of shape.chunks) {
    const chunk = rest.slice(0, size)
    rest = rest.slice(size)
    if (chunk !== '') chunked += `${chunk.length.toString(16)}${shape.extension}\r\n${chunk}\r\n`
  }
  if (rest !== '') chunked += `${rest.length.toString(16)}\r\n${rest}\r\n`
  return Buffer.from(`${startLine}\r\n${lines}Transfer-Encoding: chunked\r\n\r\n${chunked}0\r\n\r\n`, 'latin1')
}

function feed(flow: HttpDriver, direction: 0 | 1, bytes: Buffer, cuts: readonly number[]): void {
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = cuts[i % cuts.length]!
    flow.send(direction, bytes.subarray(at, at + size))
    at += size
  }
}

const cuts = fc.oneof(
  fc.constant([1]),
  fc.constant([1_000_000]),
  fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 10 }),
)

test('valid messages are read as http-parser-js reads them, however they are cut', () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), cuts, (shapes, sizes) => {
      const requests = shapes.map((shape) => write(shape, `${shape.method} ${shape.target} HTTP/1.1`))
      const responses = shapes.map((shape) => write(shape, `HTTP/1.1 ${shape.status} Some Reason`))
      const flow = new HttpDriver()
      shapes.forEach((_, i) => {
        feed(flow, 0, requests[i]!, sizes)
        feed(flow, 1, responses[i]!, sizes)
      })
      flow.close()
      const wanted = [oracle('REQUEST', Buffer.concat(requests)), oracle('RESPONSE', Buffer.concat(responses))]
      const found = [
        flow.exchanges.map(({ request }) => request!),
        flow.exchanges.map(({ response }) => response!),
      ].map((side) => side.map((one): Read => ({ headers: one.headers.flat(), body: one.body ?? '' })))
      expect(found).toEqual(wanted)
      expect(flow.exchanges.map(({ request }) => `${request!.method} ${request!.target}`)).toEqual(
        shapes.map(({ method, target }) => `${method} ${target}`),
      )
      expect(flow.exchanges.map(({ response }) => response!.status)).toEqual(shapes.map(({ status }) => status))
    }),
    { numRuns: 400 },
  )
})
