import { type Packet, type Refusal, shortOf } from './packet.ts'
import type { Segment } from './segment.ts'

const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const AUTHENTICATION = 51
const DESTINATION = 60
const MOBILITY = 135
/** More extension headers than any real packet has; hosts drop such packets too (RFC 8504 §5.3). */
const MAX_EXTENSIONS = 16

/**
 * IPv6 (RFC 8200) with its extension headers. A payload length of 0 is a jumbogram or an unsplit segment (TSO) and ends
 * where the frame ends. A fragment header that says "the whole packet" (an atomic fragment, RFC 6946) is stepped over;
 * any other is described in `packet` and refused, and `extensions` goes on once the datagram is whole.
 */
export function ipv6(packet: Packet, segment: Segment): Refusal | null {
  const { view, at } = packet
  if (at + 40 > packet.end) return shortOf(packet, 40)
  if (view.getUint8(at) >> 4 !== 6) return 'malformed'

  const payloadLength = view.getUint16(at + 4)
  if (payloadLength !== 0) {
    packet.wireEnd = at + 40 + payloadLength
    if (packet.end > packet.wireEnd) packet.end = packet.wireEnd
  }
  segment.family = 6
  segment.ipId = -1
  segment.src0 = view.getInt32(at + 8)
  segment.src1 = view.getInt32(at + 12)
  segment.src2 = view.getInt32(at + 16)
  segment.src3 = view.getInt32(at + 20)
  segment.dst0 = view.getInt32(at + 24)
  segment.dst1 = view.getInt32(at + 28)
  segment.dst2 = view.getInt32(at + 32)
  segment.dst3 = view.getInt32(at + 36)
  packet.protocol = view.getUint8(at + 6)
  packet.at = at + 40
  return extensions(packet)
}

/** Steps over extension headers. Each step moves at least 8 bytes on, and there are at most MAX_EXTENSIONS. */
export function extensions(packet: Packet): Refusal | null {
  for (let steps = 0; steps < MAX_EXTENSIONS; steps++) {
    if (!isExtension(packet.protocol)) return null
    const { view, at } = packet
    if (at + 8 > packet.end) return shortOf(packet, 8)
    const length = extensionLength(packet.protocol, view.getUint8(at + 1))
    if (at + length > packet.end) return shortOf(packet, length)
    const fragment = packet.protocol === FRAGMENT ? view.getUint16(at + 2) & 0xfff9 : 0
    packet.protocol = view.getUint8(at)
    packet.at = at + length
    if (fragment !== 0) {
      packet.fragmentStart = fragment & 0xfff8
      packet.moreFragments = (fragment & 1) !== 0
      packet.fragmentId = view.getInt32(at + 4)
      return 'fragment'
    }
  }
  return 'malformed'
}

function isExtension(protocol: number): boolean {
  return (
    protocol === HOP_BY_HOP ||
    protocol === ROUTING ||
    protocol === FRAGMENT ||
    protocol === AUTHENTICATION ||
    protocol === DESTINATION ||
    protocol === MOBILITY
  )
}

/** In bytes: units of eight without the first (RFC 8200 §4.2); AH counts in fours, without the first two (RFC 4302 §2.2). */
function extensionLength(protocol: number, field: number): number {
  if (protocol === FRAGMENT) return 8
  return protocol === AUTHENTICATION ? Math.max(8, (field + 2) * 4) : (field + 1) * 8
}
