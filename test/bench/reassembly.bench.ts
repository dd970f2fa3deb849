/**
 * Decode and reassembly alone: nanoseconds per packet over a synthetic batch that is read again and again.
 *
 *   npx esbuild test/bench/reassembly.bench.ts --bundle --platform=node --format=esm --outfile=.cache/reassembly.mjs
 *   node .cache/reassembly.mjs
 *
 * 1,000 keep-alive connections, interleaved; an exchange is a request of 518 bytes, a response of 1,101 and, every other
 * time, a bare ACK, so 2.5 packets. Each pass moves every sequence number on, which costs a few nanoseconds by itself.
 */
import { Decoder } from '../../daemon/decode/decoder.ts'
import { Segment } from '../../daemon/decode/segment.ts'
import type { FrameBatch } from '../../daemon/model/frame.ts'
import { Reassembler } from '../../daemon/reassembly/reassembler.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'

const CONNECTIONS = 1000
const REQUEST = 518
const RESPONSE = 1101
const HEADERS = 54
const PASSES = 400
const ROUNDS = 7

interface Packet {
  readonly connection: number
  readonly fromServer: boolean
  readonly length: number
}

const packets: Packet[] = []
for (let connection = 0; connection < CONNECTIONS; connection++) {
  packets.push({ connection, fromServer: false, length: REQUEST })
  packets.push({ connection, fromServer: true, length: RESPONSE })
  if (connection % 2 === 0) packets.push({ connection, fromServer: false, length: 0 })
}
// Interleaved by a fixed stride, each connection in order within a pass: requests, then responses, then ACKs.
const order = [0, 1, 2].flatMap((kind) => packets.filter((packet) => kindOf(packet) === kind))

function kindOf(packet: Packet): number {
  return packet.length === 0 ? 2 : packet.fromServer ? 1 : 0
}

function makeBatch(): FrameBatch {
  const size = order.reduce((sum, packet) => sum + HEADERS + packet.length, 0)
  const count = order.length
  const batch = {
    bytes: Buffer.alloc(size, 0x61),
    count,
    offset: new Uint32Array(count),
    captured: new Uint32Array(count),
    original: new Uint32Array(count),
    time: new Float64Array(count),
    clock: new Float64Array(count),
    linkType: new Uint16Array(count).fill(1),
    flags: new Uint8Array(count),
  }
  let at = 0
  order.forEach((packet, index) => {
    const length = HEADERS + packet.length
    const client = [10, 1, packet.connection >> 8, packet.connection & 255]
    const server = [10, 0, 0, 5]
    const head = [
      ...[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 8, 0],
      ...[0x45, 0, (length - 14) >> 8, (length - 14) & 255, 0, 1, 0x40, 0, 64, 6, 0, 0],
      ...(packet.fromServer ? [...server, ...client, 0, 80, 0xc3, 0x50] : [...client, ...server, 0xc3, 0x50, 0, 80]),
      ...[0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x18, 2, 0, 0, 0, 0, 0],
    ]
    batch.bytes.set(head, at)
    batch.offset[index] = at
    batch.captured[index] = length
    batch.original[index] = length
    at += length
  })
  return batch
}

function moveOn(batch: FrameBatch, pass: number): void {
  order.forEach((packet, index) => {
    const at = batch.offset[index]! + 38
    const sent = (packet.fromServer ? RESPONSE : REQUEST) * pass + (kindOf(packet) === 2 ? REQUEST : 0)
    const heard = packet.fromServer ? REQUEST * (pass + 1) : RESPONSE * (pass + (kindOf(packet) === 2 ? 1 : 0))
    batch.bytes.writeUInt32BE((sent + 1) >>> 0, at)
    batch.bytes.writeUInt32BE((heard + 1) >>> 0, at + 4)
    batch.bytes.writeUInt16BE(((pass * 3 + kindOf(packet)) % 65_535) + 1, batch.offset[index]! + 18)
  })
}

function cpuNs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1000
}

function run(): { moved: number; decoded: number; whole: number } {
  const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  const decoder = new Decoder(telemetry)
  const segment = new Segment()
  const batch = makeBatch()
  let bytes = 0
  const reassembler = new Reassembler({
    telemetry,
    source: () => ({ kind: 'file', name: 'bench' }),
    open: () => ({
      data: (_direction, _bytes, start, end) => {
        bytes += end - start
      },
      gap: () => {
        throw new Error('the bench has no holes')
      },
      end: () => {},
      close: () => {},
    }),
  })
  let start = cpuNs()
  for (let pass = 0; pass < PASSES; pass++) moveOn(batch, pass)
  const moved = cpuNs() - start
  start = cpuNs()
  for (let pass = 0; pass < PASSES; pass++) {
    for (let index = 0; index < batch.count; index++) decoder.decode(batch, index, segment)
  }
  const decoded = cpuNs() - start
  start = cpuNs()
  let now = 1_700_000_000_000_000
  for (let pass = 0; pass < PASSES; pass++) {
    moveOn(batch, pass)
    for (let index = 0; index < batch.count; index++) {
      now += 10
      if (decoder.decode(batch, index, segment)) reassembler.push(segment, now, now)
    }
  }
  const whole = cpuNs() - start - moved
  if (bytes !== PASSES * CONNECTIONS * (REQUEST + RESPONSE)) throw new Error(`handed on ${bytes} bytes`)
  const total = PASSES * order.length
  return { moved: moved / total, decoded: decoded / total, whole: whole / total }
}

const rounds = Array.from({ length: ROUNDS }, run)
for (const name of ['decoded', 'whole'] as const) {
  const sorted = rounds.map((round) => round[name]).sort((a, b) => a - b)
  const text = (value: number | undefined): string => (value ?? 0).toFixed(0)
  process.stdout.write(
    `${name === 'decoded' ? 'decode' : 'decode + reassembly'}: ${text(sorted[ROUNDS >> 1])} ns/packet ` +
      `(${text(sorted[0])}..${text(sorted[ROUNDS - 1])}, ${ROUNDS} rounds of ${PASSES * order.length} packets)\n`,
  )
}
