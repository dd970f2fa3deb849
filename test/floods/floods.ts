import { gzipSync } from 'node:zlib'
import { LINK_TYPES } from '../../daemon/decode/decoder.ts'
import { Segment, SYN } from '../../daemon/decode/segment.ts'
import { shardOf } from '../../daemon/reassembly/flow-hash.ts'
import { DATA, type Endpoint, type FloodWire, ipv4, SERVER, Talk } from './flood-wire.ts'

/** Writes the i-th unit of a flood: one or a few frames. */
export type FloodStep = (wire: FloodWire, i: number) => void

/**
 * One way to hurt a passive reader. A flood is written unit by unit, so it can be as long as one likes; what it asks of
 * the reader must not grow with that.
 */
export interface Flood {
  readonly name: string
  /** Units of a flood that is long enough to fill whatever it aims at. */
  readonly units: number
  /** Between two frames. */
  readonly stepUs: number
  /** Link types of the interfaces when the file is pcapng; the first is Ethernet and carries the honest traffic. */
  readonly linkTypes: readonly number[] | null
  readonly start: (random: () => number) => FloodStep
}

const COLONS = Buffer.alloc(1400, 'a:b\r\n')
const LETTERS = Buffer.alloc(1400, 'x')

function random32(random: () => number): number {
  return Math.floor(random() * 0x1_0000_0000) >>> 0
}

/** Addresses of RFC 2544 benchmarking networks and, beyond them, any: floods forge theirs. */
function anyClient(random: () => number): Endpoint {
  return ipv4(0x0b00_0000 + Math.floor(random() * 0x7000_0000), 1024 + Math.floor(random() * 64_000))
}

function hex(random: () => number, words: number): string {
  let text = ''
  for (let i = 0; i < words; i++) text += random32(random).toString(16).padStart(8, '0')
  return text
}

/** `count` connections that each take their turn. */
function talks(wire: FloodWire, kept: Talk[], count: number, i: number): Talk {
  const at = i % count
  kept[at] ??= new Talk(wire, ipv4(0xc612_0000 + at, 2000 + (at % 60_000))).open()
  return kept[at]
}

/** What one side says forever after a beginning, over `count` connections. */
function endless(count: number, beginning: string, more: Buffer): Flood['start'] {
  return () => {
    const open: Talk[] = []
    return (wire, i) => {
      const talk = talks(wire, open, count, i)
      if (i < count) talk.ask(Buffer.from(beginning))
      talk.ask(more)
    }
  }
}

/** `exchange` on connections of 50 pairs each. */
function exchanges(exchange: (random: () => number, i: number) => readonly [Buffer, Buffer]): Flood['start'] {
  return (random) => {
    let talk: Talk | null = null
    let connection = 0
    return (wire, i) => {
      if (i % 50 === 0) {
        talk?.close()
        talk = new Talk(wire, ipv4(0xc612_0000 + (connection % 60_000), 2000 + (connection++ % 60_000))).open()
      }
      const [request, response] = exchange(random, i)
      for (let from = 0; from < request.length; from += 1400) talk!.ask(request.subarray(from, from + 1400))
      for (let from = 0; from < response.length; from += 1400) talk!.answer(response.subarray(from, from + 1400))
    }
  }
}

const OK = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
const DENIED = Buffer.from('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
const MISSING = Buffer.from('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
const GET = Buffer.from('GET /flood HTTP/1.1\r\nHost: flood.test\r\n\r\n')

function withBody(head: string, type: string, body: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`${head}\r\nHost: flood.test\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`),
    body,
  ])
}

function nested(open: string, close: string, length: number): Buffer {
  const depth = Math.floor(length / (open.length + close.length))
  return Buffer.from(open.repeat(depth) + close.repeat(depth))
}

/** Sixty-four kilobytes that a decoder may blow up a thousandfold. */
function bomb(): Buffer {
  return gzipSync(Buffer.alloc(32 * 1024 * 1024))
}

function plain(name: string, units: number, start: Flood['start'], stepUs = 10): Flood {
  return { name, units, stepUs, linkTypes: null, start }
}

export const FLOODS: readonly Flood[] = [
  plain('half-open', 300_000, (random) => (wire) => {
    wire.segment(anyClient(random), SERVER, SYN, random32(random), 0)
  }),
  plain('one-byte-each', 200_000, (random) => (wire) => {
    const client = anyClient(random)
    wire.segment(client, SERVER, SYN, 0, 0)
    wire.segment(client, SERVER, DATA, 1, 1, Buffer.from('G'))
  }),
  plain('one-request-each', 200_000, (random) => (wire) => {
    const client = anyClient(random)
    wire.segment(client, SERVER, SYN, 0, 0)
    wire.segment(client, SERVER, DATA, 1, 1, GET)
  }),
  plain('half-a-head-each', 100_000, (random) => (wire) => {
    const client = anyClient(random)
    wire.segment(client, SERVER, SYN, 0, 0)
    wire.segment(client, SERVER, DATA, 1, 1, Buffer.concat([GET.subarray(0, -2), COLONS.subarray(0, 1300)]))
  }),
  plain('half-a-body-each', 80_000, (random) => {
    const request = withBody('POST /flood HTTP/1.1', 'text/plain', LETTERS.subarray(0, 1200))
    const begun = Buffer.concat([Buffer.from(request.toString().replace(/Length: \d+/, 'Length: 60000'))])
    return (wire) => {
      const client = anyClient(random)
      wire.segment(client, SERVER, SYN, 0, 0)
      wire.segment(client, SERVER, DATA, 1, 1, begun)
    }
  }),
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
  plain('out-of-order', 600_000, () => {
    const one = Buffer.from('y')
    const open: Talk[] = []
    return (wire, i) => {
      // Odd bytes only: nothing ever joins, and nothing is ever next.
      const talk = talks(wire, open, 4000, i)
      const at = 3 + 2 * (Math.floor(i / 4000) % 500)
      wire.segment(talk.client, talk.server, DATA, at, 1, one)
    }
  }),
  plain('reversed', 200_000, () => {
    const open: Talk[] = []
    return (wire, i) => {
      const talk = talks(wire, open, 16, i)
      const round = Math.floor(i / 16)
      const base = 1 + Math.floor(round / 250) * 250
      wire.segment(talk.client, talk.server, DATA, base + 249 - (round % 250), 1, LETTERS.subarray(0, 1))
    }
  }),
  plain('large-out-of-order', 150_000, () => {
    const open: Talk[] = []
    return (wire, i) => {
      const talk = talks(wire, open, 4000, i)
      wire.segment(talk.client, talk.server, DATA, 2 + 2000 * Math.floor(i / 4000), 1, LETTERS)
    }
  }),
  plain('overlapping', 200_000, (random) => {
    const open: Talk[] = []
    return (wire, i) => {
      const talk = talks(wire, open, 16, i)
      const base = 1 + Math.floor(i / 1600) * 700
      const from = base + Math.floor(random() * 1400)
      const payload = (i & 1) === 0 ? LETTERS : COLONS
      wire.segment(talk.client, talk.server, DATA, from, 1, payload.subarray(0, 1 + Math.floor(random() * 700)))
    }
  }),
  plain('one-shard', 100_000, (random) => {
    const segment = new Segment()
    segment.dst2 = 0xffff
    segment.dst3 = SERVER.words[3]
    segment.src2 = 0xffff
    segment.dstPort = 80
    return (wire) => {
      do {
        const client = anyClient(random)
        segment.src3 = client.words[3]
        segment.srcPort = client.port
      } while (shardOf(segment) !== 3)
      const client = ipv4(segment.src3, segment.srcPort)
      wire.segment(client, SERVER, SYN, 0, 0)
      wire.segment(client, SERVER, DATA, 1, 1, Buffer.from('G'))
    }
  }),
  plain('colliding-tuples', 200_000, (random) => {
    // Differences in the top bits of one word that the next word can undo, whatever odd number it is multiplied by.
    const server: Endpoint = { words: [0x2001_0db8, 0, 0, 10], port: 80 }
    return (wire) => {
      const flip = random32(random)
      const top = (bit: number) => ((flip >>> bit) & 1) * 0x8000_0000
      const undo = (bit: number) => ((flip >>> bit) & 1) * 0x8001_0000
      const rest = Math.floor(random() * 65_536)
      const client: Endpoint = {
        words: [0x2001_0db8 ^ top(0), undo(0) ^ top(1), undo(1) ^ top(2), (undo(2) ^ rest) >>> 0],
        port: 2000,
      }
      wire.segment(client, server, SYN, 0, 0)
    }
  }),
  {
    name: 'garbage-frames',
    units: 400_000,
    stepUs: 10,
    linkTypes: [1, ...LINK_TYPES.filter((type) => type !== 1), 147, 65_535],
    start: (random) => {
      const noise = Buffer.from(Array.from({ length: 70_000 }, () => Math.floor(random() * 256)))
      const types = [0x0800, 0x86dd, 0x8100, 0x88a8, 0x8847]
      return (wire, i) => {
        const from = Math.floor(random() * 65_536)
        const frame = Buffer.from(noise.subarray(from, from + Math.floor(random() * 128)))
        // Half of them begin as something that is worth a second look.
        if (i & 1 && frame.length >= 40) {
          frame.writeUInt16BE(types[i % types.length]!, 12)
          frame[14] = i & 2 ? 0x45 : 0x60
          frame[i & 2 ? 23 : 20] = i & 4 ? 6 : 17
        }
        wire.frame(frame, i % (LINK_TYPES.length + 2))
      }
    },
  },
  {
    name: 'garbage-blocks',
    units: 200_000,
    stepUs: 10,
    linkTypes: [1],
    start: (random) => {
      const noise = Buffer.from(Array.from({ length: 70_000 }, () => Math.floor(random() * 256)))
      // Interfaces, packets of any time, name resolution, statistics, custom, unknown; no section header, interface unheard
      // of, impossible length or thousands of interfaces: a file is not believed beyond those.
      const types = [6, 6, 4, 5, 0xbad, 0x4000_0bad, 0x7777_7777]
      return (wire, i) => {
        const from = Math.floor(random() * 65_536)
        const body = Buffer.from(noise.subarray(from, from + 20 + Math.floor(random() * 200)))
        const type = i % 1000 === 999 ? 1 : types[Math.floor(random() * types.length)]!
        if (type === 6) {
          body.writeUInt32LE(0, 0)
          const captured = Math.floor(random() * (body.length - 19))
          body.writeUInt32LE(captured, 12)
          body.writeUInt32LE(captured + Math.floor(random() * 60_000), 16)
        }
        wire.block(type, body)
      }
    },
  },
  plain(
    'deep-json',
    1500,
    exchanges((_, i) => {
      const deep = i & 1 ? nested('[', ']', 60_000) : nested('{"a":', '}', 60_000)
      const answer = withBody('HTTP/1.1 200 OK', 'application/json', deep)
      return [withBody('POST /flood HTTP/1.1', 'application/json', deep), answer]
    }),
  ),
  plain('gzip-bomb', 1500, () => {
    const body = bomb()
    const answer = Buffer.concat([
      Buffer.from(
        `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`,
      ),
      body,
    ])
    return exchanges(() => [GET, answer])(() => 0)
  }),
  plain(
    'distinct-everything',
    60_000,
    exchanges((random, i) => {
      const token = hex(random, 5)
      const head = `Host: ${hex(random, 2)}.test\r\nAuthorization: Bearer ${token}\r\nCookie: sid=${hex(random, 4)}\r\n`
      const forwarded = `X-Forwarded-For: 203.0.113.${i % 250}\r\nX-Api-Key: ${hex(random, 4)}\r\n`
      const path = i & 1 ? `/v1/${hex(random, 1)}/${hex(random, 2)}` : `/${hex(random, 3)}`
      return [Buffer.from(`GET ${path}?q=${hex(random, 1)} HTTP/1.1\r\n${head}${forwarded}\r\n`), i & 2 ? MISSING : OK]
    }),
    200,
  ),
  plain(
    'distinct-accounts',
    60_000,
    exchanges((random) => {
      const body = Buffer.from(`{"username":"u${hex(random, 2)}@mail.test","password":"${hex(random, 2)}"}`)
      return [withBody('POST /login HTTP/1.1', 'application/json', body), DENIED]
    }),
    200,
  ),
  plain(
    'distinct-objects',
    60_000,
    exchanges((random, i) => {
      const head = `Host: api.test\r\nAuthorization: Bearer ${hex(random, 5)}\r\n\r\n`
      return [Buffer.from(`GET /v1/orders/${i} HTTP/1.1\r\n${head}`), i & 3 ? OK : MISSING]
    }),
    200,
  ),
]

/** Traffic without malice, to compare costs with. */
export const BENIGN: Flood = plain(
  'benign',
  60_000,
  exchanges((random, i) => {
    const head = `Host: api.test\r\nAuthorization: Bearer token-of-${i % 500}\r\nUser-Agent: client/1.0\r\n\r\n`
    const body = Buffer.from(`{"id":${i % 5000},"note":"${hex(random, 40)}"}`)
    return [
      Buffer.from(`GET /v1/orders/${i % 5000} HTTP/1.1\r\n${head}`),
      withBody('HTTP/1.1 200 OK', 'application/json', body),
    ]
  }),
)

/**
 * Honest callers that go on while a flood rages: one keeps its connection for the whole time, the others come and go.
 * Each `step` writes one frame, so that the flood stands between any two of them.
 */
export class HonestTraffic {
  readonly #wire: FloodWire
  readonly #steady: Talk
  #visitor: Talk
  #queue: (() => void)[] = []
  /** Requests whose answers were written too. */
  pairs = 0

  constructor(wire: FloodWire) {
    this.#wire = wire
    this.#steady = new Talk(wire, ipv4(0xc633_6401, 40_000)).open()
    this.#visitor = new Talk(wire, ipv4(0xc633_6402, 40_001))
  }

  step(): void {
    if (this.#queue.length === 0) this.#script()
    this.#queue.shift()!()
  }

  /** Ends in order, so that every answer is written. */
  finish(): void {
    while (this.#queue.length > 0) this.#queue.shift()!()
    this.#steady.close()
  }

  #script(): void {
    const number = this.pairs / 2
    const visitor = new Talk(this.#wire, ipv4(0xc633_6402, 1024 + (number % 60_000)))
    this.#visitor = visitor
    const ask = (talk: Talk, who: string) => {
      const request = Buffer.from(`GET /${who}/${number} HTTP/1.1\r\nHost: honest.test\r\n\r\n`)
      const answer = Buffer.from(`HTTP/1.1 200 OK\r\nX-Answer: ${who}/${number}\r\nContent-Length: 5\r\n\r\nhello`)
      const half = answer.length >> 1
      return [
        () => talk.ask(request),
        () => talk.answer(answer.subarray(0, half)),
        () => {
          talk.answer(answer.subarray(half))
          this.pairs++
        },
      ]
    }
    this.#queue = [
      () => void this.#visitor.open(),
      ...ask(visitor, 'visitor'),
      () => visitor.close(),
      ...ask(this.#steady, 'steady'),
    ]
  }
}
