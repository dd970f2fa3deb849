import { vlanTags } from './ethernet.ts'
import { type Packet, type Refusal, shortOf } from './packet.ts'

/**
 * Linux cooked capture, what the pseudo-interface `any` gives. The hardware header is replaced by a fixed one that keeps
 * the EtherType; libpcap puts a VLAN tag the kernel had taken off behind it, as in Ethernet.
 */

/** LINKTYPE_LINUX_SLL 113: 16 bytes, the protocol last. */
export function cooked(packet: Packet): Refusal | null {
  if (packet.at + 16 > packet.end) return shortOf(packet, 16)
  packet.etherType = (packet.bytes[packet.at + 14]! << 8) | packet.bytes[packet.at + 15]!
  packet.at += 16
  return vlanTags(packet)
}

/** LINKTYPE_LINUX_SLL2 276: 20 bytes, the protocol first. */
export function cooked2(packet: Packet): Refusal | null {
  if (packet.at + 20 > packet.end) return shortOf(packet, 20)
  packet.etherType = (packet.bytes[packet.at]! << 8) | packet.bytes[packet.at + 1]!
  packet.at += 20
  return vlanTags(packet)
}
