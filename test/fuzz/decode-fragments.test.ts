import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Decoder } from '../../daemon/decode/decoder.ts'
import { Segment } from '../../daemon/decode/segment.ts'
import { SECOND_US } from '../../daemon/model/time.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import type { CapturedFrame } from '../mutate/capture-file.ts'
import { batchOf } from '../mutate/frame-batch.ts'
import { fragmented, ipFrame } from '../mutate/ip-packet.ts'

const LIMITS = { sets: 6, fragmentsPerSet: 8, bytes: 8 * 1024, waitUs: 30 * SECOND_US, duplicateUs: 2 * SECOND_US }

/** 50000 -> 80, then `length` bytes that tell their place. */
function tcpPacket(length: number, id: number): Buffer {
  const header = Buffer.from('c350005000000001000000025018020000000000', 'hex')
  return Buffer.concat([header, Buffer.from(Array.from({ length }, (_, at) => (at * 7 + id) & 255))])
}

const datagram = fc.record({
  id: fc.integer({ min: 1, max: 9 }),
  family: fc.constantFrom<4 | 6>(4, 6),
  protocol: fc.constantFrom(6, 17, 47),
  length: fc.integer({ min: 1, max: 900 }),
  mtu: fc.constantFrom(60, 100, 300),
})

/** What an attacker or a bad path may do to one fragment. */
const damage = fc.record({
  rank: fc.oneof(
    { arbitrary: fc.constant(0.5), weight: 3 },
    { arbitrary: fc.double({ min: 0, max: 1, noNaN: true }), weight: 1 },
  ),
  copies: fc.constantFrom(0, 1, 1, 1, 1, 2),
  moveOffset: fc.constantFrom(0, 0, 0, 0, -1, 1, 8000),
  flip: fc.constantFrom(false, false, false, true),
  cut: fc.constantFrom(0, 0, 0, 5),
  pauseUs: fc.constantFrom(0, 0, 1000, 3 * SECOND_US, 40 * SECOND_US),
})

test('fragments in any order, lost, doubled, overlapping, cut or late: every frame is counted once and memory is bounded', () => {
  let whole = 0
  fc.assert(
    fc.property(
      fc.array(datagram, { minLength: 1, maxLength: 12 }),
      fc.array(damage, { minLength: 1, maxLength: 40 }),
      (datagrams, damages) => {
        const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
        const ledger = telemetry.funnel.frames
        const decoder = new Decoder(telemetry, LIMITS)
        const segment = new Segment()
        const pieces = datagrams.flatMap(({ id, family, protocol, length, mtu }) => {
          const packet = tcpPacket(length, id)
          return fragmented(ipFrame(0n, family, protocol, id, packet, packet.length), mtu, id)
        })
        const order = pieces
          .map((frame, at) => ({ frame, how: damages[at % damages.length]!, at }))
          .sort((a, b) => a.how.rank - b.how.rank || a.at - b.at)
        let now = SECOND_US
        for (const { frame, how } of order) {
          now += how.pauseUs
          for (let copy = 0; copy < how.copies; copy++) {
            ledger.in++
            if (decoder.decode(batchOf(damaged(frame, how), now), 0, segment)) {
              ledger.delivered++ // what reassembly counts for a segment
              whole++
              expect(segment.payloadStart).toBeLessThanOrEqual(segment.payloadEnd)
              expect(segment.payloadEnd).toBeLessThanOrEqual(segment.bytes.length)
            }
            expect(ledger.unexplained()).toBe(decoder.heldFrames)
            expect(decoder.heldBytes).toBeLessThanOrEqual(LIMITS.bytes)
            expect(decoder.heldFrames).toBeLessThanOrEqual(LIMITS.sets * LIMITS.fragmentsPerSet)
          }
        }
        decoder.close()
        expect(ledger.unexplained()).toBe(0)
        expect(decoder.heldBytes).toBe(0)
      },
    ),
    { numRuns: 1500 },
  )
  expect(whole).toBeGreaterThan(100) // else nothing was tested
})

function damaged(frame: CapturedFrame, how: { moveOffset: number; flip: boolean; cut: number }): CapturedFrame {
  const bytes = Buffer.from(frame.bytes)
  const four = bytes.readUInt16BE(12) === 0x0800
  if (how.moveOffset !== 0 && four) {
    const field = bytes.readUInt16BE(20)
    bytes.writeUInt16BE((field & 0xe000) | ((field + how.moveOffset) & 0x1fff), 20)
  }
  if (how.moveOffset !== 0 && !four && bytes[20] === 44) {
    bytes.writeUInt16BE((bytes.readUInt16BE(56) + how.moveOffset * 8) & 0xffff, 56)
  }
  if (how.flip) bytes[bytes.length - 1]! ^= 255
  return { ...frame, bytes: bytes.subarray(0, bytes.length - how.cut) }
}
