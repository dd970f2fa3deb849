import { type Packet, type Refusal, shortOf } from './packet.ts'
import type { Segment } from './segment.ts'

/**
 * TCP (RFC 9293 §3.1). Options are stepped over and the checksum is not verified. Payload that was on the wire but not
 * captured is kept as a number, so that later stages see a hole of the right size instead of a shifted stream.
 */
export function tcp(packet: Packet, segment: Segment): Refusal | null {
  const { view, at } = packet
  if (at + 20 > packet.end) return shortOf(packet, 20)
  const headerLength = (view.getUint8(at + 12) >> 4) << 2
  if (headerLength < 20) return 'malformed'
  const payload = at + headerLength
  if (payload > packet.end) return shortOf(packet, headerLength)

  segment.srcPort = view.getUint16(at)
  segment.dstPort = view.getUint16(at + 2)
  segment.seq = view.getInt32(at + 4)
  segment.ack = view.getInt32(at + 8)
  segment.flags = view.getUint8(at + 13)
  segment.window = view.getUint16(at + 14)
  segment.bytes = packet.bytes
  segment.view = view
  segment.payloadStart = payload
  segment.payloadEnd = packet.end
  segment.payloadMissing = packet.wireEnd - packet.end
  return null
}
