import { ETHERTYPE_ERSPAN, erspan } from './erspan.ts'
import { ethernet } from './ethernet.ts'
import { ETHERTYPE_BRIDGED, type Packet, type Refusal, shortOf } from './packet.ts'

const CHECKSUM = 0x8000
const KEY = 0x2000
const SEQUENCE = 0x1000
/** Source routing of RFC 1701 and the version: 0 both for us. Version 1 is PPTP, which carries PPP. */
const ROUTING_OR_VERSION = 0x4007

/** GRE (RFC 2784, with the key and sequence number of RFC 2890), which are stepped over. */
export function gre(packet: Packet): Refusal | null {
  const { bytes, at } = packet
  if (at + 4 > packet.end) return shortOf(packet, 4)
  const flags = (bytes[at]! << 8) | bytes[at + 1]!
  if ((flags & ROUTING_OR_VERSION) !== 0) return 'not_tcp'
  const optional = ((flags & CHECKSUM) >> 15) + ((flags & KEY) >> 13) + ((flags & SEQUENCE) >> 12)
  const length = 4 + 4 * optional
  if (at + length > packet.end) return shortOf(packet, length)
  packet.at = at + length
  const protocol = (bytes[at + 2]! << 8) | bytes[at + 3]!
  return protocol === ETHERTYPE_ERSPAN ? erspan(packet, (flags & SEQUENCE) !== 0) : carried(packet, protocol)
}

/** What stands at `packet.at`: an Ethernet frame, or a packet of the protocol that its EtherType names. */
export function carried(packet: Packet, etherType: number): Refusal | null {
  if (etherType === ETHERTYPE_BRIDGED) return ethernet(packet)
  packet.etherType = etherType
  return null
}
