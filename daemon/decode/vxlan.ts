import { ethernet } from './ethernet.ts'
import { type Packet, type Refusal, shortOf } from './packet.ts'

/** The assigned port, and the one of Linux before there was one, which flannel and Cilium still use. */
const PORT = 4789
const PORT_LINUX = 8472
const VNI_PRESENT = 0x08

export function isVxlanPort(port: number): boolean {
  return port === PORT || port === PORT_LINUX
}

/** VXLAN (RFC 7348 §5): flags, 24 bits of VNI, an Ethernet frame. Without the I flag it is something else on that port. */
export function vxlan(packet: Packet): Refusal | null {
  const { bytes, at } = packet
  if (at + 8 > packet.end) return shortOf(packet, 8)
  if ((bytes[at]! & VNI_PRESENT) === 0) return 'not_tcp'
  packet.vni = (bytes[at + 4]! << 16) | (bytes[at + 5]! << 8) | bytes[at + 6]!
  packet.at = at + 8
  return ethernet(packet)
}
