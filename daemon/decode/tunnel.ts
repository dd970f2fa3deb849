import { gre } from './gre.ts'
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, type Packet, type Refusal } from './packet.ts'
import { udp } from './udp.ts'

const PROTOCOL_IPV4 = 4
const PROTOCOL_UDP = 17
const PROTOCOL_IPV6 = 41
const PROTOCOL_GRE = 47

/**
 * Moves from what an IP packet carries to the packet inside, when it carries a tunnel; `packet.etherType` then says what
 * stands there. At least the IP header before it has been passed, so a caller's loop advances.
 */
export function tunnel(packet: Packet): Refusal | null {
  switch (packet.protocol) {
    case PROTOCOL_UDP:
      return udp(packet)
    case PROTOCOL_GRE:
      return gre(packet)
    case PROTOCOL_IPV4: // RFC 2003
      packet.etherType = ETHERTYPE_IPV4
      return null
    case PROTOCOL_IPV6: // RFC 4213, RFC 2473
      packet.etherType = ETHERTYPE_IPV6
      return null
    default:
      return 'not_tcp'
  }
}

/** Whether a packet of this protocol may lead to a TCP segment by `tunnel`. */
export function mayBeTunnel(protocol: number): boolean {
  return (
    protocol === PROTOCOL_UDP || protocol === PROTOCOL_GRE || protocol === PROTOCOL_IPV4 || protocol === PROTOCOL_IPV6
  )
}
