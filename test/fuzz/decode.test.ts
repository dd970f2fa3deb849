import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decoder, LINK_TYPES } from '../../daemon/decode/decoder.ts'
import { Segment } from '../../daemon/decode/segment.ts'
import { SECOND_US } from '../../daemon/model/time.ts'
import { Reassembler } from '../../daemon/reassembly/reassembler.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import { batchOf } from '../mutate/frame-batch.ts'

const INNER = '4500002c123440004006 0000 0a000001 0a000002 c3500050 00000001 00000002 50180200 00000000 47455420'

/** Headers that are right, so that mutations reach the deeper layers. */
const SEEDS = [
  '0000000000010000000000020800 4500002c123440004006 0000 0a000001 0a000002 c3500050 00000001 00000002 50180200 00000000 47455420',
  '00000000000100000000000288a800018100000286dd 60000000 0018 06 40 20010db8000000000000000000000001 20010db80000000000000000000000ff c3500050 00000001 00000002 50180200 00000000 47455420',
  '60000000 0020 00 40 20010db8000000000000000000000001 20010db80000000000000000000000ff 0600000000000000 c3500050 00000001 00000002 50180200 00000000 47455420',
  '4500002c123440004006 0000 0a000001 0a000002 c3500050 00000001 00000002 50180200 00000000 47455420',
  // The same in two fragments, IPv4 and IPv6; first and last, so that random neighbours meet.
  '45000024123420004006 0000 0a000001 0a000002 c3500050 00000001 00000002 50180200',
  '4500001c123400024006 0000 0a000001 0a000002 00000000 47455420',
  '60000000 0018 2c 40 20010db8000000000000000000000001 20010db80000000000000000000000ff 06000001 00000007 c3500050 00000001 00000002 50180200',
  '60000000 0010 2c 40 20010db8000000000000000000000001 20010db80000000000000000000000ff 06000010 00000007 00000000 47455420',
  // VXLAN, GENEVE with an option, GRE with all fields, ERSPAN II, IP in IP: each in IPv4, with the IPv4 packet above inside.
  `4500005e000140004011 0000 0a000003 0a000004 c35112b5 004a0000 0800000000000500 0000000000010000000000020800 ${INNER}`,
  `45000054000140004011 0000 0a000003 0a000004 c35117c1 00400000 0100080000000500 00000000 ${INNER}`,
  `4500005000014000402f 0000 0a000003 0a000004 b0000800 00000000 00000001 00000001 ${INNER}`,
  `4500005e00014000402f 0000 0a000003 0a000004 100088be 00000001 1001080100000000 0000000000010000000000020800 ${INNER}`,
  `45000040000140004004 0000 0a000003 0a000004 ${INNER}`,
].map((hex) => Buffer.from(hex.replaceAll(' ', ''), 'hex'))

const linkTypeOf = (seed: Buffer): number => (seed[0]! >> 4 === 0 ? 1 : 101)

const mutated = fc
  .tuple(fc.constantFrom(...SEEDS), fc.array(fc.tuple(fc.nat(110), fc.nat(255)), { maxLength: 8 }))
  .map(([seed, changes]) => {
    const bytes = Buffer.from(seed)
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
    return { bytes, linkType: linkTypeOf(seed) }
  })

const anyBytes = fc.record({
  bytes: fc.uint8Array({ maxLength: 120 }).map(Buffer.from),
  linkType: fc.oneof(fc.constantFrom(...LINK_TYPES), fc.nat(300)),
})

const frame = fc.record({
  packet: fc.oneof({ arbitrary: mutated, weight: 3 }, { arbitrary: anyBytes, weight: 1 }),
  captured: fc.oneof(fc.constant(1000), fc.nat(100)),
  original: fc.oneof(fc.constant(0), fc.nat(70_000), fc.nat(0xffffffff)),
})

test('the seeds are right: each gives a segment, the fragments one for each two', () => {
  const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  const decoder = new Decoder(telemetry)
  const decoded = SEEDS.map((bytes) => {
    const seed = { time: 0n, bytes, original: bytes.length, linkType: linkTypeOf(bytes) }
    return decoder.decode(batchOf(seed, 0), 0, new Segment())
  })
  expect(decoded.filter(Boolean).length).toBe(SEEDS.length - 2)
  expect(decoder.heldFrames).toBe(0)
})

test('any frame of any link type gives a sound segment or one counted cause, and flows end balanced', () => {
  const segment = new Segment()
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 20 }), (frames) => {
      const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
      const { frames: ledger, bytes: byteLedger } = telemetry.funnel
      const decoder = new Decoder(telemetry)
      let handedOn = 0
      const reassembler = new Reassembler({
        telemetry,
        source: () => ({ kind: 'file', name: 'fuzz' }),
        open: () => ({
          data: (_direction, _bytes, start, end) => {
            handedOn += end - start
          },
          gap: () => {},
          end: () => {},
          close: () => {},
        }),
      })
      let now = SECOND_US
      for (const { packet, captured, original } of frames) {
        const { bytes, linkType } = packet
        const batch = {
          bytes,
          count: 1,
          offset: Uint32Array.of(0),
          captured: Uint32Array.of(captured === 1000 ? bytes.length : captured), // may claim more than there is
          original: Uint32Array.of(original),
          time: Float64Array.of(now),
          clock: Float64Array.of(now),
          linkType: Uint16Array.of(linkType),
          flags: Uint8Array.of(0),
        }
        ledger.in++
        if (decoder.decode(batch, 0, segment)) {
          expect(segment.payloadStart).toBeLessThanOrEqual(segment.payloadEnd)
          expect(segment.payloadEnd).toBeLessThanOrEqual(segment.bytes.length)
          expect(segment.payloadMissing).toBeGreaterThanOrEqual(0)
          reassembler.push(segment, now, now)
        }
        expect(ledger.unexplained()).toBe(decoder.heldFrames)
        now += SECOND_US / 10
      }
      decoder.close()
      expect(decoder.heldBytes).toBe(0)
      reassembler.close(now)
      expect(ledger.unexplained()).toBe(0)
      expect(byteLedger.unexplained()).toBe(handedOn)
      expect(reassembler.heldBytes).toBe(0)
    }),
    { numRuns: 2000 },
  )
})
