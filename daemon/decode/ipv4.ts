import { MAPPED } from './address.ts'
import { type Packet, type Refusal, shortOf } from './packet.ts'
import type { Segment } from './segment.ts'

const MORE_FRAGMENTS = 0x2000
const OFFSET = 0x1fff

/**
 * IPv4 (RFC 791). The header checksum is not verified: offload makes wrong ones common on mirrors.
 *
 * Total length against the frame: shorter is Ethernet padding and cut off; longer means that a mirror cut the packet
 * without saying so, and the rest counts as missing; 0 is a segment that the network card was to split (TSO), and
 * ends where the frame ends.
 *
 * A fragment is described in `packet` and refused: only its whole datagram can be read on.
 */
export function ipv4(packet: Packet, segment: Segment): Refusal | null {
  const { view, at } = packet
  if (at + 20 > packet.end) return shortOf(packet, 20)
  const first = view.getUint8(at)
  const headerLength = (first & 0x0f) << 2
  if (first >> 4 !== 4 || headerLength < 20) return 'malformed'

  const totalLength = view.getUint16(at + 2)
  if (totalLength !== 0) {
    if (totalLength < headerLength) return 'malformed'
    packet.wireEnd = at + totalLength
    if (packet.end > packet.wireEnd) packet.end = packet.wireEnd
  }
  if (at + headerLength > packet.end) return shortOf(packet, headerLength)

  segment.family = 4
  segment.ipId = view.getUint16(at + 4)
  segment.src0 = 0
  segment.src1 = 0
  segment.src2 = MAPPED
  segment.src3 = view.getInt32(at + 12)
  segment.dst0 = 0
  segment.dst1 = 0
  segment.dst2 = MAPPED
  segment.dst3 = view.getInt32(at + 16)
  packet.protocol = view.getUint8(at + 9)
  packet.at = at + headerLength
  const fragment = view.getUint16(at + 6) & (MORE_FRAGMENTS | OFFSET)
  if (fragment === 0) return null
  packet.fragmentStart = (fragment & OFFSET) << 3
  packet.moreFragments = (fragment & MORE_FRAGMENTS) !== 0
  packet.fragmentId = segment.ipId
  return 'fragment'
}
