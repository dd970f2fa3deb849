import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, type Packet, type Refusal, shortOf } from './packet.ts'

const AF_INET = 2

/**
 * BSD loopback: four bytes of address family. LINKTYPE_NULL 0 has it in the byte order of the capturing host, which a
 * reader cannot know, so both are tried: families are small numbers and never alike when swapped. LINKTYPE_LOOP 108
 * has it in network order.
 */
export function loopback(packet: Packet): Refusal | null {
  const { bytes, at } = packet
  if (at + 4 > packet.end) return shortOf(packet, 4)
  const big = bytes[at] === 0 && bytes[at + 1] === 0
  const family = big ? (bytes[at + 2]! << 8) | bytes[at + 3]! : (bytes[at + 1]! << 8) | bytes[at]!
  packet.at = at + 4
  packet.etherType = etherTypeOf(family)
  return null
}

/** AF_INET6 is 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on Darwin, 10 on Linux. */
function etherTypeOf(family: number): number {
  if (family === AF_INET) return ETHERTYPE_IPV4
  return family === 24 || family === 28 || family === 30 || family === 10 ? ETHERTYPE_IPV6 : 0
}
