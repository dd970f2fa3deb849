import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, type Packet, type Refusal, shortOf } from './packet.ts'

/** No link header: the IP version nibble says what follows (LINKTYPE_RAW 101; 228 and 229 promise one version each). */
export function rawIp(packet: Packet): Refusal | null {
  if (packet.at >= packet.end) return shortOf(packet, 1)
  const version = packet.bytes[packet.at]! >> 4
  packet.etherType = version === 4 ? ETHERTYPE_IPV4 : version === 6 ? ETHERTYPE_IPV6 : 0
  return null
}
