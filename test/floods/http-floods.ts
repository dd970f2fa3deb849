import { brotliCompressSync, gzipSync } from 'node:zlib'
import {
  COLONS,
  endless,
  exchanges,
  type Flood,
  GET,
  inSegments,
  LETTERS,
  OK,
  plain,
  talks,
  withBody,
} from './flood.ts'
import { ipv4, Talk } from './flood-wire.ts'

const MIB = 1024 * 1024

/** Against framing, pairing and bodies. */
export const HTTP_FLOODS: readonly Flood[] = [
  plain('endless-header', 20_000, endless(64, 'GET /flood HTTP/1.1\r\nHost: flood.test\r\nX-A: ', LETTERS)),
  plain('endless-fields', 20_000, endless(64, 'GET /flood HTTP/1.1\r\nHost: flood.test\r\n', COLONS)),
  plain('endless-line', 20_000, endless(64, 'GET /', LETTERS)),
  plain(
    'endless-extension',
    20_000,
    endless(64, 'POST /flood HTTP/1.1\r\nHost: flood.test\r\nTransfer-Encoding: chunked\r\n\r\n1;', LETTERS),
  ),
  plain(
    'endless-chunks',
    20_000,
    endless(
      64,
      'POST /flood HTTP/1.1\r\nHost: flood.test\r\nTransfer-Encoding: chunked\r\n\r\n',
      Buffer.from('1;a\r\nx\r\n'.repeat(170)),
    ),
  ),
  plain('pipelined', 4000, endless(8, '', Buffer.from(GET.toString().repeat(30)))),
  // As many as fill what may be kept several times over, and the heap with it.
  plain('pending-requests', 12_000, () => {
    const many = Buffer.from(GET.toString().repeat(100))
    return (wire, i) => {
      // A hundred requests on each connection, and never an answer.
      const talk = new Talk(wire, ipv4(0xc613_0000 + (i & 0xffff), 2000 + (i % 60_000))).open()
      inSegments(many, (part) => talk.ask(part))
    }
  }),
  plain('responses-only', 4000, () => {
    const open: Talk[] = []
    const many = Buffer.from(OK.toString().repeat(30))
    return (wire, i) => talks(wire, open, 8, i).answer(many)
  }),
  plain('interim', 8000, () => {
    const open: Talk[] = []
    const many = Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(30))
    return (wire, i) => {
      const talk = talks(wire, open, 8, i)
      if (i < 8) talk.ask(GET)
      talk.answer(many)
    }
  }),
  plain('byte-by-byte', 200_000, () => {
    const text = Buffer.concat([GET, Buffer.from('X'.repeat(60))])
      .toString()
      .replace('\r\n\r\n', '\r\nX-A: ')
    const request = Buffer.from(`${text}\r\n\r\n`)
    const open: Talk[] = []
    return (wire, i) => {
      const talk = talks(wire, open, 64, i)
      const at = Math.floor(i / 64) % request.length
      talk.ask(request.subarray(at, at + 1))
      if (at === request.length - 1) talk.answer(OK)
    }
  }),
  plain(
    'deep-json',
    1500,
    exchanges((_, i) => {
      const deep = i & 1 ? nested('[', ']', 60_000) : nested('{"a":', '}', 60_000)
      const answer = withBody('HTTP/1.1 200 OK', 'application/json', deep)
      return [withBody('POST /flood HTTP/1.1', 'application/json', deep), answer]
    }),
  ),
  ...bombs(),
]

function nested(open: string, close: string, length: number): Buffer {
  const depth = Math.floor(length / (open.length + close.length))
  return Buffer.from(open.repeat(depth) + close.repeat(depth))
}

/** Bodies of at most 64 KiB that a decoder may blow up a thousandfold and more; the nested ones twice. */
function bombs(): Flood[] {
  const zeros = Buffer.alloc(32 * MIB)
  const gzipped = gzipSync(zeros)
  const bodies: readonly (readonly [name: string, encoding: string, body: Buffer])[] = [
    ['gzip-bomb', 'gzip', gzipped],
    ['gzip-gzip-bomb', 'gzip, gzip', gzipSync(gzipSync(Buffer.alloc(256 * MIB, '{'), { level: 1 }))],
    ['br-bomb', 'br', brotliCompressSync(zeros)],
    ['zstd-bomb', 'zstd', zstdBomb(16_000)],
    ['gzip-zstd-bomb', 'zstd, gzip', gzipSync(zstdBomb(100_000))],
  ]
  return bodies.map(([name, encoding, body]) => {
    const answer = withBody('HTTP/1.1 200 OK', 'application/json', body, `Content-Encoding: ${encoding}\r\n`)
    return plain(
      name,
      1500,
      exchanges(() => [GET, answer]),
    )
  })
}

/** A zstd frame of `blocks` blocks that each say "128 KiB of the letter a" in four bytes (RFC 8878 §3.1.1.2). */
function zstdBomb(blocks: number): Buffer {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38])
  const body = Buffer.alloc(blocks * 4)
  for (let i = 0; i < blocks; i++) {
    body.writeUIntLE((i === blocks - 1 ? 1 : 0) | (1 << 1) | ((128 * 1024) << 3), i * 4, 3)
    body[i * 4 + 3] = 0x61
  }
  return Buffer.concat([header, body])
}
