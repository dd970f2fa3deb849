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

/**
 * `methods`: of the requests, in order. That parser leaves it to its user to say which responses have no body (RFC 9112
 * section 6.3, rule 1), and hands interim responses on like others.
 */
function oracle(type: 'REQUEST' | 'RESPONSE', bytes: Buffer, methods: readonly string[] = []): Read[] {
  const parser = new HTTPParser(HTTPParser[type]) as unknown as Oracle
  const all: { headers: string[]; body: string }[] = []
  parser[HTTPParser.kOnHeadersComplete] = (head: { headers: string[]; statusCode?: number }) => {
    const status = head.statusCode
    if (status !== undefined && status < 200) return true
    const bodiless = methods[all.length] === 'HEAD' || status === 204 || status === 304
    all.push({ headers: head.headers, body: '' })
    return bodiless
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

/** One exchange with what RFC 9112 allows and few send. */
const odd = fc.record({
  method: fc.constantFrom('GET', 'POST', 'HEAD', 'DELETE', 'OPTIONS'),
  status: fc.constantFrom(200, 200, 204, 304, 404),
  fields,
  body,
  requestBody: body,
  chunked: fc.boolean(),
  extension: fc.constantFrom('', ';a', ';a=b;c', ';a="x;y"', ' ;a'),
  trailers: fc.boolean(),
  fold: fc.boolean(),
  /** Both are line ends to a lenient reader (RFC 9112 section 2.2). */
  eol: fc.constantFrom('\r\n', '\r\n', '\n'),
  interim: fc.constantFrom<(100 | 103)[]>([], [], [], [100], [103], [103, 103], [100, 103]),
  emptyLines: fc.nat({ max: 2 }),
})

type Odd = typeof odd extends fc.Arbitrary<infer Value> ? Value : never

function head(startLine: string, shape: Odd, framing: string): string {
  const { eol } = shape
  const lines = shape.fields.map(([name, text]) => `${name}: ${text}${eol}`).join('')
  const folded = shape.fold ? `X-Folded: one${eol}  two${eol}\tthree${eol}` : ''
  return `${startLine}${eol}${lines}${folded}${framing}`
}

function content(shape: Odd, text: string): { framing: string; body: string } {
  const { eol } = shape
  if (!shape.chunked) return { framing: `Content-Length: ${text.length}${eol}${eol}`, body: text }
  const half = Math.ceil(text.length / 2)
  const chunks = [text.slice(0, half), text.slice(half)].filter((chunk) => chunk !== '')
  const written = chunks.map((chunk) => `${chunk.length.toString(16)}${shape.extension}\r\n${chunk}\r\n`).join('')
  const trailers = shape.trailers ? 'X-Sum: 12\r\nX-Line: GET / HTTP/1.1\r\n' : ''
  return { framing: `Transfer-Encoding: chunked${eol}${eol}`, body: `${written}0\r\n${trailers}\r\n` }
}

function oddRequest(shape: Odd, at: number): Buffer {
  const { framing, body: text } =
    shape.method === 'POST' ? content(shape, shape.requestBody) : { framing: shape.eol, body: '' }
  const empty = at > 0 ? '\r\n'.repeat(shape.emptyLines) : ''
  return Buffer.from(empty + head(`${shape.method} /odd/${at} HTTP/1.1`, shape, framing) + text, 'latin1')
}

const hasBody = ({ method, status }: Odd) => method !== 'HEAD' && status !== 204 && status !== 304

function oddResponse(shape: Odd, at: number, untilClose: boolean): Buffer {
  const interim = shape.interim.map((status) => `HTTP/1.1 ${status} Wait\r\nX-Interim: ${at}\r\n\r\n`).join('')
  const { framing, body: text } = untilClose
    ? { framing: `Connection: close${shape.eol}${shape.eol}`, body: shape.body }
    : shape.status === 204
      ? { framing: shape.eol, body: '' }
      : content(shape, shape.body)
  const start = `HTTP/1.1 ${shape.status} ${at}`
  return Buffer.from(interim + head(start, shape, framing) + (hasBody(shape) ? text : ''), 'latin1')
}

test('HEAD, 204, 304, interim responses, trailers, folded and bare lines, pipelined or not: as http-parser-js, byte by byte too', () => {
  fc.assert(
    fc.property(
      fc.array(odd, { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      fc.boolean(),
      cuts,
      (shapes, pipelined, close, sizes) => {
        const last = shapes.length - 1
        const requests = shapes.map(oddRequest)
        const responses = shapes.map((shape, at) => oddResponse(shape, at, close && at === last && hasBody(shape)))
        const flow = new HttpDriver()
        if (pipelined) feed(flow, 0, Buffer.concat(requests), sizes)
        for (const [at, request] of requests.entries()) {
          if (!pipelined) feed(flow, 0, request, sizes)
          feed(flow, 1, responses[at]!, sizes)
        }
        flow.end(1)
        flow.close()
        const methods = shapes.map(({ method }) => method)
        const asked = oracle('REQUEST', Buffer.concat(requests))
        const answered = oracle('RESPONSE', Buffer.concat(responses), methods)
        const read = (side: 'request' | 'response') =>
          flow.exchanges.map(
            (exchange): Read => ({ headers: exchange[side]!.headers.flat(), body: exchange[side]!.body ?? '' }),
          )
        expect(read('request')).toEqual(asked)
        expect(read('response')).toEqual(answered)
        expect(flow.exchanges.map(({ request, response }) => `${request!.method} ${response!.status}`)).toEqual(
          shapes.map(({ method, status }) => `${method} ${status}`),
        )
        expect(flow.unexplained()).toEqual({ bytes: 0, messages: 0, pairs: 0 })
      },
    ),
    { numRuns: 600 },
  )
})
