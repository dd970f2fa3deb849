import { ACK, FIN, PSH, SYN } from '../../daemon/decode/segment.ts'

export const CLIENT_ACK = ACK
export const DATA = PSH | ACK

const FLUSH_BYTES = 256 * 1024
const START_US = 1_795_291_200_000_000
const NOTHING: Buffer = Buffer.alloc(0)

/** One end of a TCP connection: four address words (IPv4 in the last alone) and a port. */
export interface Endpoint {
  readonly words: readonly [number, number, number, number]
  readonly port: number
}

export function ipv4(address: number, port: number): Endpoint {
  return { words: [0, 0, 0, address >>> 0], port }
}

/** A documentation address that stands for the sensor's web server. */
export const SERVER = ipv4(0xc000_020a, 80)

/**
 * Frames into a capture file that is never whole in memory: `take` gives what has been written since. Checksums are left
 * zero, as network cards that compute them do. A pcapng file names an interface for each link type.
 */
export class FloodWire {
  #buffer = Buffer.allocUnsafe(FLUSH_BYTES + 512 * 1024)
  #used = 0
  #ipId = 0
  #timeUs = START_US
  readonly #stepUs: number
  readonly #pcapng: boolean
  frames = 0
  /** Of TCP. */
  payloadBytes = 0

  /** Time goes on by `stepUs` with every frame. */
  constructor(stepUs: number, linkTypes: readonly number[] | null) {
    this.#stepUs = stepUs
    this.#pcapng = linkTypes !== null
    if (linkTypes === null) {
      const header = Buffer.alloc(24)
      header.writeUInt32LE(0xa1b2c3d4, 0)
      header.writeUInt32LE(0x0004_0002, 4)
      header.writeUInt32LE(262_144, 16)
      header.writeUInt32LE(1, 20)
      this.bytes(header)
      return
    }
    const section = Buffer.alloc(16)
    section.writeUInt32LE(0x1a2b3c4d, 0)
    section.writeUInt16LE(1, 4)
    section.writeBigInt64LE(-1n, 8)
    this.block(0x0a0d0d0a, section)
    for (const linkType of linkTypes) {
      const fixed = Buffer.alloc(8)
      fixed.writeUInt16LE(linkType, 0)
      this.block(1, fixed)
    }
  }

  get full(): boolean {
    return this.#used >= FLUSH_BYTES
  }

  /** What was written since the last call. */
  take(): Buffer {
    const taken = Buffer.from(this.#buffer.subarray(0, this.#used))
    this.#used = 0
    return taken
  }

  /** Bytes of the file as they are. */
  bytes(raw: Buffer): void {
    raw.copy(this.#buffer, this.#reserve(raw.length))
  }

  /** A pcapng block. */
  block(type: number, body: Buffer): void {
    const padded = body.length + (-body.length & 3)
    const at = this.#reserve(12 + padded)
    const buffer = this.#buffer
    buffer.writeUInt32LE(type >>> 0, at)
    buffer.writeUInt32LE(12 + padded, at + 4)
    buffer.fill(0, at + 8, at + 8 + padded)
    body.copy(buffer, at + 8)
    buffer.writeUInt32LE(12 + padded, at + 8 + padded)
  }

  /** A frame of any bytes; `port` is its interface in a pcapng file. */
  frame(bytes: Buffer, port = 0): void {
    bytes.copy(this.#buffer, this.#record(bytes.length, port))
    this.#close(bytes.length)
  }

  /** A piece of an IPv4 packet of TCP that never becomes whole: `offset` is a multiple of 8, and more always follows. */
  fragment(from: Endpoint, to: Endpoint, ipId: number, offset: number, payload: Buffer): void {
    const length = 34 + payload.length
    const at = this.#record(length, 0)
    const buffer = this.#buffer
    buffer.fill(2, at, at + 12)
    buffer.writeUInt16BE(0x0800, at + 12)
    const ip = at + 14
    buffer.writeUInt32BE(0x4500_0000 + length - 14, ip)
    buffer.writeUInt32BE((((ipId & 0xffff) << 16) | 0x2000 | (offset >>> 3)) >>> 0, ip + 4)
    buffer.writeUInt32BE(0x4006_0000, ip + 8)
    buffer.writeUInt32BE(from.words[3], ip + 12)
    buffer.writeUInt32BE(to.words[3], ip + 16)
    payload.copy(buffer, ip + 20)
    this.#close(length)
  }

  segment(from: Endpoint, to: Endpoint, flags: number, seq: number, ack: number, payload = NOTHING): void {
    const wide = from.words[0] !== 0 || to.words[0] !== 0
    const ipLength = wide ? 40 : 20
    const length = 14 + ipLength + 20 + payload.length
    const at = this.#record(length, 0)
    const buffer = this.#buffer
    buffer.fill(2, at, at + 12)
    buffer.writeUInt16BE(wide ? 0x86dd : 0x0800, at + 12)
    const ip = at + 14
    if (wide) {
      buffer.writeUInt32BE(0x6000_0000, ip)
      buffer.writeUInt32BE(((20 + payload.length) << 16) | 0x0640, ip + 4)
      for (let i = 0; i < 4; i++) {
        buffer.writeUInt32BE(from.words[i]! >>> 0, ip + 8 + 4 * i)
        buffer.writeUInt32BE(to.words[i]! >>> 0, ip + 24 + 4 * i)
      }
    } else {
      buffer.writeUInt32BE(0x4500_0000 + length - 14, ip)
      buffer.writeUInt32BE((((this.#ipId++ & 0xffff) << 16) | 0x4000) >>> 0, ip + 4)
      buffer.writeUInt32BE(0x4006_0000, ip + 8)
      buffer.writeUInt32BE(from.words[3], ip + 12)
      buffer.writeUInt32BE(to.words[3], ip + 16)
    }
    const tcp = ip + ipLength
    buffer.writeUInt16BE(from.port, tcp)
    buffer.writeUInt16BE(to.port, tcp + 2)
    buffer.writeUInt32BE(seq >>> 0, tcp + 4)
    buffer.writeUInt32BE(ack >>> 0, tcp + 8)
    buffer.writeUInt16BE(0x5000 | flags, tcp + 12)
    buffer.writeUInt32BE(0xfaf0_0000, tcp + 14)
    buffer.writeUInt16BE(0, tcp + 18)
    payload.copy(buffer, tcp + 20)
    this.payloadBytes += payload.length
    this.#close(length)
  }

  #reserve(length: number): number {
    if (this.#used + length > this.#buffer.length) throw new Error('take() what was written before writing more')
    const at = this.#used
    this.#used += length
    return at
  }

  /** The header of a packet record; returns where its bytes go. */
  #record(length: number, port: number): number {
    this.frames++
    this.#timeUs += this.#stepUs
    const buffer = this.#buffer
    if (!this.#pcapng) {
      const at = this.#reserve(16 + length)
      buffer.writeUInt32LE(Math.floor(this.#timeUs / 1_000_000), at)
      buffer.writeUInt32LE(this.#timeUs % 1_000_000, at + 4)
      buffer.writeUInt32LE(length, at + 8)
      buffer.writeUInt32LE(length, at + 12)
      return at + 16
    }
    const padded = length + (-length & 3)
    const at = this.#reserve(32 + padded)
    buffer.writeUInt32LE(6, at)
    buffer.writeUInt32LE(32 + padded, at + 4)
    buffer.writeUInt32LE(port, at + 8)
    buffer.writeUInt32LE(Math.floor(this.#timeUs / 0x1_0000_0000), at + 12)
    buffer.writeUInt32LE(this.#timeUs % 0x1_0000_0000, at + 16)
    buffer.writeUInt32LE(length, at + 20)
    buffer.writeUInt32LE(length, at + 24)
    return at + 28
  }

  #close(length: number): void {
    if (!this.#pcapng) return
    const padding = -length & 3
    this.#buffer.fill(0, this.#used - 4 - padding, this.#used - 4)
    this.#buffer.writeUInt32LE(32 + length + padding, this.#used - 4)
  }
}

/** Both ends of one well-behaved connection, as far as sequence numbers go. */
export class Talk {
  readonly #wire: FloodWire
  readonly client: Endpoint
  readonly server: Endpoint
  sent = 1
  answered = 1

  constructor(wire: FloodWire, client: Endpoint, server: Endpoint = SERVER) {
    this.#wire = wire
    this.client = client
    this.server = server
  }

  open(): this {
    this.#wire.segment(this.client, this.server, SYN, 0, 0)
    this.#wire.segment(this.server, this.client, SYN | ACK, 0, 1)
    this.#wire.segment(this.client, this.server, ACK, 1, 1)
    return this
  }

  ask(payload: Buffer): void {
    this.#wire.segment(this.client, this.server, DATA, this.sent, this.answered, payload)
    this.sent += payload.length
  }

  answer(payload: Buffer): void {
    this.#wire.segment(this.server, this.client, DATA, this.answered, this.sent, payload)
    this.answered += payload.length
  }

  close(): void {
    this.#wire.segment(this.client, this.server, FIN | ACK, this.sent, this.answered)
    this.#wire.segment(this.server, this.client, FIN | ACK, this.answered, this.sent + 1)
    this.#wire.segment(this.client, this.server, ACK, this.sent + 1, this.answered + 1)
  }
}
