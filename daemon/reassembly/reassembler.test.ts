import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ACK, FIN, PSH, RST, Segment, SYN } from '../decode/segment.ts'
import { viewOf } from '../model/ascii-bytes.ts'
import { SECOND_US } from '../model/time.ts'
import { Counters, type Telemetry } from '../telemetry/counters.ts'
import { LossFunnel } from '../telemetry/funnel.ts'
import { WeirdCounts } from '../telemetry/weirds.ts'
import type { ReassemblyLimits } from './limits.ts'
import { Reassembler } from './reassembler.ts'
import type { Direction, FlowInfo } from './stream.ts'

/** Everything a consumer was told, as text lines and as bytes per direction (gaps left out). */
interface Heard {
  readonly info: FlowInfo
  readonly lines: string[]
  readonly bytes: [number[], number[]]
  readonly positions: [number, number]
  readonly acked: number[]
  gaps: number
  closed: string | null
}

class Wire {
  readonly telemetry: Telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  readonly heard: Heard[] = []
  readonly reassembler: Reassembler
  handedOn = 0
  now = 1_700_000_000 * SECOND_US
  ipId = 1
  /** What each consumer says that it keeps. */
  keeps = 0
  readonly #segment = new Segment()

  constructor(limits: Partial<ReassemblyLimits> = {}, hashKey?: number[]) {
    this.reassembler = new Reassembler({
      telemetry: this.telemetry,
      limits,
      ...(hashKey === undefined ? {} : { hashKey }),
      source: () => ({ kind: 'file', name: 'test.pcap' }),
      open: (info, _now, kept) => {
        kept.bytes += this.keeps
        const heard: Heard = { info, lines: [], bytes: [[], []], positions: [0, 0], acked: [], gaps: 0, closed: null }
        this.heard.push(heard)
        return {
          data: (direction, bytes, start, end, position, acked) => {
            expect(position).toBe(heard.positions[direction])
            expect(end).toBeGreaterThan(start)
            heard.positions[direction] += end - start
            this.handedOn += end - start
            for (let at = start; at < end; at++) heard.bytes[direction].push(bytes[at]!)
            heard.acked.push(acked)
            heard.lines.push(`${direction} data ${bytes.toString('latin1', start, end)}`)
          },
          gap: (direction, length, position, cause) => {
            expect(position).toBe(heard.positions[direction])
            expect(length).toBeGreaterThan(0)
            heard.positions[direction] += length
            heard.gaps++
            heard.lines.push(`${direction} ${cause === 'lost' ? 'gap' : 'cut'} ${length}`)
          },
          end: (direction) => heard.lines.push(`${direction} end`),
          close: (reason) => {
            kept.bytes -= this.keeps
            expect(heard.closed).toBe(null)
            heard.closed = reason
            heard.lines.push(`close ${reason}`)
          },
        }
      },
    })
  }

  /** One frame from the client (0) or the server (1) of connection `connection`. */
  send(
    side: Direction,
    flags: number,
    seq: number,
    payload: string | Buffer = '',
    more: {
      ack?: number
      missing?: number
      connection?: number
      ipId?: number
      afterUs?: number
      source?: number
      vni?: number
    } = {},
  ): this {
    const segment = this.#segment
    const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload
    const client = more.source ?? 0x0a000001
    const server = 0x0a000002
    segment.family = 4
    segment.src0 = segment.src1 = segment.dst0 = segment.dst1 = 0
    segment.src2 = segment.dst2 = 0xffff
    segment.src3 = side === 0 ? client : server
    segment.dst3 = side === 0 ? server : client
    segment.srcPort = side === 0 ? 50_000 + (more.connection ?? 0) : 80
    segment.dstPort = side === 0 ? 80 : 50_000 + (more.connection ?? 0)
    segment.seq = seq | 0
    segment.ack = (more.ack ?? 0) | 0
    segment.flags = more.ack === undefined ? flags : flags | ACK
    this.ipId = (this.ipId % 65_535) + 1
    segment.ipId = more.ipId ?? this.ipId
    segment.vni = more.vni ?? -1
    segment.bytes = bytes
    segment.view = viewOf(bytes)
    segment.payloadStart = 0
    segment.payloadEnd = bytes.length
    segment.payloadMissing = more.missing ?? 0
    this.now += more.afterUs ?? 1000
    this.telemetry.funnel.frames.in++
    this.reassembler.push(segment, this.now, this.now)
    return this
  }

  handshake(connection = 0, clientIsn = 1000, serverIsn = 5000): this {
    return this.send(0, SYN, clientIsn, '', { connection })
      .send(1, SYN, serverIsn, '', { ack: clientIsn + 1, connection })
      .send(0, 0, clientIsn + 1, '', { ack: serverIsn + 1, connection })
  }

  wait(seconds: number): this {
    this.now += seconds * SECOND_US
    this.reassembler.tick(this.now)
    return this
  }

  close(): this {
    this.reassembler.close(this.now)
    this.expectBalanced()
    return this
  }

  /** in = delivered + each cause, for frames; and for bytes, where this consumer is who delivers. */
  expectBalanced(): void {
    expect(this.telemetry.funnel.frames.unexplained()).toBe(0)
    expect(this.telemetry.funnel.bytes.unexplained()).toBe(this.handedOn)
    expect(this.reassembler.heldBytes).toBe(0)
  }

  get lines(): string[] {
    return this.heard.flatMap((heard) => heard.lines)
  }

  weird(name: string): number {
    return this.telemetry.weirds.entries().find((entry) => entry[0] === name)?.[1] ?? 0
  }
}

test('a connection is opened with its first bytes, handed on in order and closed by FIN both ways', () => {
  const wire = new Wire().handshake()
  expect(wire.heard).toEqual([])
  wire
    .send(0, PSH, 1001, 'GET', { ack: 5001 })
    .send(1, PSH, 5001, 'OK', { ack: 1004 })
    .send(1, FIN, 5003, '', { ack: 1004 })
    .send(0, FIN, 1004, '', { ack: 5004 })
    .send(1, 0, 5004, '', { ack: 1005 })
    .close()
  expect(wire.lines).toEqual(['0 data GET', '1 data OK', '1 end', '0 end', 'close fin'])
  expect(wire.heard[0]!.acked).toEqual([0, 3])
  expect(wire.heard[0]!.info).toMatchObject({
    address: ['10.0.0.1', '10.0.0.2'],
    port: [50_000, 80],
    vlan: null,
    vni: null,
    fromStart: true,
    time: 1_700_000_000 * SECOND_US + 1000,
  })
  expect(wire.telemetry.funnel.frames.delivered).toBe(8)
})

test('an early segment is held until the hole fills, and keeps the acknowledgement it came with', () => {
  const wire = new Wire().handshake().send(1, 0, 5001, 'abc', { ack: 1001 }).send(0, 0, 1004, 'two', { ack: 5004 })
  expect(wire.lines).toEqual(['1 data abc'])
  expect(wire.reassembler.heldBytes).toBe(3)
  wire.send(0, 0, 1001, 'one', { ack: 5001 }).close()
  expect(wire.lines.slice(1)).toEqual(['0 data one', '0 data two', 'close end_of_input'])
  expect(wire.heard[0]!.acked).toEqual([0, 0, 3])
})

test('a hole that does not fill within two seconds becomes a gap', () => {
  const wire = new Wire().handshake().send(0, 0, 1001, 'a').send(0, 0, 1005, 'e')
  wire.wait(1)
  expect(wire.lines).toEqual(['0 data a'])
  wire.wait(1)
  expect(wire.lines).toEqual(['0 data a', '0 gap 3', '0 data e'])
  expect(wire.weird('tcp.gap')).toBe(1)
  wire.send(0, 0, 1002, 'bcd').close()
  expect(wire.telemetry.funnel.bytes.dropped('late')).toBe(3)
})

test('the hole timer fires by the next segment of its shard too, not only by tick', () => {
  const wire = new Wire().handshake().send(0, 0, 1001, 'a').send(0, 0, 1005, 'e')
  wire.handshake(37) // of the same shard
  wire.send(0, 0, 1001, 'x', { connection: 37, afterUs: 3 * SECOND_US })
  expect(wire.lines).toEqual(['0 data a', '0 gap 3', '0 data e', '0 data x'])
})

test('an acknowledgement past what was captured makes a gap, but only after the wait', () => {
  const wire = new Wire().handshake().send(0, 0, 1001, 'GET').send(1, 0, 5001, 'OK', { ack: 1011 })
  expect(wire.heard[0]!.acked).toEqual([-1, 10])
  wire.wait(1)
  expect(wire.heard[0]!.gaps).toBe(0)
  wire.wait(1)
  expect(wire.lines.at(-1)).toBe('0 gap 7')
  wire.close()
})

test('bytes that the receiver has not acknowledged either are waited for: a forged early segment hides nothing', () => {
  const wire = new Wire().handshake().send(0, 0, 1001, 'a').send(0, 0, 1005, 'forged')
  for (let second = 0; second < 5; second++) {
    wire.send(1, 0, 5001, '', { ack: 1002, afterUs: SECOND_US })
  }
  expect(wire.heard[0]!.gaps).toBe(0)
  wire.send(0, 0, 1002, 'bcd').close()
  expect(wire.lines.slice(0, 3)).toEqual(['0 data a', '0 data bcd', '0 data forged'])
})

test('a receiver that was heard while an earlier hole was waited for says nothing of the next one', () => {
  const wire = new Wire().handshake().send(0, 0, 1001, 'a').send(0, 0, 1005, 'x')
  wire.send(1, 0, 5001, '', { ack: 1002, afterUs: SECOND_US }).send(0, 0, 1002, 'bcd')
  wire.send(0, 0, 1010, 'y').wait(3)
  expect(wire.lines).toEqual(['0 data a', '0 data bcd', '0 data x', '0 gap 4', '0 data y'])
})

test('the first copy of overlapping bytes wins, and a differing second copy is a weird', () => {
  const wire = new Wire().handshake().send(0, 0, 1003, 'CDE').send(0, 0, 1001, 'abxxxfg') // covers the held bytes with others
  expect(wire.lines).toEqual(['0 data ab', '0 data CDE', '0 data fg'])
  expect(wire.weird('tcp.overlap_differs')).toBe(1)
  expect(wire.telemetry.funnel.bytes.dropped('retransmitted')).toBe(3)
  wire.send(0, 0, 1001, 'abxxxfG').close()
  expect(wire.weird('tcp.overlap_differs')).toBe(2)
})

test('an equal second copy is a retransmission and no weird', () => {
  const wire = new Wire().handshake().send(0, 0, 1001, 'abc').send(0, 0, 1001, 'abc').send(0, 0, 1002, 'bcd').close()
  expect(wire.lines).toEqual(['0 data abc', '0 data d', 'close end_of_input'])
  expect(wire.telemetry.funnel.bytes.dropped('retransmitted')).toBe(5)
  expect(wire.weird('tcp.overlap_differs')).toBe(0)
})

test('the same packet captured twice is a duplicate frame, a later copy with a new IP id a retransmission', () => {
  const wire = new Wire()
    .handshake()
    .send(0, 0, 1001, 'abc', { ipId: 77 })
    .send(0, 0, 1001, 'abc', { ipId: 77 })
    .send(0, 0, 1001, 'abc', { ipId: 78 })
    .send(0, 0, 1001, 'abc', { ipId: 77, afterUs: 3 * SECOND_US })
    .close()
  expect(wire.telemetry.funnel.frames.dropped('duplicate')).toBe(1)
  expect(wire.telemetry.funnel.bytes.dropped('retransmitted')).toBe(6)
})

test('a keep-alive probe is neither new bytes nor an overlap', () => {
  const wire = new Wire().handshake().send(0, 0, 1001, 'abc', { ack: 5001 }).send(0, 0, 1003, '\0', { ack: 5001 })
  wire.send(0, 0, 1004, 'd', { ack: 5001 }).close()
  expect(wire.lines).toEqual(['0 data abc', '0 data d', 'close end_of_input'])
  expect(wire.weird('tcp.overlap_differs')).toBe(0)
})

test('bytes cut off by the snap length are a counted gap of the right size', () => {
  const wire = new Wire().handshake().send(0, 0, 1001, 'abc', { missing: 7 }).send(0, 0, 1011, 'k').close()
  expect(wire.lines).toEqual(['0 data abc', '0 cut 7', '0 data k', 'close end_of_input'])
  expect(wire.telemetry.funnel.bytes.dropped('snap_length')).toBe(7)
  expect(wire.weird('tcp.snap_length')).toBe(1)
})

test('a FIN ends its direction when the bytes before it are there; the other goes on', () => {
  const wire = new Wire()
    .handshake()
    .send(0, FIN, 1004, 'def')
    .send(0, 0, 1001, 'abc')
    .send(1, 0, 5001, 'later', { ack: 1008 })
  expect(wire.lines).toEqual(['0 data abc', '0 data def', '0 end', '1 data later'])
  expect(wire.heard[0]!.acked.at(-1)).toBe(6)
  wire.send(0, 0, 1007, 'past the end').close()
  expect(wire.telemetry.funnel.bytes.dropped('out_of_window')).toBe(12)
  expect(wire.heard[0]!.gaps).toBe(0)
})

test('a RST near the expected byte closes, one far away is ignored', () => {
  const wire = new Wire()
    .handshake()
    .send(0, 0, 1001, 'abc')
    .send(0, RST, 1001 + 500_000_000)
  expect(wire.heard[0]!.closed).toBe(null)
  wire.send(0, RST, 1004)
  expect(wire.heard[0]!.closed).toBe('rst')
  wire.close()
})

test('late copies of a closed flow do not open it again', () => {
  const wire = new Wire()
    .handshake()
    .send(0, FIN, 1001, 'abc')
    .send(1, FIN, 5001, 'OK', { ack: 1005 })
    .send(1, FIN, 5001, 'OK', { ack: 1005, afterUs: 200_000 })
    .close()
  expect(wire.heard.length).toBe(1)
  expect(wire.telemetry.funnel.bytes.dropped('retransmitted')).toBe(2)
})

test('a SYN with a new sequence number closes the old flow as reused; the same SYN again does not', () => {
  const wire = new Wire().handshake().send(0, 0, 1001, 'abc').send(0, SYN, 1000)
  expect(wire.heard[0]!.closed).toBe(null)
  wire.handshake(0, 900_000, 700_000).send(0, 0, 900_001, 'new').close()
  expect(wire.heard.map((heard) => heard.closed)).toEqual(['reuse', 'end_of_input'])
  expect(wire.heard[0]!.info.key).not.toBe(wire.heard[1]!.info.key)
})

test('a flow whose start was missed begins with its first bytes, side 0 being whoever is no server', () => {
  const wire = new Wire().send(1, 0, 5001, 'late answer', { ack: 1004 }).send(0, 0, 1004, 'GET', { ack: 5012 }).close()
  expect(wire.lines).toEqual(['1 data late answer', '0 data GET', 'close end_of_input'])
  expect(wire.heard[0]!.info).toMatchObject({ fromStart: false, port: [50_000, 80] })
  expect(wire.heard[0]!.acked).toEqual([-1, 11])
  expect(wire.weird('tcp.midstream')).toBe(1)
})

test('a bare ACK, FIN or RST of no known flow is counted and opens nothing', () => {
  const wire = new Wire().send(0, ACK, 1).send(0, FIN, 1).send(0, RST, 1).send(0, ACK, 1, '\0').close()
  expect(wire.telemetry.funnel.frames.dropped('no_flow')).toBe(4)
  expect(wire.reassembler.rows).toBe(0)
})

test('bytes in a SYN are the first bytes of the stream', () => {
  const wire = new Wire()
    .send(0, SYN, 1000, 'fast')
    .send(1, SYN, 5000, '', { ack: 1005 })
    .send(0, 0, 1005, 'open', { ack: 5001 })
    .close()
  expect(wire.lines).toEqual(['0 data fast', '0 data open', 'close end_of_input'])
})

test('a SYN-ACK alone tells who the client is', () => {
  const wire = new Wire().send(1, SYN, 5000, '', { ack: 1001 }).send(0, 0, 1001, 'GET', { ack: 5001 }).close()
  expect(wire.lines[0]).toBe('0 data GET')
  expect(wire.heard[0]!.info.fromStart).toBe(true)
  expect(wire.heard[0]!.acked).toEqual([0])
})

test('an idle flow ends after 300 s, an active one never', () => {
  const wire = new Wire().handshake().handshake(1).send(0, 0, 1001, 'a').send(0, 0, 1001, 'b', { connection: 1 })
  for (let step = 0; step < 40; step++) {
    wire.wait(10)
    wire.send(0, ACK, 1002, '', { connection: 1, ack: 5001 })
  }
  expect(wire.heard.map((heard) => heard.closed)).toEqual(['idle', null])
  wire.close()
})

test('too much held makes the first hole a gap; too much altogether, the oldest', () => {
  const wire = new Wire({ heldSegmentsPerDirection: 4 }).handshake()
  for (let piece = 0; piece < 5; piece++) wire.send(0, 0, 1003 + 2 * piece, 'x')
  expect(wire.lines).toEqual(['0 gap 2', '0 data x'])
  wire.close()

  const tight = new Wire({ heldBytes: 16 * 1000 }).handshake().send(0, 0, 1101, Buffer.alloc(900))
  expect(tight.heard[0]!.positions).toEqual([1000, 0])
  expect(tight.telemetry.counters.get('reassembly.held_budget')).toBe(1)
  tight.close()
})

test('consumers that keep too much lose the flow that was idle longest, and one flow alone is left alone', () => {
  const wire = new Wire({ keptBytes: 16 * 20_000 })
  wire.keeps = 8000
  for (let connection = 0; connection < 64; connection++) wire.send(0, 0, 1, 'x', { connection })
  const open = wire.heard.filter((heard) => heard.closed === null)
  expect(open.length).toBeLessThanOrEqual(16)
  expect(open.at(-1)).toBe(wire.heard.at(-1))
  expect(wire.telemetry.counters.get('reassembly.kept_budget')).toBe(64 - open.length)
  wire.close()

  const alone = new Wire({ keptBytes: 16 * 20_000 })
  alone.keeps = 1_000_000
  alone.send(0, 0, 1, 'x').send(0, 0, 2, 'y')
  expect(alone.lines).toEqual(['0 data x', '0 data y'])
  alone.close()
})

test('bytes that come after their hole was given up are late, not seen before', () => {
  const wire = new Wire().handshake().send(0, 0, 1001, 'a').send(0, 0, 1005, 'efg').wait(3)
  wire.send(0, 0, 1001, 'abcdef')
  expect(wire.telemetry.funnel.bytes.dropped('late')).toBe(3)
  expect(wire.telemetry.funnel.bytes.dropped('retransmitted')).toBe(3)
  wire.close()
})

test('a full table evicts the flow that was idle longest, and half-open ones before it', () => {
  const wire = new Wire({ flows: 16, halfOpenFlows: 16 })
  for (let connection = 0; connection < 200; connection++) {
    wire.send(0, 0, 1, 'x', { connection }).send(0, 0, 3, 'held', { connection })
  }
  expect(wire.reassembler.rows).toBeLessThanOrEqual(16)
  expect(wire.heard.filter((heard) => heard.closed === 'evicted').length).toBeGreaterThan(180)
  expect(wire.telemetry.funnel.bytes.dropped('held_lost')).toBeGreaterThan(0)
  wire.close()
})

test('a flow that moved to another sequence space is picked up again', () => {
  const wire = new Wire().handshake().send(0, 0, 1001, 'old')
  for (let piece = 0; piece < 20; piece++) wire.send(0, 0, 2_000_000_000 + piece, String.fromCharCode(97 + piece))
  wire.close()
  expect(wire.heard.map((heard) => heard.closed)).toEqual(['reuse', 'end_of_input'])
  expect(wire.telemetry.funnel.bytes.dropped('out_of_window')).toBe(15)
})

test('a flood of half-open connections stays within the table and costs no consumer', () => {
  const wire = new Wire({ halfOpenFlows: 1600 })
  wire.handshake().send(0, 0, 1001, 'real')
  for (let source = 0; source < 50_000; source++) wire.send(0, SYN, source, '', { source, afterUs: 1 })
  expect(wire.reassembler.rows).toBeLessThanOrEqual(1601)
  expect(wire.heard.length).toBe(1)
  wire.send(0, 0, 1005, ' bytes')
  expect(wire.lines).toEqual(['0 data real', '0 data  bytes'])
  wire.wait(31)
  expect(wire.reassembler.rows).toBe(1)
  wire.close()
})

/** A stream cut into segments, some sent again at other boundaries, in any order, near the wrap. */
const delivery = fc
  .record({
    bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    isn: fc.oneof(fc.integer({ min: 0xffffff00, max: 0xffffffff }), fc.nat(0xffffffff)),
    cuts: fc.array(fc.tuple(fc.nat(299), fc.nat(299)), { maxLength: 40 }),
    order: fc.array(fc.nat(1_000_000), { minLength: 70, maxLength: 70 }),
  })
  .map(({ bytes, isn, cuts, order }) => {
    const pieces = cuts
      .map(([a, b]) => [Math.min(a, b) % bytes.length, Math.min(Math.max(a, b) + 1, bytes.length)] as const)
      .filter(([from, to]) => from < to)
    // Whatever the random pieces leave out: everything once, in tens.
    for (let from = 0; from < bytes.length; from += 10) pieces.push([from, Math.min(from + 10, bytes.length)])
    const sent = pieces
      .map((piece, index) => ({ piece, key: order[index]! }))
      .sort((a, b) => a.key - b.key)
      .map(({ piece }) => piece)
    return { bytes: Buffer.from(bytes), isn, sent }
  })

test('order, overlap and retransmission never change the stream', () => {
  fc.assert(
    fc.property(delivery, ({ bytes, isn, sent }) => {
      const wire = new Wire().send(0, SYN, isn)
      for (const [from, to] of sent) wire.send(0, 0, isn + 1 + from, bytes.subarray(from, to))
      expect(Buffer.from(wire.heard[0]!.bytes[0])).toEqual(bytes)
      expect(wire.heard[0]!.gaps).toBe(0)
      expect(wire.weird('tcp.overlap_differs')).toBe(0)
      wire.close()
    }),
    { numRuns: 300 },
  )
})

const step = fc.record({
  side: fc.constantFrom<Direction>(0, 1),
  flags: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.nat(255)),
  seq: fc.oneof({ weight: 6, arbitrary: fc.integer({ min: -5, max: 60 }) }, fc.nat(0xffffffff)),
  ack: fc.option(fc.oneof({ weight: 6, arbitrary: fc.integer({ min: -5, max: 80 }) }, fc.nat(0xffffffff)), {
    nil: undefined,
  }),
  length: fc.nat(12),
  missing: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.nat(5)),
  connection: fc.nat(3),
  ipId: fc.nat(3),
  afterUs: fc.oneof({ weight: 8, arbitrary: fc.nat(100_000) }, fc.nat(400 * SECOND_US)),
})

test('any segments end, throw nothing, and every frame and byte is accounted for', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(0xffffffff), (steps, base) => {
      const limits = { heldSegmentsPerDirection: 5, heldBytesPerDirection: 40, flows: 48, halfOpenFlows: 32 }
      const wire = new Wire(limits)
      for (const { side, flags, seq, length, ack, ...more } of steps) {
        const payload = Buffer.alloc(length, seq)
        wire.send(side, flags, base + seq, payload, ack === undefined ? more : { ...more, ack: base + ack })
      }
      wire.close()
      expect(wire.heard.every((heard) => heard.closed !== null)).toBe(true)
      expect(wire.reassembler.rows).toBe(0)
    }),
    { numRuns: 1500 },
  )
})

test('the hash key changes nothing that is told', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const told = [
        [1, 2, 3, 4, 5],
        [9, 8, 7, 6, 5],
      ].map((key) => {
        const wire = new Wire({ flows: 32, halfOpenFlows: 16 }, key)
        for (const { side, flags, seq, length, ack, ...more } of steps) {
          wire.send(side, flags, seq, Buffer.alloc(length), ack === undefined ? more : { ...more, ack })
        }
        wire.close()
        return [wire.lines, wire.heard.map((heard) => heard.info)]
      })
      expect(told[0]).toEqual(told[1])
    }),
    { numRuns: 100 },
  )
})

test('SYN and FIN in one segment end nothing', () => {
  const wire = new Wire()
    .handshake()
    .send(0, 0, 1001, 'a')
    .send(0, SYN | FIN, 1000, 'a')
    .send(0, 0, 1002, 'b')
    .close()
  expect(wire.lines).toEqual(['0 data a', '0 data b', 'close end_of_input'])
  const first = new Wire()
    .send(0, SYN | FIN, 1000, 'a')
    .send(0, 0, 1002, 'b')
    .close()
  expect(first.lines).toEqual(['0 data a', '0 data b', 'close end_of_input'])
})

/** A connection of the same addresses and ports as every other here, in network `vni`. */
function exchange(wire: Wire, vni: number, clientIsn: number, serverIsn: number, steps: readonly number[]): void {
  const answer = `answer ${vni}`
  const request = `ask ${vni}`
  const all = [
    () => wire.send(0, SYN, clientIsn, '', { vni }),
    () => wire.send(1, SYN, serverIsn, '', { ack: clientIsn + 1, vni }),
    () => wire.send(0, PSH, clientIsn + 1, request, { ack: serverIsn + 1, vni }),
    () => wire.send(1, PSH, serverIsn + 1, answer, { ack: clientIsn + 1 + request.length, vni }),
    () => wire.send(0, FIN, clientIsn + 1 + request.length, '', { ack: serverIsn + 1 + answer.length, vni }),
    () => wire.send(1, FIN, serverIsn + 1 + answer.length, '', { ack: clientIsn + 2 + request.length, vni }),
  ]
  for (const step of steps) all[step]!()
}

const BOTH = (vni: number) => [`0 data ask ${vni}`, `1 data answer ${vni}`, '0 end', '1 end', 'close fin']

test('two networks with the same addresses are two connections, step by step beside each other', () => {
  const wire = new Wire()
  for (let step = 0; step < 6; step++) {
    exchange(wire, 17, 1000, 5000, [step])
    exchange(wire, 18, 2_000_000_000, 3_000_000_000, [step])
  }
  wire.close()
  expect(wire.heard.map(({ lines }) => lines)).toEqual([BOTH(17), BOTH(18)])
  expect(wire.heard.map(({ info }) => info.vni)).toEqual([17, 18])
  expect(new Set(wire.heard.map(({ info }) => info.key)).size).toBe(2)
  expect(wire.telemetry.counters.get('reassembly.apart_by_tag')).toBe(1)
})

test('the second network stays apart when the first connection is over, and forgets it in the end', () => {
  const wire = new Wire()
  exchange(wire, 17, 1000, 5000, [0, 1, 2])
  exchange(wire, 18, 2_000_000_000, 3_000_000_000, [0, 1, 2])
  exchange(wire, 17, 1000, 5000, [3, 4, 5])
  wire.wait(40) // the first row is forgotten
  exchange(wire, 18, 2_000_000_000, 3_000_000_000, [3, 4, 5])
  expect(wire.heard.map(({ lines }) => lines)).toEqual([BOTH(17), BOTH(18)])
  wire.wait(400)
  expect(wire.reassembler.rows).toBe(0)
  wire.close()
})

test('one connection mirrored under two tags is one, also when its ports are used again', () => {
  const wire = new Wire()
  for (const [isn, first, second] of [
    [1000, 17, 18],
    [900_000_000, 18, 17],
  ] as const) {
    for (let step = 0; step < 4; step++) {
      const { ipId } = wire
      exchange(wire, first, isn, isn + 5000, [step])
      wire.ipId = ipId // the very same packet
      exchange(wire, second, isn, isn + 5000, [step])
    }
  }
  wire.close()
  expect(wire.heard.map(({ info }) => info.vni)).toEqual([17, 18])
  expect(wire.telemetry.counters.get('reassembly.apart_by_tag')).toBe(0)
})

const tally = (wire: Wire) => {
  const [sample] = wire.telemetry.funnel.bySource()
  return sample!
}

/** A wire whose frames come from a named source. */
function named(limits: Partial<ReassemblyLimits> = {}): Wire {
  const wire = new Wire(limits)
  wire.telemetry.funnel.from({ kind: 'pcap', name: 'eth1' })
  return wire
}

test('what a receiver acknowledged and nobody saw is loss; what it did not acknowledge is not', () => {
  const wire = named().handshake()
  wire.send(0, PSH, 1001, 'ab', { ack: 5001 }).send(1, PSH, 5001, 'x'.repeat(1000), { ack: 1003 })
  wire.send(1, PSH, 6101, 'y', { ack: 1003 }).send(0, 0, 1003, '', { ack: 6102 }) // 100 bytes are missing
  wire.wait(3).send(1, PSH, 900_000, 'forged', { ack: 1003 }).wait(3)
  expect(tally(wire)).toMatchObject({ name: 'eth1', segments: 8, bytes: 1009, unseenBytes: 100, holes: 1 })
})

test('a client that acknowledges megabytes that no server sent looks like one lost segment', () => {
  const wire = named().handshake()
  wire.send(0, PSH, 1001, 'ab', { ack: 5001 }).send(1, PSH, 5001, 'x', { ack: 1003 })
  wire.send(0, 0, 1003, '', { ack: 50_000_000 }).wait(3)
  expect(tally(wire)).toMatchObject({ holes: 1, unseenBytes: 4096 })
})

test('a direction that is never seen is no loss but one side; a server that is silent is neither', () => {
  const wire = named().handshake()
  wire.send(0, PSH, 1001, 'ab', { ack: 5001 }).wait(11) // acknowledged nothing: nobody answered
  expect(tally(wire).links).toEqual([])
  const half = named()
  for (let i = 0; i < 3; i++) half.send(0, PSH, 1001 + 2 * i, 'ab', { ack: 5001 + 700 * i, vni: 9 })
  half.wait(11)
  expect(tally(half)).toMatchObject({ unseenBytes: 0, links: [{ vni: 9, both: 0, first: 1, second: 0 }] })
})

test('a direction that only acknowledges is seen', () => {
  const wire = named().handshake()
  wire.send(1, PSH, 5001, 'xy', { ack: 1001 }).send(0, 0, 1001, '', { ack: 5003 }).wait(11)
  expect(tally(wire).links).toEqual([{ vlan: -1, vni: -1, both: 1, first: 0, second: 0 }])
})

test('a connection that ends before it was judged is judged once, at its end', () => {
  const wire = named().handshake()
  wire.send(0, PSH, 1001, 'ab', { ack: 5001 }).send(1, PSH, 5001, 'x', { ack: 1003 }).wait(400).close()
  expect(tally(wire).links).toEqual([{ vlan: -1, vni: -1, both: 1, first: 0, second: 0 }])
})
