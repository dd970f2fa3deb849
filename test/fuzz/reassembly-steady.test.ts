import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { ACK, RST, Segment, SYN } from '../../daemon/decode/segment.ts'
import { viewOf } from '../../daemon/model/ascii-bytes.ts'
import { SECOND_US } from '../../daemon/model/time.ts'
import { Reassembler } from '../../daemon/reassembly/reassembler.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const SOURCE = { kind: 'file', name: 'steady' } as const

function makeReassembler(onBytes: (count: number) => void, infoStays = true): Reassembler {
  return new Reassembler({
    telemetry: { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() },
    source: () => SOURCE,
    infoStays,
    open: () => ({
      data: (_direction, _bytes, start, end) => onBytes(end - start),
      gap: () => {},
      end: () => {},
      close: () => {},
    }),
  })
}

const PAYLOAD = Buffer.alloc(100, 'x')
const PAYLOAD_VIEW = viewOf(PAYLOAD)

function fill(segment: Segment, client: number, port: number, flags: number, seq: number, ack: number): void {
  segment.src2 = segment.dst2 = 0xffff
  segment.src3 = client
  segment.dst3 = 0x0a000002
  segment.srcPort = port
  segment.dstPort = 80
  segment.flags = flags
  segment.seq = seq | 0
  segment.ack = ack | 0
  segment.ipId = seq & 0xffff
  segment.bytes = PAYLOAD
  segment.view = PAYLOAD_VIEW
  segment.payloadStart = 0
  segment.payloadEnd = (flags & SYN) === 0 ? PAYLOAD.length : 0
}

test('an ordered stream allocates next to nothing per packet', () => {
  let bytes = 0
  const reassembler = makeReassembler((count) => {
    bytes += count
  })
  const segment = new Segment()
  let now = SECOND_US
  const send = (packets: number, from: number): void => {
    for (let packet = from; packet < from + packets; packet++) {
      fill(segment, 0x0a000001, 50_000, ACK, 0xfff00000 + packet * PAYLOAD.length, 1)
      now += 10
      reassembler.push(segment, now, now)
    }
  }
  // Compilation goes on beside the run and allocates too, the longer the busier the machine: what a packet itself needs, every round
  // needs, so the least of a few rounds is the measure. A round is short enough that no collection runs in it.
  const ROUND = 20_000
  let packets = 0
  let perPacket = Number.POSITIVE_INFINITY
  for (let round = 0; round < 8; round++) {
    collect()
    const before = process.memoryUsage().heapUsed
    send(ROUND, packets)
    packets += ROUND
    perPacket = Math.min(perPacket, (process.memoryUsage().heapUsed - before) / ROUND)
  }
  expect(bytes).toBe(packets * PAYLOAD.length)
  // The timestamps themselves are boxed numbers (16 bytes each time one is passed on); an object or view would be 60 and more.
  expect(perPacket).toBeLessThan(48)
})

test('millions of half-open connections hold no more memory than the table may', () => {
  const reassembler = makeReassembler(() => {})
  const segment = new Segment()
  const flood = (from: number, to: number): void => {
    for (let attempt = from; attempt < to; attempt++) {
      fill(segment, attempt | 0, 1024 + (attempt % 60_000), SYN, attempt, 0)
      reassembler.push(segment, SECOND_US + attempt, SECOND_US + attempt)
    }
  }
  flood(0, 300_000)
  collect()
  const before = process.memoryUsage()
  flood(300_000, 2_000_000)
  collect()
  const after = process.memoryUsage()
  expect(reassembler.rows).toBeLessThanOrEqual(65_536)
  expect(reassembler.flows).toBe(0)
  expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(4 * 1024 * 1024)
})

test('a connection that follows another allocates next to nothing', () => {
  const reassembler = makeReassembler(() => {}, false)
  const segment = new Segment()
  let now = SECOND_US
  const connect = (client: number): void => {
    now += 10
    fill(segment, client, 50_000, SYN, 0, 0)
    reassembler.push(segment, now, now)
    fill(segment, client, 50_000, ACK, 1, 1)
    reassembler.push(segment, now, now)
    fill(segment, client, 50_000, RST, 1 + PAYLOAD.length, 1)
    segment.payloadEnd = 0
    reassembler.push(segment, now, now)
  }
  // The table has its size, and flows are there to be used again.
  for (let client = 0; client < 200_000; client++) connect(client)
  const ROUND = 10_000
  let perConnection = Number.POSITIVE_INFINITY
  for (let round = 0; round < 8; round++) {
    collect()
    const before = process.memoryUsage().heapUsed
    for (let client = 0; client < ROUND; client++) connect(round * ROUND + client)
    perConnection = Math.min(perConnection, (process.memoryUsage().heapUsed - before) / ROUND)
  }
  expect(reassembler.flows).toBe(0)
  // Boxed timestamps of three packets and of what waits to be judged; a flow with its two directions would be 500 more.
  expect(perConnection).toBeLessThan(450)
})
