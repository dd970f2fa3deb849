import { LINK_TYPES } from '../../daemon/decode/decoder.ts'
import { Segment, SYN } from '../../daemon/decode/segment.ts'
import { shardOf } from '../../daemon/reassembly/flow-hash.ts'
import { anyClient, COLONS, type Flood, GET, LETTERS, plain, random32, talks, withBody } from './flood.ts'
import { DATA, type Endpoint, ipv4, SERVER, type Talk } from './flood-wire.ts'

/** Against decode and reassembly: flows, holes, fragments, frames that are none. */
export const PACKET_FLOODS: readonly Flood[] = [
  plain('half-open', 500_000, (random) => (wire) => {
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
  plain('out-of-order', 1_000_000, () => {
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
  plain('fragments', 600_000, () => {
    const piece = LETTERS.subarray(0, 800)
    return (wire, i) => {
      // Packets that never become whole, 48 pieces each, every second of which overlaps the one before with other bytes.
      const at = i % 48
      const overlaps = (at & 1) === 1
      const offset = Math.floor(at / 2) * 1600 + (overlaps ? 400 : 0)
      const from = ipv4(0xc612_0000 + (Math.floor(i / 48) & 0xffff), 0)
      wire.fragment(from, SERVER, Math.floor(i / 48), 8 + offset, overlaps ? COLONS.subarray(0, 800) : piece)
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
]
