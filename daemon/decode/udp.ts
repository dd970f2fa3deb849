import { GENEVE_PORT, geneve } from './geneve.ts'
import { type Packet, type Refusal, shortOf } from './packet.ts'
import { isVxlanPort, vxlan } from './vxlan.ts'

/**
 * UDP (RFC 768), read only as far as it may carry a tunnel: the destination port says so, and the tunnel's own header
 * must agree. Everything else is `not_tcp`.
 */
export function udp(packet: Packet): Refusal | null {
  const { bytes, at } = packet
  if (at + 4 > packet.end) return shortOf(packet, 4)
  const port = (bytes[at + 2]! << 8) | bytes[at + 3]!
  if (port !== GENEVE_PORT && !isVxlanPort(port)) return 'not_tcp'
  if (at + 8 > packet.end) return shortOf(packet, 8)
  packet.at = at + 8
  return port === GENEVE_PORT ? geneve(packet) : vxlan(packet)
}
