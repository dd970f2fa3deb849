import { carried } from './gre.ts'
import { type Packet, type Refusal, shortOf } from './packet.ts'

export const GENEVE_PORT = 6081
const CONTROL = 0x80

/**
 * GENEVE (RFC 8926 §3.4): an Ethernet frame or an IP packet behind options, which are stepped over, critical ones too:
 * we are no end of the tunnel. Another version, or a control message, carries no traffic.
 */
export function geneve(packet: Packet): Refusal | null {
  const { bytes, at } = packet
  if (at + 8 > packet.end) return shortOf(packet, 8)
  const length = 8 + ((bytes[at]! & 0x3f) << 2)
  if (bytes[at]! >> 6 !== 0 || (bytes[at + 1]! & CONTROL) !== 0) return 'not_tcp'
  if (at + length > packet.end) return shortOf(packet, length)
  packet.vni = (bytes[at + 4]! << 16) | (bytes[at + 5]! << 8) | bytes[at + 6]!
  packet.at = at + length
  return carried(packet, (bytes[at + 2]! << 8) | bytes[at + 3]!)
}
