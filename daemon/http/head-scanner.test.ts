import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { vectorBuffer } from '../sources/vector-memory.ts'
import { HeadScanner, SLOTS } from './head-scanner.ts'
import { ALL_NAMES, FRAMING_NAMES, KNOWN_HEADERS } from './known-headers.ts'
import { DEFAULT_HTTP_LIMITS } from './limits.ts'
import { NO_LINE } from './start-line.ts'

const LIMITS = { ...DEFAULT_HTTP_LIMITS, maxHeaders: 6, maxFieldBytes: 64 }
/** Looked at where it lies. */
const LARGE = vectorBuffer(4096)

const startLine = fc.constantFrom(
  'GET /v1/items?page=2 HTTP/1.1',
  'POST /a b HTTP/1.1',
  'DELETE /x\x7fy\u00e9 HTTP/1.0',
  'PUT /\x01 HTTP/1.1',
  'HTTP/1.1 200 OK',
  'HTTP/1.0 404 \u00e9\tt\u00e9',
  'GET  HTTP/1.1',
  'nothing of the kind',
)
const text = fc.string({
  unit: fc.constantFrom(...'aZ09-_.:;= \t\0\r\x01\x1f\x20\x7e\x7f\x80\x9f\xa0\xe0\xff@[`{'),
  maxLength: 24,
})
const letters = fc.string({ unit: fc.constantFrom(...'azAZ-'), maxLength: 24 })
const odd = fc.oneof(
  fc.constantFrom(...'@[`{_^~\x1f\x7f\x80\xff\t '),
  fc.nat(255).map((c) => String.fromCharCode(c)),
)
/** Letters with any one byte among them, in the name and in the value. */
const oneOdd = fc
  .tuple(letters, odd, letters, letters, odd, letters)
  .map(([a, one, b, c, other, d]) => `${a}${one}${b}: ${c}${other}${d}`)
/** A known name in some mix of cases, sometimes with one byte changed. */
const known = fc
  .tuple(fc.constantFrom(...KNOWN_HEADERS), fc.nat(), fc.nat(40), fc.constantFrom('x', 'N', '^', '_', '\r'))
  .map(([name, upper, at, byte]) => {
    const cased = [...name].map((c, i) => ((upper >> (i & 15)) & 1 ? c.toUpperCase() : c)).join('')
    return `${at < name.length ? cased.slice(0, at) + byte + cased.slice(at + 1) : cased}: v`
  })
const field = fc.oneof(
  oneOdd,
  known,
  fc.constantFrom(
    'Host: a',
    'host:b',
    'Content-Length: 12',
    'content-length:\t7 ',
    'Transfer-Encoding: chunked',
    'Connection: close',
    'X_1-y: z',
    'Accept : */*',
    ' folded',
    ': empty',
    'no colon',
    'Empty:',
    'Long: '.padEnd(90, 'v'),
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
  ),
  fc.tuple(text, text).map(([name, value]) => `${name}: ${value}`),
  text,
)
const head = fc
  .tuple(
    startLine,
    fc.array(fc.tuple(field, fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r')), { maxLength: 8 }),
  )
  .map(([line, fields]) => `${line}\r\n${fields.map(([one, end]) => one + end).join('')}\r\n`)

/** All that a scan of [from, to) tells; nothing but that there is no head when there is none. */
function scanned(scanner: HeadScanner, bytes: Buffer, from: number, to: number, strict = false) {
  const end = scanner.scan(bytes, from, to, NO_LINE, strict)
  if (end < 0) return { end, known: [], fields: [] }
  const { line, ascii, malformed, hostCount, headerCount } = scanner
  return {
    end: end - from,
    kind: line.kind,
    target: line.kind === 1 ? [line.methodEnd - from, line.targetStart - from, line.targetEnd - from] : line.status,
    odd: [line.badTarget, line.badVersion, ascii, malformed],
    weirds: [...scanner.weirds].sort(),
    known: [...scanner.known],
    hostCount,
    fields: [...scanner.offsets.subarray(0, headerCount * SLOTS)],
  }
}

describe('a head', () => {
  test('reads the same sixteen bytes at a time, copied or not, and byte by byte, wherever it stands, cut or whole', () => {
    const scanner = new HeadScanner(LIMITS)
    const byByte = new HeadScanner(LIMITS, ALL_NAMES, null)
    fc.assert(
      fc.property(head, fc.nat(7), fc.nat(3), fc.boolean(), (written, at, cut, strict) => {
        const small = Buffer.from(written, 'latin1')
        small.copy(LARGE, at)
        const length = small.length - cut
        const expected = scanned(byByte, small, 0, length, strict)
        expect(scanned(scanner, small, 0, length, strict)).toEqual(expected)
        expect(scanned(scanner, LARGE, at, at + length, strict)).toEqual(expected)
        // At the very end of a buffer what lies beyond it changes nothing.
        const last = LARGE.length - length
        small.copy(LARGE, last, 0, length)
        expect(scanned(scanner, LARGE, last, LARGE.length, strict)).toEqual(expected)
      }),
      { numRuns: 2000 },
    )
  })

  test('is framed the same when nobody asks for its other fields', () => {
    const all = new HeadScanner(LIMITS, ALL_NAMES)
    const framing = new HeadScanner(LIMITS, FRAMING_NAMES)
    fc.assert(
      fc.property(head, (written) => {
        const bytes = Buffer.from(written, 'latin1')
        const a = scanned(all, bytes, 0, bytes.length)
        const b = scanned(framing, bytes, 0, bytes.length)
        expect({ ...b, known: null, fields: null }).toEqual({ ...a, known: null, fields: null })
        for (let name = 0; name < FRAMING_NAMES.count; name++) {
          expect(placeOf(b, name)).toEqual(placeOf(a, name))
        }
      }),
      { numRuns: 1000 },
    )
  })
})

/** Offsets of the first field of a known name. */
function placeOf({ end, known, fields }: ReturnType<typeof scanned>, name: number): number[] {
  const field = end < 0 ? 0 : known[name]!
  return field === 0 ? [] : fields.slice((field - 1) * SLOTS, field * SLOTS)
}
