import { type Packet, type Refusal, shortOf } from './packet.ts'
import type { Segment } from './segment.ts'

/**
 * TCP (RFC 9293 §3.1). Options are stepped over and the checksum is not verified. Payload that was on the wire but not
 * captured is kept as a number, so that later stages see a hole of the right size instead of a shifted stream.
 */
export function tcp(packet: Packet, segment: Segment): Refusal | null {
  const { bytes, at } = packet
  if (at + 20 > packet.end) return shortOf(packet, 20)
  const headerLength = (bytes[at + 12]! >> 4) << 2
  if (headerLength < 20) return 'malformed'
  const payload = at + headerLength
  if (payload > packet.end) return shortOf(packet, headerLength)

  segment.srcPort = (bytes[at]! << 8) | bytes[at + 1]!
  segment.dstPort = (bytes[at + 2]! << 8) | bytes[at + 3]!
  segment.seq = ((bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!) >>> 0
  segment.ack = ((bytes[at + 8]! << 24) | (bytes[at + 9]! << 16) | (bytes[at + 10]! << 8) | bytes[at + 11]!) >>> 0
  segment.flags = bytes[at + 13]!
  segment.window = (bytes[at + 14]! << 8) | bytes[at + 15]!
  segment.bytes = bytes
  segment.payloadStart = payload
  segment.payloadEnd = packet.end
  segment.payloadMissing = packet.wireEnd - packet.end
  return null
}
