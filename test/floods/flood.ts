import { type Endpoint, type FloodWire, ipv4, Talk } from './flood-wire.ts'

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

export const COLONS = Buffer.alloc(1400, 'a:b\r\n')
export const LETTERS = Buffer.alloc(1400, 'x')
export const OK = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
export const DENIED = Buffer.from('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
export const MISSING = Buffer.from('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
export const GET = Buffer.from('GET /flood HTTP/1.1\r\nHost: flood.test\r\n\r\n')
/** Payload of one segment. */
const MOST_PAYLOAD = 1400

export function plain(name: string, units: number, start: Flood['start'], stepUs = 10): Flood {
  return { name, units, stepUs, linkTypes: null, start }
}

export function random32(random: () => number): number {
  return Math.floor(random() * 0x1_0000_0000) >>> 0
}

/** Addresses of RFC 2544 benchmarking networks and, beyond them, any: floods forge theirs. */
export function anyClient(random: () => number): Endpoint {
  return ipv4(0x0b00_0000 + Math.floor(random() * 0x7000_0000), 1024 + Math.floor(random() * 64_000))
}

export function hex(random: () => number, words: number): string {
  let text = ''
  for (let i = 0; i < words; i++) text += random32(random).toString(16).padStart(8, '0')
  return text
}

/** `count` connections that each take their turn. */
export function talks(wire: FloodWire, kept: Talk[], count: number, i: number): Talk {
  const at = i % count
  kept[at] ??= new Talk(wire, ipv4(0xc612_0000 + at, 62_000)).open()
  return kept[at]
}

/** What one side says forever after a beginning, over `count` connections. */
export function endless(count: number, beginning: string, more: Buffer): Flood['start'] {
  return () => {
    const open: Talk[] = []
    return (wire, i) => {
      const talk = talks(wire, open, count, i)
      if (i < count) talk.ask(Buffer.from(beginning))
      talk.ask(more)
    }
  }
}

/** A private network, whose proxies are believed; others are not. */
export const PROXIES = 0x0a00_0000

/** `exchange` on connections of 50 pairs each. */
export function exchanges(
  exchange: (random: () => number, i: number) => readonly [request: Buffer, response: Buffer],
  network = 0xc612_0000,
): Flood['start'] {
  return (random) => {
    let talk: Talk | null = null
    let connection = 0
    return (wire, i) => {
      if (i % 50 === 0) {
        talk?.close()
        talk = new Talk(wire, ipv4(network + (connection % 60_000), 2000 + (connection++ % 60_000))).open()
      }
      const [request, response] = exchange(random, i)
      inSegments(request, (part) => talk!.ask(part))
      inSegments(response, (part) => talk!.answer(part))
    }
  }
}

export function inSegments(bytes: Buffer, say: (part: Buffer) => void): void {
  for (let from = 0; from < bytes.length; from += MOST_PAYLOAD) say(bytes.subarray(from, from + MOST_PAYLOAD))
}

export function withBody(head: string, type: string, body: Buffer, more = ''): Buffer {
  const fields = `Host: flood.test\r\nContent-Type: ${type}\r\n${more}Content-Length: ${body.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(`${head}\r\n${fields}`), body])
}
