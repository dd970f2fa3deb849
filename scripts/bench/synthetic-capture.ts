import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { seeded } from '../../test/mutate/mutators.ts'
import { Traffic } from './traffic.ts'

/** What the capture holds, written beside it. */
export interface CaptureTruth {
  readonly version: number
  readonly pairs: number
  readonly packets: number
  readonly bytes: number
  readonly connections: number
  readonly meanRequestBytes: number
  readonly meanResponseBytes: number
  readonly statuses: Readonly<Record<string, number>>
}

/** Bumped when what is written changes, so that a cached file of an older shape is not measured. */
const VERSION = 4
const CLIENTS = 5000
const OPEN_CONNECTIONS = 2000
const MEAN_REQUESTS = 20
const SEGMENT_BYTES = 1448
const HEADERS = 14 + 20 + 20
const FIN_ACK = 0x11
const SYN = 0x02
const SYN_ACK = 0x12
const ACK = 0x10
const PSH_ACK = 0x18

/** Writes (or finds) the capture of `pairs` pairs, `open` connections at a time; the same numbers give the same bytes. */
export function syntheticCapture(
  folder: string,
  pairs: number,
  open = usuallyOpen(pairs),
): { path: string; truth: CaptureTruth } {
  const name = open === usuallyOpen(pairs) ? `mix-${pairs}` : `mix-${pairs}-open-${open}`
  const path = join(folder, `${name}.pcap`)
  const note = join(folder, `${name}.json`)
  if (existsSync(path) && existsSync(note)) {
    const truth = JSON.parse(readFileSync(note, 'utf8')) as CaptureTruth
    if (truth.version === VERSION) return { path, truth }
  }
  mkdirSync(folder, { recursive: true })
  const writer = new PacketWriter(`${path}.part`)
  const truth = write(writer, pairs, open)
  writer.close()
  renameSync(`${path}.part`, path)
  writeFileSync(note, `${JSON.stringify(truth, null, 2)}\n`)
  return { path, truth }
}

function usuallyOpen(pairs: number): number {
  return Math.min(OPEN_CONNECTIONS, Math.ceil(pairs / 100))
}

/** One connection: its next packets, and where its two sequence spaces stand. */
interface Connection {
  readonly client: number
  readonly port: number
  requestsLeft: number
  clientSeq: number
  serverSeq: number
  readonly queue: Packet[]
  closed: boolean
}

interface Packet {
  readonly fromClient: boolean
  readonly flags: number
  readonly payload: Buffer
}

const NOTHING = Buffer.alloc(0)

function write(writer: PacketWriter, pairs: number, openAtATime: number): CaptureTruth {
  const random = seeded(20_261_121)
  const traffic = new Traffic(random)
  const open: Connection[] = []
  const statuses: Record<string, number> = {}
  let left = pairs
  let connections = 0
  let requestBytes = 0
  let responseBytes = 0
  while (left > 0 || open.length > 0) {
    if (left > 0 && open.length < openAtATime) open.push(connect(connections++, random))
    const at = Math.floor(random() * open.length)
    const connection = open[at]!
    if (connection.queue.length === 0) {
      if (connection.closed) {
        open[at] = open[open.length - 1]!
        open.pop()
        continue
      }
      if (connection.requestsLeft === 0 || left === 0) {
        connection.closed = true
        connection.queue.push(packet(true, FIN_ACK), packet(false, FIN_ACK), packet(true, ACK))
      } else {
        connection.requestsLeft--
        left--
        const exchange = traffic.next(connection.client)
        requestBytes += exchange.request.length
        responseBytes += exchange.response.length
        statuses[exchange.status] = (statuses[exchange.status] ?? 0) + 1
        connection.queue.push({ fromClient: true, flags: PSH_ACK, payload: exchange.request })
        for (let from = 0; from < exchange.response.length; from += SEGMENT_BYTES) {
          const payload = exchange.response.subarray(from, from + SEGMENT_BYTES)
          connection.queue.push({ fromClient: false, flags: PSH_ACK, payload })
          if (from % (4 * SEGMENT_BYTES) === 3 * SEGMENT_BYTES) connection.queue.push(packet(true, ACK))
        }
        if (random() < 0.72) connection.queue.push(packet(true, ACK))
      }
    }
    writer.send(connection, connection.queue.shift()!)
  }
  return {
    version: VERSION,
    pairs,
    packets: writer.packets,
    bytes: writer.bytes,
    connections,
    meanRequestBytes: Math.round(requestBytes / pairs),
    meanResponseBytes: Math.round(responseBytes / pairs),
    statuses,
  }
}

function packet(fromClient: boolean, flags: number): Packet {
  return { fromClient, flags, payload: NOTHING }
}

function connect(number: number, random: () => number): Connection {
  return {
    client: Math.floor(random() * CLIENTS),
    port: 1024 + (number % 60_000),
    requestsLeft: 1 + Math.floor(random() * (2 * MEAN_REQUESTS - 1)),
    clientSeq: Math.floor(random() * 0x1_0000_0000),
    serverSeq: Math.floor(random() * 0x1_0000_0000),
    queue: [packet(true, SYN), packet(false, SYN_ACK), packet(true, ACK)],
    closed: false,
  }
}

/** Ethernet, IPv4 and TCP around payloads, with valid checksums, into a pcap file of microseconds. */
class PacketWriter {
  readonly #file: number
  readonly #buffer = Buffer.alloc(4 * 1024 * 1024)
  #used = 24
  #timeUs = 1_795_291_200_000_000
  #ipId = 0
  packets = 0
  bytes = 0

  constructor(path: string) {
    this.#file = openSync(path, 'w')
    const buffer = this.#buffer
    buffer.writeUInt32LE(0xa1b2c3d4, 0)
    buffer.writeUInt32LE(0x0004_0002, 4)
    buffer.writeUInt32LE(262_144, 16)
    buffer.writeUInt32LE(1, 20)
  }

  send(connection: Connection, next: Packet): void {
    const { fromClient, flags, payload } = next
    const length = HEADERS + payload.length
    if (this.#used + 16 + length > this.#buffer.length) this.#flush()
    const buffer = this.#buffer
    const record = this.#used
    this.#used += 16 + length
    this.#timeUs += 20 + (this.packets % 7)
    buffer.writeUInt32LE(Math.floor(this.#timeUs / 1_000_000), record)
    buffer.writeUInt32LE(this.#timeUs % 1_000_000, record + 4)
    buffer.writeUInt32LE(length, record + 8)
    buffer.writeUInt32LE(length, record + 12)
    const ethernet = record + 16
    buffer.writeUIntBE(0x02_00_00_00_00_01, ethernet, 6)
    buffer.writeUIntBE(0x02_00_00_00_00_02, ethernet + 6, 6)
    buffer.writeUInt16BE(0x0800, ethernet + 12)
    const ip = ethernet + 14
    // Benchmarking addresses (RFC 2544) for the callers, a documentation address for the server.
    const client = 0xc612_0000 + connection.client
    const server = 0xc000_020a
    buffer.writeUInt32BE(0x4500_0000 + length - 14, ip)
    buffer.writeUInt16BE(this.#ipId++ & 0xffff, ip + 4)
    buffer.writeUInt16BE(0x4000, ip + 6)
    buffer.writeUInt32BE(0x4006_0000, ip + 8)
    buffer.writeUInt32BE(fromClient ? client : server, ip + 12)
    buffer.writeUInt32BE(fromClient ? server : client, ip + 16)
    buffer.writeUInt16BE(checksum(sum(buffer, ip, ip + 20)), ip + 10)
    const tcp = ip + 20
    buffer.writeUInt16BE(fromClient ? connection.port : 80, tcp)
    buffer.writeUInt16BE(fromClient ? 80 : connection.port, tcp + 2)
    buffer.writeUInt32BE(fromClient ? connection.clientSeq : connection.serverSeq, tcp + 4)
    buffer.writeUInt32BE(flags & ACK ? (fromClient ? connection.serverSeq : connection.clientSeq) : 0, tcp + 8)
    buffer.writeUInt16BE(0x5000 | flags, tcp + 12)
    buffer.writeUInt16BE(64_240, tcp + 14)
    buffer.writeUInt32BE(0, tcp + 16)
    payload.copy(buffer, tcp + 20)
    const end = tcp + 20 + payload.length
    buffer.writeUInt16BE(checksum(sum(buffer, ip + 12, end) + 6 + end - tcp), tcp + 16)
    const taken = payload.length + (flags & 3 ? 1 : 0)
    if (fromClient) connection.clientSeq = (connection.clientSeq + taken) >>> 0
    else connection.serverSeq = (connection.serverSeq + taken) >>> 0
    this.packets++
    this.bytes += 16 + length
  }

  close(): void {
    this.#flush()
    closeSync(this.#file)
  }

  #flush(): void {
    writeSync(this.#file, this.#buffer, 0, this.#used)
    this.#used = 0
  }
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
