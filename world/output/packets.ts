import { parseAddress } from '../../daemon/decode/address.ts'
import type { Exchange } from '../exchange.ts'
import { TimeHeap } from '../heap.ts'
import { requestBytes, responseBytes } from './http-text.ts'

const SEGMENT_BYTES = 1448
const SLAB_BYTES = 1 << 20
const SYN = 2
const SYN_ACK = 0x12
const ACK = 0x10
const PSH_ACK = 0x18
/** A connection is given up when nothing went over it for this long; its next exchange begins with a handshake. */
const IDLE_US = 60_000_000
/** How long before its first request a connection is opened. */
const HANDSHAKE_US = 90

const MOST_CONNECTIONS = 100_000

/** Something to be sent. */
interface Step {
  readonly exchange: Exchange
  readonly kind: 'open' | 'request' | 'answer'
}

/** One connection as its packets have it. */
interface Connection {
  readonly six: boolean
  /** As four words; IPv4 addresses stand in the last. */
  readonly client: Uint32Array
  readonly server: Uint32Array
  readonly clientPort: number
  readonly serverPort: number
  clientSeq: number
  serverSeq: number
  lastUs: number
}

/**
 * Exchanges as a capture (pcap, microseconds): Ethernet, IPv4 or IPv6, TCP with valid checksums, keep-alive connections with
 * handshakes, in order of time.
 */
export class PacketWriter {
  readonly #write: (bytes: Buffer) => void
  readonly #slab = Buffer.alloc(SLAB_BYTES + 65_536)
  #used = 0
  #ipId = 0
  readonly #connections = new Map<string, Connection>()
  readonly #pending = new TimeHeap<Step>()
  packets = 0

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write
    const slab = this.#slab
    slab.writeUInt32LE(0xa1b2c3d4, 0)
    slab.writeUInt32LE(0x0004_0002, 4)
    slab.writeUInt32LE(262_144, 16)
    slab.writeUInt32LE(1, 20)
    this.#used = 24
  }

  /** Exchanges come by the time they start. */
  push(exchange: Exchange): void {
    this.#pending.push(exchange.startUs - HANDSHAKE_US, { exchange, kind: 'open' })
    this.#pending.push(exchange.startUs, { exchange, kind: 'request' })
    this.#pending.push(exchange.endUs, { exchange, kind: 'answer' })
    while (this.#pending.next < exchange.startUs - HANDSHAKE_US) this.#release()
  }

  close(): void {
    while (this.#pending.size > 0) this.#release()
    this.#flush()
  }

  #release(): void {
    const { exchange, kind } = this.#pending.pop()
    const { peer, peerPort, server, serverPort } = exchange
    const key = `${peer} ${peerPort} ${server} ${serverPort}`
    const connection = this.#connections.get(key)
    if (kind === 'open') {
      if (connection !== undefined && exchange.startUs - connection.lastUs <= IDLE_US) return
      this.#connections.set(key, this.#open(exchange))
      if (this.#connections.size > MOST_CONNECTIONS) this.#forget(exchange.startUs)
    } else if (connection !== undefined) {
      if (kind === 'request') this.#send(connection, true, requestBytes(exchange), exchange.startUs)
      else this.#send(connection, false, responseBytes(exchange), exchange.endUs)
    }
  }

  #open(exchange: Exchange): Connection {
    const connection: Connection = {
      six: exchange.peer.includes(':'),
      client: parseAddress(exchange.peer)!,
      server: parseAddress(exchange.server)!,
      clientPort: exchange.peerPort,
      serverPort: exchange.serverPort,
      clientSeq: (exchange.startUs * 7) >>> 0,
      serverSeq: (exchange.startUs * 13) >>> 0,
      lastUs: exchange.startUs,
    }
    const at = exchange.startUs - HANDSHAKE_US
    this.#packet(connection, true, SYN, NOTHING, 0, 0, at)
    this.#packet(connection, false, SYN_ACK, NOTHING, 0, 0, at + 30)
    this.#packet(connection, true, ACK, NOTHING, 0, 0, at + 60)
    return connection
  }

  /** Forgets connections that nobody uses: they would be opened anew anyway. */
  #forget(nowUs: number): void {
    for (const [key, connection] of this.#connections) {
      if (nowUs - connection.lastUs > IDLE_US) this.#connections.delete(key)
    }
  }

  #send(connection: Connection, fromClient: boolean, bytes: Buffer, atUs: number): void {
    for (let from = 0; from < bytes.length; from += SEGMENT_BYTES) {
      this.#packet(connection, fromClient, PSH_ACK, bytes, from, Math.min(bytes.length, from + SEGMENT_BYTES), atUs)
    }
    this.#packet(connection, !fromClient, ACK, NOTHING, 0, 0, atUs)
    connection.lastUs = atUs
  }

  #packet(
    connection: Connection,
    fromClient: boolean,
    flags: number,
    bytes: Buffer,
    from: number,
    to: number,
    atUs: number,
  ): void {
    const { client, server, six } = connection
    const payload = to - from
    const ipBytes = six ? 40 : 20
    const length = 14 + ipBytes + 20 + payload
    if (this.#used + 16 + length > SLAB_BYTES) this.#flush()
    const slab = this.#slab
    const record = this.#used
    this.#used += 16 + length
    slab.writeUInt32LE(Math.floor(atUs / 1_000_000), record)
    slab.writeUInt32LE(atUs % 1_000_000, record + 4)
    slab.writeUInt32LE(length, record + 8)
    slab.writeUInt32LE(length, record + 12)
    const ethernet = record + 16
    slab.writeUIntBE(fromClient ? 0x02_00_00_00_00_01 : 0x02_00_00_00_00_02, ethernet, 6)
    slab.writeUIntBE(fromClient ? 0x02_00_00_00_00_02 : 0x02_00_00_00_00_01, ethernet + 6, 6)
    const ip = ethernet + 14
    const source = fromClient ? client : server
    const target = fromClient ? server : client
    let addresses: number
    if (six) {
      slab.writeUInt16BE(0x86dd, ethernet + 12)
      slab.writeUInt32BE(0x6000_0000, ip)
      slab.writeUInt16BE(20 + payload, ip + 4)
      slab.writeUInt16BE(0x0640, ip + 6)
      writeAddress(slab, source, ip + 8)
      writeAddress(slab, target, ip + 24)
      addresses = ip + 8
    } else {
      slab.writeUInt16BE(0x0800, ethernet + 12)
      slab.writeUInt32BE(0x4500_0000 + length - 14, ip)
      slab.writeUInt16BE(this.#ipId++ & 0xffff, ip + 4)
      slab.writeUInt16BE(0x4000, ip + 6)
      slab.writeUInt32BE(0x4006_0000, ip + 8)
      slab.writeUInt32BE(source[3]!, ip + 12)
      slab.writeUInt32BE(target[3]!, ip + 16)
      slab.writeUInt16BE(checksum(sum(slab, ip, ip + 20)), ip + 10)
      addresses = ip + 12
    }
    const tcp = ip + ipBytes
    const acknowledged = fromClient ? connection.serverSeq : connection.clientSeq
    slab.writeUInt16BE(fromClient ? connection.clientPort : connection.serverPort, tcp)
    slab.writeUInt16BE(fromClient ? connection.serverPort : connection.clientPort, tcp + 2)
    slab.writeUInt32BE(fromClient ? connection.clientSeq : connection.serverSeq, tcp + 4)
    slab.writeUInt32BE(flags === SYN ? 0 : acknowledged, tcp + 8)
    slab.writeUInt16BE(0x5000 | flags, tcp + 12)
    slab.writeUInt16BE(64_240, tcp + 14)
    slab.writeUInt32BE(0, tcp + 16)
    bytes.copy(slab, tcp + 20, from, to)
    const end = tcp + 20 + payload
    slab.writeUInt16BE(checksum(sum(slab, addresses, end) + 6 + end - tcp), tcp + 16)
    const taken = payload + ((flags & SYN) !== 0 ? 1 : 0)
    if (fromClient) connection.clientSeq = (connection.clientSeq + taken) >>> 0
    else connection.serverSeq = (connection.serverSeq + taken) >>> 0
    this.packets++
  }

  #flush(): void {
    this.#write(Buffer.from(this.#slab.subarray(0, this.#used)))
    this.#used = 0
  }
}

const NOTHING = Buffer.alloc(0)

/** An IPv4 service has another address for IPv6 callers, under the prefix of its network (RFC 6052 §2.2). */
function writeAddress(slab: Buffer, words: Uint32Array, at: number): void {
  const four = words[0] === 0 && words[1] === 0
  slab.writeUInt32BE(four ? 0x2001_0db8 : words[0]!, at)
  slab.writeUInt32BE(four ? 0x0040_0000 : words[1]!, at + 4)
  slab.writeUInt32BE(four ? 0 : words[2]!, at + 8)
  slab.writeUInt32BE(words[3]!, at + 12)
}

function sum(bytes: Buffer, from: number, to: number): number {
  let total = 0
  for (let i = from; i + 1 < to; i += 2) total += (bytes[i]! << 8) | bytes[i + 1]!
  return (to - from) % 2 === 0 ? total : total + (bytes[to - 1]! << 8)
}

/** RFC 1071. */
function checksum(total: number): number {
  const once = (total & 0xffff) + Math.floor(total / 65_536)
  return ~((once & 0xffff) + (once >>> 16)) & 0xffff
}
